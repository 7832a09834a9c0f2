//! A real process, really killed, again and again: what it acknowledged is there.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;
use std::{env, thread};

use hyperstar_store::{Store, StoreError};

use crate::support::Random;

const CHILD_FILE: &str = "HYPERSTAR_STORE_KILL_FILE";
/// Set it to kill more often than CI does.
const ROUNDS: &str = "HYPERSTAR_STORE_KILL_ROUNDS";

#[test]
fn what_was_acknowledged_survives_sigkill() {
    let rounds: u64 = env::var(ROUNDS).map_or(12, |rounds| rounds.parse().unwrap());
    let mut random = Random::new(rounds);
    let directory = tempfile::tempdir().unwrap();
    let mut total = 0;
    for round in 0..rounds {
        // Half of the rounds start with no file: the kill may hit its creation.
        let file = directory.path().join(format!("{}.redb", round / 2));
        let before = if file.exists() { verify(&file) } else { 0 };
        let acknowledged = run_and_kill(&file, round % 2 == 1, &mut random);
        let found = verify(&file);
        assert!(
            found >= acknowledged.max(before),
            "round {round}: {found} found, {acknowledged} acknowledged, {before} before"
        );
        total += found - before;
    }
    println!("kill: {rounds} rounds, {total} commits");
    if rounds > 1 {
        assert!(total > 0, "no child got as far as a commit");
    }
}

/// The version that the child acknowledged last, 0 if none. It is killed at any time after it has
/// started, or after its first commit.
fn run_and_kill(file: &std::path::Path, after_commit: bool, random: &mut Random) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "kill::child_that_commits_until_it_is_killed",
            "--nocapture",
        ])
        .env(CHILD_FILE, file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (told_tx, told_rx) = channel();
    let awaited = if after_commit { "ack " } else { "start" };
    let reader = thread::spawn(move || {
        let mut last = 0;
        for line in lines.map_while(Result::ok) {
            if line.starts_with(awaited) {
                let _ = told_tx.send(());
            }
            // A line that the kill cut off has no `;`.
            let version = line
                .strip_prefix("ack ")
                .and_then(|rest| rest.strip_suffix(';'));
            if let Some(version) = version {
                last = version.parse().unwrap();
            }
        }
        last
    });
    told_rx.recv().unwrap();
    thread::sleep(Duration::from_micros(random.below(40_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// Every commit adds one entry, and counts it elsewhere: either both or none are there.
fn verify(file: &std::path::Path) -> u64 {
    let store = Store::open(file).unwrap();
    let head = store.head().as_u64();
    assert_eq!(store.get("count").unwrap().unwrap_or(0), head);
    let entries = store.entries::<u64>("entries").unwrap();
    let expected = (1..=head).map(|number| (entry(number), number));
    assert_eq!(entries, expected.collect::<Vec<_>>());
    head
}

fn entry(number: u64) -> String {
    format!("entries/{number:08}")
}

/// Does nothing unless it is the child.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Ok(file) = env::var(CHILD_FILE) else {
        return;
    };
    let mut out = std::io::stdout();
    writeln!(out, "\nstart").unwrap();
    out.flush().unwrap();
    let store = Store::open(file).unwrap();
    loop {
        let committed = store.transaction(|tx| {
            let number = tx.get("count")?.unwrap_or(0_u64) + 1;
            tx.set(&entry(number), &number)?;
            tx.set("count", &number)?;
            Ok::<_, StoreError>(())
        });
        let ((), commit) = committed.unwrap();
        writeln!(out, "ack {};", commit.version).unwrap();
        out.flush().unwrap();
    }
}
