//! A bare Git repository, by gix: a blob per entry, trees as the paths nest, a commit per transaction.
//!
//! It is filled with one pack, as a clone or `git gc` leaves it. Each commit then writes loose objects
//! and moves `refs/heads/main`. gix syncs nothing by itself; here each new object is synced and then
//! the reference, as Git's own default is (`core.fsync=committed`).

mod pack;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gix::ObjectId;
use gix::actor::Signature;
use gix::objs::tree::{Editor, Entry, EntryKind};
use gix::objs::{Commit, Kind, Tree, WriteTo};
use gix::refs::transaction::PreviousValue;

use self::pack::Pack;
use super::data::{ROOM_ITEMS, Random, Write};
use super::subject::{CACHE_BYTES, Look, Subject, VersionId, Versions};

const BRANCH: &str = "refs/heads/main";

pub(crate) struct Git {
    repository: gix::Repository,
    head: Cell<ObjectId>,
    /// The tree of the head.
    tree: Cell<ObjectId>,
    /// Loose objects since the last sync.
    written: RefCell<Vec<ObjectId>>,
}

impl Git {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let mut repository = gix::open_opts(path(directory), gix::open::Options::isolated())?;
        repository.object_cache_size(CACHE_BYTES);
        let head = repository.find_reference(BRANCH)?.id().detach();
        let tree = repository.find_commit(head)?.tree_id()?.detach();
        Ok(Self {
            repository,
            head: Cell::new(head),
            tree: Cell::new(tree),
            written: RefCell::default(),
        })
    }

    /// Creates the repository, with all entries in one pack and one commit.
    pub(crate) fn fill(directory: &Path, entries: usize) -> Result<()> {
        let repository = gix::init_bare(path(directory))?;
        let mut random = Random::new(0);
        let mut pack = Pack::create(&repository.objects.store_ref().path().join("pack"))?;
        let mut rooms = Vec::new();
        for start in (0..entries).step_by(ROOM_ITEMS) {
            let mut items = Vec::new();
            for number in start..entries.min(start + ROOM_ITEMS) {
                let write = random.write(number);
                let blob = pack.add(Kind::Blob, &write.value)?;
                items.push(entry(last_segment(&write.path), EntryKind::Blob, blob));
            }
            let items = add_tree(&mut pack, items)?;
            let room = add_tree(&mut pack, vec![entry("item", EntryKind::Tree, items)])?;
            let name = format!("{:07}", start / ROOM_ITEMS);
            rooms.push(entry(&name, EntryKind::Tree, room));
        }
        let rooms = add_tree(&mut pack, rooms)?;
        let root = add_tree(&mut pack, vec![entry("room", EntryKind::Tree, rooms)])?;
        let mut bytes = Vec::new();
        commit(root, None).write_to(&mut bytes)?;
        let head = pack.add(Kind::Commit, &bytes)?;
        pack.finish()?;
        // Opened anew, so that it sees the pack.
        let repository = gix::open_opts(path(directory), gix::open::Options::isolated())?;
        repository.reference(BRANCH, head, PreviousValue::Any, "fill")?;
        Ok(())
    }

    fn write(&self, object: impl WriteTo) -> gix::Result<ObjectId> {
        let id = self.repository.write_object(object)?.detach();
        self.written.borrow_mut().push(id);
        Ok(id)
    }

    fn sync(&self) -> Result<()> {
        let objects = self.repository.objects.store_ref().path();
        for id in self.written.borrow_mut().drain(..) {
            let hex = id.to_string();
            let (directory, name) = hex.split_at(2);
            let file = objects.join(directory).join(name);
            match File::open(&file) {
                Ok(file) => file.sync_all()?,
                // It was in the pack already, and is not written again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot sync `{}`", file.display()));
                }
            }
        }
        Ok(())
    }

    fn tree_of(&self, commit: &VersionId) -> Result<gix::Tree<'_>> {
        let id = ObjectId::try_from(&commit[..])?;
        Ok(self.repository.find_commit(id)?.tree()?)
    }
}

impl Subject for Git {
    fn commit(&self, writes: &[Write]) -> Result<()> {
        let root = self.repository.find_tree(self.tree.get())?;
        let root: Tree = root.decode()?.into();
        let mut editor = Editor::new(root, &self.repository.objects, gix::hash::Kind::Sha1);
        for write in writes {
            let blob = self.write(gix::objs::BlobRef { data: &write.value })?;
            editor.upsert(
                write.path.split('/').map(gix::bstr::BStr::new),
                EntryKind::Blob,
                blob,
            )?;
        }
        let tree = editor.write(|tree| self.write(tree))?;
        let head = self.write(commit(tree, Some(self.head.get())))?;
        self.sync()?;
        self.repository
            .reference(BRANCH, head, PreviousValue::Any, "set")?;
        File::open(self.repository.git_dir().join(BRANCH))?.sync_all()?;
        self.head.set(head);
        self.tree.set(tree);
        Ok(())
    }

    fn read_each(&self, paths: &[String], look: Look<'_>) -> Result<()> {
        for path in paths {
            let tree = self.repository.find_tree(self.tree.get())?;
            let entry = tree.lookup_entry(path.split('/'))?;
            look(&entry.context("an entry is missing")?.object()?.data);
        }
        Ok(())
    }

    /// A tree is a snapshot, and always read as one.
    fn read_snapshot(&self, paths: &[String], look: Look<'_>) -> Result<()> {
        self.read_each(paths, look)
    }

    fn versions(&self) -> Option<&dyn Versions> {
        Some(self)
    }
}

impl Versions for Git {
    fn head(&self) -> Result<VersionId> {
        Ok(self.head.get().as_bytes().to_vec())
    }

    fn diff(&self, before: &VersionId, after: &VersionId) -> Result<usize> {
        let (before, after) = (self.tree_of(before)?, self.tree_of(after)?);
        let mut recorder = gix::diff::tree::Recorder::default();
        gix::diff::tree(
            gix::objs::TreeRefIter::from_bytes(&before.data, gix::hash::Kind::Sha1),
            gix::objs::TreeRefIter::from_bytes(&after.data, gix::hash::Kind::Sha1),
            gix::diff::tree::State::default(),
            &self.repository.objects,
            &mut recorder,
        )?;
        // The trees on the way to an entry are reported, too.
        let is_entry = |change: &&gix::diff::tree::recorder::Change| match change {
            gix::diff::tree::recorder::Change::Modification { entry_mode, .. }
            | gix::diff::tree::recorder::Change::Addition { entry_mode, .. }
            | gix::diff::tree::recorder::Change::Deletion { entry_mode, .. } => {
                entry_mode.is_blob()
            }
        };
        Ok(recorder.records.iter().filter(is_entry).count())
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("entries.git")
}

fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn entry(name: &str, kind: EntryKind, oid: ObjectId) -> Entry {
    Entry {
        mode: kind.into(),
        filename: name.into(),
        oid,
    }
}

fn add_tree(pack: &mut Pack, mut entries: Vec<Entry>) -> Result<ObjectId> {
    entries.sort();
    let mut bytes = Vec::new();
    Tree { entries }.write_to(&mut bytes)?;
    pack.add(Kind::Tree, &bytes)
}

fn commit(tree: ObjectId, parent: Option<ObjectId>) -> Commit {
    let bench = Signature {
        name: "bench".into(),
        email: "bench@localhost".into(),
        time: gix::date::Time::new(1_700_000_000, 0),
    };
    Commit {
        tree,
        parents: parent.into_iter().collect(),
        author: bench.clone(),
        committer: bench,
        encoding: None,
        message: "set".into(),
        extra_headers: Vec::new(),
    }
}
