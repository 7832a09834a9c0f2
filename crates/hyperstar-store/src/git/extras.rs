//! The trailers of a store's commit, beside those that every [message](super::message) has.
//!
//! | line | when | what |
//! |---|---|---|
//! | `Hyperstar-Commit` | always | the id |
//! | `Hyperstar-Root` | always | the hash of the whole state |
//! | `Hyperstar-Undoes` | it takes another back | the id of that one |
//! | `Hyperstar-Parents` | a parent was let go, so that Git has it not | the ids of all parents |

use crate::commit::CommitId;
use crate::hash::Hash;
use crate::record::{PARENTS_MAX, Record, Signed};

const COMMIT: &str = "Commit";
const ROOT: &str = "Root";
const UNDOES: &str = "Undoes";
const PARENTS: &str = "Parents";

/// What a commit says of itself. `is_whole`: Git has all of its parents.
pub(super) fn of(record: &Record, is_whole: bool) -> Vec<(&'static str, String)> {
    let signed = &record.signed;
    let mut extras = vec![
        (COMMIT, record.id.to_string()),
        (ROOT, signed.root.to_string()),
    ];
    if let Some(undoes) = signed.undoes {
        extras.push((UNDOES, undoes.to_string()));
    }
    if !is_whole {
        let parents: Vec<String> = signed.parents.iter().map(CommitId::to_string).collect();
        extras.push((PARENTS, parents.join(" ")));
    }
    extras
}

/// What a commit of Git says that it was in a store. Anybody may have written that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) commit: Option<CommitId>,
    root: Option<Hash>,
    pub(super) undoes: Option<CommitId>,
    parents: Vec<CommitId>,
}

impl Claims {
    pub(super) fn of(extras: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = extras.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        let parents = value(PARENTS).unwrap_or_default().split(' ');
        let parents = parents.take(PARENTS_MAX).map(|id| id.parse().ok());
        Self {
            commit: value(COMMIT).and_then(|id| id.parse().ok()),
            root: value(ROOT).and_then(|hash| hash.parse().ok()),
            undoes: value(UNDOES).and_then(|id| id.parse().ok()),
            parents: parents.collect::<Option<_>>().unwrap_or_default(),
        }
    }

    /// Whether `signed` is what was claimed; nothing if nothing was.
    pub(super) fn hold(&self, signed: &Signed) -> Option<bool> {
        let root = self.root.is_none_or(|root| root == signed.root);
        self.commit.map(|commit| root && commit == signed.id())
    }

    /// Adds the parents that Git has not, if the id proves that there were such.
    pub(super) fn complete(&self, signed: Signed) -> Signed {
        let mut claimed = self.parents.iter();
        let has_more = self.parents.len() > signed.parents.len();
        let are_among = |here: &CommitId| claimed.any(|parent| parent == here);
        if !has_more || !signed.parents.iter().all(are_among) {
            return signed;
        }
        let whole = Signed {
            parents: self.parents.clone(),
            ..signed.clone()
        };
        match self.commit == Some(whole.id()) {
            true => whole,
            false => signed,
        }
    }
}
