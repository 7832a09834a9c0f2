//! Which files are opened, and what is left of them.

use std::fs;

use hyperstar_store::Store;

use crate::support::{Place, listing, refused};

/// Commands that read, and that write.
const COMMANDS: &[&[&str]] = &[
    &["FILE"],
    &["info", "FILE"],
    &["log", "FILE"],
    &["show", "FILE"],
    &["diff", "FILE", "HEAD"],
    &["checkout", "FILE", "main"],
    &["branch", "FILE"],
    &["tag", "FILE"],
    &["merge", "FILE", "main"],
    &["undo", "FILE"],
    &["revert", "FILE", "HEAD"],
    &["export", "FILE"],
    &["import", "FILE"],
    &["sync", "FILE", "app.redb"],
    &["sync", "app.redb", "FILE"],
    &["verify", "FILE"],
    &["compact", "FILE", "--last", "5"],
];

fn on<'a>(command: &[&'a str], file: &'a str) -> Vec<&'a str> {
    let words = command
        .iter()
        .map(|word| if *word == "FILE" { file } else { *word });
    words.collect()
}

#[test]
fn no_command_makes_a_store_of_what_is_none() {
    let place = Place::with_store();
    fs::write(place.file("empty.redb"), "").unwrap();
    fs::write(place.file("notes.txt"), "my notes, not a store").unwrap();
    fs::create_dir(place.file("directory")).unwrap();
    let before = listing(place.path());
    for command in COMMANDS {
        let refusals = [
            (
                "none.redb",
                "there is no file `none.redb`; name the file that your app opens",
            ),
            (
                "empty.redb",
                "`empty.redb` is empty, so it is no store; name another file",
            ),
            ("notes.txt", "cannot open the store `notes.txt`: "),
            (
                "directory",
                "`directory` is not a file; name the store file",
            ),
        ];
        for (file, refusal) in refusals {
            if command.len() == 1 && file == "none.redb" {
                continue;
            }
            let said = place.refusal(&on(command, file));
            assert!(
                said.starts_with(&format!("error: {refusal}")),
                "{command:?}: {said}"
            );
        }
    }
    assert_eq!(listing(place.path()), before);
    assert_eq!(fs::read(place.file("empty.redb")).unwrap(), b"");
    assert_eq!(
        fs::read(place.file("notes.txt")).unwrap(),
        b"my notes, not a store"
    );
}

#[test]
fn a_file_that_is_open_is_said_to_be() {
    let place = Place::with_store();
    let store = Store::open(place.file("open.redb")).unwrap();
    for command in COMMANDS {
        let said = place.refusal(&on(command, "open.redb"));
        assert!(
            said.starts_with("error: `open.redb` is already open, in this process or another; "),
            "{command:?}: {said}"
        );
    }
    drop(store);
    assert!(place.run(&["open.redb"]).status.success());
}

#[test]
fn no_command_lets_the_past_go_by_itself() {
    let place = Place::new();
    let store = place.store("app.redb");
    for count in 0..1_200 {
        store.set("count", &count).unwrap();
    }
    drop(store);
    let count = || {
        place
            .read(&["log", "app.redb", "--oneline"])
            .lines()
            .count()
    };
    assert_eq!(count(), 1_200);
    place.read(&["undo", "app.redb"]);
    place.read(&["app.redb"]);
    assert_eq!(count(), 1_201);
}

#[test]
fn wrong_usage_is_another_code() {
    let place = Place::with_store();
    let cases: [(&[&str], &str); 6] = [
        (
            &["lgo", "app.redb"],
            "error: `lgo` is neither a command nor a file; did you mean `log`?",
        ),
        (
            &["nonsense"],
            "error: `nonsense` is neither a command nor a file; `hyperstar store --help` lists",
        ),
        (
            &["app.redb", "log"],
            "error: `app.redb` is no command; the command comes before the file: `hyperstar store COMMAND app.redb`",
        ),
        (
            &["compact", "app.redb"],
            "error: the following required arguments were not provided",
        ),
        (
            &["compact", "app.redb", "--last", "0"],
            "error: invalid value '0'",
        ),
        (
            &["log"],
            "error: the following required arguments were not provided",
        ),
    ];
    for (arguments, expected) in cases {
        let said = refused(&place.run(arguments), 2);
        assert!(said.starts_with(expected), "{arguments:?}: {said}");
    }
}
