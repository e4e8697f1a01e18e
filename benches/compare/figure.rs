//! Figures: what a row measured, per subject, a sample a round.

use crate::subject::Subject;
use std::collections::BTreeMap;

/// One line of a table.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What it is, such as `GET pipeline 16, added CPU`. [`crate::bars`] finds its bars by it.
    pub name: String,
    /// In what it is counted.
    pub unit: &'static str,
    samples: BTreeMap<Subject, Vec<f64>>,
}

impl Figure {
    /// A figure without samples.
    pub fn new(name: impl Into<String>, unit: &'static str) -> Figure {
        Figure { name: name.into(), unit, samples: BTreeMap::new() }
    }

    /// One round's sample of a subject.
    pub fn add(&mut self, subject: Subject, sample: f64) {
        self.samples.entry(subject).or_default().push(sample);
    }

    /// The samples of a subject, in the order of rounds.
    pub fn samples(&self, subject: Subject) -> &[f64] {
        self.samples.get(&subject).map_or(&[], Vec::as_slice)
    }

    /// The median, if the subject was measured.
    pub fn median(&self, subject: Subject) -> Option<f64> {
        let mut sorted = self.samples(subject).to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => None,
            even if even % 2 == 0 => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
            _ => Some(sorted[middle]),
        }
    }

    /// The least and the largest sample.
    pub fn spread(&self, subject: Subject) -> Option<(f64, f64)> {
        let samples = self.samples(subject);
        let least = samples.iter().copied().min_by(f64::total_cmp)?;
        let largest = samples.iter().copied().max_by(f64::total_cmp)?;
        Some((least, largest))
    }

    /// The ratio of two subjects' medians.
    pub fn ratio(&self, of: Subject, to: Subject) -> Option<f64> {
        Some(self.median(of)? / self.median(to)?)
    }

    /// The same figure less another subject's sample of the same round.
    pub fn less(&self, base: Subject, name: impl Into<String>) -> Figure {
        let mut less = Figure::new(name, self.unit);
        let bases = self.samples(base);
        for (&subject, samples) in self.samples.iter().filter(|(subject, _)| **subject != base) {
            for (sample, base) in samples.iter().zip(bases) {
                less.add(subject, sample - base);
            }
        }
        less
    }
}
