//! The merge against a naive one over whole maps, and its laws.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::is_at_or_below;
use crate::path::ancestors;

type Map = BTreeMap<String, Bytes>;

const HEADS: Sides = Sides {
    ours: Head {
        time_ms: 5,
        id: [1; 32],
    },
    theirs: Head {
        time_ms: 5,
        id: [2; 32],
    },
};

fn swapped(sides: Sides) -> Sides {
    Sides {
        ours: sides.theirs,
        theirs: sides.ours,
    }
}

/// The merged state, or the conflicts. Checks all that holds for any policies.
fn merge_maps(
    base: &Map,
    ours: &Map,
    theirs: &Map,
    policies: &MergePolicies,
    sides: Sides,
) -> Result<Map, Conflicts> {
    let merged = merge(
        difference(base, ours),
        difference(base, theirs),
        policies,
        sides,
    );
    let Ok(merged) = merged;
    let changes = match merged {
        Merged::Changes(changes) => changes,
        Merged::Conflicts(conflicts) => {
            assert!(!conflicts.is_empty());
            return Err(conflicts);
        }
    };
    assert!(changes.is_sorted_by(|left, right| left.path < right.path));
    let mut state = ours.clone();
    for change in changes {
        assert_eq!(state.get(&*change.path), change.before.as_ref());
        assert_ne!(change.before, change.after);
        match change.after {
            Some(value) => state.insert(change.path.to_string(), value),
            None => state.remove(&*change.path),
        };
    }
    check_valid(&state);
    Ok(state)
}

fn difference(base: &Map, side: &Map) -> impl Iterator<Item = Result<Change, Infallible>> + use<> {
    let paths: BTreeSet<&String> = base.keys().chain(side.keys()).collect();
    let changes: Vec<_> = paths
        .into_iter()
        .filter(|path| base.get(*path) != side.get(*path))
        .map(|path| Change::new(&**path, base.get(path).cloned(), side.get(path).cloned()))
        .map(Ok)
        .collect();
    changes.into_iter()
}

fn check_valid(state: &Map) {
    for path in state.keys() {
        for directory in ancestors(path) {
            assert!(!state.contains_key(directory), "{directory} and {path}");
        }
    }
}

/// What the merge is by definition: no cost, no order, no differences.
fn model(
    base: &Map,
    ours: &Map,
    theirs: &Map,
    policies: &MergePolicies,
    sides: Sides,
) -> Result<Map, Vec<Conflict>> {
    let mut merged = Map::new();
    let mut conflicts = Vec::new();
    let paths: BTreeSet<&String> = base
        .keys()
        .chain(ours.keys())
        .chain(theirs.keys())
        .collect();
    let conflict = |path: &str, child: Option<&String>| Conflict {
        path: path.into(),
        base: base.get(path).cloned(),
        ours: ours.get(path).cloned(),
        theirs: theirs.get(path).cloned(),
        child: child.map(|child| child.as_str().into()),
    };
    let changed = |side: &Map, path: &str| side.get(path) != base.get(path);
    let directory_child = |path: &str| {
        let directory = match (ours.get(path), theirs.get(path)) {
            (Some(_), None) if changed(ours, path) => theirs,
            (None, Some(_)) if changed(theirs, path) => ours,
            _ => return None,
        };
        let mut inside = directory.keys().filter(|child| is_at_or_below(child, path));
        inside.find(|child| changed(directory, child)).cloned()
    };
    for path in paths {
        if ancestors(path).any(|ancestor| directory_child(ancestor).is_some()) {
            continue;
        }
        let child = directory_child(path);
        let conflict = conflict(path, child.as_ref());
        let same = conflict.ours == conflict.theirs;
        let policy = policies.of(path);
        let counts_twice = matches!(policy, MergePolicy::Counter) && json::is_counter(&conflict);
        let decision = if !changed(theirs, path) && child.is_none() {
            Resolution::Ours
        } else if !changed(ours, path) && child.is_none() {
            Resolution::Theirs
        } else if same && !counts_twice {
            Resolution::Ours
        } else {
            let set = || json::set_union(&conflict).map(Resolution::Value);
            let count = || json::counter(&conflict).map(Resolution::Value);
            match policy {
                MergePolicy::Fail => Resolution::Conflict,
                MergePolicy::Ours => Resolution::Ours,
                MergePolicy::Theirs => Resolution::Theirs,
                MergePolicy::LastWriter if sides.ours < sides.theirs => Resolution::Theirs,
                MergePolicy::LastWriter => Resolution::Ours,
                MergePolicy::SetUnion => set().unwrap_or(Resolution::Conflict),
                MergePolicy::Counter => count().unwrap_or(Resolution::Conflict),
                MergePolicy::Custom(resolve) => resolve(&conflict),
            }
        };
        let winner = match decision {
            Resolution::Ours => ours,
            Resolution::Theirs => theirs,
            Resolution::Value(value) => {
                merged.insert(path.clone(), value);
                continue;
            }
            Resolution::Remove => continue,
            Resolution::Conflict => {
                conflicts.push(conflict);
                continue;
            }
        };
        for (winning, value) in winner {
            if winning == path || child.is_some() && is_at_or_below(winning, path) {
                merged.insert(winning.clone(), value.clone());
            }
        }
    }
    if conflicts.is_empty() {
        Ok(merged)
    } else {
        Err(conflicts)
    }
}

/// Three segments up to three deep. `a-` sorts between `a` and what is below it.
const SEGMENTS: &[&str] = &["a", "a-", "b"];

fn paths() -> impl Strategy<Value = String> {
    vec(select(SEGMENTS), 1..4).prop_map(|segments| segments.join("/"))
}

fn values() -> impl Strategy<Value = Bytes> {
    const VALUES: &[&str] = &["1", "2", "7", "[1]", "[2,1]", "[3,1]", "text"];
    select(VALUES).prop_map(|value| Bytes::from_static(value.as_bytes()))
}

/// Sets a path, out of the way with all that is at or below or above it; or only the latter.
type Edits = Vec<(String, Option<Bytes>)>;

fn edits(most: usize) -> impl Strategy<Value = Edits> {
    vec(
        (paths(), proptest::option::weighted(0.8, values())),
        0..most,
    )
}

fn edit(map: &Map, edits: Edits) -> Map {
    let mut map = map.clone();
    for (path, value) in edits {
        map.retain(|other, _| !is_at_or_below(other, &path) && !is_at_or_below(&path, other));
        if let Some(value) = value {
            map.insert(path, value);
        }
    }
    map
}

fn maps() -> impl Strategy<Value = (Map, Map, Map)> {
    (edits(12), edits(8), edits(8)).prop_map(|(base, ours, theirs)| {
        let base = edit(&Map::new(), base);
        let ours = edit(&base, ours);
        let theirs = edit(&base, theirs);
        (base, ours, theirs)
    })
}

fn sides() -> impl Strategy<Value = Sides> {
    (0_u64..2, 0_u64..2, any::<bool>()).prop_map(|(ours, theirs, greater)| Sides {
        ours: Head {
            time_ms: ours,
            id: [u8::from(greater); 32],
        },
        theirs: Head {
            time_ms: theirs,
            id: [u8::from(!greater); 32],
        },
    })
}

/// A custom policy whose resolution depends on all that it is told.
fn arbitrary(conflict: &Conflict) -> Resolution {
    let length = |value: &Option<Bytes>| value.as_ref().map_or(1, Bytes::len);
    let sum = conflict.path.len() + 2 * length(&conflict.ours) + 3 * length(&conflict.theirs);
    match (sum + length(&conflict.base)) % 5 {
        0 => Resolution::Ours,
        1 => Resolution::Theirs,
        2 => Resolution::Value("custom".into()),
        3 => Resolution::Remove,
        _ => Resolution::Conflict,
    }
}

fn policies_of(choices: Vec<MergePolicy>) -> impl Strategy<Value = MergePolicies> {
    let prefix = prop_oneof![3 => Just(String::new()), 4 => paths()];
    vec((prefix, select(choices)), 0..6).prop_map(|policies| {
        policies
            .into_iter()
            .try_fold(MergePolicies::new(), |all, (prefix, policy)| {
                all.below(prefix, policy)
            })
            .unwrap()
    })
}

fn all_but_counter() -> Vec<MergePolicy> {
    vec![
        MergePolicy::Fail,
        MergePolicy::Ours,
        MergePolicy::Theirs,
        MergePolicy::LastWriter,
        MergePolicy::SetUnion,
        MergePolicy::custom(arbitrary),
    ]
}

fn all() -> Vec<MergePolicy> {
    let mut all = all_but_counter();
    all.push(MergePolicy::Counter);
    all
}

fn everywhere(policy: MergePolicy) -> MergePolicies {
    MergePolicies::new().below("", policy).unwrap()
}

/// The state with each array in one order: sets are equal whatever their order.
fn as_sets(state: Map) -> Map {
    let sorted = |value: Bytes| match serde_json::from_slice::<BTreeSet<i64>>(&value) {
        Ok(set) => serde_json::to_vec(&set).unwrap().into(),
        Err(_) => value,
    };
    state
        .into_iter()
        .map(|(path, value)| (path, sorted(value)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_merges_as_the_model_does(
        (base, ours, theirs) in maps(), policies in policies_of(all()), sides in sides(),
    ) {
        let merged = merge_maps(&base, &ours, &theirs, &policies, sides);
        let expected = model(&base, &ours, &theirs, &policies, sides);
        prop_assert_eq!(merged.map_err(|conflicts| conflicts.listed), expected);
    }

    #[test]
    fn fail_lists_exactly_the_conflicts((base, ours, theirs) in maps()) {
        let policies = MergePolicies::new();
        let merged = merge_maps(&base, &ours, &theirs, &policies, HEADS);
        let expected = model(&base, &ours, &theirs, &policies, HEADS);
        prop_assert_eq!(merged.map_err(|conflicts| conflicts.listed), expected);
    }

    #[test]
    fn a_side_that_did_nothing_alters_nothing(
        (base, ours, _) in maps(), policies in policies_of(all()), sides in sides(),
    ) {
        prop_assert_eq!(merge_maps(&base, &ours, &base, &policies, sides), Ok(ours.clone()));
        prop_assert_eq!(merge_maps(&base, &base, &ours, &policies, sides), Ok(ours));
    }

    #[test]
    fn sides_that_did_the_same_agree(
        (base, ours, _) in maps(), policies in policies_of(all_but_counter()), sides in sides(),
    ) {
        prop_assert_eq!(merge_maps(&base, &ours, &ours, &policies, sides), Ok(ours));
    }

    #[test]
    fn both_directions_decide_alike(
        (base, ours, theirs) in maps(),
        policies in policies_of(vec![
            MergePolicy::Fail, MergePolicy::LastWriter, MergePolicy::SetUnion, MergePolicy::Counter,
        ]),
        sides in sides(),
    ) {
        let there = merge_maps(&base, &ours, &theirs, &policies, sides);
        let back = merge_maps(&base, &theirs, &ours, &policies, swapped(sides));
        let back = back.map(as_sets).map_err(|mut conflicts| {
            for conflict in &mut conflicts.listed {
                std::mem::swap(&mut conflict.ours, &mut conflict.theirs);
            }
            conflicts
        });
        prop_assert_eq!(there.map(as_sets), back);
    }

    #[test]
    fn a_winner_everywhere_leaves_no_conflict((base, ours, theirs) in maps(), sides in sides()) {
        for policy in [MergePolicy::Ours, MergePolicy::Theirs, MergePolicy::LastWriter] {
            let merged = merge_maps(&base, &ours, &theirs, &everywhere(policy), sides);
            prop_assert!(merged.is_ok());
        }
    }

    /// Each name at the top belongs to one side.
    #[test]
    fn disjoint_edits_always_merge(
        (base, ours, theirs) in maps(), is_ours: [bool; 3], policies in policies_of(all()),
    ) {
        let edited = |side: &Map, of_ours: bool| -> Map {
            let mut map = Map::new();
            for (name, _) in SEGMENTS.iter().zip(is_ours).filter(|(_, ours)| *ours == of_ours) {
                map.extend(side.clone().into_iter().filter(|(path, _)| is_at_or_below(path, name)));
            }
            for (name, _) in SEGMENTS.iter().zip(is_ours).filter(|(_, ours)| *ours != of_ours) {
                map.extend(base.clone().into_iter().filter(|(path, _)| is_at_or_below(path, name)));
            }
            map
        };
        let ours = edited(&ours, true);
        let theirs = edited(&theirs, false);
        let mut both = Map::new();
        for (name, is_ours) in SEGMENTS.iter().zip(is_ours) {
            let side = if is_ours { &ours } else { &theirs };
            both.extend(side.clone().into_iter().filter(|(path, _)| is_at_or_below(path, name)));
        }
        prop_assert_eq!(merge_maps(&base, &ours, &theirs, &policies, HEADS), Ok(both));
    }

    #[test]
    fn a_custom_policy_is_called_once_per_conflict((base, ours, theirs) in maps()) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let policies = everywhere(MergePolicy::custom(move |conflict| {
            counted.fetch_add(1, Ordering::Relaxed);
            arbitrary(conflict)
        }));
        let failed = merge_maps(&base, &ours, &theirs, &MergePolicies::new(), HEADS);
        let conflicts = failed.map_or_else(|conflicts| conflicts.count(), |_| 0);
        let _ = merge_maps(&base, &ours, &theirs, &policies, HEADS);
        prop_assert_eq!(calls.load(Ordering::Relaxed), conflicts);
    }
}

fn map(entries: &[(&str, &'static str)]) -> Map {
    entries
        .iter()
        .map(|(path, value)| (path.to_string(), Bytes::from_static(value.as_bytes())))
        .collect()
}

type Entries<'a> = &'a [(&'a str, &'static str)];

fn check(policy: MergePolicy, [base, ours, theirs]: [Entries<'_>; 3], merged: Entries<'_>) {
    let found = merge_maps(
        &map(base),
        &map(ours),
        &map(theirs),
        &everywhere(policy),
        HEADS,
    );
    assert_eq!(found, Ok(map(merged)));
}

fn check_conflict(policy: MergePolicy, [base, ours, theirs]: [Entries<'_>; 3], text: &str) {
    let policies = everywhere(policy);
    let found = merge_maps(&map(base), &map(ours), &map(theirs), &policies, HEADS);
    let conflicts = found.unwrap_err();
    let texts: Vec<_> = conflicts.listed.iter().map(Conflict::to_string).collect();
    assert_eq!(texts, [text]);
}

/// Ours made `a` a value, theirs wrote into it and beside it.
const REPLACED: [Entries<'static>; 3] = [
    &[("a/1", "one"), ("a/2", "two")],
    &[("a", "value")],
    &[
        ("a/1", "one"),
        ("a/2", "TWO"),
        ("a/3", "three"),
        ("a-b", "x"),
    ],
];

#[test]
fn a_winning_value_drops_the_directory() {
    check(MergePolicy::Ours, REPLACED, &[("a", "value"), ("a-b", "x")]);
    let [base, ours, theirs] = REPLACED;
    let swapped = [base, theirs, ours];
    check(
        MergePolicy::Theirs,
        swapped,
        &[("a", "value"), ("a-b", "x")],
    );
}

#[test]
fn a_winning_directory_is_whole_again() {
    check(MergePolicy::Theirs, REPLACED, REPLACED[2]);
    check(MergePolicy::LastWriter, REPLACED, REPLACED[2]);
}

#[test]
fn a_directory_is_no_set_and_no_counter() {
    let text = "`a` had no value; ours set it to `value`, theirs made it a directory and set `a/2`";
    for policy in [
        MergePolicy::Fail,
        MergePolicy::SetUnion,
        MergePolicy::Counter,
    ] {
        check_conflict(policy, REPLACED, text);
    }
}

#[test]
fn a_custom_policy_decides_for_the_whole_directory() {
    let with = |resolution: Resolution| MergePolicy::custom(move |_| resolution.clone());
    let kept = [("a-b", "x")];
    check(with(Resolution::Remove), REPLACED, &kept);
    let value = [("a", "both"), ("a-b", "x")];
    check(with(Resolution::Value("both".into())), REPLACED, &value);
}

#[test]
fn who_only_moved_a_value_into_a_directory_has_no_conflict() {
    let states: [Entries<'_>; 3] = [&[("a", "1")], &[("a", "1")], &[("a/b", "1")]];
    check(MergePolicy::Fail, states, &[("a/b", "1")]);
    let text = "`a` was `1`; ours set it to `2`, theirs made it a directory and set `a/b`";
    let states: [Entries<'_>; 3] = [&[("a", "1")], &[("a", "2")], &[("a/b", "1")]];
    check_conflict(MergePolicy::Fail, states, text);
}

#[test]
fn a_removal_against_a_change_is_a_conflict() {
    let states: [Entries<'_>; 3] = [&[("a", "[1]")], &[], &[("a", "[2]")]];
    let text = "`a` was `[1]`; ours removed it, theirs set it to `[2]`";
    for policy in [
        MergePolicy::Fail,
        MergePolicy::SetUnion,
        MergePolicy::Counter,
    ] {
        check_conflict(policy, states, text);
    }
    check(MergePolicy::Ours, states, &[]);
    check(MergePolicy::Theirs, states, &[("a", "[2]")]);
}

#[test]
fn two_who_counted_alike_have_counted_twice() {
    let states: [Entries<'_>; 3] = [&[("a", "5")], &[("a", "6")], &[("a", "6")]];
    check(MergePolicy::Counter, states, &[("a", "7")]);
    let states: [Entries<'_>; 3] = [&[("a", "5")], &[("a", "x")], &[("a", "x")]];
    check(MergePolicy::Counter, states, &[("a", "x")]);
    check(MergePolicy::Counter, [&[("a", "5")], &[], &[]], &[]);
}

#[test]
fn the_longest_prefix_decides() {
    let policies = everywhere(MergePolicy::LastWriter)
        .below("a", MergePolicy::Ours)
        .unwrap()
        .below("a/b", MergePolicy::Theirs)
        .unwrap();
    for (path, policy) in [
        ("a", "Ours"),
        ("a/c", "Ours"),
        ("a/bc", "Ours"),
        ("a/b", "Theirs"),
        ("a/b/c/d", "Theirs"),
        ("ab", "LastWriter"),
    ] {
        assert_eq!(format!("{:?}", policies.of(path)), policy, "{path}");
    }
    assert!(matches!(MergePolicies::new().of("a"), MergePolicy::Fail));
    assert!(policies.below("a/", MergePolicy::Fail).is_err());
}

#[test]
fn a_panic_of_a_policy_goes_on_to_the_caller() {
    let policies = everywhere(MergePolicy::custom(|_| panic!("undecided")));
    let states = [map(&[("a", "1")]), map(&[("a", "2")]), map(&[("a", "3")])];
    let [base, ours, theirs] = &states;
    let merged = catch_unwind(AssertUnwindSafe(|| {
        merge_maps(base, ours, theirs, &policies, HEADS)
    }));
    assert!(merged.is_err());
}

#[test]
fn a_value_that_no_transaction_would_take_is_not_merged() {
    let large = Bytes::from(vec![b' '; VALUE_BYTES_MAX + 1]);
    let policy = MergePolicy::custom(move |_| Resolution::Value(large.clone()));
    let states: [Entries<'_>; 3] = [&[], &[("a", "1")], &[("a", "2")]];
    let text = "`a` had no value; ours set it to `1`, theirs set it to `2`";
    check_conflict(policy, states, text);
}

#[test]
fn the_first_conflicts_are_listed_and_the_others_counted() {
    let state = |value: &'static str| -> Map {
        let paths = (0..CONFLICTS_MAX + 7).map(|index| format!("{index:05}"));
        paths.map(|path| (path, value.into())).collect()
    };
    let policies = MergePolicies::new();
    let merged = merge_maps(&Map::new(), &state("1"), &state("2"), &policies, HEADS);
    let conflicts = merged.unwrap_err();
    assert_eq!(conflicts.listed.len(), CONFLICTS_MAX);
    assert_eq!((conflicts.more, conflicts.count()), (7, CONFLICTS_MAX + 7));
    let text = conflicts.to_string();
    assert!(
        text.starts_with("1007 merge conflicts: (1) `00000` had no value; "),
        "{text}"
    );
    assert!(text.contains("; and 1002 more; give the paths"), "{text}");
}

#[test]
fn values_are_told_short_and_on_one_line() {
    let long = "ä".repeat(100);
    for (value, told) in [
        (Bytes::from("two\nlines"), "`two\\nlines`".to_string()),
        (Bytes::from(vec![0xff, 0xfe]), "2 bytes".to_string()),
        (
            Bytes::from(long.clone()),
            format!("`{}...` (200 bytes)", "ä".repeat(30)),
        ),
        (
            Bytes::from(format!("a{long}")),
            format!("`a{}...` (201 bytes)", "ä".repeat(29)),
        ),
        (Bytes::from(&b"cut \xc3"[..]), "5 bytes".to_string()),
        (Bytes::new(), "``".to_string()),
    ] {
        let conflict = Conflict::new("a", None, Some(value), None);
        let text = format!("`a` had no value; ours set it to {told}, theirs removed it");
        assert_eq!(conflict.to_string(), text);
    }
}

#[test]
fn an_error_of_a_difference_is_the_error_of_the_merge() {
    let fine = || {
        let change = Change::new("a", None, Some("1".into()));
        [Ok(change), Err("the disk is gone")].into_iter()
    };
    let none = std::iter::empty;
    let policies = MergePolicies::new();
    for merged in [
        merge(fine(), none(), &policies, HEADS),
        merge(none(), fine(), &policies, HEADS),
    ] {
        assert_eq!(merged.unwrap_err(), "the disk is gone");
    }
}
