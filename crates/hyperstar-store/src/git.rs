//! Histories out to Git and in from Git, as the streams of `git fast-import` and `git fast-export`.
//!
//! ```text
//! export | git -C backup.git fast-import
//! git -C backup.git fast-export --all | import
//! ```
//!
//! What is promised:
//! - **Git takes what [`Store::export_git`](crate::Store::export_git) writes**: `git fsck --strict`
//!   finds nothing, and `git log`, `diff` and `blame` show who changed what. A stream that was cut off
//!   has no `done`, and Git takes nothing of it.
//! - **A commit that went to Git comes back as it was**, with the same id: milliseconds, the author's
//!   exact spelling and what else Git does not carry are trailer lines of the message. What somebody
//!   altered in Git in the meantime wins over the trailers.
//! - **Any input is safe to read**: [`Store::import_git`](crate::Store::import_git) answers a hostile
//!   stream with a [`GitReadError`] that names the line, in bounded memory, and nothing half done.
//!
//! A commit that was made in Git goes out with trailers of ours, and so under another hash of Git than it came
//! with: export to a repository of its own, or move the branches of the one that it came from with
//! `git fast-import --force`.
//!
//! What is lost: of a Git history, the executable bit, the committer where it is not the author, time
//! zones, signatures, messages of tags, and bytes of a message that are not UTF-8. A symbolic link and a
//! submodule have no place in a store; [`Foreign`] says what becomes of them. Commits of more than 16
//! parents are refused.
//!
//! ```
//! # use hyperstar_store::Store;
//! use hyperstar_store::git::GitExport;
//!
//! # let store = Store::memory();
//! store.set("todo/1", "buy milk")?;
//! let mut stream = Vec::new(); // or the standard input of `git fast-import`
//! let exported = store.export_git(&mut stream, &GitExport::default(), |_| ())?;
//! assert_eq!(exported.commits, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod export;
mod extras;
mod ident;
mod import;
mod message;
mod names;
mod quote;
mod read;
mod spool;
mod write;

#[cfg(test)]
mod tests;

pub use export::{GitExport, GitExported};
pub use import::{GitFate, GitImport, GitImported, GitReference};
pub use read::{Foreign, GitReadError, LeftOut};
pub use write::GitWriteError;

use apply::{Applier, Files};
