//! What Git accepts as the name of a branch or tag.

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
