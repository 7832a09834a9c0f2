//! Streams that are not what they should be: a typed error with the line, never a panic.

use std::io::Cursor;

use crate::git::GitWriteError;
use crate::git::read::{Event, FileChange, Foreign, ReadOptions, Reader};
use crate::git::write::{WriteCommit, Writer};

use super::history::{Random, import, random, written};

/// Everything that `git fast-export` may write, and more.
const STREAM: &str = r#"feature done
option git quiet
# a comment
blob
mark :1
original-oid 45b983be36b73c0788dc9cbcb76cbb80fc7bb057
data 3
hi

progress 1 objects
reset refs/heads/main
commit refs/heads/main
mark :2
author Ada <ada@x.org> 1700000000 +0100
committer Bob <bob@x.org> 1700000001 +0000
encoding ISO-8859-1
data 4
one
M 100644 :1 d/x
M 100755 inline "r u\"n"
data 2
#!
C d/x e/y
R d f
D r

alias
mark :3
to :2

commit refs/heads/main
mark :4
committer Bob <bob@x.org> 1700000002 +0000
data <<END
two
END
from :3
R "r u\"n" "f/\303\277"
C f "g h"

reset refs/tags/light
from :4

commit refs/heads/side
committer Bob <bob@x.org> 1700000003 +0000
data 4
sidemerge :2
merge refs/heads/main
deleteall
M 644 :1 only
tag v1
mark :5
from :4
tagger Ada <ada@x.org> 1700000004 +0000
data 3
v1

tag v1-again
from :5
data 0

done
"#;

#[test]
fn every_command_is_read() {
    let imported = import(STREAM.as_bytes(), ReadOptions::default()).unwrap();
    let paths: Vec<Vec<&str>> = imported
        .trees
        .iter()
        .map(|tree| tree.keys().map(String::as_str).collect())
        .collect();
    assert_eq!(
        paths,
        [
            vec!["e/y", "f/x", "r u\"n"],
            vec!["e/y", "f/x", "f/ÿ", "g h/x", "g h/ÿ"],
            vec!["only"],
        ]
    );
    let [one, two, side] = imported.commits.as_slice() else {
        panic!("{:?}", imported.commits);
    };
    assert_eq!((one.base, one.parents.as_slice()), (None, &[][..]));
    assert_eq!(
        (one.author.as_str(), one.time_ms),
        ("Ada <ada@x.org>", 1_700_000_000_000)
    );
    assert_eq!(
        (two.base, two.parents.as_slice(), two.message.as_str()),
        (Some(0), &[0][..], "two\n")
    );
    assert_eq!(
        (side.base, side.parents.as_slice(), side.message.as_str()),
        (None, &[0, 1][..], "side")
    );
    let references: Vec<_> = imported
        .references
        .iter()
        .map(|(name, commit)| (&**name, *commit))
        .collect();
    let expected = [
        ("refs/heads/main", 1),
        ("refs/heads/side", 2),
        ("refs/tags/light", 1),
    ];
    assert_eq!(references, expected);
    let tags = imported.tags.iter();
    let tags: Vec<_> = tags.map(|tag| (&*tag.name, tag.commit)).collect();
    assert_eq!(tags, [("v1", 1), ("v1-again", 1)]);
}

const HEAD: &str = "commit refs/heads/a\nmark :7\ncommitter A <a> 5 +0000\ndata 0\n";

#[test]
fn a_mistake_is_told_with_its_line_and_the_remedy() {
    let long = "x".repeat(70_000);
    let deep = "commit refs/heads/".to_owned() + &"a/".repeat(1000) + "b\n";
    for (stream, expected) in [
        (
            "hello\n",
            "line 1: expected a command such as `commit` or `blob`, found `hello`; the input has to be the output of `git fast-export`",
        ),
        (
            "feature done\n",
            "the stream is cut off at line 2: missing is the `done` that it announced; see whether `git fast-export` failed, and export again",
        ),
        (
            "blob\n",
            "the stream is cut off at line 2: missing is the `data` of a blob; see whether `git fast-export` failed, and export again",
        ),
        (
            "blob\ndata 5\nabc",
            "the stream is cut off at line 2: missing is the rest of the data; see whether `git fast-export` failed, and export again",
        ),
        (
            "blob\ndata <<E\nabc\n",
            "the stream is cut off at line 2: missing is the rest of the data; see whether `git fast-export` failed, and export again",
        ),
        (
            "blob\ndata 67108865\n",
            "line 2: a file has more than 67108864 bytes; remove it from the history, as with `git filter-repo --strip-blobs-bigger-than 64M`",
        ),
        (
            "blob\ndata 99999999999999999999\n",
            "line 2: expected `data` and its length, found `data 99999999999999999999`; the input has to be the output of `git fast-export`",
        ),
        (
            "blob\ndata -1\n",
            "line 2: expected `data` and its length, found `data -1`; the input has to be the output of `git fast-export`",
        ),
        (
            "blob\nmark :0\n",
            "line 2: expected a mark such as `:1`, found `:0`; the input has to be the output of `git fast-export`",
        ),
        (
            "blob\nmark :16777217\ndata 0\n",
            "line 3: there are more than 16777216 marks; export a part of the history",
        ),
        (
            "commit refs/heads/a..b\n",
            "line 1: expected the name of a reference such as `refs/heads/main`, found `refs/heads/a..b`; the input has to be the output of `git fast-export`",
        ),
        (
            "commit refs/heads/a\ndata 0\n",
            "line 2: expected a `committer` ahead of the `data`, found `data`; the input has to be the output of `git fast-export`",
        ),
        (
            "commit refs/heads/a\ncommitter A <a> now\n",
            "line 2: expected `Name <email> seconds zone`, found `A <a> now`; the input has to be the output of `git fast-export`",
        ),
        (
            "@from :1\n",
            "line 5: mark `:1` was not set before; export the whole history, without `--import-marks`",
        ),
        (
            "blob\nmark :1\ndata 2\n\n\n@from :1\n",
            "line 10: mark `:1` is not a commit; export again",
        ),
        (
            "@from refs/heads/b^0\n",
            "line 5: `refs/heads/b^0` is not in the stream; export the whole history, with `git fast-export --all` and without `--reference-excluded-parents`",
        ),
        (
            "@M 100644 45b983be36b73c0788dc9cbcb76cbb80fc7bb057 a\n",
            "line 5: `45b983be36b73c0788dc9cbcb76cbb80fc7bb057` is not in the stream; export without `--no-data`",
        ),
        (
            "@M 100644 :9 a\n",
            "line 5: mark `:9` was not set before; export the whole history, without `--import-marks`",
        ),
        (
            "@M 100644 :7 a\n",
            "line 5: mark `:7` is not a blob; export again",
        ),
        (
            "@M 7 :9 a\n",
            "line 5: expected a mode such as `100644`, found `7`; the input has to be the output of `git fast-export`",
        ),
        (
            "@M 120000 :9 a\n",
            "line 5: the symbolic link `a` has no place in a store of values; leave such things out, or take it out of the history with `git filter-repo --invert-paths`",
        ),
        (
            "@M 160000 45b983be36b73c0788dc9cbcb76cbb80fc7bb057 sub\n",
            "line 5: the submodule `sub` has no place in a store of values; leave such things out, or take it out of the history with `git filter-repo --invert-paths`",
        ),
        (
            "@M 040000 45b983be36b73c0788dc9cbcb76cbb80fc7bb057 a\n",
            "line 5: cannot follow `040000 45b983be36b73c0788dc9cbcb76cbb80fc7bb057 a`; name each file, as `git fast-export` does",
        ),
        (
            "@M 100644 inline \"a\n",
            "line 5: expected a path, found `\"a`; the input has to be the output of `git fast-export`",
        ),
        (
            "@D ../a\n",
            "line 5: invalid path `../a`: `.` and `..` have no meaning here; write the path out; rename it in the history with `git filter-repo --path-rename`, or leave such files out",
        ),
        (
            "@D \"\\377\"\n",
            "line 5: invalid path `\u{fffd}`: it is not UTF-8; rename it in the history with `git filter-repo --path-rename`, or leave such files out",
        ),
        (
            "@R a\n",
            "line 5: expected a path, found ``; the input has to be the output of `git fast-export`",
        ),
        (
            "@R a b\n",
            "line 5: there is no file `a` to rename or copy; export without `-M` and `-C`",
        ),
        (
            "@M 100644 inline a\ndata 0\nM 100644 inline a/b\ndata 0\nD a\nR a c\n",
            "line 10: there is no file `a` to rename or copy; export without `-M` and `-C`",
        ),
        (
            "@C \"\" b\n",
            "line 5: cannot follow `\"\" b`; name each file, as `git fast-export` does",
        ),
        (
            "@N inline :7\n",
            "line 5: cannot follow `N inline :7`; export without `refs/notes`",
        ),
        (
            "@ls a\n",
            "line 5: cannot follow `ls a`; only Git itself answers it; import into a repository, then export that with `git fast-export --all`",
        ),
        (
            "feature date-format=now\n",
            "line 1: cannot follow `date-format=now`; write dates as seconds, with `date-format=raw`",
        ),
        (
            "tag v1\ntagger A <a> 5 +0000\ndata 0\n",
            "line 3: expected the `from` of the tag, found `v1`; the input has to be the output of `git fast-export`",
        ),
        (
            &long,
            "line 1 is longer than 65536 bytes; the input has to be the output of `git fast-export`",
        ),
        (
            &deep,
            "line 1: expected the name of a reference such as `refs/heads/main`, found `refs/heads/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a...`; the input has to be the output of `git fast-export`",
        ),
    ] {
        let stream = stream.replacen('@', HEAD, 1);
        let error = import(stream.as_bytes(), ReadOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn bounds_hold() {
    let mut merges = HEAD.to_owned();
    merges.push_str("\ncommit refs/heads/b\ncommitter A <a> 5 +0000\ndata 0\nfrom :7\n");
    merges.push_str(&"merge :7\n".repeat(16));
    let error = import(merges.as_bytes(), ReadOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("more than 16 parents of a commit"),
        "{error}"
    );

    let resets: String = (0..65_537)
        .map(|index| format!("reset refs/heads/{index}\n"))
        .collect();
    let error = import(resets.as_bytes(), ReadOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("more than 65536 branches and tags"),
        "{error}"
    );

    let text = format!("{HEAD}\ncommit refs/heads/a\ncommitter A <a> 5 +0000\ndata 8388609\n");
    let error = import(text.as_bytes(), ReadOptions::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a message has more than 8388608 bytes"),
        "{error}"
    );

    let delimited = format!("blob\ndata <<E\n{}\nE\n", "x".repeat(67_108_865));
    let error = import(delimited.as_bytes(), ReadOptions::default()).unwrap_err();
    assert!(
        error.to_string().contains("more than 67108864 bytes"),
        "{error}"
    );

    let options = ReadOptions {
        spool_bytes_max: 20,
        ..ReadOptions::default()
    };
    let blob = "blob\nmark :1\ndata 5\nhello\n";
    assert!(import(blob.repeat(2).as_bytes(), options).is_ok());
    let error = import(blob.repeat(3).as_bytes(), options).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the sum of all files has more than 20 bytes"),
        "{error}"
    );
}

#[test]
fn data_at_the_bound_is_taken() {
    let value = "x".repeat(crate::VALUE_BYTES_MAX);
    for stream in [
        format!("{HEAD}M 100644 inline a\ndata {}\n{value}\n", value.len()),
        format!("{HEAD}M 100644 inline a\ndata <<E\n{}\nE\n", &value[1..]),
    ] {
        let imported = import(stream.as_bytes(), ReadOptions::default()).unwrap();
        assert_eq!(imported.trees[0]["a"].len(), value.len());
    }
}

#[test]
fn what_has_no_place_is_left_out_if_asked_for() {
    let stream = format!(
        "blob\nmark :1\ndata 1\nx\n{HEAD}M 100644 :1 a\nM 100644 :1 c\nM 100644 :1 e\n\n{HEAD}\
         M 120000 inline a\ndata 1\nb\nM 160000 0123 b\nM 100644 inline \"c\\td\"\ndata 1\nx\n\
         R c \"d\\377\"\nC e .git/e\nD \"c\\td\"\n\ntag blob\nfrom :1\ndata 0\n"
    );
    let options = ReadOptions {
        foreign: Foreign::LeaveOut,
        ..ReadOptions::default()
    };
    let imported = import(stream.as_bytes(), options).unwrap();
    assert_eq!(imported.trees[0].len(), 3);
    assert_eq!(imported.trees[1].keys().collect::<Vec<_>>(), ["e"]);
    assert_eq!(imported.left_out, 6);
    assert_eq!(imported.tags, []);
}

#[test]
fn a_commit_without_a_parent_follows_its_branch() {
    let commit =
        |rest: &str| format!("commit refs/heads/a\ncommitter A <a> 5 +0000\ndata 0\n{rest}\n");
    let null = "0".repeat(40);
    let stream = [
        commit("M 100644 inline x\ndata 0\n"),
        commit(""),
        "reset refs/heads/a\n\n".to_owned(),
        commit(""),
        commit(&format!("from {null}\n")),
        format!("reset refs/heads/a\nfrom {null}\n\n"),
        commit("from 0\n"),
    ]
    .concat();
    let mut reader = Reader::new(
        stream.as_bytes(),
        Cursor::new(Vec::new()),
        ReadOptions::default(),
    );
    let mut bases = Vec::new();
    let error = loop {
        match reader.next() {
            Some(Ok(Event::Commit(commit))) => bases.push((commit.base, commit.parents)),
            Some(Ok(Event::Change { change, .. })) => {
                assert!(matches!(change, FileChange::Set { .. }));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("the last `from` names nothing"),
        }
    };
    assert_eq!(
        bases,
        [
            (None, vec![]),
            (Some(0), vec![0]),
            (None, vec![]),
            (None, vec![])
        ]
    );
    assert!(
        error.to_string().contains("`0` is not in the stream"),
        "{error}"
    );
    assert!(reader.next().is_none());
}

/// `HYPERSTAR_STORE_SEEDS` runs more of them.
#[test]
fn mutated_streams_never_panic() {
    const TOKENS: &[&str] = &[
        "\n",
        "\n\n",
        "from :1\n",
        "merge :2\n",
        "data 5\n",
        "data <<E\n",
        "\"",
        "\\",
        "deleteall\n",
        "R ",
        "C a b\n",
        "D \"\"\n",
        "M 120000 :1 a\n",
        "M 100644 inline a/b\n",
        " ",
        ":",
        "18446744073709551615",
        "mark :16777216\n",
        "reset refs/heads/n1\n",
        "done\n",
        "\0",
        "\u{fffd}",
        "alias\n",
        "#",
        "<",
        ">",
    ];
    let bases = [
        STREAM.as_bytes().to_vec(),
        written(&random(1, 12)),
        written(&random(2, 12)),
    ];
    let mut whole = 0;
    let more = std::env::var("HYPERSTAR_STORE_SEEDS").ok();
    let seeds = more.map_or(2500, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let mut random = Random(seed);
        let mut stream = bases[random.below(bases.len())].clone();
        for _ in 0..=random.below(6) {
            let at = random.below(stream.len().max(1)).min(stream.len());
            let end = (at + random.below(40)).min(stream.len());
            match random.below(6) {
                0 => stream.truncate(at),
                1 => drop(stream.drain(at..end)),
                2 => {
                    let copy = stream[at..end].to_vec();
                    let to = random.below(stream.len() + 1);
                    stream.splice(to..to, copy);
                }
                3 if at < stream.len() => stream[at] = random.below(256) as u8,
                4 if at < stream.len() => stream[at] ^= 1 << random.below(8),
                _ => drop(stream.splice(at..at, random.of(TOKENS).bytes())),
            }
        }
        let foreign = random.of(&[Foreign::Refuse, Foreign::LeaveOut]);
        let options = ReadOptions {
            foreign,
            ..ReadOptions::default()
        };
        match import(&*stream, options) {
            Ok(_) => whole += 1,
            Err(error) => assert!(
                !error.to_string().contains(char::is_control),
                "seed {seed}: {error:?}"
            ),
        }
    }
    assert!(
        whole > 50,
        "{whole}: the mutations reach nothing behind the parser"
    );
}

type Write<'a> = &'a dyn Fn(&mut Writer<Vec<u8>>) -> Result<(), GitWriteError>;

#[test]
fn the_writer_refuses_what_git_would() {
    let head = WriteCommit {
        mark: 5,
        parents: &[],
        reference: "refs/heads/main",
        author: "",
        time_ms: 0,
        message: "",
        extras: &[],
    };
    let check = |expected: &str, write: Write<'_>| {
        let mut writer = Writer::new(Vec::new(), 0).unwrap();
        writer.commit(head).unwrap().finish().unwrap();
        assert_eq!(write(&mut writer).unwrap_err().to_string(), expected);
    };
    let next = WriteCommit { mark: 6, ..head };
    check(
        "invalid path `a/../b`: `.` and `..` have no meaning here; write the path out",
        &|writer| writer.commit(next)?.remove("a/../b"),
    );
    check(
        "cannot write the reference `refs/heads/a\nb`: it has a space, a control character or one of \
         `~^:?*[\\`; leave it out",
        &|writer| {
            writer
                .commit(WriteCommit {
                    reference: "refs/heads/a\nb",
                    ..next
                })?
                .finish()
        },
    );
    check(
        "cannot write the reference `refs/heads/main/x` beside `refs/heads/main`: Git has one or the \
         other; rename one of them",
        &|writer| writer.reset("refs/heads/main/x", 5),
    );
    check(
        "cannot write `:5` here: it was written before; number each commit anew, from 1",
        &|writer| writer.commit(head)?.finish(),
    );
    check(
        "cannot write `:6` here: it is named before it is written; write each commit after its parents",
        &|writer| {
            writer
                .commit(WriteCommit {
                    parents: &[5, 6],
                    ..next
                })?
                .finish()
        },
    );
    check(
        "cannot write `:6` here: it is named before it is written; write each commit after its parents",
        &|writer| writer.reset("refs/tags/v1", 6),
    );
    check(
        "`Time-Ms` cannot be the key of a trailer; use letters, digits and `-`, such as `Root`",
        &|writer| {
            writer
                .commit(WriteCommit {
                    extras: &[("Time-Ms", "")],
                    ..next
                })?
                .finish()
        },
    );
    check(
        "the commit before is not whole; call `finish` on it, and write no more after an error",
        &|writer| {
            assert!(writer.commit(next)?.set("/", "x".into()).is_err());
            writer.reset("refs/tags/v1", 5)
        },
    );
    let long = "x".repeat(8 * 1024 * 1024);
    check(
        "the message, author and trailers of `:6` have 8388631 bytes, the most is 8388608; shorten them",
        &|writer| {
            writer
                .commit(WriteCommit {
                    message: &long,
                    ..next
                })?
                .finish()
        },
    );
}
