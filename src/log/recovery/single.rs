//! One file by itself.

use std::path::Path;
use std::sync::Arc;

use super::super::Settings;
use super::super::catalog::Folder;
use super::super::error::RecoverError;
use super::super::manifest::Entry;
use super::super::segment::{self, Head};
use super::{Recovered, Recovery, Replay, Source};
use crate::base::disk::{Disk, folder_of};

/// Reads one file by itself, for tools: a segment, or an append-only file of any server. It is not
/// to be started from.
pub fn recover_file(
    disk: Arc<dyn Disk>,
    path: &Path,
    replay: &mut dyn Replay,
) -> Result<Recovered, RecoverError> {
    let settings = Settings::new(folder_of(path));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let folder = Folder::at(folder_of(path), name.clone());
    let mut recovery = Recovery::new(&*disk, &settings, &folder, replay);
    let head = segment::read_head(&disk.map(path).map_err(RecoverError::io(path))?);
    let source = if matches!(head, Head::Ours(..) | Head::Incomplete(_)) {
        recovery.segment(&Entry { name, seq: 0 }, true, false)?;
        Source::Log
    } else {
        recovery.commands_file(path, true)?;
        Source::SingleFileAof
    };
    Ok(recovery.recovered(disk.clone(), source))
}
