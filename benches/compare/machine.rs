//! On what was measured.

use crate::bench::{Bench, output};

/// Machine, versions, date, and how, in Markdown.
pub fn facts(bench: &Bench) -> String {
    let uname = rustix::system::uname();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let options = &bench.options;
    let mut lines = vec![
        format!("Date: {}", printed("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        format!("Cores: {cores} × {}", first("/proc/cpuinfo", "model name")),
        format!("Memory: {}", first("/proc/meminfo", "MemTotal")),
        format!("Kernel: {}", uname.release().to_string_lossy()),
        format!("Load at the end: {}", read("/proc/loadavg").trim()),
        format!("Commit: {}", printed("git", &["describe", "--always", "--dirty"])),
    ];
    lines.extend(bench.versions());
    lines.push(format!(
        "Rounds: {}, interleaved; {} keys in large rows; runs of {} s; median (least..largest)",
        options.rounds, options.keys, options.seconds
    ));
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    lines.push(format!("Made by: cargo bench --bench compare -- {}", arguments.join(" ")));
    if options.quick {
        lines.push("**--quick: these figures mean nothing.**".to_owned());
    }
    if cfg!(debug_assertions) {
        lines.push("**Built without optimisation: these figures mean nothing.**".to_owned());
    }
    let mut text = String::new();
    for line in lines {
        text.push_str("- ");
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn printed(program: &str, arguments: &[&str]) -> String {
    let output = output(program, arguments).map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

/// The value of the first line of a `/proc` file that begins with `field`.
fn first(path: &str, field: &str) -> String {
    let text = read(path);
    let line = text.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_once(':'))
        .map_or(String::new(), |(_, rest)| rest.trim().to_owned())
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
