//! Paths: what the name of a value may be, and what "below" means.
//!
//! A path is one or more segments joined by `/`: `todo/items/7`. There is one spelling for each
//! path: no leading or trailing slash, no empty segment, no `.` or `..`. Segments compare as bytes.
//! A prefix is a path, or `""` for everything, and holds by whole segments: `a/b` is a prefix of
//! `a/b/c`, never of `a/bc`.

/// The longest path, in bytes. A longer one is refused.
pub const PATH_BYTES_MAX: usize = 1024;

/// The longest segment, in bytes: what a file name may be nearly everywhere.
pub const SEGMENT_BYTES_MAX: usize = 255;

/// The most segments of a path.
pub const PATH_SEGMENTS_MAX: usize = 64;

/// What is no path, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid path `{path}`: {problem}")]
pub struct PathError {
    /// The path, cut short if it is very long.
    pub path: String,
    /// What is wrong, and the remedy.
    pub problem: &'static str,
}

/// Checks that `path` can name a value.
///
/// # Errors
/// [`PathError`], which says what is wrong and what to write instead.
///
/// ```
/// use hyperstar_collections::check_path;
/// assert!(check_path("todo/items/7").is_ok());
/// let error = check_path("/todo").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "invalid path `/todo`: it starts with `/`; paths are relative, leave the slash out"
/// );
/// ```
pub fn check_path(path: &str) -> Result<(), PathError> {
    match problem_of(path) {
        None => Ok(()),
        Some(problem) => Err(PathError {
            path: shorten(path),
            problem,
        }),
    }
}

/// Checks that `prefix` is a path, or empty: all there is.
///
/// # Errors
/// As [`check_path`].
pub fn check_prefix(prefix: &str) -> Result<(), PathError> {
    if prefix.is_empty() {
        Ok(())
    } else {
        check_path(prefix)
    }
}

/// Whether `path` is `prefix` or below it, by whole segments.
///
/// ```
/// use hyperstar_collections::is_at_or_below;
/// assert!(is_at_or_below("a/b/c", "a/b"));
/// assert!(is_at_or_below("a/b", "a/b"));
/// assert!(is_at_or_below("a/b", ""));
/// assert!(!is_at_or_below("a/bc", "a/b"));
/// ```
pub fn is_at_or_below(path: &str, prefix: &str) -> bool {
    match path.strip_prefix(prefix) {
        None => false,
        Some(rest) => prefix.is_empty() || rest.is_empty() || rest.starts_with('/'),
    }
}

fn problem_of(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty; name a value, such as `todo/7`");
    }
    if path.len() > PATH_BYTES_MAX {
        return Some("it is longer than 1024 bytes; use a shorter name or a hash of it");
    }
    if path.starts_with('/') {
        return Some("it starts with `/`; paths are relative, leave the slash out");
    }
    if path.ends_with('/') {
        return Some("it ends with `/`; leave the slash out");
    }
    let mut segments = 0;
    for segment in path.split('/') {
        segments += 1;
        if let Some(problem) = problem_of_segment(segment) {
            return Some(problem);
        }
    }
    if segments > PATH_SEGMENTS_MAX {
        return Some("it has more than 64 segments; use a flatter layout");
    }
    None
}

fn problem_of_segment(segment: &str) -> Option<&'static str> {
    if segment.is_empty() {
        return Some("it has an empty segment; write a single `/` between segments");
    }
    if segment == "." || segment == ".." {
        return Some("`.` and `..` have no meaning here; write the path out");
    }
    if is_dotgit(segment) {
        return Some(
            "the segment `.git` is reserved, and so is what a file system takes for it, such as \
             `git~1`; choose another name",
        );
    }
    if segment.len() > SEGMENT_BYTES_MAX {
        return Some("a segment is longer than 255 bytes; use a shorter name or a hash of it");
    }
    if segment.chars().any(char::is_control) {
        return Some("it has a control character; encode it, or leave it out");
    }
    None
}

/// Whether some file system takes `segment` for `.git`. Git refuses trees with such an entry
/// (`fsck_tree`), as a checkout of it would write into the repository; and one such path would keep a
/// whole history from being exported.
pub fn is_dotgit(segment: &str) -> bool {
    segment.split('\\').any(is_dotgit_on_windows) || is_dotgit_on_macos(segment)
}

/// `.git` or its short name `git~1`, then dots and spaces, then the end or a stream after `:`.
fn is_dotgit_on_windows(name: &str) -> bool {
    [".git", "git~1"].iter().any(|reserved| {
        let (Some(start), Some(rest)) = (name.get(..reserved.len()), name.get(reserved.len()..))
        else {
            return false;
        };
        let rest = rest.trim_start_matches(['.', ' ']);
        start.eq_ignore_ascii_case(reserved) && (rest.is_empty() || rest.starts_with(':'))
    })
}

/// HFS+ ignores these characters in a name.
fn is_dotgit_on_macos(name: &str) -> bool {
    let ignored = |character: &char| {
        matches!(
            character,
            '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
        )
    };
    let seen = name.chars().filter(|character| !ignored(character));
    seen.map(|character| character.to_ascii_lowercase())
        .eq(".git".chars())
}

/// The directories that `path` is in, from the outermost in, without the root: `a`, `a/b` of `a/b/c`.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(index, _)| &path[..index])
}

/// The first key that a descendant of `prefix` can have. All descendants follow it in byte order,
/// and each of them starts with it.
pub fn descendants_start(prefix: &str) -> String {
    if prefix.is_empty() {
        String::new()
    } else {
        format!("{prefix}/")
    }
}

/// The least key that sorts after every descendant of `directory`: `0` is the byte after `/`.
pub fn after_descendants(directory: &str) -> String {
    format!("{directory}0")
}

/// The least key that sorts after `path`. No path is equal to it: paths have no control characters.
pub fn right_after(path: &str) -> String {
    format!("{path}\0")
}

/// Error texts quote paths that a caller sent: keep them short, and without what a terminal follows.
fn shorten(path: &str) -> String {
    const BYTES_MAX: usize = 240;
    let mut short = String::new();
    for (count, char) in path.chars().enumerate() {
        if count == 80 || short.len() > BYTES_MAX {
            short.push_str("...");
            break;
        }
        if char.is_control() {
            short.extend(char.escape_default());
        } else {
            short.push(char);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_system_takes_for_dotgit_is_refused() {
        for segment in [
            ".GIT",
            "git~1",
            "GIT~1",
            ".git ",
            ".Git. .",
            ".git::$INDEX_ALLOCATION",
            "a\\.git",
            "a\\git~1\\b",
            ".g\u{200c}it",
            "\u{feff}.GIT",
        ] {
            assert!(is_dotgit(segment), "{segment:?}");
        }
        for segment in [
            ".gitignore",
            "git~2",
            "git",
            ".git-a",
            "a.git",
            "ü.git",
            "gi",
            "..git",
            "a\\b",
        ] {
            assert!(!is_dotgit(segment), "{segment:?}");
        }
    }
}
