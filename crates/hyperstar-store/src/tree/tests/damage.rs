//! Pages that are not what they should be.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::{Pages, Random, Tree, items};
use crate::tree::page::{Child, Encoder, Inner, Page, ValueRef};
use crate::tree::*;

/// A small tree with each kind of page.
fn mixed() -> Tree {
    let mut random = Random(8);
    let mut tree = items(150);
    tree.edit(&BTreeMap::from([
        (b"item/".to_vec(), Some(random.bytes(1500))),
        (b"item/0000033".to_vec(), Some(random.bytes(2000))),
        (b"item/0000034".to_vec(), Some(random.bytes(70_000))),
        (b"other".to_vec(), Some(random.bytes(10))),
    ]));
    tree
}

/// Calls everything that reads, and returns how many of the calls failed.
fn failures(pages_now: &Pages, tree: &Tree) -> usize {
    let root = &tree.root;
    let mut failed = 0;
    let mut note = |result: Result<(), TreeError>| failed += usize::from(result.is_err());
    let go_on = ControlFlow::Continue(());
    note(walk(pages_now, root, &[], &mut |_, _| go_on));
    note(walk_back(pages_now, root, None, &mut |_, _| go_on));
    note(diff(
        pages_now,
        root,
        &TreeRef {
            hash: Hash::of(b""),
            ..*root
        },
        &[],
        &mut |_, _, _| go_on,
    ));
    let mut raw = Ok(());
    note(pages(pages_now, root, &mut |page| {
        raw = std::mem::replace(&mut raw, Ok(())).and_then(|()| page.check_raw(pages_now));
        Visit::Below
    }));
    note(raw);
    note(nth(pages_now, root, &[], 100).map(drop));
    note(count_below(pages_now, root, b"item/000003").map(drop));
    for key in [&b"item/"[..], b"item/0000034", b"item/0000140", b"other"] {
        note(get(pages_now, root, key).and_then(|value| match value {
            Some(value) => load_value(pages_now, &value).map(drop),
            None => Ok(()),
        }));
        for value in [None, Some(Value::Inline(Bytes::new()))] {
            note(edit(pages_now, root, &[(key, value)], &mut PageId(1 << 40)).map(drop));
        }
    }
    failed
}

#[test]
fn damage_is_an_error() {
    let tree = mixed();
    let mut damaged = tree.pages.clone();
    assert_eq!(
        failures(&damaged, &tree),
        1,
        "all but the diff with a root that is not there"
    );
    for (id, page) in &tree.pages.pages {
        let step = 1 + page.len() / 60;
        let mut wrong: Vec<Bytes> = Vec::new();
        for at in (0..page.len()).step_by(step) {
            let mut bytes = page.to_vec();
            bytes[at] ^= 1 << (at % 8);
            wrong.push(bytes.into());
            wrong.push(page.slice(..at));
        }
        wrong.push([page, &b"x"[..]].concat().into());
        for bytes in wrong {
            damaged.pages.insert(*id, bytes);
            assert!(
                failures(&damaged, &tree) > 1,
                "nobody noticed what happened to page {id}"
            );
        }
        damaged.pages.remove(id);
        assert!(failures(&damaged, &tree) > 1, "nobody misses page {id}");
        damaged.pages.insert(*id, page.clone());
    }
}

/// Pages by somebody who can compute hashes: what is read is what would be written, or refused.
#[test]
fn a_content_has_one_encoding() {
    let tree = mixed();
    let (mut accepted, mut refused) = (0, 0);
    // The root, and leaves with and without blobs.
    for reference in references(&tree.pages, tree.root, 0).into_iter().take(6) {
        let page = &tree.pages.pages[&reference.id];
        let hashed = |ids: &usize| Hash::of(&page[..page.len() - ids * 8]) == reference.hash;
        let ids = (0..page.len() / 8).find(hashed).unwrap();
        let mut check = |bytes: Vec<u8>, ids: usize| {
            if check_resealed(&bytes, ids, &reference) {
                accepted += 1;
            } else {
                refused += 1;
            }
        };
        for at in 0..page.len() {
            for bit in 0..8 {
                let mut bytes = page.to_vec();
                bytes[at] ^= 1 << bit;
                check(bytes, ids);
            }
            let (start, end) = page.split_at(at);
            for ids in ids.saturating_sub(1)..ids + 2 {
                check([start, &end[..1], end].concat(), ids);
                check([start, &end[1..]].concat(), ids);
            }
        }
    }
    assert!(
        accepted > 1000 && refused > 1000,
        "{accepted} accepted, {refused} refused"
    );
}

/// All leaf and inner pages from `tree` on.
fn references(source: &Pages, tree: TreeRef, depth: usize) -> Vec<TreeRef> {
    let mut all = vec![tree];
    if let Page::Inner(inner) = page::load(source, &tree, depth).unwrap() {
        for child in &inner.children {
            let depth = depth + inner.prefix.len() + 1;
            all.extend(references(source, child.tree, depth));
        }
    }
    all
}

/// Whether the bytes are read as a page, if they have the right hash; then they are what would be
/// written.
fn check_resealed(bytes: &[u8], ids: usize, reference: &TreeRef) -> bool {
    let hash = Hash::of(&bytes[..bytes.len().saturating_sub(ids * 8)]);
    let source = Pages {
        pages: [(reference.id, Bytes::copy_from_slice(bytes))].into(),
        ..Pages::default()
    };
    match reencode(&source, &TreeRef { hash, ..*reference }) {
        Ok(page) => {
            assert_eq!(page, bytes);
            true
        }
        Err(TreeError::Damaged { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

fn reencode(source: &Pages, reference: &TreeRef) -> Result<Bytes, TreeError> {
    match page::load(source, reference, 0)? {
        Page::Inner(inner) => Ok(Encoder::default().inner(&inner).1),
        Page::Leaf(leaf) => {
            let mut entries = leaf.into_entries(Vec::new());
            let mut all: Vec<(Vec<u8>, Value)> = Vec::new();
            while entries.advance()? {
                all.push((entries.key().to_vec(), entries.to_value()));
            }
            let blobs = all
                .iter()
                .filter(|(_, value)| matches!(value, Value::Blob(_)));
            let entries = all
                .iter()
                .map(|(key, value)| (&**key, ValueRef::from(value)));
            Ok(Encoder::default().leaf(all.len(), blobs.count(), entries).1)
        }
    }
}

/// Inner pages whose bytes are fine and whose content is none that a tree has.
#[test]
fn impossible_pages_are_refused() {
    let child = |label, count, weight| Child {
        label,
        tree: TreeRef {
            hash: Hash::of(b"somewhere"),
            id: PageId(1),
            count,
            weight,
        },
    };
    let check = |prefix: &[u8], children: Vec<Child>, expected: &str| {
        let inner = Inner {
            prefix: Bytes::copy_from_slice(prefix),
            value: None,
            children,
        };
        let (hash, page) = Encoder::default().inner(&inner);
        let totals = inner
            .children
            .iter()
            .fold((0u64, 0u64), |(count, weight), child| {
                let tree = child.tree;
                let below = tree.count.wrapping_mul(prefix.len() as u64 + 1);
                (
                    count.wrapping_add(tree.count),
                    weight.wrapping_add(tree.weight).wrapping_add(below),
                )
            });
        let reference = TreeRef {
            hash,
            id: PageId(2),
            count: totals.0,
            weight: totals.1,
        };
        let source = Pages {
            pages: [(reference.id, page)].into(),
            ..Pages::default()
        };
        let found = match page::load(&source, &reference, 0) {
            Ok(_) => "fine".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{found}, not {expected}");
    };
    check(b"p", vec![child(1, 9, 3000), child(2, 9, 3000)], "fine");
    check(
        b"p",
        vec![child(2, 9, 3000), child(1, 9, 3000)],
        "not sorted",
    );
    check(
        b"p",
        vec![child(1, 9, 3000), child(1, 9, 3000)],
        "not sorted",
    );
    check(b"p", vec![child(1, 9, 9000)], "does not branch");
    check(
        b"p",
        vec![child(1, 9, 1000), child(2, 9, 1000)],
        "light enough for a leaf",
    );
    check(
        b"p",
        vec![child(1, 9, 9000), child(2, 0, 0)],
        "that no subtree has",
    );
    check(
        b"p",
        vec![child(1, 9, 9), child(2, 9, 9000)],
        "that no subtree has",
    );
    check(
        b"p",
        vec![child(1, u64::MAX, u64::MAX), child(2, 1, 9)],
        "that no subtree has",
    );
    check(
        b"p",
        vec![child(1, u64::MAX / 2, 9), child(2, 1, 9)],
        "that no subtree has",
    );
    check(
        &[b'p'; KEY_BYTES_MAX],
        vec![child(1, 9, 3000), child(2, 9, 3000)],
        "longer than keys",
    );
}
