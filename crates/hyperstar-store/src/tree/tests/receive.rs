//! Trees that come page by page from another store.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::{Pages, Random, Tree};
use crate::backend::BackendError;
use crate::tree::page::{Child, Encoder, Inner, Page};
use crate::tree::receive::{Incoming, ReceiveError, Shelf};
use crate::tree::*;

impl Shelf for Pages {
    fn find(&self, id: PageId) -> Result<Option<Bytes>, BackendError> {
        Ok(self.pages.get(&id).cloned())
    }
}

/// The changes of some keys, with values of each kind.
fn changes(random: &mut Random, count: u64) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
    let change = |_| {
        let key = match random.below(4) {
            0 => vec![b'x'; random.below(60) as usize],
            1 => format!("deep/{}/{}", random.below(9), random.below(99)).into_bytes(),
            _ => format!("item/{:05}", random.below(2_000)).into_bytes(),
        };
        let bytes = match random.below(60) {
            0 => 66_000 + random.below(90_000),
            1..=4 => 1_100 + random.below(3_000),
            _ => random.below(90),
        };
        let value = (random.below(5) > 0).then(|| random.bytes(bytes as usize));
        (key, value)
    };
    (0..count).map(change).collect()
}

/// A copy that has the same, in pages of its own.
fn copy_of(tree: &Tree, spoil: u64) -> Tree {
    let mut copy = Tree::new();
    // Its numbers are not the other's.
    copy.next = PageId(copy.next.0 + spoil);
    let all = tree.model.iter();
    copy.edit(
        &all.map(|(key, value)| (key.clone(), Some(value.clone())))
            .collect(),
    );
    copy
}

/// Receives `from` into `into`, a few pages at a time. Answers how many pages came.
fn receive(from: &Tree, into: &mut Tree, few: usize) -> Result<usize, ReceiveError> {
    let TreeRef {
        hash,
        count,
        weight,
        ..
    } = from.root;
    let incoming = Incoming::new(hash, count, weight, into.root, &mut into.next)?;
    let mut finder = Finder::new(&from.pages, from.root);
    let (mut offered, mut start, mut came) = (HashMap::new(), Vec::new(), 0);
    loop {
        let next = &mut into.next;
        let received = incoming.take(&into.pages, &offered, &start, few, next)?;
        for (id, page) in received.written {
            assert!(
                into.pages.pages.insert(id, page).is_none(),
                "{id} was there"
            );
            came += 1;
        }
        let Some(first) = received.missing.first() else {
            break;
        };
        start.clone_from(&first.path);
        let pages = received.missing.iter().take(few).map(|place| {
            let page = finder.page(place).unwrap();
            page.unwrap_or_else(|| panic!("nothing at {place:?}"))
        });
        offered = pages.map(|page| (Hash::of(&page), page)).collect();
    }
    into.root = incoming.root;
    into.model.clone_from(&from.model);
    Ok(came)
}

fn fresh(source: &Pages, before: &TreeRef, after: &TreeRef) -> Vec<PageId> {
    let mut found = Vec::new();
    fresh_pages(source, before, after, &mut |page| {
        found.push(page.id);
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

#[test]
fn what_is_not_here_comes_and_nothing_else() {
    for seed in 0..30 {
        let mut random = Random(seed);
        let mut there = Tree::new();
        there.edit(&changes(&mut random, 900));
        let mut here = copy_of(&there, 1_000 * seed);
        for few in [1, 7, 300] {
            let count = 1 + random.below(60);
            let before = there.clone();
            there.edit(&changes(&mut random, count));
            let mut both = there.pages.clone();
            both.pages.extend(before.pages.pages.clone());
            let missing = fresh(&both, &before.root, &there.root);
            let root_here = here.root;
            let came = receive(&there, &mut here, few).unwrap();
            assert_eq!(came, missing.len(), "seed {seed}");
            assert_eq!(here.root.hash, there.root.hash);
            assert_eq!(here.entries(), there.entries());
            // What went is what the tree before had beyond it, and no page of it is needed.
            let dropped = fresh(&here.pages, &here.root, &root_here);
            for id in dropped {
                assert!(here.pages.pages.remove(&id).is_some(), "{id} went twice");
            }
            assert_eq!(
                here.reachable().len(),
                here.pages.pages.len(),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn a_tree_comes_whole_to_whom_it_is_new_and_not_at_all_to_its_copy() {
    let mut there = Tree::new();
    there.edit(&changes(&mut Random(1), 2_000));
    let mut here = Tree::new();
    let empty = here.root.id;
    let came = receive(&there, &mut here, 20).unwrap();
    here.pages.pages.remove(&empty);
    assert_eq!(came, there.reachable().len());
    assert_eq!(here.reachable().len(), came);
    let mut copy = copy_of(&there, 5);
    assert_eq!(receive(&there, &mut copy, 20).unwrap(), 0);
}

/// A tree of two subtrees, and its root's page.
fn forked() -> (Tree, Inner) {
    let mut tree = Tree::new();
    let entries = (0..200).map(|n| (format!("{}{n:03}", n % 2), Some(vec![b'v'; 60])));
    tree.edit(
        &entries
            .map(|(key, value)| (key.into_bytes(), value))
            .collect(),
    );
    let Page::Inner(root) = page::load(&tree.pages, &tree.root, 0).unwrap() else {
        panic!("it does not branch");
    };
    (tree, root)
}

/// Offers a root's page that says something else, with the totals that are right for it.
fn offer(here: &mut Tree, root: &Inner) -> Result<(), ReceiveError> {
    let (hash, _) = Encoder::default().inner(root);
    let mut next = here.next;
    let incoming = Incoming::new(hash, root.count(), root.weight(), here.root, &mut next)?;
    let mut pages = Pages::default();
    let (_, page) = Encoder::default().inner(root);
    let id = PageId(1);
    pages.pages.insert(id, page);
    let sent = wire::sent(&pages, id, &hash, true).unwrap();
    let offered = HashMap::from([(hash, sent)]);
    incoming
        .take(&here.pages, &offered, &[], 10, &mut next)
        .map(drop)
}

#[test]
fn a_subtree_that_is_here_has_the_totals_that_it_has_here() {
    let (mut here, root) = forked();
    let other = |change: fn(&mut Child)| {
        let mut children = root.children.clone();
        change(&mut children[0]);
        Inner {
            children,
            prefix: root.prefix.clone(),
            value: None,
        }
    };
    // One that is not here may say what it likes until it comes.
    offer(&mut here, &other(|child| child.tree.hash = Hash::of(b"x"))).unwrap();
    for lie in [
        other(|child| child.tree.count += 1),
        other(|child| child.tree.weight += 1),
    ] {
        let refused = offer(&mut here, &lie);
        assert!(
            matches!(refused, Err(ReceiveError::Wrong(_))),
            "{refused:?}"
        );
    }
}

#[test]
fn lists_with_chunks_that_no_cut_makes_are_refused() {
    use crate::tree::page::Chunk;
    let mut random = Random(3);
    let parts: Vec<Vec<u8>> = (0..40).map(|_| random.bytes(2_000)).collect();
    let chunk = |part: &Vec<u8>| Chunk {
        hash: Hash::of(part),
        bytes: part.len() as u64,
        id: PageId(0),
    };
    let chunks: Vec<Chunk> = parts.iter().map(chunk).collect();
    let (list_hash, list) = Encoder::default().list(&chunks);
    let blob = BlobRef {
        hash: list_hash,
        bytes: 80_000,
        id: PageId(0),
    };
    let value = Value::Blob(blob);
    let (hash, leaf) = Encoder::default().leaf(1, 1, [(&b"key"[..], (&value).into())].into_iter());
    let weight = page::entry_weight(3, (&value).into());
    let mut here = Tree::new();
    let incoming = Incoming::new(hash, 1, weight, here.root, &mut here.next).unwrap();
    let without_ids = |page: &Bytes, ids: usize| page.slice(..page.len() - 8 * ids);
    let offered = [without_ids(&leaf, 1), without_ids(&list, 40)];
    let offered = offered
        .map(|page| (Hash::of(&page), page))
        .into_iter()
        .collect();
    let refused = incoming.take(&here.pages, &offered, &[], 10, &mut here.next);
    assert!(
        matches!(
            refused,
            Err(ReceiveError::Wrong("a chunk is shorter than chunks are"))
        ),
        "{refused:?}"
    );
}
