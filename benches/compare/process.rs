//! What the kernel says of a process: CPU time and memory.

use crate::Result;
use std::fs;
use std::io::Error;

/// CPU time of all its threads so far, ns (`/proc/PID/task/*/schedstat`, first field).
pub fn cpu_ns(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split_whitespace().next().and_then(|field| field.parse::<u64>().ok());
        sum += first.ok_or_else(|| Error::other("schedstat has no number"))?;
    }
    Ok(sum)
}

/// Resident bytes (VmRSS).
pub fn resident_bytes(pid: u32) -> Result<u64> {
    kilobytes(&format!("/proc/{pid}/status"), "VmRSS:")
}

/// Bytes that it and its children occupy together, a page that several share counted once (the sum
/// of Pss): a forked child costs what it or its parent copied.
pub fn family_bytes(pid: u32) -> Result<u64> {
    let mut sum = kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:")?;
    for child in children(pid)? {
        // A child that has ended meanwhile occupies nothing.
        sum += kilobytes(&format!("/proc/{child}/smaps_rollup"), "Pss:").unwrap_or(0);
    }
    Ok(sum)
}

/// The processes whose parent it is. (`/proc/PID/task/*/children` is not in every kernel.)
fn children(pid: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for process in fs::read_dir("/proc")? {
        let name = process?.file_name();
        let Some(other) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = fs::read_to_string(format!("/proc/{other}/stat")).unwrap_or_default();
        // `PID (NAME) STATE PARENT …`; the name may hold anything.
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        if parent.and_then(|parent| parent.parse().ok()) == Some(pid) {
            children.push(other);
        }
    }
    Ok(children)
}

/// A field of a `/proc` file that is given in kB, in bytes.
fn kilobytes(path: &str, field: &str) -> Result<u64> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    number.map(|kb| kb * 1024).ok_or_else(|| Error::other(format!("{path} has no {field}")))
}
