//! `sync`: two files.

use crate::support::{Place, check_success};

#[test]
fn two_files_give_each_other_what_they_lack() {
    let place = Place::with_store();
    let store = place.store("server.redb");
    store.set("tea", "sencha").unwrap();
    drop(store);
    let output = place.run(&["sync", "app.redb", "server.redb"]);
    check_success(&output);
    // Each began by itself.
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("the branch main is "), "{said}");
    assert!(
        said.contains("`merge` the commit `@server/main` into it here, and sync again"),
        "{said}"
    );
    assert!(said.contains("  idea: new, "), "{said}");

    place.read(&["merge", "app.redb", "@server/main"]);
    let said = place.shown(&["sync", "app.redb", "server.redb"]);
    assert!(said.starts_with("here: received 0 commits, "), "{said}");
    assert!(
        said.contains("\nthere: received 1 commit, ") && said.contains("  main: <3> -> <4>\n"),
        "{said}"
    );
    assert_eq!(place.log("app.redb"), place.log("server.redb"));
    assert!(
        place
            .read(&["verify", "server.redb"])
            .contains("is whole: 4 commits")
    );
}

#[test]
fn a_sync_goes_the_way_it_is_told() {
    let place = Place::with_store();
    drop(place.store("backup.redb"));
    let head = |file| place.read(&["log", file, "-n", "1", "--oneline"]);
    check_success(&place.run(&["sync", "app.redb", "backup.redb", "--pull"]));
    assert_eq!(head("backup.redb"), "");
    check_success(&place.run(&[
        "sync",
        "app.redb",
        "backup.redb",
        "--push",
        "--name",
        "stick",
    ]));
    assert_eq!(place.read(&["show", "backup.redb", "todo/2"]), "7\n");
    let said = place.read(&["branch", "app.redb"]);
    assert!(!said.contains("@backup"), "{said}");
    place.read(&["sync", "app.redb", "backup.redb", "--name", "stick"]);
    let said = place.read(&["branch", "app.redb"]);
    assert!(said.contains("  @stick/main "), "{said}");

    let refusal = place.refusal(&["sync", "app.redb", "./app.redb"]);
    assert_eq!(
        refusal,
        "error: both names are of one file; name another to sync with\n"
    );
    let refusal = place.refusal(&["sync", "app.redb", "backup.redb", "--name", "a/b"]);
    assert!(
        refusal.contains("`a/b` cannot be the peer of a sync"),
        "{refusal}"
    );
}
