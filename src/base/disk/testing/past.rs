//! What a crash leaves: the effects of a simulated disk replayed, those that a sync made durable
//! and those that are pending.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::super::folder_of;
use super::{Effect, Fate, Image, Node, SimDisk, Unsynced};

/// A disk's past: see [`SimDisk::past`].
pub struct Past {
    replayed: Replayed,
    effects: std::vec::IntoIter<Effect>,
    at: usize,
    syncs: usize,
}

impl Past {
    pub(super) fn new(replayed: Replayed, effects: std::vec::IntoIter<Effect>) -> Past {
        Past { replayed, effects, at: 0, syncs: 0 }
    }

    /// How many effects have happened.
    pub fn at(&self) -> usize {
        self.at
    }

    /// How many of them were syncs that succeeded: what is durable is the same as long as this is.
    pub fn syncs(&self) -> usize {
        self.syncs
    }

    /// Whether bytes, and whether names, are not durable yet. What is, no crash changes.
    pub fn unsynced(&self) -> (bool, bool) {
        let bytes = self.replayed.pending.values().any(|effects| !effects.is_empty());
        (bytes, !self.replayed.names.is_empty())
    }

    /// Lets one more effect happen. False: that was all.
    pub fn advance(&mut self) -> bool {
        let Some(effect) = self.effects.next() else { return false };
        self.at += 1;
        self.syncs += usize::from(matches!(effect, Effect::Sync(_) | Effect::SyncDir(_)));
        self.replayed.apply(&effect);
        true
    }

    /// The disk after losing power now.
    pub fn crash(&self, unsynced: Unsynced) -> SimDisk {
        SimDisk::with(self.replayed.clone().image(unsynced))
    }
}

/// A disk being replayed: what is durable, and what is not yet, in order.
#[derive(Clone)]
pub(super) struct Replayed {
    durable: Image,
    /// By file; `true`: lost by a failed sync, and so never durable.
    pending: BTreeMap<usize, Vec<(Effect, bool)>>,
    names: Vec<Effect>,
}

impl Replayed {
    pub fn of(start: &Image) -> Replayed {
        Replayed { durable: start.clone(), pending: BTreeMap::new(), names: Vec::new() }
    }

    pub fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Write(file, _) | Effect::SetLen(file, _) => {
                self.pending.entry(*file).or_default().push((effect.clone(), false));
            }
            Effect::FailedSync(file) => {
                for (_, lost) in self.pending.entry(*file).or_default() {
                    *lost = true;
                }
            }
            Effect::Sync(file) => {
                for (effect, lost) in self.pending.remove(file).unwrap_or_default() {
                    match (effect, lost) {
                        (Effect::Write(file, bytes), true) => {
                            self.durable.apply_bytes(&Effect::Write(file, vec![0; bytes.len()]));
                        }
                        (effect, _) => self.durable.apply_bytes(&effect),
                    }
                }
            }
            Effect::SyncDir(dir) => {
                let names = std::mem::take(&mut self.names);
                for effect in names {
                    if folder_of(name_of(&effect)) == *dir {
                        self.durable.apply_name(&effect);
                    } else {
                        self.names.push(effect);
                    }
                }
            }
            Effect::Link(..) | Effect::Rename(..) | Effect::Unlink(_) => {
                self.names.push(effect.clone());
            }
        }
    }

    pub fn image(self, unsynced: Unsynced) -> Image {
        let Replayed { durable: mut image, pending, names } = self;
        for (index, effect) in names.iter().enumerate() {
            let survives = match unsynced.names {
                Fate::Kept => true,
                Fate::Dropped => false,
                Fate::Cut(seed) => index < below(seed, names.len() + 1),
                Fate::Sectors(seed) => below(seed ^ (index as u64) << 16, 2) == 0,
            };
            if survives {
                image.apply_name(effect);
            }
        }
        for (file, effects) in pending {
            let synced = image.files.get(file).map_or(0, |content| content.len());
            let mut whole = Image { names: BTreeMap::new(), files: image.files.clone() };
            for (effect, _) in &effects {
                whole.apply_bytes(effect);
            }
            let Some(content) = whole.files.get_mut(file).map(Arc::make_mut) else { continue };
            match unsynced.bytes {
                Fate::Kept => {}
                Fate::Dropped => continue,
                Fate::Cut(seed) => {
                    let seed = seed ^ (file as u64) << 32;
                    let end = content.len();
                    let extra = end.saturating_sub(synced.min(end));
                    content.truncate(end - extra + below(seed, extra + 1));
                }
                Fate::Sectors(seed) => {
                    for (index, byte) in content.iter_mut().enumerate().skip(synced) {
                        if below(seed ^ (index as u64 / 512) << 16 ^ file as u64, 2) == 0 {
                            *byte = 0;
                        }
                    }
                }
            }
            let content = std::mem::take(content);
            while image.files.len() <= file {
                image.files.push(Arc::default());
            }
            if let Some(place) = image.files.get_mut(file) {
                *place = Arc::new(content);
            }
        }
        // A file whose name survived but none of its bytes is empty; a name in a lost folder is
        // lost.
        for node in image.names.values() {
            if let Node::File(file) = node {
                while image.files.len() <= *file {
                    image.files.push(Arc::default());
                }
            }
        }
        let folders = image.names.clone();
        image.names.retain(|path, _| {
            path.ancestors().skip(1).all(|above| {
                above.as_os_str().is_empty() || folders.get(above) == Some(&Node::Folder)
            })
        });
        image
    }
}

fn name_of(effect: &Effect) -> &Path {
    match effect {
        Effect::Link(path, _) | Effect::Rename(_, path) | Effect::Unlink(path) => path,
        _ => Path::new(""),
    }
}

/// A number below `bound` that looks random, from a seed.
fn below(seed: u64, bound: usize) -> usize {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ mixed >> 31) % bound.max(1) as u64) as usize
}
