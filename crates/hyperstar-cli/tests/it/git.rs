//! `export` and `import`, with Git itself at the other end.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Place, STREAM, check_success, listing, refused};

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", directory.join("none"))
        .env("GIT_CEILING_DIRECTORIES", directory.parent().unwrap())
        .output()
        .expect("these tests need `git`; install it, on Debian with `apt-get install git`");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_history_goes_to_git_and_comes_back() {
    let place = Place::with_store();
    let store = place.store("app.redb");
    store.set_bytes("raw", b"a\0\xff\n".to_vec()).unwrap();
    drop(store);
    let said = place.run(&["export", "app.redb", "--to-git", "app.git"]);
    check_success(&said);
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(
        said.starts_with("exporting `app.redb` ..\n") && said.ends_with("exported 3 commits\n"),
        "{said}"
    );
    let repository = place.file("app.git");
    git(&repository, &["fsck", "--strict"]);
    assert_eq!(
        git(&repository, &["log", "--format=%an %s", "idea", "v1"]),
        "Ada Begin here\n"
    );
    assert_eq!(
        git(&repository, &["rev-parse", "--abbrev-ref", "HEAD"]),
        "main\n"
    );
    assert_eq!(git(&repository, &["show", "main:todo/2"]), "7");

    let imported = place.shown(&["import", "copy.redb", "--create", "--from-git", "app.git"]);
    assert_eq!(
        imported,
        "read 3 commits, of which 3 are new\n  branch idea <1>: new\n  branch main <3>: new\n  tag v1 <1>: new\n"
    );
    assert_eq!(place.log("app.redb"), place.log("copy.redb"));

    // What came since goes and comes as well.
    place.read(&["undo", "app.redb", "todo"]);
    check_success(&place.run(&["export", "app.redb", "--to-git", "app.git"]));
    let imported = place.shown(&["import", "copy.redb", "--from-git", "app.git"]);
    assert_eq!(
        imported,
        "read 4 commits, of which 1 is new\n  branch idea <1>: as it was\n  branch main <4>: moved forward\n  tag v1 <1>: as it was\n"
    );
    assert_eq!(place.log("app.redb"), place.log("copy.redb"));
}

#[test]
fn a_stream_is_the_same_by_every_way() {
    let place = Place::with_store();
    let piped = place.run(&["export", "app.redb"]);
    check_success(&piped);
    check_success(&place.run(&["export", "app.redb", "--output", "app.fi"]));
    assert_eq!(fs::read(place.file("app.fi")).unwrap(), piped.stdout);
    assert_eq!(listing(place.path()), ["app.fi", "app.redb"]);
    let branch = place.run(&["export", "app.redb", "--branch", "idea"]);
    let branch = String::from_utf8(branch.stdout).unwrap();
    assert!(
        branch.contains("refs/heads/idea") && !branch.contains("refs/heads/main"),
        "{branch}"
    );

    check_success(&place.run(&["import", "one.redb", "--create", "--input", "app.fi"]));
    check_success(&place.run_with(&["import", "two.redb", "--create"], &piped.stdout));
    assert_eq!(place.log("one.redb"), place.log("two.redb"));
}

#[test]
fn a_store_goes_on_with_the_one_branch_that_came() {
    let place = Place::new();
    let stream = STREAM.replace("refs/heads/main", "refs/heads/trunk");
    let stream = stream.replace("reset refs/heads/idea\nfrom :1\n", "");
    let output = place.run_with(&["import", "app.redb", "--create"], stream.as_bytes());
    check_success(&output);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.ends_with("trunk is checked out\n"), "{said}");
    assert_eq!(place.store("app.redb").current_branch(), "trunk");

    let two = STREAM.replace("refs/heads/main", "refs/heads/trunk");
    let output = place.run_with(&["import", "two.redb", "--create"], two.as_bytes());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("nothing is on the branch `main`, which is checked out;"),
        "{said}"
    );
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let place = Place::with_store();
    fs::write(place.file("kept.fi"), "as it was").unwrap();
    fs::create_dir(place.file("full")).unwrap();
    fs::write(place.file("full/file"), "").unwrap();
    let before = listing(place.path());
    let cut = &STREAM.as_bytes()[..STREAM.len() - 6];
    let said = refused(&place.run_with(&["import", "new.redb", "--create"], cut), 1);
    assert!(
        said.contains("\nerror: the stream is cut off at line "),
        "{said}"
    );
    let cases: [(&[&str], &str); 8] = [
        (
            &["export", "app.redb", "--output", "app.redb"],
            "`app.redb` is the store itself; name another file",
        ),
        (
            &[
                "export", "app.redb", "--output", "kept.fi", "--branch", "away",
            ],
            "there is no branch `away`; there are: idea, main",
        ),
        (
            &["export", "app.redb", "--to-git", "full"],
            "`full` is neither empty nor a repository without a working tree; name a new one",
        ),
        (
            &["import", "app.redb", "--create"],
            "`app.redb` is there already; leave `--create` out",
        ),
        (
            &["import", "app.redb", "--input", "away.fi"],
            "cannot read `away.fi`: No such file or directory (os error 2)",
        ),
        (
            &["import", "app.redb", "--from-git", "away"],
            "there is no directory `away`; name a repository of Git",
        ),
        (
            &["import", "app.redb", "--from-git", "full"],
            "`full` is no repository of Git, or not one of yours; `git -C full status` says more",
        ),
        (
            &["import", "new.redb", "--create", "--input", "kept.fi"],
            "line 1: expected a command",
        ),
    ];
    for (arguments, expected) in cases {
        let said = place.refusal(arguments);
        assert!(
            said.contains(&format!("error: {expected}")),
            "{arguments:?}: {said}"
        );
    }
    assert_eq!(listing(place.path()), before);
    assert_eq!(fs::read(place.file("kept.fi")).unwrap(), b"as it was");
    assert_eq!(place.ids().len(), 2);
}

#[test]
fn what_git_refuses_is_a_failure() {
    let place = Place::with_store();
    check_success(&place.run(&["export", "app.redb", "--to-git", "app.git"]));
    place.read(&["checkout", "app.redb", "idea"]);
    let store = place.store("app.redb");
    store.set("title", "another").unwrap();
    drop(store);
    // In Git the branch has gone on elsewhere.
    let repository = place.file("app.git");
    git(&repository, &["update-ref", "refs/heads/idea", "main"]);
    let said = place.refusal(&["export", "app.redb", "--to-git", "app.git"]);
    assert!(said.contains("error: `git fast-import` failed ("), "{said}");
}
