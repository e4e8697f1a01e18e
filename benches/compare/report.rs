//! The tables, in Markdown.

use crate::bars;
use crate::bench::Bench;
use crate::figure::Figure;
use crate::rows::Row;
use crate::subject::Subject;

/// The table of one row: a line per figure, a column per subject that was measured, ratios, bars.
pub fn table(row: &Row, figures: &[Figure]) -> String {
    let measured = |subject: &Subject| figures.iter().any(|f| !f.samples(*subject).is_empty());
    let subjects: Vec<Subject> = Subject::ALL.into_iter().filter(measured).collect();
    let ratios = ratios(&subjects);
    let mut head = vec!["figure".to_owned()];
    head.extend(subjects.iter().map(|subject| subject.name().to_owned()));
    head.extend(ratios.iter().map(|(of, to)| format!("{} ÷ {}", of.name(), to.name())));
    head.extend(["bar".to_owned(), "met".to_owned()]);
    let mut text = format!("### {}: {}\n\n", row.name, row.about);
    line(&mut text, &head);
    line(&mut text, &vec!["---".to_owned(); head.len()]);
    for figure in figures {
        let mut cells = vec![format!("{} ({})", figure.name, figure.unit)];
        cells.extend(subjects.iter().map(|&subject| cell(figure, subject)));
        cells.extend(ratios.iter().map(|&(of, to)| {
            let ratio = figure.ratio(of, to).filter(|ratio| ratio.is_finite());
            ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"))
        }));
        let (bars, met): (Vec<_>, Vec<_>) = bars::of(row.name, figure).into_iter().unzip();
        cells.push(bars.join("; "));
        cells.push(met.into_iter().map(verdict).collect::<Vec<_>>().join("; "));
        line(&mut text, &cells);
    }
    text
}

/// The commands that made the figures, each once.
pub fn commands(bench: &Bench) -> String {
    let mut text =
        String::from("Commands (PORT, DIR and the number of requests N vary from run to run):\n\n");
    for command in bench.commands() {
        text.push_str("    ");
        text.push_str(&command);
        text.push('\n');
    }
    text
}

/// Ours to each peer, and with the log to without.
fn ratios(subjects: &[Subject]) -> Vec<(Subject, Subject)> {
    let mut ratios = Vec::new();
    for &of in subjects.iter().filter(|subject| subject.is_ours()) {
        for &to in subjects {
            let peer = matches!(to, Subject::Valkey | Subject::Redis);
            if peer || (of == Subject::Logged && to == Subject::CoolCache) {
                ratios.push((of, to));
            }
        }
    }
    ratios
}

fn line(text: &mut String, cells: &[String]) {
    text.push_str("| ");
    text.push_str(&cells.join(" | "));
    text.push_str(" |\n");
}

/// Median and spread, such as `5.31 (5.20..5.44)`.
fn cell(figure: &Figure, subject: Subject) -> String {
    match (figure.median(subject), figure.spread(subject)) {
        (Some(median), Some(_)) if figure.samples(subject).len() == 1 => number(median),
        (Some(median), Some((least, most))) => {
            format!("{} ({}..{})", number(median), number(least), number(most))
        }
        _ => String::new(),
    }
}

fn verdict(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "not measured",
    }
}

/// About three digits that count.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 10.0 => 1,
        small if small >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}
