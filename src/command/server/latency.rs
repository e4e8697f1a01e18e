//! LATENCY: what was slow (over [`crate::admin::latency`]), and how long commands take.

use super::{ADMIN, SERVER};
use crate::admin::histogram::Histogram;
use crate::admin::latency::Series;
use crate::admin::sparkline;
use crate::base::clock::UnixMs;
use crate::command::table::{self, Resolved};
use crate::command::{Answer, Call, Command, Control, Error, Flag, Handler, Result};
use crate::resp::Reply;
use std::borrow::Cow;
use std::fmt::Write;

pub(super) const LATENCY: Command = Command {
    name: "latency",
    summary: "A container for the commands of the latency monitor.",
    since: "2.8.13",
    subcommands: &[DOCTOR, GRAPH, HELP, HISTOGRAM, HISTORY, LATEST, RESET],
    ..SERVER
};

/// What the entries have in common.
const MONITOR: Command = Command {
    since: "2.8.13",
    flags: ADMIN,
    tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
    ..SERVER
};

const LATEST: Command = Command {
    name: "latest",
    summary: "Returns the latest sample of every event: its name, unix time and ms, then the longest, the sum and the number of all.",
    example: r#"
        > LATENCY LATEST
        (empty array)
    "#,
    handler: Handler::Control(latest),
    ..MONITOR
};

fn latest<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    let events = control.admin.latency.events().into_iter().filter_map(|(event, series)| {
        let sample = series.samples.back()?;
        let numbers = [sample.at, sample.ms, series.longest_ms, series.total_ms, series.count];
        let numbers = numbers.map(|number| Reply::Int(number.cast_signed()));
        Some(Reply::Array([vec![name(event)], numbers.to_vec()].concat()))
    });
    Ok(Reply::Array(events.collect()).into())
}

fn name(event: &'static str) -> Reply<'static> {
    Reply::Bulk(event.as_bytes())
}

const HISTORY: Command = Command {
    name: "history",
    summary: "Returns the samples that are kept of an event, each with its unix time and its ms.",
    syntax: "event",
    example: r#"
        > LATENCY HISTORY command
        (empty array)
    "#,
    handler: Handler::Control(history),
    ..MONITOR
};

fn history<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let samples = control.admin.latency.event(call.arg(2)).map(|(_, series)| series.samples);
    let samples = samples.unwrap_or_default().into_iter().map(|sample| {
        Reply::Array([sample.at, sample.ms].map(|number| Reply::Int(number.cast_signed())).into())
    });
    Ok(Reply::Array(samples.collect()).into())
}

const RESET: Command = Command {
    name: "reset",
    summary: "Forgets the samples of the named events, or of all, and returns of how many.",
    syntax: "[event [event ...]]",
    example: r#"
        > LATENCY RESET command fork
        (integer) 0
    "#,
    tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
    handler: Handler::Control(reset),
    ..MONITOR
};

fn reset<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let forgotten = control.admin.latency.reset(&call.args()[2..]);
    Ok(Reply::Int(forgotten as i64).into())
}

const GRAPH: Command = Command {
    name: "graph",
    summary: "Draws the samples that are kept of an event.",
    syntax: "event",
    example: r#"
        > LATENCY GRAPH command
        (error) ERR No samples available for event 'command'
    "#,
    handler: Handler::Control(graph),
    ..MONITOR
};

fn graph<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let Some((event, series)) = control.admin.latency.event(call.arg(2)) else {
        let event = String::from_utf8_lossy(call.arg(2));
        return Err(Error::owned(format!("ERR No samples available for event '{event}'")));
    };
    let now = control.now.seconds();
    let samples = series.samples.iter();
    let values: Vec<_> =
        samples.map(|sample| (sample.ms, sparkline::age(now.saturating_sub(sample.at)))).collect();
    let highest = values.iter().map(|(ms, _)| *ms).max().unwrap_or(0);
    let lowest = values.iter().map(|(ms, _)| *ms).min().unwrap_or(0);
    let text = format!(
        "{event} - high {highest} ms, low {lowest} ms (all time high {} ms)\n{}\n{}",
        series.longest_ms,
        "-".repeat(80),
        sparkline::draw(&values)
    );
    Ok(verbatim(text).into())
}

fn verbatim(text: String) -> Reply<'static> {
    Reply::Verbatim(*b"txt", Cow::Owned(text.into_bytes()))
}

const DOCTOR: Command = Command {
    name: "doctor",
    summary: "Reports what was slow, in sentences, and what may help.",
    example: r#"
        > LATENCY DOCTOR
        "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this CoolCache instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it.\n"
        > CONFIG SET latency-monitor-threshold 100000
        OK
        > LATENCY DOCTOR
        "No latency spike was observed during the lifetime of this CoolCache instance, not in the slightest bit.\n"
    "#,
    handler: Handler::Control(doctor),
    ..MONITOR
};

const DISABLED: &str = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this CoolCache instance. \
You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it.\n";

const NO_SPIKE: &str = "No latency spike was observed during the lifetime of this CoolCache instance, not in the \
slightest bit.\n";

/// What may help against an event.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["command", "fast-command"],
        "A command holds everybody else up while it runs. LATENCY HISTOGRAM tells which ones take long; split those that write large values into smaller ones, and lower slow-read-elements so that more reads run beside the other commands.",
    ),
    (
        &["expire-cycle"],
        "Many keys expire at the same time. Spread their expiry times a little, and split very large values.",
    ),
    (
        &["active-defrag-cycle"],
        "Moving pages together takes long: the processor has other things to do, or the machine is short of memory and swaps.",
    ),
    (
        &["snapshot"],
        "Freezing the data takes long: the processor has other things to do, or the machine is short of memory and swaps.",
    ),
    (
        &[
            "aof-write",
            "aof-write-alone",
            "aof-write-pending-fsync",
            "aof-fsync",
            "aof-fsync-always",
        ],
        "The disk is slow, or busy with something else. Commands do not wait for it unless appendfsync is 'always'; a faster disk, or one that nobody else uses, shortens that wait. 'appendfsync everysec' risks a second of writes for not waiting at all.",
    ),
];

fn doctor<'a>(control: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    let events: Vec<_> = control.admin.latency.events().into_iter().collect();
    let text = if !events.is_empty() {
        report(&events, control.now)
    } else if control.admin.latency.is_on() {
        NO_SPIKE.to_owned()
    } else {
        DISABLED.to_owned()
    };
    Ok(verbatim(text).into())
}

/// The events, each with its figures, and the advice that fits them.
fn report(events: &[(&'static str, Series)], now: UnixMs) -> String {
    let mut text = "Latency spikes are observed in this CoolCache instance.\n\n".to_owned();
    for (n, (event, series)) in (1..).zip(events) {
        let samples = series.samples.len().max(1) as u64;
        let times = || series.samples.iter().map(|sample| sample.ms);
        let average = times().sum::<u64>() / samples;
        let deviation = times().map(|ms| ms.abs_diff(average)).sum::<u64>() / samples;
        let since =
            series.samples.front().map_or(0, |first| now.seconds().saturating_sub(first.at));
        let period = (since as f64 / samples as f64).max(1.0);
        let line = writeln!(
            text,
            "{n}. {event}: {samples} latency spikes (average {average}ms, mean deviation {deviation}ms, \
             period {period:.2} sec). Worst all time event {}ms.",
            series.longest_ms
        );
        line.expect("a String takes everything");
    }
    text.push_str("\nHere is some advice for you:\n\n");
    for (about, advice) in ADVICE {
        if events.iter().any(|(event, _)| about.contains(event)) {
            text.push_str("- ");
            text.push_str(advice);
            text.push('\n');
        }
    }
    text
}

const HISTOGRAM: Command = Command {
    name: "histogram",
    summary: "Returns of all or the named commands how many calls took up to 1, 2, 4, ... µs.",
    syntax: "[command [command ...]]",
    example: r#"
        > LATENCY HISTOGRAM get
        (empty array)
    "#,
    since: "7.0.0",
    complexity: "O(N) where N is the number of commands with latency information being retrieved.",
    handler: Handler::Control(histogram),
    ..MONITOR
};

fn histogram<'a>(control: &mut Control<'_>, call: &Call<'a>) -> Result<Answer<'a>> {
    let wanted: Vec<&Resolved> = match &call.args()[2..] {
        [] => table::all().iter().collect(),
        names => names.iter().filter_map(|name| table::by_full_name(name)).collect(),
    };
    let mut entries: Vec<(Reply<'a>, Reply<'a>)> = Vec::new();
    for command in wanted.into_iter().flat_map(|one| std::iter::once(one).chain(&one.subcommands)) {
        if let Some(times) = &control.admin.stats.commands[command.index].times {
            entries.push((name(command.full_name), times_of(times)));
        }
    }
    Ok(Reply::Map(entries).into())
}

fn times_of(times: &Histogram) -> Reply<'static> {
    let int = |number: u64| Reply::Int(number.cast_signed());
    let levels = times.doublings().into_iter();
    let levels = levels.map(|(microseconds, calls)| (int(microseconds), int(calls))).collect();
    Reply::Map(vec![
        (name("calls"), int(times.count())),
        (name("histogram_usec"), Reply::Map(levels)),
    ])
}

const HELP: Command = Command {
    name: "help",
    summary: "Returns how the subcommands are used.",
    since: "2.8.13",
    flags: &[Flag::Loading, Flag::Stale],
    handler: Handler::Control(help),
    ..SERVER
};

/// Valkey's lines.
const HELP_LINES: &[&str] = &[
    "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
    "HELP",
    "    Print this help.",
];

fn help<'a>(_: &mut Control<'_>, _: &Call<'a>) -> Result<Answer<'a>> {
    let lines = HELP_LINES.iter().map(|line| Reply::Simple(line));
    Ok(Reply::Array(lines.collect()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::latency::Monitor;
    use std::time::Duration;

    /// The figures that Valkey 9.1 reports of the same samples.
    #[test]
    fn the_doctor_counts_as_valkey_does() {
        let monitor = Monitor::default();
        monitor.set_threshold_ms(5);
        for (at, ms) in (1955..).zip([6, 10, 14, 20, 26, 30, 40, 12]) {
            monitor.note("command", Duration::from_millis(ms), || at);
        }
        let events: Vec<_> = monitor.events().into_iter().collect();
        let text = report(&events, UnixMs(1_963_000));
        let expected = "1. command: 8 latency spikes (average 19ms, mean deviation 9ms, period 1.00 sec). \
                        Worst all time event 40ms.\n";
        assert!(text.contains(expected), "{text}");
        assert_eq!(text.matches("\n- ").count(), 1);
    }
}
