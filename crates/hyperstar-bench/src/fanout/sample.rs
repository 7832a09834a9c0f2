//! Streams that are read as a browser reads them: decoded, parsed, and checked.

use anyhow::{Context, Result};
use regex_lite::Regex;

use crate::encoding::{Decoder, Encoding};
use crate::events::{Event, Parser};

/// One stream of the sample.
pub(crate) struct Sample {
    decoder: Decoder,
    parser: Parser,
    /// Finds the number of an update in its content.
    sequence: Option<Regex>,
    pub(crate) events: u64,
    /// The number in the last event that has one.
    pub(crate) number: Option<u64>,
    /// How often a number was smaller than the one before.
    pub(crate) went_back: u64,
    pub(crate) last: Option<Event>,
}

impl Sample {
    pub(crate) fn new(encoding: Encoding, sequence: Option<Regex>) -> Result<Self> {
        Ok(Self {
            decoder: Decoder::new(encoding)?,
            parser: Parser::default(),
            sequence,
            events: 0,
            number: None,
            went_back: 0,
            last: None,
        })
    }

    /// Takes in more of the stream's body.
    pub(crate) fn feed(&mut self, body: &[u8]) -> Result<()> {
        let text = self.decoder.feed(body)?;
        for event in self.parser.feed(&text) {
            self.events += 1;
            if let Some(number) = self.number_of(&event.data)? {
                self.went_back += u64::from(self.number.is_some_and(|before| number < before));
                self.number = Some(number);
            }
            self.last = Some(event);
        }
        Ok(())
    }

    fn number_of(&self, data: &str) -> Result<Option<u64>> {
        let found = self
            .sequence
            .as_ref()
            .and_then(|sequence| sequence.captures(data))
            .and_then(|captures| captures.get(1));
        let number = found.map(|found| {
            let text = found.as_str();
            text.parse()
                .with_context(|| format!("`--sequence` found `{text}`, which is no number"))
        });
        number.transpose()
    }
}

/// What is wrong with the sample, in a sentence each.
pub(crate) fn faults(samples: &[Sample]) -> Vec<String> {
    let mut faults = Vec::new();
    let back: u64 = samples.iter().map(|sample| sample.went_back).sum();
    if back > 0 {
        faults.push(format!("numbers went back {back} times"));
    }
    let newest = samples.iter().filter_map(|sample| sample.number).max();
    let behind = samples
        .iter()
        .filter(|sample| sample.number != newest)
        .count();
    if behind > 0 {
        faults.push(format!(
            "{behind} of {} streams never got number {}, the last",
            samples.len(),
            newest.unwrap_or(0)
        ));
    }
    let silent = samples.iter().filter(|sample| sample.events == 0).count();
    if silent > 0 {
        faults.push(format!(
            "{silent} of {} streams had no event",
            samples.len()
        ));
    }
    let mut lasts: Vec<&Event> = samples
        .iter()
        .filter_map(|sample| sample.last.as_ref())
        .collect();
    let differs =
        |event: &&Event| Some(*event) != samples.first().and_then(|one| one.last.as_ref());
    lasts.retain(differs);
    if !lasts.is_empty() {
        faults.push(format!(
            "{} of {} streams end with another event than the first",
            lasts.len(),
            samples.len()
        ));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_followed_and_faults_named() {
        let check = |streams: &[&[u64]], expected: &[&str]| {
            let samples: Vec<Sample> = streams
                .iter()
                .map(|numbers| {
                    let sequence = Regex::new("<b>([0-9]+)</b>").unwrap();
                    let mut sample = Sample::new(Encoding::Identity, Some(sequence)).unwrap();
                    for number in *numbers {
                        let event = format!("event: e\ndata: <b>{number}</b>\n\n");
                        sample.feed(event.as_bytes()).unwrap();
                    }
                    sample
                })
                .collect();
            assert_eq!(faults(&samples), expected);
        };
        check(&[&[1, 2, 3], &[1, 3]], &[]);
        check(&[&[1, 2, 1, 3], &[3]], &["numbers went back 1 times"]);
        check(
            &[&[1, 2], &[1]],
            &[
                "1 of 2 streams never got number 2, the last",
                "1 of 2 streams end with another event than the first",
            ],
        );
        check(
            &[&[1], &[]],
            &[
                "1 of 2 streams never got number 1, the last",
                "1 of 2 streams had no event",
            ],
        );
    }
}
