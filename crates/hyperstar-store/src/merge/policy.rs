//! Who decides a conflict.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::Conflict;
use crate::StoreError;
use crate::path::{ancestors, check_prefix};

/// Which [`MergePolicy`] holds where. A path obeys the policy of the longest prefix that it is at
/// or below; without one, its conflicts fail the merge.
///
/// ```
/// use hyperstar_store::{MergePolicies, MergePolicy};
///
/// let policies = MergePolicies::new()
///     .below("", MergePolicy::LastWriter)?
///     .below("views", MergePolicy::Counter)?
///     .below("tags", MergePolicy::SetUnion)?;
/// assert!(matches!(policies.of("views/home"), MergePolicy::Counter));
/// assert!(matches!(policies.of("todo/1"), MergePolicy::LastWriter));
/// # Ok::<(), hyperstar_store::StoreError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MergePolicies {
    by_prefix: BTreeMap<String, MergePolicy>,
}

impl MergePolicies {
    /// All conflicts fail the merge.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the policy at and below `prefix`; `""` is everything. A later call for the same prefix
    /// replaces the former.
    ///
    /// # Errors
    /// [`StoreError::InvalidPath`].
    pub fn below(
        mut self,
        prefix: impl Into<String>,
        policy: MergePolicy,
    ) -> Result<Self, StoreError> {
        let prefix = prefix.into();
        check_prefix(&prefix)?;
        self.by_prefix.insert(prefix, policy);
        Ok(self)
    }

    /// The policy that `path` obeys.
    pub fn of(&self, path: &str) -> &MergePolicy {
        if self.by_prefix.is_empty() {
            return &MergePolicy::Fail;
        }
        let mut found = self.by_prefix.get("");
        for prefix in ancestors(path).chain([path]) {
            found = self.by_prefix.get(prefix).or(found);
        }
        found.unwrap_or(&MergePolicy::Fail)
    }
}

/// How a [`Conflict`] is decided.
///
/// If the conflict is between a value and a directory, the winner gets their state of everything
/// at and below the path; what the loser did there is undone.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum MergePolicy {
    /// It is listed, and nothing is merged.
    #[default]
    Fail,
    /// Ours wins: the branch that is merged into.
    Ours,
    /// Theirs wins: the branch that is merged.
    Theirs,
    /// The side wins whose commit is later; at the same time, the one with the greater id. Both
    /// directions decide alike.
    LastWriter,
    /// JSON arrays are sets: what either side added is in, what either side removed is out. No
    /// value in the base is the empty set.
    ///
    /// The elements stay in the order of ours, what theirs added comes last, each as it was
    /// written. Elements are equal if they differ in spacing, in the order of fields or in escapes
    /// of strings only; numbers are, if they are written alike.
    ///
    /// If a side removed the path or has no array there, or in place of a directory, it is listed.
    SetUnion,
    /// JSON integers are counters: what either side added is added to the base, also if both added
    /// the same. No value in the base is 0.
    ///
    /// If a side removed the path or has no integer there, if a value or the sum is not an
    /// `i64`, or in place of a directory, it is listed.
    ///
    /// # Design
    /// It is the one policy that may alter what both sides agree on: from 5 to 6 on both sides
    /// gives 7. To take that for one change would lose a count each time that both counted alike,
    /// and those are most times. So merge from the common ancestor, as [`merge_base`] finds it:
    /// what both sides have from a third one is counted once only if it is in the base.
    ///
    /// [`merge_base`]: crate::merge_base
    Counter,
    /// A function decides; see [`MergePolicy::custom`].
    Custom(Arc<dyn Fn(&Conflict) -> Resolution + Send + Sync>),
}

impl MergePolicy {
    /// `resolve` is called once per conflict, ordered by path. It runs before anything is written:
    /// if it panics, the panic goes on to the caller of the merge, and nothing has changed.
    ///
    /// ```
    /// use hyperstar_store::{MergePolicy, Resolution};
    ///
    /// let longer = MergePolicy::custom(|conflict| match (&conflict.ours, &conflict.theirs) {
    ///     (Some(ours), Some(theirs)) if theirs.len() > ours.len() => Resolution::Theirs,
    ///     (Some(_), Some(_)) => Resolution::Ours,
    ///     _ => Resolution::Conflict,
    /// });
    /// ```
    pub fn custom(resolve: impl Fn(&Conflict) -> Resolution + Send + Sync + 'static) -> Self {
        Self::Custom(Arc::new(resolve))
    }
}

impl fmt::Debug for MergePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fail => "Fail",
            Self::Ours => "Ours",
            Self::Theirs => "Theirs",
            Self::LastWriter => "LastWriter",
            Self::SetUnion => "SetUnion",
            Self::Counter => "Counter",
            Self::Custom(_) => "Custom(..)",
        })
    }
}

/// What a [`MergePolicy::custom`] decides.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// Ours wins.
    Ours,
    /// Theirs wins.
    Theirs,
    /// The path becomes this value, and nothing is below it. A value larger than
    /// [`VALUE_BYTES_MAX`](crate::VALUE_BYTES_MAX) leaves the conflict open.
    Value(Bytes),
    /// The path is removed, and everything below it.
    Remove,
    /// The conflict is listed, and nothing is merged.
    Conflict,
}
