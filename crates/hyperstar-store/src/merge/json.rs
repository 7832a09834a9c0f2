//! The policies that know JSON. `None` says that they cannot decide.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::Conflict;

/// How deep an element may be nested: as deep as serde_json reads. A deeper one is not merged.
const DEPTH_MAX: usize = 128;

/// See [`MergePolicy::SetUnion`](super::MergePolicy::SetUnion). The elements are carried over as
/// they are written: no number loses digits, no object the order of its fields.
pub(super) fn set_union(conflict: &Conflict) -> Option<Bytes> {
    let ours_bytes = conflict.ours.as_ref()?;
    let ours = elements(ours_bytes)?;
    let theirs = elements(conflict.theirs.as_ref()?)?;
    let base = match &conflict.base {
        Some(base) => elements(base)?,
        None => Vec::new(),
    };
    let in_base = keys(&base);
    let in_ours = keys(&ours);
    let in_theirs = keys(&theirs);
    let kept = ours
        .iter()
        .filter(|element| !in_base.contains(&*element.key) || in_theirs.contains(&*element.key));
    let added = theirs
        .iter()
        .filter(|element| !in_base.contains(&*element.key) && !in_ours.contains(&*element.key));
    let mut seen = HashSet::new();
    let union: Vec<&str> = kept
        .chain(added)
        .filter(|element| seen.insert(&*element.key))
        .map(|element| element.text)
        .collect();
    if seen == in_ours && union.len() == ours.len() {
        return Some(ours_bytes.clone());
    }
    Some(format!("[{}]", union.join(",")).into())
}

/// See [`MergePolicy::Counter`](super::MergePolicy::Counter).
pub(super) fn counter(conflict: &Conflict) -> Option<Bytes> {
    let [base, ours, theirs] = integers(conflict)?;
    let sum = i128::from(ours) + i128::from(theirs) - i128::from(base);
    let sum = i64::try_from(sum).ok()?;
    Some(sum.to_string().into())
}

/// Whether all three values are integers, so that [`counter`] has something to count.
pub(super) fn is_counter(conflict: &Conflict) -> bool {
    integers(conflict).is_some()
}

fn integers(conflict: &Conflict) -> Option<[i64; 3]> {
    let base = match &conflict.base {
        Some(base) => integer(base)?,
        None => 0,
    };
    let ours = integer(conflict.ours.as_ref()?)?;
    let theirs = integer(conflict.theirs.as_ref()?)?;
    Some([base, ours, theirs])
}

fn integer(value: &[u8]) -> Option<i64> {
    serde_json::from_slice(value).ok()
}

struct Element<'a> {
    text: &'a str,
    /// The same for equal elements.
    key: String,
}

fn elements(array: &[u8]) -> Option<Vec<Element<'_>>> {
    let texts: Vec<&RawValue> = serde_json::from_slice(array).ok()?;
    texts
        .into_iter()
        .map(|text| {
            let text = text.get();
            let mut key = String::new();
            write_key(text, DEPTH_MAX, &mut key)?;
            Some(Element { text, key })
        })
        .collect()
}

fn keys<'a>(elements: &'a [Element<'_>]) -> HashSet<&'a str> {
    elements.iter().map(|element| &*element.key).collect()
}

/// Writes the JSON `text` in its one spelling: no spaces, fields in order, strings escaped the one
/// way, numbers as they are.
///
/// Not by way of `serde_json::Value`: it rounds integers past 64 bits, and different ones would
/// be equal.
fn write_key(text: &str, depth_left: usize, key: &mut String) -> Option<()> {
    match text.as_bytes().first()? {
        b'[' => {
            let depth_left = depth_left.checked_sub(1)?;
            let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            key.push('[');
            for element in elements {
                write_key(element.get(), depth_left, key)?;
                key.push(',');
            }
            key.push(']');
        }
        b'{' => {
            let depth_left = depth_left.checked_sub(1)?;
            let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            key.push('{');
            for (name, value) in fields {
                key.push_str(&serde_json::to_string(&name).ok()?);
                key.push(':');
                write_key(value.get(), depth_left, key)?;
                key.push(',');
            }
            key.push('}');
        }
        b'"' => {
            let string: String = serde_json::from_str(text).ok()?;
            key.push_str(&serde_json::to_string(&string).ok()?);
        }
        _ => key.push_str(text),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static str) -> Option<Bytes> {
        (!text.is_empty()).then(|| Bytes::from_static(text.as_bytes()))
    }

    /// `""` is no value.
    fn check(
        merge: fn(&Conflict) -> Option<Bytes>,
        cases: &[(&'static str, &'static str, &'static str, &str)],
    ) {
        for &(base, ours, theirs, merged) in cases {
            let conflict = Conflict::new("path", bytes(base), bytes(ours), bytes(theirs));
            let found = merge(&conflict).unwrap_or_default();
            assert_eq!(found, merged, "{conflict}");
        }
    }

    #[test]
    fn sets_keep_the_order_of_ours_and_append_what_theirs_added() {
        check(
            set_union,
            &[
                ("", "[1]", "[2]", "[1,2]"),
                ("[]", "[2,1]", "[3,2]", "[2,1,3]"),
                ("[1,2,3]", "[3,2,1,0]", "[1,3,4]", "[3,1,0,4]"),
                ("[1,2]", "[2]", "[1]", "[]"),
                ("[1]", "[]", "[1,2]", "[2]"),
                // Who only ordered anew wins, if it is ours.
                ("[1,2]", " [2, 1]", "[1,2, 1]", " [2, 1]"),
                ("[1,2]", "[1, 2]", "[2,1]", "[1, 2]"),
                ("[1]", "[1,1,2,2]", "[1,3]", "[1,2,3]"),
            ],
        );
    }

    #[test]
    fn elements_are_carried_over_as_they_are_written() {
        check(
            set_union,
            &[
                (
                    "",
                    r#"[340282366920938463463374607431768211455, 1.50]"#,
                    r#"[340282366920938463463374607431768211454,1.5]"#,
                    "[340282366920938463463374607431768211455,1.50,\
                     340282366920938463463374607431768211454,1.5]",
                ),
                (
                    "",
                    r#"[{ "b": 1, "a": [ "\u0041" ] }]"#,
                    r#"[{"a":["A"],"b":1}, "z"]"#,
                    r#"[{ "b": 1, "a": [ "\u0041" ] },"z"]"#,
                ),
                ("", r#"["1"]"#, "[1]", r#"["1",1]"#),
                ("", "[[1,2],3]", "[[1],[2,3]]", "[[1,2],3,[1],[2,3]]"),
            ],
        );
    }

    #[test]
    fn what_is_no_set_is_not_merged() {
        check(
            set_union,
            &[
                ("[1]", "", "[1,2]", ""),
                ("[1]", "[1,2]", "", ""),
                ("1", "[1]", "[2]", ""),
                ("", "{}", "[2]", ""),
                ("", "[1", "[2]", ""),
                ("", r#"["\ud800"]"#, "[2]", ""),
            ],
        );
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let conflict = Conflict::new("path", None, Some(deep.into()), bytes("[1]"));
        assert_eq!(set_union(&conflict), None);
    }

    #[test]
    fn counters_add_what_both_sides_added() {
        check(
            counter,
            &[
                ("5", "6", "7", "8"),
                ("5", "6", "6", "7"),
                ("5", "0", "6", "1"),
                ("", "1", "1", "2"),
                (" 5", "6 ", "4", "5"),
                ("-1", "-2", "0", "-1"),
                ("0", "9223372036854775807", "-1", "9223372036854775806"),
                // Only the sum has to fit, not what either side added.
                (
                    "-9223372036854775808",
                    "9223372036854775807",
                    "-9223372036854775808",
                    "9223372036854775807",
                ),
            ],
        );
    }

    #[test]
    fn what_is_no_counter_or_overflows_is_not_merged() {
        check(
            counter,
            &[
                ("0", "9223372036854775807", "1", ""),
                ("0", "-9223372036854775808", "-1", ""),
                ("0", "9223372036854775808", "1", ""),
                ("0", "1.0", "1", ""),
                ("x", "1", "2", ""),
                ("5", "", "6", ""),
                ("5", "6", "\"7\"", ""),
            ],
        );
    }
}
