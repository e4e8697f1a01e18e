//! What breaks a server's surroundings on purpose: system calls that fail or take long (strace), and
//! a disk that is soon full.
//!
//! Where these cannot be had the test fails, and says what it needs: one that passes without having
//! looked would say that all is well.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Has strace tamper with system calls of a process until it is dropped.
pub struct Tampered(Child);

impl Tampered {
    /// `options`: as strace takes them.
    ///
    /// # Panics
    /// If strace is missing, or may not trace.
    pub fn attach(pid: u32, options: &[&str]) -> Tampered {
        let mut strace = Command::new("strace");
        strace.arg("-f").args(options).arg("-p").arg(pid.to_string());
        strace.stderr(Stdio::piped()).stdin(Stdio::null());
        let needs = "these tests need strace (apt install strace) and the right to trace";
        let mut child = strace.spawn().unwrap_or_else(|error| panic!("{needs}: {error}"));
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let attached = Tampered(child);
        let mut line = String::new();
        // What it says about paths comes first.
        while !line.contains("attached") {
            line.clear();
            let length = said.read_line(&mut line).expect("text");
            assert!(length > 0, "{needs}: it ended");
        }
        // Whatever it says later must not fill the pipe.
        std::thread::spawn(move || said.lines().for_each(drop));
        attached
    }

    /// Tampers with each sync of a file's content: `inject` is what strace does to it.
    pub fn syncs(pid: u32, inject: &str) -> Tampered {
        let inject = format!("inject=fdatasync:{inject}");
        Tampered::attach(pid, &["-e", "trace=fdatasync", "-e", &inject])
    }
}

impl Drop for Tampered {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.0.kill();
        self.0.wait().expect("strace can be waited for");
    }
}

/// A small file system of memory; unmounted at the end.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// # Panics
    /// If it may not be mounted.
    pub fn mount(size: &str) -> SmallDisk {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"]).arg(dir.path());
        let needs = "these tests mount a small file system (tmpfs), which needs the right to";
        let output = mount.output().unwrap_or_else(|error| panic!("{needs}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{needs}: {said}");
        SmallDisk(dir)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whatever still holds a file open must not keep it.
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{:?} stays", self.path());
    }
}
