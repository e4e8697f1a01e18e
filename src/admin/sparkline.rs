//! A graph of characters, as LATENCY GRAPH draws it: a column for each value, and its label below,
//! from top to bottom.

use std::fmt::Write;

/// Rows of the graph.
const ROWS: usize = 4;
/// Columns of a graph; more values make further graphs below.
const COLUMNS: usize = 80;
/// How high a column reaches into its topmost row: low, half, full.
const TOPS: [char; 3] = ['_', 'o', '#'];
const FILLING: char = '|';

/// Draws the values with their labels.
pub fn draw(values: &[(u64, String)]) -> String {
    let lowest = values.iter().map(|(value, _)| *value).min().unwrap_or(0);
    let highest = values.iter().map(|(value, _)| *value).max().unwrap_or(0);
    let range = (highest - lowest).max(1);
    let mut text = String::new();
    for (n, values) in values.chunks(COLUMNS).enumerate() {
        if n > 0 {
            text.push('\n');
        }
        for row in 0..ROWS {
            let below = (ROWS - row - 1) * TOPS.len();
            line(&mut text, values.iter().map(|(value, _)| cell(value - lowest, range, below)));
        }
        line(&mut text, values.iter().map(|_| ' '));
        let longest = values.iter().map(|(_, label)| label.len()).max().unwrap_or(0);
        for at in 0..longest {
            line(&mut text, values.iter().map(|(_, label)| label.chars().nth(at).unwrap_or(' ')));
        }
    }
    text
}

/// What a value shows in the row above so many steps.
fn cell(value: u64, range: u64, below: usize) -> char {
    let steps = ROWS * TOPS.len();
    let height = u128::from(value) * steps as u128 / u128::from(range);
    let height = usize::try_from(height).unwrap_or(steps).min(steps - 1);
    match height.checked_sub(below) {
        None => ' ',
        Some(top) => TOPS.get(top).copied().unwrap_or(FILLING),
    }
}

fn line(text: &mut String, cells: impl Iterator<Item = char>) {
    text.extend(cells);
    text.push('\n');
}

/// How long ago something was, in the largest unit that fits: `7s`, `3m`, `2h`, `1d`.
pub fn age(seconds: u64) -> String {
    let mut text = String::new();
    let (number, unit) = match seconds {
        ..60 => (seconds, 's'),
        60..3600 => (seconds / 60, 'm'),
        3600..86_400 => (seconds / 3600, 'h'),
        _ => (seconds / 86_400, 'd'),
    };
    write!(text, "{number}{unit}").expect("a String takes everything");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Valkey 9.1 draws of these times, a second apart.
    #[test]
    fn a_graph_as_valkey_draws_it() {
        let times = [6, 10, 14, 20, 26, 30, 40, 12];
        let values: Vec<_> = (0..8).map(|n| (times[n], age(8 - n as u64))).collect();
        let expected = "      # \n    o#| \n   o||| \n_o#||||#\n        \n87654321\nssssssss\n";
        assert_eq!(draw(&values), expected);
        assert_eq!(draw(&[(20, age(0))]), " \n \n \n_\n \n0\ns\n");
    }

    #[test]
    fn many_values_make_several_graphs() {
        let values: Vec<_> = (0..100).map(|n| (n, age(n * 1000))).collect();
        let text = draw(&values);
        let widths: Vec<_> = text.lines().map(str::len).collect();
        assert_eq!(widths.iter().filter(|width| **width == 80).count(), 4 + 1 + 3);
        assert_eq!(widths.iter().filter(|width| **width == 20).count(), 4 + 1 + 3);
        assert_eq!((age(59), age(3599), age(86_399)), ("59s".into(), "59m".into(), "23h".into()));
        assert_eq!(age(200_000), "2d");
    }
}
