//! Through the Git that is installed. It has to be: these tests fail without it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use bytes::Bytes;
use tempfile::TempDir;

use crate::git::names::problem_of_reference;
use crate::git::quote::quote;
use crate::git::read::{Foreign, ReadOptions};
use crate::git::write::{WriteCommit, Writer};
use crate::git::{Files, GitReadError};
use hyperstar_collections::path::is_dotgit;

use super::history::{Imported, Node, Tree, check_same, import, random, without_branches, written};

/// A repository of its own, out of reach of the user's settings.
struct Repository {
    directory: TempDir,
}

impl Repository {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let repository = Self { directory };
        repository.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repository
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn output(&self, arguments: &[&str], input: Option<&[u8]>) -> Output {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        let stdin = match input {
            None => Stdio::null(),
            Some(input) => {
                let file = self.path().join(".git/input");
                fs::write(&file, input).unwrap();
                File::open(file).unwrap().into()
            }
        };
        command
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.path().join(".git/none"))
            .env("LC_ALL", "C")
            .env("GIT_AUTHOR_NAME", "Ada \"A\" Lovelace")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_AUTHOR_DATE", "1700000000 +0130")
            .env("GIT_COMMITTER_NAME", "Bob")
            .env("GIT_COMMITTER_EMAIL", "bob@example.org")
            .env("GIT_COMMITTER_DATE", "1700000001 -0800")
            .stdin(stdin)
            .output()
            .expect("these tests need `git`; install it")
    }

    fn git_bytes(&self, arguments: &[&str], input: Option<&[u8]>) -> Vec<u8> {
        let output = self.output(arguments, input);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {errors}");
        output.stdout
    }

    fn git(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.git_bytes(arguments, None)).unwrap()
    }

    fn fast_import(&self, stream: &[u8]) {
        self.git_bytes(&["fast-import", "--quiet"], Some(stream));
        let checked = self.output(&["fsck", "--strict", "--no-dangling"], None);
        let said = [checked.stdout, checked.stderr].concat();
        // It tells that HEAD names no commit, where there is no branch `main`.
        let said = String::from_utf8_lossy(&said);
        let complaints: Vec<&str> = said
            .lines()
            .filter(|line| !line.starts_with("notice: "))
            .collect();
        assert!(
            checked.status.success() && complaints.is_empty(),
            "{complaints:?}"
        );
    }

    fn fast_export(&self, options: &[&str]) -> Vec<u8> {
        self.git_bytes(&[&["fast-export", "--all"], options].concat(), None)
    }

    fn imported(&self, options: &[&str]) -> Imported {
        import(&*self.fast_export(options), ReadOptions::default()).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&[
            "commit",
            "--quiet",
            "--allow-empty",
            "--allow-empty-message",
            "-m",
            message,
        ]);
    }
}

fn node(parents: &[usize], branch: &str, message: &str, time_ms: i64, tree: &Tree) -> Node {
    Node {
        branch: branch.to_owned(),
        parents: parents.to_vec(),
        author: if branch == "main" {
            "Ada <ada@x.org>"
        } else {
            "user:17"
        }
        .to_owned(),
        time_ms,
        message: message.to_owned(),
        tree: tree.clone(),
    }
}

/// A history that uses each thing once.
fn story() -> Vec<Node> {
    let megabyte: Vec<u8> = (0..1_000_000_u32)
        .map(|index| (index % 251) as u8)
        .collect();
    let mut tree = Tree::new();
    let put = |tree: &mut Tree, path: &str, value: &'static str| {
        tree.put(path, Bytes::from_static(value.as_bytes()))
            .unwrap();
    };
    let mut nodes = Vec::new();
    put(&mut tree, "doc", "one\ntwo\nthree\n");
    put(&mut tree, "dir/a", "");
    put(&mut tree, "dir/b", "no line end");
    nodes.push(node(&[], "main", "start", 1_700_000_000_001, &tree));
    let mut side = tree.clone();
    put(&mut side, "doc", "one\ntwo\n3\n");
    put(&mut side, "日本/\"語\"\\ ", "\0\u{1}");
    nodes.push(node(
        &[0],
        "side",
        "three is 3\n\nA body.\n",
        1_700_000_001_002,
        &side,
    ));
    put(&mut tree, "doc", "1\ntwo\nthree\n");
    put(&mut tree, "dir", "a file now");
    tree.put("big", megabyte.into()).unwrap();
    nodes.push(node(&[0], "main", "", 1_700_000_002_003, &tree));
    tree.extend(
        side.into_iter()
            .filter(|(path, _)| path.starts_with("日本")),
    );
    put(&mut tree, "doc", "1\ntwo\n3\n");
    nodes.push(node(&[2, 1], "main", "merge", -1, &tree));
    nodes.push(node(&[3], "main", "nothing", i64::MAX, &tree));
    put(&mut tree, "dir/again", "x");
    Files::remove(&mut tree, "big").unwrap();
    nodes.push(node(&[4], "main", "", 1_700_000_003_004, &tree));
    nodes.push(node(&[], "other", "another root", 0, &Tree::new()));
    nodes
}

#[test]
fn git_takes_a_history_shows_it_and_gives_it_back() {
    let nodes = story();
    let repository = Repository::new();
    repository.fast_import(&written(&nodes));

    let log = repository.git(&[
        "log",
        "--topo-order",
        "--format=%an|%ae|%at|%s|%p",
        "main",
        "--",
    ]);
    let log: Vec<&str> = log
        .lines()
        .map(|line| line.rsplit_once('|').unwrap().0)
        .collect();
    let expected = [
        "Ada|ada@x.org|1700000003|Remove big and more",
        "Ada|ada@x.org|17179869183|nothing",
        "Ada|ada@x.org|0|merge",
        "user:17|unknown@hyperstar.invalid|1700000001|three is 3",
        "Ada|ada@x.org|1700000002|Set big and more",
        "Ada|ada@x.org|1700000000|start",
    ];
    assert_eq!(log, expected);
    let trailers = "--format=%(trailers:key=Hyperstar-Time-Ms,valueonly)";
    let time = repository.git(&["log", "-1", trailers, "side"]);
    assert_eq!(time.trim(), "1700000001002");

    let diff = repository.git(&[
        "-c",
        "core.quotePath=false",
        "diff",
        "--name-status",
        "main~3",
        "main",
    ]);
    assert_eq!(
        diff,
        "D\tbig\nD\tdir\nA\tdir/again\nM\tdoc\nA\t\"日本/\\\"語\\\"\\\\ \"\n"
    );
    let blame = repository.git(&["blame", "--line-porcelain", "main", "--", "doc"]);
    let blame: Vec<&str> = blame
        .lines()
        .filter_map(|line| line.strip_prefix("summary "))
        .collect();
    assert_eq!(blame, ["Set big and more", "start", "three is 3"]);

    for options in [
        &[][..],
        &["--use-done-feature", "--full-tree"],
        &["-M", "-C", "--reencode=yes"],
    ] {
        let imported = repository.imported(options);
        let nodes = without_branches(nodes.clone());
        check_same(&imported.nodes(), &nodes, &format!("{options:?}"));
        let names: Vec<&str> = imported.references.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["refs/heads/main", "refs/heads/other", "refs/heads/side"]
        );
    }
}

#[test]
fn any_history_survives_git() {
    for seed in 100..106 {
        let nodes = random(seed, 30);
        let repository = Repository::new();
        repository.fast_import(&written(&nodes));
        let imported = repository.imported(&["--signed-tags=strip"]);
        for (name, commit) in &imported.references {
            let (_, number) = &imported.commits[*commit as usize].extras[0];
            assert_eq!(*name, format!("refs/heads/n{number}"), "seed {seed}");
        }
        let nodes = without_branches(nodes);
        check_same(&imported.nodes(), &nodes, &format!("seed {seed}"));
    }
}

#[test]
fn tags_survive_git() {
    let mut writer = Writer::new(Vec::new(), 0).unwrap();
    let head = WriteCommit {
        mark: 10,
        parents: &[],
        reference: "refs/heads/main",
        author: "",
        time_ms: 0,
        message: "x",
        extras: &[],
    };
    writer.commit(head).unwrap().finish().unwrap();
    writer.reset("refs/tags/light", 10).unwrap();
    writer.reset("refs/heads/release/1", 10).unwrap();
    let repository = Repository::new();
    repository.fast_import(&writer.finish().unwrap());
    repository.git(&["tag", "-a", "v1", "-m", "first", "main"]);
    repository.git(&["tag", "-a", "v2", "-m", "again", "main"]);
    assert_eq!(
        repository.git(&["tag", "--list", "--format=%(refname:short) %(subject)"]),
        "light x\nv1 first\nv2 again\n"
    );
    let imported = repository.imported(&["--mark-tags"]);
    let tags = imported.tags.iter();
    let mut tags: Vec<_> = tags.map(|tag| (&*tag.name, tag.commit)).collect();
    tags.sort_unstable();
    assert_eq!(tags, [("v1", 0), ("v2", 0)]);
    for name in ["refs/heads/main", "refs/heads/release/1", "refs/tags/light"] {
        assert_eq!(imported.references[name], 0, "{name}");
    }
}

#[test]
fn a_second_export_adds_the_new_commits_only() {
    let repository = Repository::new();
    let mut parents: &[u64] = &[];
    for (mark, path) in [(1, "a"), (2, "b")] {
        let mut writer = Writer::new(Vec::new(), mark - 1).unwrap();
        let head = WriteCommit {
            mark,
            parents,
            reference: "refs/heads/main",
            author: "",
            time_ms: 0,
            message: path,
            extras: &[],
        };
        let mut commit = writer.commit(head).unwrap();
        commit.set(path, "x".into()).unwrap();
        commit.finish().unwrap();
        parents = &[1];
        let marks = [
            "--import-marks-if-exists=.git/marks",
            "--export-marks=.git/marks",
        ];
        let arguments = ["fast-import", "--quiet", marks[0], marks[1]];
        repository.git_bytes(&arguments, Some(&writer.finish().unwrap()));
    }
    assert_eq!(repository.git(&["log", "--format=%s", "main"]), "b\na\n");
    assert_eq!(
        repository.git(&["ls-tree", "--name-only", "main"]),
        "a\nb\n"
    );
}

#[test]
fn git_takes_nothing_of_a_stream_that_was_cut_off() {
    let stream = written(&story());
    let repository = Repository::new();
    for end in [stream.len() - 5, stream.len() / 2, 20] {
        let output = repository.output(&["fast-import", "--quiet"], Some(&stream[..end]));
        assert!(!output.status.success());
        assert_eq!(repository.git(&["for-each-ref"]), "");
    }
}

#[test]
fn git_refuses_the_names_that_are_refused_here() {
    for segment in [
        "git~1",
        ".git ",
        ".git. .",
        ".git::$INDEX_ALLOCATION",
        "a\\.git",
        ".g\u{200c}it",
        "\u{feff}.GIT",
    ] {
        assert!(is_dotgit(segment), "{segment:?}");
        let repository = Repository::new();
        let path = quote(segment).into_owned();
        let stream = format!(
            "commit refs/heads/main\ncommitter A <a> 5 +0000\ndata 0\nM 100644 inline {path}/x\n\
             data 0\n"
        );
        let imported = repository.output(&["fast-import", "--quiet"], Some(stream.as_bytes()));
        let checked = repository.output(&["fsck", "--strict"], None);
        assert!(
            !imported.status.success() || !checked.status.success(),
            "{segment:?}"
        );
    }
    let repository = Repository::new();
    for name in [
        "a", "@", "-a", "ü", "a.b", "a/b", "a.lock", "a.lock/b", ".a", "a/.b", "a..b", "a.", "a b",
        "a~1", "a^", "a:b", "a?", "a*", "a[", "a]", "a\\b", "a@{1", "a@", "", "/a", "a/", "a//b",
        "a\u{7f}", "a\t",
    ] {
        let name = format!("refs/heads/{name}");
        let git = repository
            .output(&["check-ref-format", &name], None)
            .status
            .success();
        assert_eq!(problem_of_reference(&name).is_none(), git, "{name:?}");
    }
}

#[test]
fn a_history_of_git_is_read() {
    let repository = Repository::new();
    repository.write("readme", "one\ntwo\nthree\nfour\nfive\n");
    repository.write("src/main.rs", "fn main() {}\n");
    repository.write("tool ü.sh", "#!/bin/sh\n");
    repository.write("gone", "x");
    repository.commit("start\n\nSigned-off-by: A <a@b>");
    repository.git(&["add", "--chmod=+x", "tool ü.sh"]);
    repository.git(&["mv", "src", "source"]);
    repository.git(&["rm", "--quiet", "gone"]);
    repository.git(&["commit", "--quiet", "-m", "move"]);
    repository.git(&["tag", "light"]);
    repository.git(&["tag", "-a", "v1", "-m", "the first"]);
    repository.git(&["checkout", "--quiet", "--force", "-b", "side", "HEAD~1"]);
    repository.write("side", "s");
    repository.commit("side");
    repository.git(&["checkout", "--quiet", "main"]);
    repository.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);
    repository.commit("");
    repository.git(&["rm", "--quiet", "-r", "source"]);
    repository.write("source", "a file now");
    fs::remove_file(repository.path().join("side")).unwrap();
    repository.write("side/below", "a directory now");
    repository.commit("directory to file");

    for options in [
        &["-M", "-C"][..],
        &[],
        &["--full-tree", "--show-original-ids", "--progress=1"],
    ] {
        let imported = repository.imported(options);
        let history: Vec<(&str, usize)> = imported
            .commits
            .iter()
            .map(|commit| (&*commit.message, commit.parents.len()))
            .collect();
        let start = "start\n\nSigned-off-by: A <a@b>\n";
        for commit in [
            (start, 0),
            ("move\n", 1),
            ("side\n", 1),
            ("merge\n", 2),
            ("", 1),
            ("directory to file\n", 1),
        ] {
            assert!(history.contains(&commit), "{history:?}");
        }
        assert_eq!(history.len(), 6);
        for commit in &imported.commits {
            assert_eq!(commit.author, "Ada \"A\" Lovelace <ada@example.org>");
            assert_eq!(
                (commit.time_ms, &*commit.extras),
                (1_700_000_000_000, &[][..])
            );
        }
        let main = imported.references["refs/heads/main"];
        // Every tree is what Git says that it is.
        for (name, number) in [
            ("main", main),
            ("light", imported.references["refs/tags/light"]),
        ] {
            let tree = &imported.trees[number as usize];
            let listed = repository.git(&["ls-tree", "-r", "-z", "--name-only", name]);
            let listed: Vec<&str> = listed.split_terminator('\0').collect();
            assert_eq!(tree.keys().collect::<Vec<_>>(), listed);
            for path in listed {
                let file = repository.git_bytes(&["show", &format!("{name}:{path}")], None);
                assert_eq!(tree[path], file);
            }
        }
        let [tag] = &*imported.tags else {
            panic!("{:?}", imported.tags);
        };
        assert_eq!(
            (&*tag.name, tag.commit),
            ("v1", imported.references["refs/tags/light"])
        );
    }
}

#[test]
fn what_was_altered_in_git_is_as_git_shows_it() {
    let nodes = story();
    let repository = Repository::new();
    repository.fast_import(&written(&nodes));
    repository.git(&["reset", "--quiet", "--hard", "main~1"]);
    repository.git(&[
        "commit",
        "--amend",
        "--quiet",
        "--allow-empty",
        "--no-edit",
        "--reset-author",
    ]);
    repository.git(&["commit", "--quiet", "--allow-empty", "-m", "by hand"]);
    let imported = repository.imported(&[]);
    let amended = imported
        .commits
        .iter()
        .find(|commit| commit.message == "nothing")
        .unwrap();
    assert_eq!(amended.author, "Ada \"A\" Lovelace <ada@example.org>");
    assert_eq!(amended.time_ms, 1_700_000_000_000);
    let merge = imported
        .commits
        .iter()
        .find(|commit| commit.message == "merge")
        .unwrap();
    assert_eq!((&*merge.author, merge.time_ms), ("Ada <ada@x.org>", -1));
    assert_eq!(imported.commits.last().unwrap().message, "by hand\n");
}

#[cfg(unix)]
#[test]
fn a_link_is_refused_or_left_out() {
    let repository = Repository::new();
    repository.write("file", "x");
    repository.write("was", "x");
    repository.commit("start");
    fs::remove_file(repository.path().join("was")).unwrap();
    std::os::unix::fs::symlink("file", repository.path().join("was")).unwrap();
    repository.commit("link");
    let stream = repository.fast_export(&[]);
    let error = import(&*stream, ReadOptions::default()).unwrap_err();
    assert!(matches!(error, GitReadError::Foreign { .. }), "{error}");
    let options = ReadOptions {
        foreign: Foreign::LeaveOut,
        ..ReadOptions::default()
    };
    let imported = import(&*stream, options).unwrap();
    assert_eq!(imported.trees[0].len(), 2);
    assert_eq!(imported.trees[1].keys().collect::<Vec<_>>(), ["file"]);
    assert_eq!(imported.left_out, 1);
}
