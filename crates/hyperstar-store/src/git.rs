//! Histories out to Git and in from Git, as the streams of `git fast-import` and `git fast-export`.
//!
//! What is promised:
//! - **Git takes what [`Writer`] writes**: each name is checked first, and a stream that was cut off
//!   has no `done`, so that Git takes nothing of it.
//! - **A commit that went to Git comes back as it was**: milliseconds, the author's exact spelling and
//!   what else Git does not carry are trailer lines of the message; see [`message`]. What somebody
//!   altered in Git in the meantime wins over the trailers.
//! - **Any input is safe to read**: [`Reader`] answers a hostile stream with a [`GitReadError`] that
//!   names the line, in memory bounded by the constants of [`read`].
//!
//! What is lost: of a Git history, the executable bit, the committer where it is not the author, time
//! zones, signatures, and bytes of a message that are not UTF-8. A symbolic link and a submodule have
//! no place in a store; [`Foreign`] says what becomes of them.
//!
//! It knows neither branches nor transactions of the store: who exports hands commits to a
//! [`Writer`], who imports takes the [`Event`]s of a [`Reader`] and makes commits of them, with
//! an [`Applier`] for the changes.

mod apply;
mod ident;
mod message;
mod names;
mod quote;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use apply::{Applier, Files};
pub(crate) use read::{
    Event, FileChange, Foreign, GitReadError, LeftOut, ReadCommit, ReadOptions, ReadTag, Reader,
};
pub(crate) use write::{CommitWriter, GitWriteError, WriteCommit, WriteTag, Writer};
