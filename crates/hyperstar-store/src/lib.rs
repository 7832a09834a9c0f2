//! Values under paths, kept durably, written in transactions, read from snapshots, watched live.
//!
//! What is promised:
//! - **An acknowledged write is not lost.** When a write returns `Ok`, it is on the disk.
//! - **A transaction is atomic.** All of it is there, or nothing; also after `kill -9`.
//! - **A reader never waits for a writer**, and sees one consistent state.
//! - **A watcher hears of each commit once and in order**, or is told that it lagged.
//!
//! ```
//! use hyperstar_store::Store;
//!
//! let store = Store::memory(); // or `Store::open("app.redb")?`
//! store.set("todo/1", "buy milk")?;
//! store.set("todo/2", "drink it")?;
//! assert_eq!(store.get("todo/1")?, Some("buy milk".to_string()));
//! assert_eq!(store.list("todo")?, ["todo/1", "todo/2"]);
//! # Ok::<(), hyperstar_store::StoreError>(())
//! ```
//!
//! # Paths
//! A path is segments joined by `/`: `todo/1`. It is either a value or a directory, as in a Git
//! tree: while `todo` is a value, `todo/1` cannot be set, and the other way round. A directory is
//! there for as long as a value is below it. A prefix holds by whole segments, and `""` is
//! everything; see [`check_path`]. Listings are in byte order of the full path, which is Git's.
//!
//! # Values
//! Values are bytes; the typed calls keep JSON. A value may be up to [`VALUE_BYTES_MAX`].
//!
//! # Transactions
//! [`Store::transaction`] runs a closure alone, with reads that see its own writes. An `Err` or a
//! panic leaves everything as it was. Each transaction that alters something is one [`Commit`], with
//! the next [`Version`] and the list of its [`Change`]s.
//!
//! ```
//! # let store = hyperstar_store::Store::memory();
//! let ((), commit) = store.transaction(|tx| {
//!     let text: Option<String> = tx.get("todo/1")?;
//!     tx.remove("todo/1")?;
//!     tx.set("done/1", &text)
//! })?;
//! assert_eq!(&*commit.changes[0].path, "done/1");
//! # Ok::<(), hyperstar_store::StoreError>(())
//! ```
//!
//! # Collections
//! | what | keeps |
//! |---|---|
//! | [`Map`] | values by key, in the order of the keys |
//! | [`List`] | items in an order of their own, each with an id that stays |
//! | [`Log`] | numbered entries, added at the end and forgotten from the front |
//! | [`Counter`] | a number that is added to, also on several branches at once |
//!
//! A collection is the name of a path with types, best a `const`. It is read from a [`Store`], a
//! [`Snapshot`] or a [`Transaction`] by the same calls, and written in a transaction. A write costs
//! the change, not the collection; a read is [recorded](record_reads) as narrowly as it is made.
//!
//! ```
//! use hyperstar_store::{Map, Store, StoreError};
//!
//! const STOCK: Map<String, u64> = Map::at("stock");
//!
//! let store = Store::memory();
//! store.transaction(|tx| STOCK.insert(tx, "sencha", &3))?;
//! assert_eq!(STOCK.get(&store, "sencha")?, Some(3));
//! # Ok::<(), StoreError>(())
//! ```
//!
//! # The past
//! Each transaction is a commit in a history, as in Git: [`Store::log`] lists them, [`Store::at`] reads the
//! state of one, [`Store::diff`] tells two apart at the cost of the difference, [`Store::undo`] and
//! [`Store::revert`] take one back, [`Store::restore`] goes back to one, [`Store::branch`],
//! [`Store::checkout`] and [`Store::merge`] work on several lines at once. [`History`] says how much is
//! kept; [`Store::verify`] checks all of it. A [`Timeline`] keeps the log in memory for those who show it.
//!
//! ```
//! # let store = hyperstar_store::Store::memory();
//! let draft = store.set("title", "Draft")?.id;
//! store.set("title", "Final")?;
//! assert_eq!(store.at(draft)?.get::<String>("title")?.unwrap(), "Draft");
//! store.undo("title")?;
//! assert_eq!(store.get::<String>("title")?.unwrap(), "Draft");
//! # Ok::<(), hyperstar_store::StoreError>(())
//! ```
//!
//! # Git
//! [`Store::export_git`] writes the history for `git fast-import`, so that `git log`, `diff`, `blame` and
//! `push` work on it; [`Store::import_git`] reads what `git fast-export` writes. A commit that nobody
//! altered has the same id after the trip, and what was edited in Git goes on from there. See [`git`].
//!
//! # Hearing of changes
//! | what | when |
//! |---|---|
//! | [`Store::watch`] | a task follows a prefix at its own pace; bounded, never slows a writer |
//! | [`Store::watch_from`] | the same, from a commit on: for one that was away |
//! | [`Store::on_commit`] | code that has to run right after each commit, such as notifying a hub |
//! | [`record_reads`] | a view wants to know which commits concern it |
//!
//! # Sync
//! Two stores give each other what the other has not, over any stream: [`Store::sync_with`] leads and
//! [`Store::serve_sync`] answers. A sync that was cut off goes on where it stopped; hostile bytes are an
//! error. See [`sync`].
//!
//! ```
//! use hyperstar_store::Store;
//! use hyperstar_store::sync::{SyncError, SyncOptions};
//! use std::net::{TcpListener, TcpStream};
//!
//! let (laptop, server) = (Store::memory(), Store::memory());
//! server.set("tea", "sencha")?;
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! let served = std::thread::spawn(move || {
//!     let (stream, _) = listener.accept()?;
//!     server.serve_sync(stream, &SyncOptions::default())
//! });
//! laptop.sync_with(TcpStream::connect(address)?, &SyncOptions::default(), |_| ())?;
//! served.join().unwrap()?;
//! assert_eq!(laptop.get::<String>("tea")?.as_deref(), Some("sencha"));
//! # Ok::<(), SyncError>(())
//! ```
//!
//! # What it does not do
//! It opens no connection and knows no runtime: every call is synchronous, and [`Watch::changed`] works on
//! any executor. With `default-features = false` it touches no file.

mod backend;
mod branches;
mod collections;
mod commit;
mod config;
mod engine;
mod error;
pub mod git;
mod hash;
mod history;
mod lock;
mod maintain;
mod merge;
mod path;
mod pending;
mod read;
mod reads;
mod record;
mod snapshot;
mod state;
mod store;
mod subscription;
pub mod sync;
mod ticket;
mod timeline;
mod transaction;
mod tree;
mod value;
mod watch;

#[cfg(feature = "redb")]
pub use backend::RedbBackend;
pub use backend::{
    Backend, BackendError, Batch, Logged, MemoryBackend, Shrunk, Table, View, VisitEntry, Write,
};
pub use bytes::Bytes;
pub use collections::{Counter, Entries, ItemId, Key, List, Log, Map, Place, Readable};
pub use commit::{Change, Commit, CommitId, StoreId, Version};
pub use config::{Durability, History, StoreConfig};
pub use error::StoreError;
pub use hash::{Hash, ParseHashError};
pub use history::{Commits, LogEntry};
pub use maintain::{Compacted, Keep, PROBLEMS_MAX, Progress, Report};
pub use merge::{
    CONFLICTS_MAX, CommitLinks, Conflict, Conflicts, MergePolicies, MergePolicy, Resolution,
    merge_base,
};
pub use path::{
    PATH_BYTES_MAX, PATH_SEGMENTS_MAX, SEGMENT_BYTES_MAX, check_path, check_prefix, is_at_or_below,
};
pub use pending::Pending;
pub use reads::{READS_MAX, ReadRecorder, ReadSet, record_reads, record_reads_async};
pub use record::{AUTHOR_BYTES_MAX, MESSAGE_BYTES_MAX};
pub use snapshot::Snapshot;
pub use store::Store;
pub use subscription::{DELIVERY_COMMITS_MAX, Subscription};
pub use timeline::{Moments, TIMELINE_COMMITS_MAX, Timeline};
pub use transaction::{COMMIT_BYTES_MAX, COMMIT_CHANGES_MAX, Transaction};
pub use value::VALUE_BYTES_MAX;
pub use watch::{Watch, WatchBounds, WatchEvent};
