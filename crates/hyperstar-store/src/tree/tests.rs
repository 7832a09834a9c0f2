//! The tree against a map that does the same.

mod damage;
mod figures;
mod receive;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use super::page::{ValueRef, entry_weight};
use super::*;

type Entry = (Vec<u8>, Vec<u8>);

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Pages in memory, which counts how many are read.
#[derive(Clone, Default)]
struct Pages {
    pages: HashMap<PageId, Bytes>,
    reads: Cell<u64>,
}

impl PageSource for Pages {
    fn page(&self, id: PageId) -> Result<Bytes, BackendError> {
        self.reads.set(self.reads.get() + 1);
        let page = self.pages.get(&id).cloned();
        page.ok_or_else(|| BackendError::new(format!("there is no page {id}")))
    }
}

/// A tree and the pages of its last version, and what should be in it.
#[derive(Clone)]
struct Tree {
    pages: Pages,
    next: PageId,
    root: TreeRef,
    model: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Tree {
    fn new() -> Self {
        let mut next = PageId(0);
        let edited = empty(&mut next);
        Self {
            pages: Pages {
                pages: edited.written.into_iter().collect(),
                ..Pages::default()
            },
            next,
            root: edited.root,
            model: BTreeMap::new(),
        }
    }

    fn of(model: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let mut tree = Self::new();
        let changes = model
            .iter()
            .map(|(key, bytes)| (key.clone(), Some(bytes.clone())));
        tree.edit(&changes.collect());
        tree
    }

    /// Edits as a store does, and checks that `written` and `dropped` are all that came and went.
    /// Returns the numbers of both.
    fn edit(&mut self, changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> (usize, usize) {
        let start = self.next;
        let mut written = Vec::new();
        let mut values = Vec::new();
        for (key, bytes) in changes {
            let value = bytes.as_ref().map(|bytes| {
                let before = get(&self.pages, &self.root, key).unwrap();
                let bytes = Bytes::copy_from_slice(bytes);
                let (value, pages) =
                    store_value(&self.pages, &bytes, before.as_ref(), &mut self.next).unwrap();
                written.extend(pages);
                value
            });
            values.push((&**key, value));
            match bytes {
                Some(bytes) => self.model.insert(key.clone(), bytes.clone()),
                None => self.model.remove(key),
            };
        }
        self.pages.pages.extend(written.iter().cloned());
        let edited = edit(&self.pages, &self.root, &values, &mut self.next).unwrap();
        written.extend(edited.written);
        for ((id, page), expected) in written.iter().zip(start.0..) {
            assert_eq!(
                id.0, expected,
                "ids are in the order of writing, without a gap"
            );
            self.pages.pages.insert(*id, page.clone());
        }
        assert_eq!(start.0 + written.len() as u64, self.next.0);
        for id in &edited.dropped {
            assert!(
                self.pages.pages.remove(id).is_some(),
                "{id} was dropped twice"
            );
        }
        self.root = edited.root;
        (written.len(), edited.dropped.len())
    }

    fn reachable(&self) -> BTreeSet<PageId> {
        let mut ids = BTreeSet::new();
        pages(&self.pages, &self.root, &mut |page| {
            assert!(ids.insert(page.id), "{page:?} was visited twice");
            page.check_raw(&self.pages).unwrap();
            Visit::Below
        })
        .unwrap();
        ids
    }

    fn entries(&self) -> Vec<Entry> {
        self.from(&[], usize::MAX)
    }

    fn from(&self, start: &[u8], count_max: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        walk(&self.pages, &self.root, start, &mut |key, value| {
            entries.push((
                key.to_vec(),
                load_value(&self.pages, value).unwrap().to_vec(),
            ));
            if entries.len() < count_max {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })
        .unwrap();
        entries
    }

    /// Everything that has to hold of a tree by itself.
    fn check(&self, random: &mut Random) {
        let live: BTreeSet<PageId> = self.pages.pages.keys().copied().collect();
        assert_eq!(self.reachable(), live);
        assert_eq!(self.root.count, self.model.len() as u64);
        let model: Vec<Entry> = self.model.clone().into_iter().collect();
        assert_eq!(self.entries(), model);

        let mut back = Vec::new();
        walk_back(&self.pages, &self.root, None, &mut |key, _| {
            back.push(key.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(self.model.keys().rev().eq(&back));

        let fresh = Self::of(&self.model);
        assert_eq!(fresh.root.hash, self.root.hash);
        assert_eq!(fresh.root.weight, self.root.weight);

        for _ in 0..20 {
            let key = self.some_key(random);
            let value = get(&self.pages, &self.root, &key).unwrap();
            let bytes = value.map(|value| load_value(&self.pages, &value).unwrap());
            assert_eq!(bytes.as_deref(), self.model.get(&key).map(|bytes| &**bytes));

            let from: Vec<Entry> = self.model.range(key.clone()..).take(7).map(owned).collect();
            assert_eq!(self.from(&key, 7), from);

            let mut before = Vec::new();
            walk_back(&self.pages, &self.root, Some(&key), &mut |key, _| {
                before.push(key.to_vec());
                if before.len() < 7 {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })
            .unwrap();
            assert!(
                self.model
                    .range(..key.clone())
                    .rev()
                    .take(7)
                    .map(|entry| entry.0)
                    .eq(&before)
            );

            let prefix = &key[..random.below(key.len() as u64 + 1) as usize];
            let below: Vec<&Vec<u8>> = self
                .model
                .keys()
                .filter(|key| key.starts_with(prefix))
                .collect();
            let count = count_below(&self.pages, &self.root, prefix).unwrap();
            assert_eq!(count, below.len() as u64);
            let index = random.below(count + 2);
            let found = nth(&self.pages, &self.root, prefix, index).unwrap();
            let found = found.map(|(key, _)| key);
            assert_eq!(found.as_ref(), below.get(index as usize).copied());
        }
    }

    /// A key that is there, or nearly.
    fn some_key(&self, random: &mut Random) -> Vec<u8> {
        let index = random.below(self.model.len() as u64 + 1) as usize;
        let mut key = self.model.keys().nth(index).cloned().unwrap_or_default();
        match random.below(4) {
            0 => key.push(random.next() as u8),
            1 => key.truncate(random.below(key.len() as u64 + 1) as usize),
            _ => {}
        }
        key.truncate(KEY_BYTES_MAX);
        key
    }
}

fn owned(entry: (&Vec<u8>, &Vec<u8>)) -> Entry {
    (entry.0.clone(), entry.1.clone())
}

/// Both ways, below random prefixes.
fn check_diff(old: &Tree, new: &Tree, random: &mut Random) {
    let mut all = old.pages.clone();
    all.pages.extend(new.pages.pages.clone());
    let key = new.some_key(random);
    let prefix = &key[..random.below(key.len() as u64 + 1) as usize];
    for prefix in [&[], prefix] {
        for (old, new) in [(old, new), (new, old)] {
            let keys: BTreeSet<&Vec<u8>> = old.model.keys().chain(new.model.keys()).collect();
            let expected = keys.into_iter().filter_map(|key| {
                let (old, new) = (old.model.get(key), new.model.get(key));
                let differs = old != new && key.starts_with(prefix);
                differs.then(|| (key.clone(), old.cloned(), new.cloned()))
            });
            let mut found = Vec::new();
            let bytes = |value: Option<&Value>| {
                value.map(|value| load_value(&all, value).unwrap().to_vec())
            };
            diff(&all, &old.root, &new.root, prefix, &mut |key, old, new| {
                found.push((key.to_vec(), bytes(old), bytes(new)));
                ControlFlow::Continue(())
            })
            .unwrap();
            assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }
}

/// How the keys and values of a model test look.
struct Shape {
    name: &'static str,
    key: fn(&mut Random) -> Vec<u8>,
    value: fn(&mut Random) -> usize,
    changes_max: u64,
}

const SHAPES: [Shape; 6] = [
    Shape {
        name: "paths",
        key: |random| {
            let (list, item) = (random.below(5), random.below(600));
            format!("lists/{list}/items/{item:04}").into_bytes()
        },
        value: |random| random.below(60) as usize,
        changes_max: 300,
    },
    Shape {
        name: "any bytes",
        key: |random| {
            let count = random.below(4) as usize;
            random.bytes(count)
        },
        value: |random| random.below(20) as usize,
        changes_max: 400,
    },
    Shape {
        name: "keys that are prefixes of others",
        key: |random| {
            let count = random.below(14) as usize;
            (0..count)
                .map(|_| b"ab"[random.below(2) as usize])
                .collect()
        },
        value: |random| random.below(80) as usize,
        changes_max: 300,
    },
    Shape {
        name: "one long chain",
        key: |random| {
            let mut key = vec![b'a'; random.below(KEY_BYTES_MAX as u64) as usize];
            if random.below(4) == 0 {
                key.push(random.next() as u8);
            }
            key
        },
        value: |random| random.below(200) as usize,
        changes_max: 60,
    },
    Shape {
        name: "long prefixes that split and merge",
        key: |random| {
            let mut key = b"a/very/long/prefix/".repeat(random.below(4) as usize);
            key.extend(b"xyz".repeat(random.below(12) as usize));
            key.extend(random.below(40).to_string().bytes());
            key
        },
        value: |random| (random.below(1100)) as usize,
        changes_max: 30,
    },
    Shape {
        name: "blobs",
        key: |random| random.below(24).to_string().into_bytes(),
        value: |random| match random.below(4) {
            0 => random.below(1025) as usize,
            1 => 1025 + random.below(3000) as usize,
            2 => 65_530 + random.below(12) as usize,
            _ => 66_000 + random.below(150_000) as usize,
        },
        changes_max: 8,
    },
];

fn changes_of(
    shape: &Shape,
    tree: &Tree,
    random: &mut Random,
) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
    let count = match random.below(3) {
        0 => 1,
        1 => 1 + random.below(10),
        _ => 1 + random.below(shape.changes_max),
    };
    let removals = random.below(10);
    let mut changes = BTreeMap::new();
    for _ in 0..count {
        let key = match random.below(3) {
            0 => tree.some_key(random),
            _ => (shape.key)(random),
        };
        let bytes = match tree.model.get(&key) {
            _ if random.below(10) < removals => None,
            // Long values are mostly edited in the middle.
            Some(bytes) if bytes.len() > INLINE_BYTES_MAX && random.below(3) > 0 => {
                let mut bytes = bytes.clone();
                let at = random.below(bytes.len() as u64) as usize;
                bytes.insert(at, random.next() as u8);
                Some(bytes)
            }
            _ => {
                let count = (shape.value)(random);
                Some(random.bytes(count))
            }
        };
        changes.insert(key, bytes);
    }
    changes
}

#[test]
fn it_does_what_a_map_does() {
    let seeds = std::env::var("HYPERSTAR_STORE_SEEDS").map_or(3, |seeds| seeds.parse().unwrap());
    for shape in &SHAPES {
        for seed in 0..seeds {
            println!("{}, seed {seed}", shape.name);
            let mut random = Random(seed);
            let mut tree = Tree::new();
            let mut old = tree.clone();
            for round in 0..14 {
                let changes = changes_of(shape, &tree, &mut random);
                let before = tree.clone();
                tree.edit(&changes);
                tree.check(&mut random);
                check_diff(&before, &tree, &mut random);
                check_diff(&old, &tree, &mut random);
                if round % 4 == 0 {
                    old = before;
                }
            }
            // One by one, in another order, it comes to the same, and back to nothing.
            let mut shuffled: Vec<Entry> = tree.model.iter().map(owned).collect();
            for index in (1..shuffled.len()).rev() {
                shuffled.swap(index, random.below(index as u64 + 1) as usize);
            }
            let mut other = Tree::new();
            for (key, bytes) in &shuffled {
                other.edit(&BTreeMap::from([(key.clone(), Some(bytes.clone()))]));
            }
            assert_eq!(other.root.hash, tree.root.hash);
            for (key, _) in shuffled.iter().rev() {
                other.edit(&BTreeMap::from([(key.clone(), None)]));
            }
            assert_eq!(other.root.hash, Tree::new().root.hash);
            assert_eq!(other.reachable(), BTreeSet::from([other.root.id]));
        }
    }
}

#[test]
fn what_changes_nothing_writes_nothing() {
    let mut random = Random(1);
    let mut tree = items(2000);
    tree.edit(&BTreeMap::from([(
        b"big".to_vec(),
        Some(random.bytes(300_000)),
    )]));
    let root = tree.root;
    let same = tree
        .model
        .iter()
        .step_by(100)
        .map(|(key, bytes)| (key.clone(), Some(bytes.clone())));
    let gone = [
        (b"nobody".to_vec(), None),
        (b"item/".to_vec(), None),
        (Vec::new(), None),
    ];
    let big = [(b"big".to_vec(), tree.model.get(&b"big"[..]).cloned())];
    for changes in [BTreeMap::new(), same.collect(), gone.into(), big.into()] {
        assert_eq!(tree.edit(&changes), (0, 0));
        assert_eq!(tree.root, root);
    }
}

fn items(count: u64) -> Tree {
    let entries = (0..count).map(|item| {
        let key = format!("item/{item:07}").into_bytes();
        (key, format!("the text of {item}").into_bytes())
    });
    Tree::of(&entries.collect())
}

#[test]
fn an_edit_reads_and_writes_its_path_only() {
    let mut tree = items(20_000);
    let before = tree.clone();
    let changes = BTreeMap::from([(b"item/0012345".to_vec(), Some(b"new".to_vec()))]);
    tree.pages.reads.set(0);
    edit(
        &tree.pages,
        &tree.root,
        &[(
            b"item/0012345",
            Some(Value::Inline(Bytes::from_static(b"new"))),
        )],
        &mut PageId(1 << 40),
    )
    .unwrap();
    assert_eq!(tree.pages.reads.get(), 4);
    assert_eq!(tree.edit(&changes), (4, 4));

    let mut all = before.pages.clone();
    all.pages.extend(tree.pages.pages.clone());
    all.reads.set(0);
    let mut found = 0;
    diff(&all, &before.root, &tree.root, &[], &mut |_, _, _| {
        found += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((found, all.reads.get()), (1, 8));

    tree.pages.reads.set(0);
    let count = count_below(&tree.pages, &tree.root, b"item/00123").unwrap();
    assert_eq!((count, tree.pages.reads.get()), (100, 3));
}

/// A subtree turns from a leaf to an inner page and back at exactly the bound.
#[test]
fn a_leaf_branches_above_its_weight() {
    // Each entry weighs 4 + 4 + 24.
    let entries = (0..128u32).map(|item| (item.to_be_bytes().to_vec(), vec![b'x'; 24]));
    let mut tree = Tree::of(&entries.collect());
    assert_eq!(tree.root.weight, LEAF_WEIGHT_MAX);
    assert_eq!(tree.reachable().len(), 1);
    let key = 7u32.to_be_bytes().to_vec();
    tree.edit(&BTreeMap::from([(key.clone(), Some(vec![b'x'; 25]))]));
    assert_eq!(tree.root.weight, LEAF_WEIGHT_MAX + 1);
    assert_eq!(tree.reachable().len(), 129);
    tree.edit(&BTreeMap::from([(key, Some(vec![b'x'; 24]))]));
    assert_eq!(tree.reachable().len(), 1);
}

/// A chain of inner pages as deep as keys are long, on a thread with hardly any stack.
#[test]
fn a_deep_tree_takes_no_stack() {
    let work = || {
        let entries = (0..KEY_BYTES_MAX).map(|count| (vec![b'a'; count], vec![1; 30]));
        let mut tree = Tree::of(&entries.collect());
        let changes = tree.model.keys().step_by(3).map(|key| (key.clone(), None));
        tree.edit(&changes.collect());
        assert!(tree.reachable().len() > 600);
        tree.check(&mut Random(1));
    };
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    thread.spawn(work).unwrap().join().unwrap();
}

#[test]
#[should_panic(expected = "sorted by key")]
fn changes_out_of_order_are_a_bug() {
    let tree = Tree::new();
    let changes: [(&[u8], _); 2] = [(b"b", None), (b"a", None)];
    let _ = edit(&tree.pages, &tree.root, &changes, &mut PageId(9));
}

#[test]
fn roots_stay_what_they_are() {
    // These hashes are in stores out there: another means another format.
    let mut random = Random(5);
    let mut tree = items(500);
    assert_eq!(
        Tree::new().root.hash.to_string(),
        "fb50dc0717ff266cf9baf82b1ce7a1c2ef6d9247859680b11a19fb7077f5f222"
    );
    assert_eq!(
        tree.root.hash.to_string(),
        "7dbe968c16683118963ddb44a66b5604b1d26f4be0638b92ad59eb727e6a0308"
    );
    tree.edit(&BTreeMap::from([
        (b"item/".to_vec(), Some(random.bytes(5000))),
        (b"item/0000007".to_vec(), Some(random.bytes(1_000_000))),
    ]));
    assert_eq!(
        tree.root.hash.to_string(),
        "4baebdf8c4faf292805cdb23b6eea053a1a9ba6332b81e612114c5b1e0404816"
    );
}

#[test]
fn values_come_back_and_share_their_chunks() {
    let mut random = Random(3);
    let mut pages = Pages::default();
    let mut next = PageId(0);
    for bytes_max in [
        0, 1, 1024, 1025, 65_536, 65_537, 200_000, 1_000_000, 5_000_000,
    ] {
        let mut bytes = random.bytes(bytes_max);
        let mut before: Option<Value> = None;
        for round in 0..6 {
            let content = Bytes::from(bytes.clone());
            let (value, written) =
                store_value(&pages, &content, before.as_ref(), &mut next).unwrap();
            let written_bytes: usize = written.iter().map(|(_, page)| page.len()).sum();
            pages.pages.extend(written);
            assert_eq!(load_value(&pages, &value).unwrap(), content);
            match &value {
                Value::Inline(_) => assert!(bytes.len() <= INLINE_BYTES_MAX),
                Value::Blob(blob) => assert_eq!(blob.bytes, bytes.len() as u64),
            }
            if round > 0 && bytes.len() >= 1_000_000 {
                let most = 150_000 + bytes.len() / 200;
                assert!(
                    written_bytes < most,
                    "{written_bytes} for an edit of {}",
                    bytes.len()
                );
            }
            let (again, written) = store_value(&pages, &content, Some(&value), &mut next).unwrap();
            assert_eq!((again, written.len()), (value.clone(), 0));
            // Without what was there before, it is the same content.
            let (fresh, _) = store_value(&pages, &content, None, &mut PageId(1 << 40)).unwrap();
            assert_eq!(fresh, value);

            before = Some(value);
            let at = random.below(bytes.len() as u64 + 1) as usize;
            match round % 3 {
                0 => bytes.insert(at, 7),
                1 => drop(bytes.drain(at..bytes.len().min(at + 9))),
                _ => bytes.truncate(bytes.len() - bytes.len().min(10)),
            }
        }
    }
}

#[test]
fn a_value_that_repeats_itself_is_kept_once() {
    let mut tree = Tree::new();
    let zeros = vec![0; 2_000_000];
    tree.edit(&BTreeMap::from([(b"zeros".to_vec(), Some(zeros))]));
    // The leaf, the list, the chunk, and the shorter one at the end.
    assert_eq!(tree.reachable().len(), 4);
    tree.check(&mut Random(0));
    tree.edit(&BTreeMap::from([(b"zeros".to_vec(), None)]));
    assert_eq!(tree.reachable().len(), 1);
}

#[test]
fn an_entry_weighs_what_the_design_says() {
    assert_eq!(entry_weight(10, ValueRef::Inline(b"abc")), 17);
    let blob = BlobRef {
        hash: Hash::of(b""),
        bytes: 5000,
        id: PageId(0),
    };
    assert_eq!(entry_weight(10, ValueRef::Blob(blob)), 54);
}
