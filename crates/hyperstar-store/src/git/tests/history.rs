//! A model of a history, written by a [`Writer`] and read by a [`Reader`].

use std::collections::BTreeMap;
use std::io::{BufRead, Cursor};

use bytes::Bytes;

use crate::git::import::overlay::Overlay;
use crate::git::read::{Event, FileChange, ReadCommit, ReadOptions, ReadTag, Reader};
use crate::git::write::{WriteCommit, Writer};
use crate::git::{Applier, Files, GitReadError};
use crate::path::{ancestors, is_at_or_below};
use crate::state::{Past, empty_tree};
use crate::{Store, StoreError, Version};

pub(super) type Tree = BTreeMap<String, Bytes>;

impl Files for Tree {
    fn get(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        Ok(BTreeMap::get(self, path).cloned())
    }

    fn below(&self, directory: &str) -> Result<Vec<String>, StoreError> {
        let below = |path: &&String| is_at_or_below(path, directory) && *path != directory;
        Ok(self.keys().filter(below).cloned().collect())
    }

    fn put(&mut self, path: &str, value: Bytes) -> Result<Option<String>, StoreError> {
        crate::check_path(path)?;
        let way = ancestors(path).find(|way| self.contains_key(*way));
        if let Some(way) = way {
            BTreeMap::remove(self, way);
        }
        Files::remove(self, path)?;
        self.insert(path.to_owned(), value);
        Ok(way.map(str::to_owned))
    }

    fn remove(&mut self, path: &str) -> Result<(), StoreError> {
        self.retain(|other, _| !is_at_or_below(other, path));
        Ok(())
    }
}

/// A commit of the model. Its number is its place in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) branch: String,
    pub(super) parents: Vec<usize>,
    pub(super) author: String,
    pub(super) time_ms: i64,
    pub(super) message: String,
    /// All files, not the changes.
    pub(super) tree: Tree,
}

/// Fails at the first commit that differs, without the values: some have a megabyte.
pub(super) fn check_same(nodes: &[Node], expected: &[Node], context: &str) {
    for (number, (node, expected)) in nodes.iter().zip(expected).enumerate() {
        let brief = |node: &Node| {
            let parts = (
                &node.branch,
                &node.parents,
                &node.author,
                node.time_ms,
                &node.message,
            );
            format!("{parts:?} {:?}", node.tree.keys())
        };
        assert_eq!(brief(node), brief(expected), "{context}, commit {number}");
        for (path, value) in &node.tree {
            let same = expected.tree[path] == *value;
            assert!(
                same,
                "{context}, commit {number}: the value of `{path}` differs"
            );
        }
    }
    assert_eq!(nodes.len(), expected.len(), "{context}");
}

/// The stream of a history. Each commit carries its number, as Git may export in another order.
pub(super) fn written(nodes: &[Node]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), 0).unwrap();
    for (number, node) in nodes.iter().enumerate() {
        let parents: Vec<u64> = node
            .parents
            .iter()
            .map(|parent| *parent as u64 + 1)
            .collect();
        let extras = [("Number", &*number.to_string())];
        let reference = format!("refs/heads/{}", node.branch);
        let head = WriteCommit {
            mark: number as u64 + 1,
            parents: &parents,
            reference: &reference,
            author: &node.author,
            time_ms: node.time_ms,
            message: &node.message,
            extras: &extras,
        };
        let mut commit = writer.commit(head).unwrap();
        let empty = Tree::new();
        let base = node
            .parents
            .first()
            .map_or(&empty, |parent| &nodes[*parent].tree);
        for (path, value) in changes(base, &node.tree) {
            match value {
                Some(value) => commit.set(&path, value).unwrap(),
                None => commit.remove(&path).unwrap(),
            }
        }
        commit.finish().unwrap();
    }
    writer.finish().unwrap()
}

/// What makes `after` of `before`, ordered by path.
fn changes(before: &Tree, after: &Tree) -> BTreeMap<String, Option<Bytes>> {
    let removed = before.keys().filter(|path| !after.contains_key(*path));
    let mut changes: BTreeMap<_, _> = removed.map(|path| (path.clone(), None)).collect();
    for (path, value) in after {
        if before.get(path) != Some(value) {
            changes.insert(path.clone(), Some(value.clone()));
        }
    }
    changes
}

/// What came out of a stream.
#[derive(Debug, Default)]
pub(super) struct Imported {
    pub(super) commits: Vec<ReadCommit>,
    pub(super) trees: Vec<Tree>,
    pub(super) tags: Vec<ReadTag>,
    pub(super) references: BTreeMap<String, u64>,
    pub(super) left_out: u64,
}

impl Imported {
    /// The commits in the order that the model had, by the number that each carries. Of the branches
    /// that one is on a stream says only the last.
    pub(super) fn nodes(&self) -> Vec<Node> {
        let number_of = |commit: &ReadCommit| {
            let number = commit.extras.iter().find(|(key, _)| key == "Number");
            number.unwrap().1.parse::<usize>().unwrap()
        };
        let mut nodes = BTreeMap::new();
        for (commit, tree) in self.commits.iter().zip(&self.trees) {
            let parents = commit.parents.iter();
            let node = Node {
                branch: String::new(),
                parents: parents
                    .map(|parent| number_of(&self.commits[*parent as usize]))
                    .collect(),
                author: commit.author.clone(),
                time_ms: commit.time_ms,
                message: commit.message.clone(),
                tree: tree.clone(),
            };
            assert!(nodes.insert(number_of(commit), node).is_none());
        }
        assert!(nodes.keys().copied().eq(0..nodes.len()));
        nodes.into_values().collect()
    }
}

/// Reads a stream to its end and makes its changes.
pub(super) fn import(input: impl BufRead, options: ReadOptions) -> Result<Imported, GitReadError> {
    let mut reader = Reader::new(input, Cursor::new(Vec::new()), options);
    let mut imported = Imported::default();
    let mut tree = Tree::new();
    let mut applier = Applier::default();
    for event in reader.by_ref() {
        match event? {
            Event::Commit(commit) => {
                let number = imported.commits.len() as u64;
                assert!(commit.parents.iter().all(|parent| *parent < number));
                assert!(commit.base.is_none_or(|base| commit.parents[0] == base));
                tree = match commit.base {
                    Some(base) => imported.trees[base as usize].clone(),
                    None => Tree::new(),
                };
                applier = Applier::default();
                imported.commits.push(*commit);
            }
            Event::Change { line, change } => applier.apply(&mut tree, line, change)?,
            Event::CommitEnd => imported.trees.push(std::mem::take(&mut tree)),
            Event::Tag(tag) => imported.tags.push(tag),
        }
    }
    let references = reader.references();
    imported.references = references
        .map(|(name, commit)| (name.to_owned(), commit))
        .collect();
    imported.left_out = reader.left_out().count;
    assert!(reader.next().is_none());
    Ok(imported)
}

/// SplitMix64: the same numbers for the same seed, everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// A history with everything that a store can hold: merges, roots in the middle, files in place of
/// directories, odd names, empty commits.
pub(super) fn random(seed: u64, commits: usize) -> Vec<Node> {
    const PATHS: &[&str] = &[
        "a",
        "a/b",
        "a/b/c",
        "a!",
        "a0",
        "todo/1",
        "todo/2",
        "ü/ñ",
        "日本/語",
        "q\"uote",
        "back\\slash",
        " lead",
        "trail ",
        "in the middle",
        "\"",
        "x/\"y\" z/\\n",
        "-dash",
        "#hash",
        "😀",
        "a\u{301}",
        ":colon",
        "from :1",
        "data 5",
        "todo",
    ];
    const AUTHORS: &[&str] = &[
        "",
        "Ada <ada@x.org>",
        "user:17",
        "e@x.org",
        "x\n<y> 5 +0000\ndone",
        "ü",
    ];
    const MESSAGES: &[&str] = &[
        "",
        "fix",
        "fix\n",
        "one\n\ntwo\n\nHyperstar-Time-Ms: 1\n",
        "\0",
        " \n",
        "from :1\ndone\n",
        "日本",
    ];
    const TIMES: &[i64] = &[
        0,
        1_700_000_000_123,
        -1,
        i64::MIN,
        i64::MAX,
        1_600_000_000_000,
    ];
    let mut random = Random(seed);
    let mut nodes: Vec<Node> = Vec::new();
    for number in 0..commits {
        let mut parents = Vec::new();
        if number > 0 && random.below(12) > 0 {
            parents.push(if random.below(3) == 0 {
                random.below(number)
            } else {
                number - 1
            });
            for _ in 0..random.of(&[0, 0, 0, 1, 1, 2]) {
                let parent = random.below(number);
                if !parents.contains(&parent) {
                    parents.push(parent);
                }
            }
        }
        let mut tree = parents
            .first()
            .map_or(Tree::new(), |parent| nodes[*parent].tree.clone());
        for _ in 0..random.of(&[0, 1, 1, 3, 10]) {
            let path = random.of(PATHS);
            if random.below(4) == 0 {
                Files::remove(&mut tree, path).unwrap();
            } else {
                let length = random.of(&[0, 1, 20, 2000]);
                let value: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
                tree.put(path, value.into()).unwrap();
            }
        }
        nodes.push(Node {
            // Git deletes nothing that is on no branch, as long as each commit has its own.
            branch: format!("n{number}"),
            parents,
            author: random.of(AUTHORS).to_owned(),
            time_ms: random.of(TIMES),
            message: random.of(MESSAGES).to_owned(),
            tree,
        });
    }
    nodes
}

#[test]
fn what_is_written_is_read() {
    for seed in 0..60 {
        let nodes = random(seed, 40);
        let imported = import(&*written(&nodes), ReadOptions::default()).unwrap();
        for (number, node) in nodes.iter().enumerate() {
            let reference = format!("refs/heads/{}", node.branch);
            assert_eq!(imported.references[&reference], number as u64);
        }
        let nodes = without_branches(nodes);
        check_same(&imported.nodes(), &nodes, &format!("seed {seed}"));
    }
}

/// Git names a commit after any branch that it is on.
pub(super) fn without_branches(mut nodes: Vec<Node>) -> Vec<Node> {
    for node in &mut nodes {
        node.branch.clear();
    }
    nodes
}

/// The files of a store's head, for changes to be made to.
fn overlay(store: &Store) -> Overlay {
    let head = store.engine.head();
    Overlay::new(Past {
        view: head.view.clone(),
        version: Version::ZERO,
        tree: head.record.as_ref().map_or(empty_tree(), |it| it.tree),
    })
}

fn content(files: &Overlay) -> Tree {
    let paths = files.below("").unwrap().into_iter();
    let with_value = |path: String| {
        let value = Files::get(files, &path).unwrap().unwrap();
        (path, value)
    };
    paths.map(with_value).collect()
}

#[test]
fn an_overlay_takes_changes_as_the_model_does() {
    for seed in 0..30 {
        let nodes = random(seed, 40);
        let stream = written(&nodes);
        let expected = import(&*stream, ReadOptions::default()).unwrap();
        let store = Store::memory();
        let reader = Reader::new(&*stream, Cursor::new(Vec::new()), ReadOptions::default());
        let mut model = Tree::new();
        let mut files = overlay(&store);
        let mut applier = Applier::default();
        for event in reader {
            match event.unwrap() {
                Event::Commit(_) => applier = Applier::default(),
                Event::Change { line, change } => {
                    applier.apply(&mut files, line, change.clone()).unwrap();
                    Applier::default().apply(&mut model, line, change).unwrap();
                }
                _ => {
                    assert_eq!(content(&files), model, "seed {seed}");
                    // Half of them are in the tree, and half above it.
                    if seed % 2 == 0 {
                        let set = store.transaction(|tx| {
                            tx.remove_all("")?;
                            model
                                .iter()
                                .try_for_each(|(path, value)| tx.set_bytes(path, value.clone()))
                        });
                        set.unwrap();
                        files = overlay(&store);
                    }
                }
            }
        }
        assert_eq!(expected.commits.len(), nodes.len());
    }
}

#[test]
fn directories_move_and_copy_as_in_git() {
    let tree = |paths: &[&str]| -> Tree {
        paths
            .iter()
            .map(|path| ((*path).to_owned(), Bytes::from_static(b"x")))
            .collect()
    };
    for (before, from, to, moves, after) in [
        (&["a"][..], "a", "b", true, &["b"][..]),
        (&["a"], "a", "b", false, &["a", "b"]),
        (&["a/1", "a/2", "b/3"], "a", "b", true, &["b/1", "b/2"]),
        (&["a/1", "ab"], "a", "c/d", true, &["ab", "c/d/1"]),
        (&["a/1"], "a", "a/b", false, &["a/1", "a/b/1"]),
        (&["a/1"], "a", "a/b", true, &["a/b/1"]),
        (&["a/b/1", "a/2"], "a/b", "a", true, &["a/1"]),
        (&["a"], "a", "a/b", true, &["a/b"]),
        (&["a/1", "b"], "a", "b/c", true, &["b/c/1"]),
    ] {
        let change = || {
            let (from, to) = (from.to_owned(), to.to_owned());
            if moves {
                FileChange::Rename { from, to }
            } else {
                FileChange::Copy { from, to }
            }
        };
        let mut model = tree(before);
        Applier::default().apply(&mut model, 1, change()).unwrap();
        assert_eq!(model, tree(after), "{from} to {to} in {before:?}");
        let store = Store::memory();
        let set =
            store.transaction(|tx| before.iter().try_for_each(|path| tx.set_bytes(path, "x")));
        set.unwrap();
        let mut files = overlay(&store);
        Applier::default().apply(&mut files, 1, change()).unwrap();
        assert_eq!(content(&files), tree(after), "{from} to {to} in {before:?}");
    }
}
