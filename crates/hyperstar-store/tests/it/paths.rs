//! Which paths are paths, and how listings see them.

use hyperstar_store::{
    PATH_BYTES_MAX, PATH_SEGMENTS_MAX, SEGMENT_BYTES_MAX, Store, StoreError, check_path,
    check_prefix,
};

#[test]
fn paths_are_checked_with_a_remedy() {
    let segment_max = "s".repeat(SEGMENT_BYTES_MAX);
    let segment_over = "s".repeat(SEGMENT_BYTES_MAX + 1);
    let deep_max = vec!["d"; PATH_SEGMENTS_MAX].join("/");
    let deep_over = vec!["d"; PATH_SEGMENTS_MAX + 1].join("/");
    let long_max = [segment_max.as_str(); 4].join("/") + "/";
    let long_max = format!("{}{}", &long_max[..long_max.len() - 2], "s");
    let long_over = "ab/".repeat(PATH_BYTES_MAX / 2) + "c";
    let cases: &[(&str, Option<&str>)] = &[
        ("a", None),
        ("a/b/c", None),
        ("Ünï/日本語/🙂", None),
        ("with space/and-dash_and.dot", None),
        ("...", None),
        (".gitignore", None),
        (&segment_max, None),
        (&deep_max, None),
        (&long_max, None),
        ("", Some("it is empty")),
        ("/", Some("starts with `/`")),
        ("/a", Some("starts with `/`")),
        ("a/", Some("ends with `/`")),
        ("a//b", Some("an empty segment")),
        (".", Some("`.` and `..`")),
        ("a/../b", Some("`.` and `..`")),
        ("a/./b", Some("`.` and `..`")),
        ("a/.git/b", Some("is reserved")),
        ("a/.GIT", Some("is reserved")),
        ("a/git~1", Some("is reserved")),
        (".git. ./a", Some("is reserved")),
        ("a/.g\u{200c}it", Some("is reserved")),
        ("git~2/.git-a/a.git", None),
        ("a\0b", Some("a control character")),
        ("a\nb", Some("a control character")),
        ("a/\u{85}", Some("a control character")),
        (&"\u{9f}".repeat(100), Some("a control character")),
        (&segment_over, Some("longer than 255 bytes")),
        (&deep_over, Some("more than 64 segments")),
        (&long_over, Some("longer than 1024 bytes")),
    ];
    for (path, expected) in cases {
        check(path, *expected);
    }
    check_prefix("").unwrap();
    check_prefix("a/b").unwrap();
    check_prefix("a/").unwrap_err();
}

fn check(path: &str, expected: Option<&str>) {
    let store = Store::memory();
    let results = [
        check_path(path),
        store.get::<i64>(path).map(drop),
        store.get_bytes(path).map(drop),
        store.set(path, &1).map(drop),
        store.set_bytes(path, "x").map(drop),
        store.remove(path).map(drop),
    ];
    for result in results {
        match (result, expected) {
            (Ok(()), None) => {}
            (Err(error @ StoreError::InvalidPath { .. }), Some(expected)) => {
                let text = error.to_string();
                assert!(text.contains(expected), "{path:?}: {text}");
                assert!(text.len() < 450, "{text}");
                assert!(!text.contains(char::is_control), "{text:?}");
            }
            (result, expected) => panic!("{path:?}: {result:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn the_longest_path_is_exactly_the_bound() {
    let path = format!("{0}/{0}/{0}/{0}", "s".repeat(SEGMENT_BYTES_MAX));
    assert_eq!(path.len(), PATH_BYTES_MAX - 1);
    Store::memory().set(&path, &1).unwrap();
}

#[test]
fn listings_hold_by_whole_segments() {
    let store = Store::memory();
    for path in ["a/b/c", "a/b/d/e", "a/bc", "a-b", "a/b-c", "z"] {
        store.set(path, path).unwrap();
    }
    let list = |prefix| store.list(prefix).unwrap();
    assert_eq!(list(""), ["a-b", "a/b-c", "a/b/c", "a/b/d/e", "a/bc", "z"]);
    assert_eq!(list("a"), ["a/b-c", "a/b/c", "a/b/d/e", "a/bc"]);
    assert_eq!(list("a/b"), ["a/b/c", "a/b/d/e"]);
    assert_eq!(list("z"), [] as [&str; 0]);
    assert_eq!(list("nothing"), [] as [&str; 0]);

    let children = |prefix| store.children(prefix).unwrap();
    assert_eq!(children(""), ["a", "a-b", "z"]);
    assert_eq!(children("a"), ["b", "b-c", "bc"]);
    assert_eq!(children("a/b"), ["c", "d"]);
    assert_eq!(children("a/b/c"), [] as [&str; 0]);

    let entries = store.entries::<String>("a/b").unwrap();
    assert!(entries.iter().all(|(path, value)| path == value));
    assert_eq!(entries.len(), 2);

    store.remove_all("a/b").unwrap();
    assert_eq!(list(""), ["a-b", "a/b-c", "a/bc", "z"]);
    store.remove_all("z").unwrap();
    assert_eq!(store.remove_all("").unwrap().changes.len(), 3);
    assert_eq!(list(""), [] as [&str; 0]);
}
