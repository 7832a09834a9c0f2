//! `verify` and `compact`.

use std::fs;

use crate::support::{Place, check_success};

#[test]
fn a_whole_store_is_said_to_be() {
    let place = Place::with_store();
    let output = place.run(&["verify", "app.redb"]);
    check_success(&output);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("`app.redb` is whole: 2 commits, 3 values, "),
        "{said}"
    );
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(
        progress.starts_with("checking `app.redb` ..\nchecking `app.redb`: done, "),
        "{progress}"
    );
}

#[test]
fn damage_is_found_and_listed() {
    let place = Place::with_store();
    let value = vec![b'x'; 2_000];
    let store = place.store("app.redb");
    store.set_bytes("large", value.clone()).unwrap();
    drop(store);
    let file = place.file("app.redb");
    let mut bytes = fs::read(&file).unwrap();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(value.len()).position(|it| it == value) {
        bytes[at + found + 1_000] ^= 1;
        at += found + value.len();
    }
    assert!(at > 0, "the value is in the file as it is");
    fs::write(&file, bytes).unwrap();
    let output = place.run(&["verify", "app.redb"]);
    assert_eq!(output.status.code(), Some(1));
    let problems = String::from_utf8(output.stdout).unwrap();
    assert!(problems.contains("commit "), "{problems}");
    let said = String::from_utf8(output.stderr).unwrap();
    let count = problems.lines().count();
    let end = format!(
        "error: `app.redb` is damaged: {count} problem{}; restore it from a backup, or export what can still be read\n",
        if count == 1 { "" } else { "s" }
    );
    assert!(said.ends_with(&end), "{said}");
}

#[test]
fn compact_does_what_it_says_it_would() {
    let place = Place::with_store();
    let store = place.store("app.redb");
    for count in 0..50 {
        store.set("count", &count).unwrap();
    }
    drop(store);
    let ids = place.ids();
    let arguments = ["compact", "app.redb", "--last", "10", "--tagged"];
    let planned = place.read(&[&arguments[..], &["--dry-run"]].concat());
    assert!(
        planned.starts_with("would keep 11 commits, would let go of 41: "),
        "{planned}"
    );
    assert_eq!(place.ids(), ids);
    let done = place.read(&arguments);
    let (first, rest) = done.split_once('\n').unwrap();
    assert_eq!(
        format!("{first}\n"),
        planned
            .replace("would keep", "kept")
            .replace("would let", "let")
    );
    assert!(
        rest.starts_with("`app.redb` had ") && rest.contains(" MiB and has "),
        "{rest}"
    );
    assert!(
        place
            .read(&["log", "app.redb"])
            .ends_with("\n(what was before has been let go)\n")
    );
    let shown = place.read(&["show", "app.redb", "HEAD~9"]);
    assert!(
        shown.ends_with(
            "\n(the commit before has been let go, and with it what this one changed)\n"
        ),
        "{shown}"
    );
    assert!(
        place
            .read(&["verify", "app.redb"])
            .starts_with("`app.redb` is whole: 11 commits")
    );
}

#[test]
fn compact_keeps_since_a_time() {
    let place = Place::with_store();
    let planned = |since: &str| place.read(&["compact", "app.redb", "--since", since, "--dry-run"]);
    assert!(planned("2023-11-14 22:00").starts_with("would keep 2 commits, would let go of 0"));
    place.read(&["branch", "app.redb", "--remove", "idea"]);
    assert!(planned("2023-11-14 23:00").starts_with("would keep 1 commit, would let go of 1"));
    assert!(planned("7d").starts_with("would keep 1 commit, would let go of 1"));
    let refusal = place.refusal(&["compact", "app.redb", "--since", "soon"]);
    assert!(
        refusal.starts_with("error: `soon` is neither a time ago nor a date; write `7d`"),
        "{refusal}"
    );
    assert_eq!(place.ids().len(), 2);
}
