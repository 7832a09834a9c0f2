//! How fast one person may talk.

use std::collections::HashMap;

/// So many messages at once, and then one each [`MESSAGE_MS`].
pub(crate) const BURST: u64 = 6;
/// The time in which one more message may be sent, in milliseconds.
pub(crate) const MESSAGE_MS: u64 = 1_500;
/// The most people who are watched; past it, those who were silent longest are forgotten first.
const PEOPLE_MAX: usize = 10_000;

/// A token bucket for each person. Time is passed in.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the person's bucket is, or was, full again.
    full_at_ms: HashMap<String, u64>,
}

impl Pace {
    /// Takes a message of this person, or says in how many milliseconds it would be taken.
    ///
    /// # Errors
    /// The time to wait.
    pub(crate) fn take(&mut self, person: &str, now_ms: u64) -> Result<(), u64> {
        if self.full_at_ms.len() >= PEOPLE_MAX && !self.full_at_ms.contains_key(person) {
            self.full_at_ms.retain(|_, full_at| *full_at > now_ms);
            if self.full_at_ms.len() >= PEOPLE_MAX {
                self.full_at_ms.clear();
            }
        }
        let full_at = self.full_at_ms.entry(person.to_owned()).or_insert(now_ms);
        let next = (*full_at).max(now_ms) + MESSAGE_MS;
        let allowed = now_ms + BURST * MESSAGE_MS;
        if next > allowed {
            return Err(next - allowed);
        }
        *full_at = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_it_takes_time() {
        let mut pace = Pace::default();
        for _ in 0..BURST {
            assert_eq!(pace.take("ada", 1_000), Ok(()));
        }
        assert_eq!(pace.take("ada", 1_000), Err(MESSAGE_MS));
        assert_eq!(pace.take("bob", 1_000), Ok(()), "others are free to talk");
        assert_eq!(pace.take("ada", 1_000 + MESSAGE_MS - 1), Err(1));
        assert_eq!(pace.take("ada", 1_000 + MESSAGE_MS), Ok(()));
        assert!(pace.take("ada", 1_000 + MESSAGE_MS).is_err());
        let later = 1_000 + 100 * MESSAGE_MS;
        assert!(
            (0..BURST).all(|_| pace.take("ada", later).is_ok()),
            "silence is saved up"
        );
        assert!(pace.take("ada", later).is_err(), "but not without end");
    }

    #[test]
    fn memory_is_bounded() {
        let mut pace = Pace::default();
        for n in 0..PEOPLE_MAX + 5 {
            assert_eq!(pace.take(&n.to_string(), 1_000), Ok(()));
        }
        assert!(pace.full_at_ms.len() <= PEOPLE_MAX);
    }
}
