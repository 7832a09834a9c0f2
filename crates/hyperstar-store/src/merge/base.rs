//! Where two histories parted.

use std::collections::BinaryHeap;
use std::collections::hash_map::{Entry, HashMap};
use std::hash::Hash;

/// What [`merge_base`] asks about a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitLinks<Id> {
    /// Greater than the rank of each parent: the generation of the commit, or its place in the
    /// order in which one store learned of its commits. Times will not do, as clocks go wrong.
    pub rank: u64,
    /// The commit's time, in milliseconds. Chooses between several bases, nothing else.
    pub time_ms: u64,
    /// The commits right before it.
    pub parents: Vec<Id>,
}

/// The best common ancestor of two commits: one that is in both histories, and before no other
/// that is. A commit is in its own history. `None` if the histories have nothing in common.
///
/// After a criss-cross merge there are several. Then it is the one with the greatest time, and of
/// those the one with the greatest id: the order of the two commits does not matter.
///
/// `links` is called at most once per commit. The cost follows the commits that only one of the two
/// histories has, and those common ones that rank above the lowest of them: not what is before
/// the base.
///
/// ```
/// use hyperstar_store::{CommitLinks, merge_base};
///
/// // 1 - 2 - 3
/// //   \ 4
/// let links = |id: &u64| {
///     let (rank, parents) = match id {
///         1 => (0, vec![]),
///         2 | 4 => (1, vec![1]),
///         _ => (2, vec![2]),
///     };
///     Ok::<_, String>(CommitLinks { rank, time_ms: 0, parents })
/// };
/// assert_eq!(merge_base(3, 4, links)?, Some(1));
/// # Ok::<(), String>(())
/// ```
///
/// If a rank is not greater than that of a parent, the search still ends, but its result may be
/// before a better one.
///
/// # Errors
/// The first error of `links`.
///
/// # Design
/// One of several bases, where Git would merge them first to get one: that merge may itself have
/// conflicts, about which nobody can be asked. What only the other base has is then a change of
/// both sides, and mostly the same one.
pub fn merge_base<Id, E>(
    ours: Id,
    theirs: Id,
    links: impl FnMut(&Id) -> Result<CommitLinks<Id>, E>,
) -> Result<Option<Id>, E>
where
    Id: Clone + Ord + Hash,
{
    let mut search = Search {
        links,
        seen: HashMap::new(),
        queue: BinaryHeap::new(),
        queued: [0; PAINTS],
    };
    search.paint(ours, OURS)?;
    search.paint(theirs, THEIRS)?;
    search.run()
}

/// Whose history a commit is in: a set of bits.
type Paint = u8;
const OURS: Paint = 1;
const THEIRS: Paint = 2;
const BOTH: Paint = OURS | THEIRS;
/// Before a common ancestor, and so not the best.
const OUTDONE: Paint = 4;
const PAINTS: usize = 8;

struct Search<Id, F> {
    links: F,
    seen: HashMap<Id, Seen<Id>>,
    /// By rank: when a commit's turn comes, all after it had theirs, and its paint is final.
    queue: BinaryHeap<(u64, Id)>,
    /// How many commits of each paint are in the queue.
    queued: [usize; PAINTS],
}

struct Seen<Id> {
    paint: Paint,
    time_ms: u64,
    /// Taken when its turn comes.
    parents: Option<Vec<Id>>,
}

impl<Id, E, F> Search<Id, F>
where
    Id: Clone + Ord + Hash,
    F: FnMut(&Id) -> Result<CommitLinks<Id>, E>,
{
    fn run(&mut self) -> Result<Option<Id>, E> {
        let mut best: Option<(u64, Id)> = None;
        while self.may_find_more() {
            let Some((_, id)) = self.queue.pop() else {
                break;
            };
            let Some(seen) = self.seen.get_mut(&id) else {
                continue;
            };
            let paint = seen.paint;
            let time_ms = seen.time_ms;
            let parents = seen.parents.take().unwrap_or_default();
            self.queued[usize::from(paint)] -= 1;
            let mut inherited = paint;
            if paint == BOTH {
                best = best.max(Some((time_ms, id)));
                inherited |= OUTDONE;
            }
            for parent in parents {
                self.paint(parent, inherited)?;
            }
        }
        Ok(best.map(|(_, id)| id))
    }

    /// A base yet to be found is queued already, or will be reached by both sides.
    fn may_find_more(&self) -> bool {
        let queued = |paint: Paint| self.queued[usize::from(paint)] > 0;
        queued(BOTH) || (queued(OURS) && queued(THEIRS))
    }

    fn paint(&mut self, id: Id, paint: Paint) -> Result<(), E> {
        match self.seen.entry(id) {
            Entry::Vacant(vacant) => {
                let links = (self.links)(vacant.key())?;
                self.queue.push((links.rank, vacant.key().clone()));
                self.queued[usize::from(paint)] += 1;
                vacant.insert(Seen {
                    paint,
                    time_ms: links.time_ms,
                    parents: Some(links.parents),
                });
            }
            Entry::Occupied(mut occupied) => {
                let seen = occupied.get_mut();
                // Had its turn: a rank was wrong, or the paint is not new.
                if seen.parents.is_some() {
                    self.queued[usize::from(seen.paint)] -= 1;
                    seen.paint |= paint;
                    self.queued[usize::from(seen.paint)] += 1;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    /// Commits by id. The ids say nothing about the order.
    #[derive(Clone, Debug)]
    struct History(Vec<CommitLinks<usize>>);

    impl History {
        fn base(&self, ours: usize, theirs: usize) -> (Option<usize>, usize) {
            let mut asked = BTreeSet::new();
            let base = merge_base(ours, theirs, |id| {
                assert!(asked.insert(*id), "commit {id} was asked for twice");
                Ok::<_, Infallible>(self.0[*id].clone())
            });
            let Ok(base) = base;
            (base, asked.len())
        }

        fn ancestors(&self, id: usize) -> BTreeSet<usize> {
            let mut found = BTreeSet::new();
            let mut open = vec![id];
            while let Some(id) = open.pop() {
                if found.insert(id) {
                    open.extend(&self.0[id].parents);
                }
            }
            found
        }

        fn base_by_definition(&self, ours: usize, theirs: usize) -> Option<usize> {
            let ours = self.ancestors(ours);
            let common: Vec<usize> = self
                .ancestors(theirs)
                .intersection(&ours)
                .copied()
                .collect();
            let outdone = |id: usize| {
                let mut others = common.iter().filter(|other| **other != id);
                others.any(|other| self.ancestors(*other).contains(&id))
            };
            let best = common.iter().copied().filter(|id| !outdone(*id));
            best.max_by_key(|id| (self.0[*id].time_ms, *id))
        }
    }

    /// Each commit picks parents among those before it, mostly recent ones; then the ids are
    /// dealt anew, and the ranks get gaps.
    fn histories() -> impl Strategy<Value = History> {
        let parents = vec((any::<Index>(), any::<bool>()), 0..4);
        let commits = vec((parents, 0_u64..4, 1_u64..3), 1..40);
        (commits, any::<bool>()).prop_map(|(commits, reverse)| {
            let count = commits.len();
            let id = |place: usize| if reverse { count - 1 - place } else { place };
            let mut rank = 0;
            let mut history: Vec<_> = Vec::new();
            for (place, (picks, time_ms, step)) in commits.into_iter().enumerate() {
                rank += step;
                let mut parents: Vec<usize> = Vec::new();
                for (pick, recent) in picks {
                    let oldest = if recent { place.saturating_sub(4) } else { 0 };
                    if oldest < place {
                        parents.push(id(oldest + pick.index(place - oldest)));
                    }
                }
                parents.sort_unstable();
                parents.dedup();
                history.push(CommitLinks {
                    rank,
                    time_ms,
                    parents,
                });
            }
            if reverse {
                history.reverse();
            }
            History(history)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_base_is_the_best_common_ancestor(
            history in histories(), ours: Index, theirs: Index,
        ) {
            let ours = ours.index(history.0.len());
            let theirs = theirs.index(history.0.len());
            let (base, _) = history.base(ours, theirs);
            prop_assert_eq!(base, history.base_by_definition(ours, theirs));
            prop_assert_eq!(base, history.base(theirs, ours).0);
        }

        #[test]
        fn wrong_ranks_do_not_keep_the_search_from_ending(
            mut history in histories(), ours: Index, theirs: Index, loops in vec(any::<Index>(), 40),
        ) {
            let count = history.0.len();
            for (place, to) in loops.into_iter().take(count).enumerate() {
                history.0[place].parents.push(to.index(count));
                history.0[place].rank = 0;
            }
            let (ours, theirs) = (ours.index(count), theirs.index(count));
            if let Some(base) = history.base(ours, theirs).0 {
                prop_assert!(history.ancestors(ours).contains(&base));
                prop_assert!(history.ancestors(theirs).contains(&base));
            }
        }
    }

    fn commit(rank: u64, time_ms: u64, parents: &[usize]) -> CommitLinks<usize> {
        CommitLinks {
            rank,
            time_ms,
            parents: parents.to_vec(),
        }
    }

    #[test]
    fn the_cost_is_the_history_since_the_base() {
        let mut commits: Vec<_> = (0..10_000_usize)
            .map(|id| commit(id as u64, 0, id.checked_sub(1).as_slice()))
            .collect();
        let mut branch = 9_990;
        for id in 10_000..10_005 {
            commits.push(commit(id as u64, 0, &[branch]));
            branch = id;
        }
        let history = History(commits);
        let (base, asked) = history.base(9_999, 10_004);
        assert_eq!(base, Some(9_990));
        assert!(asked <= 16, "asked for {asked} commits");
        let (base, asked) = history.base(9_999, 9_900);
        assert_eq!(base, Some(9_900));
        assert!(asked <= 101, "asked for {asked} commits");
        // What is right before the base is asked for its rank.
        assert_eq!(history.base(5_000, 5_000), (Some(5_000), 2));
    }

    #[test]
    fn of_several_bases_it_is_the_latest_then_the_greatest_id() {
        for (times, base) in [([7, 7], 2), ([8, 7], 1), ([7, 8], 2)] {
            let history = History(vec![
                commit(0, 9, &[]),
                commit(1, times[0], &[0]),
                commit(1, times[1], &[0]),
                commit(2, 0, &[1, 2]),
                commit(2, 0, &[2, 1]),
            ]);
            assert_eq!(history.base(3, 4).0, Some(base));
            assert_eq!(history.base(4, 3).0, Some(base));
        }
    }

    #[test]
    fn unrelated_histories_have_no_base() {
        let history = History(vec![
            commit(0, 0, &[]),
            commit(0, 0, &[]),
            commit(1, 0, &[1]),
        ]);
        assert_eq!(history.base(0, 2).0, None);
    }
}
