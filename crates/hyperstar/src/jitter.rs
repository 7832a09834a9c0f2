//! Numbers that keep clients apart who would otherwise all do the same at the same time. They are cheap
//! and differ between processes; whoever needs one that nobody can guess asks the
//! [`Platform`](crate::Platform).

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A number from 1 to `max`, each as likely as the others.
pub(crate) fn one_to(max: u64) -> u64 {
    let drawn = SEED.hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    // Against 2^64 no `max` of ours is large enough to prefer some numbers noticeably.
    1 + drawn % max.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_come_and_no_others() {
        let mut seen = [0; 7];
        for _ in 0..7_000 {
            let drawn = usize::try_from(one_to(7)).unwrap();
            seen[drawn - 1] += 1;
        }
        assert!(
            seen.iter().all(|count| (700..1_300).contains(count)),
            "{seen:?}"
        );
        assert_eq!(one_to(0), 1);
    }
}
