//! The benchmark is run for real, only briefly: it must not rot between two measurements.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hyperstar-bench");

/// Runs the program, and finds these lines in what it prints.
fn check(args: &[&str], expected: &[&str]) {
    let run = run(args);
    let (out, err) = texts(&run);
    assert!(run.status.success(), "{out}\n{err}");
    for expected in expected {
        assert!(
            out.contains(expected),
            "there is no {expected:?} in:\n{out}"
        );
    }
}

fn run(args: &[&str]) -> Output {
    let run = Command::new(PROGRAM).args(args).output();
    run.expect("the program was built for this test")
}

fn texts(run: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&run.stdout), text(&run.stderr))
}

#[test]
fn a_quick_run_reports_every_goal() {
    check(
        &["live", "--quick", "--viewers", "20", "--no-pin"],
        &[
            "# cargo xtask bench live --quick",
            "## 1. Renders and hashes, 20 viewers",
            "## 2. A change to the last of 20 viewers",
            "## 3. Bytes per update and connection",
            "## 4. Idle memory per open stream",
            "| renders per change, 20 viewers, counter",
            "| bytes per update, dashboard, gzip",
            "| idle memory per stream at 100, counter",
        ],
    );
}

#[test]
fn servers_are_compared() {
    let quick = ["fanout", "--quick", "-n", "20", "--no-pin", "--only"];
    check(
        &[&quick[..], &["delivery"]].concat(),
        &[
            "## 1. A change to all viewers",
            "| bare sockets ",
            "| CPU per viewer-update / datastar 0.4.1 + axum + tower-http, list, zstd, 20",
        ],
    );
    check(
        &[&quick[..], &["bytes"]].concat(),
        &[
            "## 4. Bytes per update",
            "| bytes per update against zstd per connection + 14, board, zstd",
        ],
    );
}

#[test]
fn stores_are_compared() {
    let directory = env!("CARGO_TARGET_TMPDIR");
    check(
        &[
            "store",
            "--quick",
            "--entries",
            "2000",
            "--directory",
            directory,
        ],
        &[
            "# cargo xtask bench store --quick",
            "## Random reads, 2000 entries",
            "### 200 random overwrites in one transaction",
            "## A single durable commit",
            "| bare 4 KiB append, fdatasync",
            "## 50 writers at once",
            "## Two versions that differ in 10 of 2000 entries",
            "## Bytes of a lone commit",
            "## Opening a store after 200 commits",
            "| opening after 200 commits and kill -9",
        ],
    );
}

#[cfg(feature = "node")]
#[test]
fn processes_are_measured() {
    let directory = env!("CARGO_TARGET_TMPDIR");
    check(
        &["node", "--quick", "--directory", directory],
        &[
            "# cargo xtask bench node --quick",
            "- components: a counter has ",
            "| bare wasmtime call, 32 bytes there and back ",
            "| component -> component ",
            "| EveryMessage, 32 processes ",
            "## One entry of a map",
            "| start with 8,000 records, 1 MB of JSON ",
            "| memory of a process that waits ",
            "| a page in a component / natively ",
            "| a call beside one that floods another / alone, p99 ",
        ],
    );
}

/// The moment of a kill is not the same twice, so a failure is not found again by its seed alone; what it says
/// names the message.
#[cfg(feature = "node")]
#[test]
fn a_killed_node_has_kept_what_it_acknowledged() {
    // A few of few apps where nobody says more.
    let kills = std::env::var("HYPERSTAR_NODE_KILLS").ok();
    let (kills, apps) = match &kills {
        Some(kills) => (kills.as_str(), "100"),
        None => ("6", "10"),
    };
    let soak = ["soak-node", "--kills", kills, "--apps", apps];
    // Other tests run beside it, on code that is not optimised.
    let patient = ["--serves-ms", "60000"];
    let directory = ["--directory", env!("CARGO_TARGET_TMPDIR")];
    check(
        &[&soak[..], &patient, &directory].concat(),
        &[
            &format!("node: {kills} kills"),
            "none is lost, none was applied twice",
        ],
    );
}

#[test]
fn a_server_is_visited() {
    let mut server = Command::new(PROGRAM)
        .args(["serve", "hyperstar", "--page", "list"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    let base = format!("http://{}", address.trim());
    let pid = server.id().to_string();
    let (page, trigger) = (format!("{base}/page"), format!("POST {base}/bench/change"));
    let visit = |page: &str, more: &[&str]| {
        let stream = [
            "fanout",
            page,
            "-n",
            "24",
            "--method",
            "POST",
            "-H",
            "hs-stream: bench-tab-000000{number}",
            "-H",
            "datastar-request: true",
            "-H",
            "content-type: application/json",
            "--body",
            "{}",
            "--encoding",
            "identity,zstd,br,gzip",
        ];
        run(&[&stream[..], more].concat())
    };
    let visited = visit(
        &page,
        &[
            "--trigger",
            &trigger,
            "--changes",
            "5",
            "--every",
            "50",
            "--sequence",
            "class=\"count\">([0-9]+)<",
            "--pid",
            &pid,
            "--stalled",
            "3",
        ],
    );
    let (out, err) = texts(&visited);
    assert!(visited.status.success(), "{out}\n{err}");
    // Three changes before the five, from 10,000 on.
    assert!(
        out.contains("16 sampled streams decode, and end alike at number 10008"),
        "{out}"
    );
    assert!(out.contains("- processor time: "), "{out}");
    let (out, err) = texts(&visit(&page, &["--seconds", "2"]));
    assert!(out.contains("Nothing was lost"), "{out}\n{err}");
    let refused = texts(&visit(&format!("{base}/no-such-page"), &[])).1;
    assert!(
        refused.contains("the server answered HTTP/1.1 404"),
        "{refused}"
    );
    server.kill().unwrap();
    server.wait().unwrap();
    let gone = texts(&visit(&page, &[])).1;
    assert!(gone.contains("nothing listens there"), "{gone}");
}
