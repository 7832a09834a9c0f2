//! What Git accepts as the name of a file and of a branch or tag.

/// Why a tree of Git must not have an entry called `segment`, which is a segment of a path that the
/// store accepts. Follows `fsck_tree` of Git: an entry that some file system takes for `.git` is
/// refused, as it would let a checkout write into the repository.
pub(crate) fn problem_of_segment(segment: &str) -> Option<&'static str> {
    const PROBLEM: &str = "a segment of it is a spelling of `.git` on Windows or macOS, which Git \
                           refuses in a tree; rename it in the store before the export";
    let on_windows = segment.split('\\').any(is_dotgit_on_windows);
    (on_windows || is_dotgit_on_macos(segment)).then_some(PROBLEM)
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

/// Why Git refuses the reference `name`, such as `refs/heads/main`. Follows git-check-ref-format(1).
pub(crate) fn problem_of_reference(name: &str) -> Option<&'static str> {
    const BYTES_MAX: usize = 1024;
    if name.len() > BYTES_MAX {
        return Some("it is longer than 1024 bytes; use a shorter name");
    }
    if !name.contains('/') {
        return Some("it has no `/`; write it out, such as `refs/heads/main`");
    }
    if name.contains("..") || name.contains("@{") {
        return Some("it has `..` or `@{`; leave them out");
    }
    if name.ends_with('.') {
        return Some("it ends with a dot; leave the dot out");
    }
    let refused = |character: char| {
        character.is_ascii_control()
            || matches!(character, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\')
    };
    if name.contains(refused) {
        return Some("it has a space, a control character or one of `~^:?*[\\`; leave it out");
    }
    let segment_refused = |segment: &str| {
        // Git keeps a reference as a file, and no file name is longer.
        const SEGMENT_BYTES_MAX: usize = 240;
        segment.is_empty()
            || segment.starts_with('.')
            || segment.ends_with(".lock")
            || segment.len() > SEGMENT_BYTES_MAX
    };
    if name.split('/').any(segment_refused) {
        return Some(
            "a segment of it is empty, longer than 240 bytes, starts with a dot or ends with \
             `.lock`; choose another name",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_system_takes_for_dotgit_is_refused() {
        for segment in [
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
            assert!(problem_of_segment(segment).is_some(), "{segment:?}");
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
            assert_eq!(problem_of_segment(segment), None, "{segment:?}");
        }
    }

    #[test]
    fn references_are_those_of_git() {
        for name in [
            "refs/heads/main",
            "refs/tags/v1.0",
            "refs/heads/ü/@",
            "refs/heads/-a",
        ] {
            assert_eq!(problem_of_reference(name), None, "{name:?}");
        }
        for name in [
            "main",
            "refs/heads/",
            "refs//a",
            "/refs/a",
            "refs/.a",
            "refs/a.lock",
            "refs/a.lock/b",
            "refs/a..b",
            "refs/a.",
            "refs/a b",
            "refs/a\n",
            "refs/a~1",
            "refs/a@{1",
            "refs/a\\b",
        ] {
            assert!(problem_of_reference(name).is_some(), "{name:?}");
        }
    }
}
