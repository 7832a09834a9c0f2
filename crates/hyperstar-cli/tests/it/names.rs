//! `checkout`, `branch`, `tag`, `info`.

use serde_json::{Value, json};

use crate::support::Place;

#[test]
fn branches_begin_and_go() {
    let place = Place::with_store();
    let list = || place.shown(&["branch", "app.redb"]);
    assert_eq!(list(), "  idea <1> Begin here\n* main <2> Drink it\n");
    assert_eq!(
        place.shown(&["branch", "app.redb", "later"]),
        "branch later at <2>\n"
    );
    assert_eq!(
        place.shown(&["branch", "app.redb", "old", "v1"]),
        "branch old at <1>\n"
    );
    assert_eq!(
        place.shown(&["checkout", "app.redb", "idea"]),
        "idea is checked out, at <1>\n"
    );
    assert_eq!(
        list(),
        "* idea <1> Begin here\n  later <2> Drink it\n  main <2> Drink it\n  old <1> Begin here\n"
    );
    assert_eq!(
        place.shown(&["checkout", "app.redb", "new", "--new", "main"]),
        "new is checked out, at <2>\n"
    );
    assert_eq!(
        place.shown(&["branch", "app.redb", "--remove", "later"]),
        "removed the branch later\n"
    );
    let cases: [(&[&str], &str); 5] = [
        (
            &["branch", "app.redb", "idea"],
            "there is a branch `idea` already; choose another name, or remove it first",
        ),
        (
            &["branch", "app.redb", "--remove", "new"],
            "the branch `new` is checked out; check another one out first",
        ),
        (
            &["branch", "app.redb", "--remove", "away"],
            "there is no branch `away`; there are: idea, main, new, old",
        ),
        (
            &["checkout", "app.redb", "ide"],
            "there is no branch `ide`; there are: idea, main, new, old",
        ),
        (
            &["branch", "app.redb", "x", "ide"],
            "there is no commit `ide` here; did you mean `idea`?",
        ),
    ];
    for (arguments, expected) in cases {
        assert_eq!(place.refusal(arguments), format!("error: {expected}\n"));
    }
    assert_eq!(place.store("app.redb").current_branch(), "new");
}

#[test]
fn tags_name_commits() {
    let place = Place::with_store();
    assert_eq!(place.shown(&["tag", "app.redb", "v2"]), "tag v2 at <2>\n");
    assert_eq!(
        place.shown(&["tag", "app.redb"]),
        "  v1 <1> Begin here\n  v2 <2> Drink it\n"
    );
    assert_eq!(
        place.shown(&["tag", "app.redb", "--remove", "v1"]),
        "removed the tag v1\n"
    );
    assert_eq!(place.shown(&["tag", "app.redb"]), "  v2 <2> Drink it\n");
    let refusal = place.refusal(&["tag", "app.redb", "v2"]);
    assert!(
        refusal.starts_with("error: there is a tag `v2` already;"),
        "{refusal}"
    );
}

#[test]
fn a_file_alone_is_told_about() {
    let place = Place::with_store();
    let root = place.store("app.redb").snapshot().root();
    let info = place.shown(&["app.redb"]);
    let (first, rest) = info.split_once('\n').unwrap();
    assert!(
        first.starts_with("File:     app.redb, ") && first.ends_with(" MiB"),
        "{first}"
    );
    assert_eq!(
        rest,
        format!(
            "Head:     <2> on main\n\
             Written:  2023-11-14 23:13:20 +00:00, ? ago\n\
             Values:   3\n\
             Root:     {root}\n\
             Commits:  2\n\
             Branches: idea, main\n\
             Tags:     v1\n"
        )
    );
    let data: Value = serde_json::from_str(&place.read(&["info", "app.redb", "--json"])).unwrap();
    let ids = place.ids();
    assert_eq!(data["head"], ids[1]);
    assert_eq!(data["branch"], "main");
    assert_eq!(data["commits"], 2);
    assert_eq!(data["tags"], json!([{"name": "v1", "id": ids[0]}]));
    assert_eq!(
        data["file_bytes"],
        place.file("app.redb").metadata().unwrap().len()
    );
}
