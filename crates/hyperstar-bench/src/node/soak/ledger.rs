//! What apps must have kept, and may have.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::client::{Client, Site};
use super::work::{self, Sent, What};

/// What one app has told another arrives within this, once both run.
const ARRIVES: Duration = Duration::from_secs(10);

/// How often an app has marked a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// It was acknowledged.
    Once,
    /// Nobody knows whether it got there.
    AtMostOnce,
}

/// How much was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) acknowledged: u64,
    /// Of those, what was sent again after a kill.
    pub(crate) again: u64,
    pub(crate) unknown: u64,
}

/// What was sent to each app.
pub(crate) struct Ledger {
    sites: Vec<Site>,
    expected: Vec<BTreeMap<u64, Expected>>,
    /// What is to be sent again.
    open: Vec<Sent>,
    counts: Counts,
}

impl Ledger {
    pub(crate) fn new(sites: &[Site]) -> Self {
        Self {
            sites: sites.to_vec(),
            expected: vec![BTreeMap::new(); sites.len()],
            open: Vec::new(),
            counts: Counts::default(),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Adds what was sent in a round.
    pub(crate) fn note(&mut self, sent: Vec<Sent>) {
        for sent in sent {
            match sent.what {
                _ if sent.is_acknowledged => self.acknowledged(&sent),
                What::Mark | What::Tell(_) => self.open.push(sent),
                What::Inject | What::Ask(_) => {
                    self.counts.unknown += 1;
                    self.expect(&sent, Expected::AtMostOnce);
                }
            }
        }
    }

    fn acknowledged(&mut self, sent: &Sent) {
        self.counts.acknowledged += 1;
        self.expect(sent, Expected::Once);
    }

    fn expect(&mut self, sent: &Sent, expected: Expected) {
        self.expected[sent.to].insert(sent.number, expected);
        if let What::Tell(other) | What::Ask(other) = sent.what {
            self.expected[other].insert(sent.number, expected);
        }
    }

    /// Sends what was not acknowledged again: under its key it is done once, whether it was before or not.
    pub(crate) async fn settle(&mut self, client: &Client) -> Result<()> {
        for sent in std::mem::take(&mut self.open) {
            let status = work::send(client, &self.sites, &sent).await?;
            ensure!(status == 200, "sent again, {sent:?} is answered {status}");
            self.counts.again += 1;
            self.acknowledged(&sent);
        }
        Ok(())
    }

    /// Compares what apps have of a round with what they must have; of all rounds if it is 0.
    pub(crate) async fn check(&self, client: &Client, round: u32) -> Result<()> {
        let from = work::first_number(round);
        for (site, expected) in self.sites.iter().zip(&self.expected) {
            if !site.keeps {
                continue;
            }
            let until = Instant::now() + ARRIVES;
            loop {
                let (count, marks) = client.marks(site, from).await?;
                let differs = differs(&marks, expected, from);
                match differs {
                    // What was told may still be on its way; what was marked twice stays so.
                    Err(_) if Instant::now() < until => {}
                    differs => {
                        differs.with_context(|| site.name.clone())?;
                        if round == 0 {
                            let sum: i64 = marks.iter().map(|(_, times)| i64::from(*times)).sum();
                            ensure!(
                                sum == count,
                                "{} counts {count}, and has marked {sum}",
                                site.name
                            );
                        }
                        break;
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }
}

/// # Errors
/// Something was lost, or was done twice, or was never asked for.
fn differs(marks: &[(u64, u32)], expected: &BTreeMap<u64, Expected>, from: u64) -> Result<()> {
    let found: BTreeMap<u64, u32> = marks.iter().copied().collect();
    for (number, times) in &found {
        ensure!(
            expected.contains_key(number),
            "{number:#x} was never sent, and was marked"
        );
        ensure!(*times == 1, "{number:#x} was marked {times} times");
    }
    for (number, expected) in expected.range(from..) {
        ensure!(
            *expected == Expected::AtMostOnce || found.contains_key(number),
            "{number:#x} was acknowledged, and is lost"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_or_done_twice_is_found() {
        let expected = BTreeMap::from([(7, Expected::Once), (8, Expected::AtMostOnce)]);
        let check = |marks: &[(u64, u32)], from: u64, problem: &str| {
            let differs = differs(marks, &expected, from);
            let said = differs
                .err()
                .map_or(String::new(), |error| error.to_string());
            assert!(
                said.contains(problem) && said.is_empty() == problem.is_empty(),
                "{said}"
            );
        };
        check(&[(7, 1)], 0, "");
        check(&[(7, 1), (8, 1)], 0, "");
        check(&[(8, 1)], 8, "");
        check(&[(8, 1)], 0, "lost");
        check(&[(7, 2)], 0, "2 times");
        check(&[(7, 1), (8, 2)], 0, "2 times");
        check(&[(7, 1), (9, 1)], 0, "never sent");
    }
}
