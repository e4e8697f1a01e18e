//! HELP of every container, from the table: each subcommand with its syntax, and its summary below.

use super::{Answer, Call, Command, Control, Result};
use crate::resp::Reply;

/// Answers `CONTAINER HELP`: lines as statuses, in the shape of Redis' help texts.
pub fn help<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let lines = call.command.parent.map(lines).unwrap_or_default();
    let statuses = lines.into_iter().map(|line| Reply::Status(line.into_bytes().into())).collect();
    Ok(Reply::Array(statuses).into())
}

/// Answers the lines that the entry's own example shows: those of Valkey, where a container's are
/// known by heart.
pub fn shown<'a>(_: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let numbered = |line: &'static str| {
        let (number, text) = line.trim_start().split_once(") ")?;
        number.parse::<usize>().ok().map(|_| Reply::Simple(text))
    };
    Ok(Reply::Array(call.command.entry.example.lines().filter_map(numbered).collect()).into())
}

fn lines(container: &Command) -> Vec<String> {
    let name = container.name.to_ascii_uppercase();
    let mut lines =
        vec![format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    for subcommand in container.subcommands {
        let head = format!("{} {}", subcommand.name.to_ascii_uppercase(), subcommand.syntax);
        lines.push(head.trim_end().to_owned());
        lines.push(format!("    {}", subcommand.summary));
    }
    lines
}
