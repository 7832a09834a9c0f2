//! `log`, `show`, `diff`, `undo`, `revert`, `merge`.

use hyperstar_store::Store;
use serde_json::json;

use crate::support::{Place, json_lines, refused};

#[test]
fn log_tells_of_the_commits() {
    let place = Place::with_store();
    assert_eq!(
        place.shown(&["log", "app.redb"]),
        "commit <2> (HEAD -> main)\n\
         Author: Bob <bob@example.org>\n\
         Date:   2023-11-14 23:13:20 +00:00, ? ago\n\
         Values: 3\n\
         \n    Drink it\n\
         \n\
         commit <1> (idea, tag: v1)\n\
         Author: Ada <ada@example.org>\n\
         Date:   2023-11-14 22:13:20 +00:00, ? ago\n\
         Values: 3\n\
         \n    Begin here\n"
    );
    let line_1 = "<1> (idea, tag: v1) Begin here (? ago, 3 values)\n";
    let line_2 = "<2> (HEAD -> main) Drink it (? ago, 3 values)\n";
    let cases: [(&[&str], String); 6] = [
        (&[], format!("{line_2}{line_1}")),
        (&["-n", "1"], line_2.to_owned()),
        (&["title"], line_1.to_owned()),
        (&["todo/"], format!("{line_2}{line_1}")),
        (&["--from", "HEAD~1"], line_1.to_owned()),
        (&["nowhere"], String::new()),
    ];
    for (arguments, expected) in cases {
        let arguments = [&["log", "app.redb", "--oneline"], arguments].concat();
        assert_eq!(place.shown(&arguments), expected, "{arguments:?}");
    }
}

#[test]
fn log_is_data_too() {
    let place = Place::with_store();
    let lines = json_lines(&place.read(&["log", "app.redb", "--json"]));
    let ids = place.ids();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["id"], ids[1]);
    assert_eq!(lines[0]["parents"], json!([ids[0]]));
    assert_eq!(lines[0]["branches"], json!(["main"]));
    assert_eq!(lines[0]["author"], "Bob <bob@example.org>");
    assert_eq!(lines[1]["time_ms"], 1_700_000_000_000_u64);
    assert_eq!(lines[1]["message"], "Begin here\n");
    assert_eq!(lines[1]["tags"], json!(["v1"]));
    assert_eq!(lines[1]["undoes"], json!(null));
}

#[test]
fn show_tells_what_a_commit_changed() {
    let place = Place::with_store();
    assert_eq!(
        place.shown(&["show", "app.redb"]),
        "commit <2> (HEAD -> main)\n\
         Author: Bob <bob@example.org>\n\
         Date:   2023-11-14 23:13:20 +00:00, ? ago\n\
         Values: 3\n\
         \n    Drink it\n\
         \n\
         - notes one\\ntwo\\n\n\
         ~ todo/1: {\"text\":\"tea\",\"done\":false} -> {\"text\":\"tea\",\"done\":true}\n\
         + todo/2 7\n"
    );
    let first = place.shown(&["show", "app.redb", "v1"]);
    let changes = first.split("\n\n").nth(2).unwrap();
    assert_eq!(
        changes,
        "+ notes one\\ntwo\\n\n+ title \"Draft\"\n+ todo/1 {\"text\":\"tea\",\"done\":false}\n"
    );
}

#[test]
fn show_reads_values_and_directories() {
    let place = Place::with_store();
    let store = place.store("app.redb");
    store
        .set_bytes("raw/logo", (0..=255).collect::<Vec<u8>>())
        .unwrap();
    store.set_bytes("raw/small", b"a\0\x1bb".to_vec()).unwrap();
    drop(store);
    let todo = "{\n  \"text\": \"tea\",\n  \"done\": true\n}\n";
    let cases: [(&[&str], &str); 8] = [
        (&["HEAD", "todo/1"], todo),
        // What is no commit, and a path.
        (&["todo/1"], todo),
        (&["v1", "notes"], "one\ntwo\n"),
        (
            &["v1", "todo/1", "--raw"],
            "{\"text\":\"tea\",\"done\": false}",
        ),
        (
            &["/"],
            "raw/ 2 values\ntitle \"Draft\"\ntodo/ 2 values\n`/` holds 5 values\n",
        ),
        (
            &["idea", "/"],
            "notes one\\ntwo\\n\ntitle \"Draft\"\ntodo/ 1 value\n`/` holds 3 values\n",
        ),
        (
            &["todo/"],
            "1 {\"text\":\"tea\",\"done\":true}\n2 7\n`todo` holds 2 values\n",
        ),
        (
            &["raw/small"],
            "`raw/small` is 4 B that are no text; `--raw` writes them as they are\n\
             00000000  6100 1b62                                a..b\n",
        ),
    ];
    for (arguments, expected) in cases {
        let arguments = [&["show", "app.redb"], arguments].concat();
        assert_eq!(place.shown(&arguments), expected, "{arguments:?}");
    }
    let head = place.read(&["show", "app.redb", "HEAD", "raw/logo"]);
    let lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines.len(), 10, "{head}");
    assert_eq!(
        lines[3],
        "00000020  2021 2223 2425 2627 2829 2a2b 2c2d 2e2f   !\"#$%&'()*+,-./"
    );
    assert_eq!(lines[9], "..");
    let raw = place.run(&["show", "app.redb", "HEAD", "raw/logo", "--raw"]);
    assert_eq!(raw.stdout, (0..=255).collect::<Vec<u8>>());
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let place = Place::with_store();
    let cases: [(&[&str], &str); 12] = [
        (
            &["log", "app.redb", "--from", "mian"],
            "there is no commit `mian` here; did you mean `main`?",
        ),
        (
            &["log", "app.redb", "--from", "MAIN~2"],
            "there is no commit `MAIN~2` here, or it was let go; `log` lists those that are kept",
        ),
        (
            &["log", "app.redb", "--from", "main~2"],
            "there is no commit `main~2` here; the history of `main` that is kept is not as long",
        ),
        (
            &["diff", "app.redb", "v2"],
            "there is no commit `v2` here; did you mean `v1`?",
        ),
        (
            &["diff", "app.redb", "ab"],
            "there is no commit `ab` here; write at least 4 digits of an id",
        ),
        (
            &["diff", "app.redb", "ABCDEF"],
            "there is no commit `ABCDEF` here; write the digits of an id in lower case",
        ),
        (
            &["show", "app.redb", "HEAD", "todo/11"],
            "there is nothing at `todo/11`; did you mean `todo/1`?",
        ),
        (
            &["show", "app.redb", "HEAD", "away"],
            "there is nothing at `away`; `log` with this path tells whether there ever was",
        ),
        (
            &["show", "app.redb", "titel"],
            "`titel` is neither a commit nor a path of HEAD; did you mean `title`?",
        ),
        (
            &["show", "app.redb", "todo", "--raw"],
            "`todo` is a directory; name a value below it",
        ),
        (
            &["show", "app.redb", "main", "--raw"],
            "`--raw` is of a value; name its path after the commit",
        ),
        (
            &["log", "app.redb", "a//b"],
            "invalid path `a//b`: it has an empty segment; write a single `/` between segments",
        ),
    ];
    for (arguments, expected) in cases {
        assert_eq!(place.refusal(arguments), format!("error: {expected}\n"));
    }
}

#[test]
fn an_id_that_several_begin_with_lists_them() {
    let place = Place::new();
    let store = place.store("app.redb");
    let mut ids: Vec<String> = (0..2_000)
        .map(|count| store.set("count", &count).unwrap().id.to_string())
        .collect();
    drop(store);
    ids.sort();
    let same = |pair: &[String]| pair[0][..4] == pair[1][..4];
    let pair = ids.windows(2).find(|pair| same(pair)).unwrap();
    let refusal = place.refusal(&["show", "app.redb", &pair[0][..4]]);
    let start = format!(
        "error: more than one commit begins with `{}`: ",
        &pair[0][..4]
    );
    assert!(refusal.starts_with(&start), "{refusal}");
    assert!(
        refusal.contains(&pair[0]) && refusal.contains(&pair[1]),
        "{refusal}"
    );
}

#[test]
fn diff_tells_two_commits_apart() {
    let place = Place::with_store();
    let whole = "- notes one\\ntwo\\n\n\
                 ~ todo/1: {\"text\":\"tea\",\"done\":false} -> {\"text\":\"tea\",\"done\":true}\n\
                 + todo/2 7\n";
    let cases: [(&[&str], &str); 6] = [
        (&["v1"], whole),
        (&["v1", "main"], whole),
        (&["main", "main"], ""),
        (&["main", "v1", "todo/2"], "- todo/2 7\n"),
        (
            &["v1", "--stat"],
            "notes  +0 -1 ~0\ntodo/  +1 -0 ~1\n3 values: 1 added, 1 removed, 1 changed\n",
        ),
        (
            &["v1", "HEAD", "todo", "--stat"],
            "todo/1  +0 -0 ~1\ntodo/2  +1 -0 ~0\n2 values: 1 added, 0 removed, 1 changed\n",
        ),
    ];
    for (arguments, expected) in cases {
        let arguments = [&["diff", "app.redb"], arguments].concat();
        assert_eq!(place.shown(&arguments), expected, "{arguments:?}");
    }
    assert_eq!(
        json_lines(&place.read(&["diff", "app.redb", "v1", "--json"])),
        [
            json!({"path": "notes", "before_base64": "b25lCnR3bwo="}),
            json!({
                "path": "todo/1",
                "before": {"text": "tea", "done": false},
                "after": {"text": "tea", "done": true},
            }),
            json!({"path": "todo/2", "after": 7}),
        ]
    );
}

#[test]
fn diff_answers_by_its_exit_code() {
    let place = Place::with_store();
    let code = |arguments: &[&str]| {
        let output = place.run(&[&["diff", "app.redb", "--exit-code"], arguments].concat());
        output.status.code().unwrap()
    };
    assert_eq!(code(&["main"]), 0);
    assert_eq!(code(&["v1"]), 1);
    assert_eq!(code(&["v9"]), 2);
    assert_eq!(code(&["v1", "main", "title"]), 0);
}

#[test]
fn undo_and_revert_take_back() {
    let place = Place::with_store();
    let undone = place.shown(&["undo", "app.redb", "todo", "--author", "Cy"]);
    assert_eq!(
        undone,
        "<3> Undo: Drink it\n\
         ~ todo/1: {\"text\":\"tea\",\"done\":true} -> {\"text\":\"tea\",\"done\":false}\n\
         - todo/2 7\n"
    );
    let shown = place.shown(&["log", "app.redb", "-n", "1"]);
    assert!(shown.contains("\nUndoes: <2>\nAuthor: Cy\n"), "{shown}");
    assert_eq!(
        place.shown(&["revert", "app.redb", "HEAD"]),
        "<4> Undo: Undo: Drink it\n\
         ~ todo/1: {\"text\":\"tea\",\"done\":false} -> {\"text\":\"tea\",\"done\":true}\n\
         + todo/2 7\n"
    );
    assert_eq!(
        place.shown(&["revert", "app.redb", "HEAD~1"]),
        "<5> Undo: Undo: Drink it\n(no value is another now)\n"
    );
    let refusal = place.refusal(&["undo", "app.redb", "nowhere"]);
    assert!(
        refusal.starts_with("error: there is nothing to undo"),
        "{refusal}"
    );
}

#[test]
fn merge_brings_in_and_lists_conflicts() {
    let place = Place::with_store();
    place.read(&["checkout", "app.redb", "idea"]);
    let store = place.store("app.redb");
    store.set("idea", "slider").unwrap();
    store.set("todo/2", &8).unwrap();
    drop(store);
    let refusal = place.refusal(&["merge", "app.redb", "main"]);
    assert!(
        refusal.contains("`todo/2` had no value; ours set it to `8`, theirs set it to `7`"),
        "{refusal}"
    );
    let merged = place.shown(&["merge", "app.redb", "main", "--prefer", "theirs"]);
    let changes = merged.split_once('\n').unwrap().1;
    assert_eq!(
        changes,
        "- notes one\\ntwo\\n\n\
         ~ todo/1: {\"text\":\"tea\",\"done\":false} -> {\"text\":\"tea\",\"done\":true}\n\
         ~ todo/2: 8 -> 7\n"
    );
    let log = place.shown(&["log", "app.redb", "-n", "1"]);
    assert!(
        log.starts_with("commit <5> (HEAD -> idea)\nMerge:  <4> <2>\n"),
        "{log}"
    );
    let again = place.run(&["merge", "app.redb", "main"]);
    assert_eq!(
        String::from_utf8(again.stderr).unwrap(),
        "all of it is here already\n"
    );
    assert_eq!(place.ids().len(), 5);
}

#[test]
fn an_empty_store_is_no_failure() {
    let place = Place::new();
    drop(Store::open(place.file("app.redb")).unwrap());
    assert_eq!(place.read(&["log", "app.redb"]), "");
    assert_eq!(
        place.read(&["show", "app.redb", "/"]),
        "`/` holds 0 values\n"
    );
    assert_eq!(
        place.read(&["branch", "app.redb"]),
        "* main (no commit yet)\n"
    );
    let info = place.read(&["app.redb"]);
    assert!(
        info.contains("Head:     no commit yet on main\nValues:   0\n"),
        "{info}"
    );
    let refusal = refused(&place.run(&["show", "app.redb"]), 1);
    assert_eq!(
        refusal,
        "error: there is no commit `HEAD`: nothing is on the branch `main` yet; `branch` lists the others\n"
    );
}
