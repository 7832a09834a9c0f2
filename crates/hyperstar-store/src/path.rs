//! Paths: what a name in the store may be, and what "below" means. See [`hyperstar_collections::path`].

pub use hyperstar_collections::path::{
    PATH_BYTES_MAX, PATH_SEGMENTS_MAX, SEGMENT_BYTES_MAX, is_at_or_below,
};
pub(crate) use hyperstar_collections::path::{
    after_descendants, ancestors, descendants_start, right_after,
};

use crate::StoreError;

/// Checks that `path` can name a value.
///
/// # Errors
/// [`StoreError::InvalidPath`], which says what is wrong and what to write instead.
///
/// ```
/// use hyperstar_store::check_path;
/// assert!(check_path("todo/items/7").is_ok());
/// let error = check_path("/todo").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "invalid path `/todo`: it starts with `/`; paths are relative, leave the slash out"
/// );
/// ```
pub fn check_path(path: &str) -> Result<(), StoreError> {
    Ok(hyperstar_collections::check_path(path)?)
}

/// Checks that `prefix` is a path, or empty: the whole store.
///
/// # Errors
/// As [`check_path`].
pub fn check_prefix(prefix: &str) -> Result<(), StoreError> {
    Ok(hyperstar_collections::check_prefix(prefix)?)
}

impl From<hyperstar_collections::PathError> for StoreError {
    fn from(error: hyperstar_collections::PathError) -> Self {
        Self::InvalidPath {
            path: error.path,
            problem: error.problem,
        }
    }
}
