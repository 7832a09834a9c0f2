//! What it writes to terminals, to pipes, and to those who stop reading.

use std::io::Read;
use std::process::{Command, Stdio};

use crate::support::{Place, check_success};

/// A store of what a terminal would obey, in a path, an author, a message and values.
fn hostile() -> Place {
    let place = Place::new();
    let store = place.store("app.redb");
    let set = store.transaction::<_, hyperstar_store::StoreError>(|tx| {
        tx.set_author("\x1b]0;mine\x07")?;
        tx.set_message("first\x1b[2J\nsecond\u{9b}31m")?;
        tx.set("note", "\x1b[31m\u{9b}1m\u{202e}")?;
        tx.set_bytes("text", "a\x1b[8mb\nc".as_bytes().to_vec())?;
        tx.set_bytes("binary", b"\0\x1b[31m".to_vec())?;
        tx.set_bytes("path\u{202e}\u{2066}/x", "1".as_bytes().to_vec())
    });
    set.unwrap();
    let id = store.head_id();
    store.tag("tag\u{202e}", id).unwrap();
    drop(store);
    place
}

#[test]
fn nothing_that_a_terminal_would_obey_is_written() {
    let place = hostile();
    let cases: &[&[&str]] = &[
        &["app.redb"],
        &["log", "app.redb"],
        &["log", "app.redb", "--oneline"],
        &["log", "app.redb", "--json"],
        &["show", "app.redb"],
        &["show", "app.redb", "/"],
        &["show", "app.redb", "note"],
        &["show", "app.redb", "text"],
        &["show", "app.redb", "binary"],
        &["tag", "app.redb"],
        &["info", "app.redb", "--json"],
        &["verify", "app.redb"],
        &["show", "app.redb", "HEAD", "pat\u{202e}\x1bh"],
        &["log", "app.redb", "--from", "tag\u{202e}\x1b"],
        &["checkout", "app.redb", "\x1b[31m"],
        &["undo", "app.redb"],
        &["diff", "app.redb", "HEAD~1", "--json"],
    ];
    for arguments in cases {
        let output = place.run(arguments);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert!(!text.is_empty(), "{arguments:?}");
        let bad = |it: char| it.is_control() && it != '\n' || "\u{202e}\u{2066}".contains(it);
        assert!(!text.contains(bad), "{arguments:?}: {text:?}");
    }
}

#[test]
fn escapes_say_what_was_there() {
    let place = hostile();
    assert_eq!(
        place.read(&["show", "app.redb", "note"]),
        "\"\\u001b[31m\\u009b1m\\u202e\"\n"
    );
    assert_eq!(
        place.read(&["show", "app.redb", "text"]),
        "a\\u{1b}[8mb\nc\n"
    );
    let raw = place.run(&["show", "app.redb", "HEAD", "text", "--raw"]);
    assert_eq!(raw.stdout, b"a\x1b[8mb\nc");
}

#[test]
fn who_stops_reading_is_not_complained_to() {
    let place = Place::new();
    let store = place.store("app.redb");
    store
        .transaction::<_, hyperstar_store::StoreError>(|tx| {
            (0..20_000)
                .try_for_each(|index| tx.set(&format!("item/{index}"), "x".repeat(50).as_str()))
        })
        .unwrap();
    drop(store);
    let commands: [&[&str]; 2] = [&["show", "app.redb"], &["show", "app.redb", "item"]];
    for arguments in commands {
        let mut command = place.command(arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 10]).unwrap();
        drop(stdout);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
    // A stream that nobody took to its end is no backup.
    let mut command = place.command(&["export", "app.redb"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn shells_are_told_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = Command::new(env!("CARGO_BIN_EXE_hyperstar"))
            .args(["completions", shell])
            .output()
            .unwrap();
        check_success(&output);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(
            script.contains("checkout") && script.contains("dry-run"),
            "{shell}"
        );
    }
}

#[test]
fn every_command_explains_itself() {
    let place = Place::new();
    let commands = [
        "info", "log", "show", "diff", "checkout", "branch", "tag", "merge", "undo", "revert",
        "export", "import", "sync", "verify", "compact",
    ];
    let all = place.read(&["--help"]);
    for command in commands {
        assert!(all.contains(&format!("\n  {command} ")), "{command}");
        let help = place.read(&[command, "--help"]);
        assert!(help.contains("\nExamples:\n  "), "{help}");
    }
}

#[cfg(unix)]
mod terminal {
    use std::fs::File;
    use std::io::Read;

    use rustix::fs::{Mode, OFlags};
    use rustix::pty;

    use super::{Place, hostile};

    /// What a terminal is sent, and whether that was a success.
    fn on_terminal(
        place: &Place,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> (String, bool) {
        let near = pty::openpt(pty::OpenptFlags::RDWR | pty::OpenptFlags::NOCTTY).unwrap();
        pty::grantpt(&near).unwrap();
        pty::unlockpt(&near).unwrap();
        let name = pty::ptsname(&near, Vec::new()).unwrap();
        let far = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        let far = File::from(far);
        let mut command = place.command(arguments);
        command.env("TERM", "xterm").envs(variables.iter().copied());
        command.stdout(far.try_clone().unwrap()).stderr(far);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut text = Vec::new();
        let mut near = File::from(near);
        let mut piece = [0; 4096];
        // A terminal that nobody has open any more ends with an error.
        while let Ok(length @ 1..) = near.read(&mut piece) {
            text.extend_from_slice(&piece[..length]);
        }
        let status = child.wait().unwrap();
        (String::from_utf8(text).unwrap(), status.success())
    }

    #[test]
    fn colours_are_for_terminals() {
        let place = Place::with_store();
        let log = ["log", "app.redb", "--oneline"];
        let (text, _) = on_terminal(&place, &log, &[]);
        assert!(
            text.contains("\x1b[33m") && text.contains("main"),
            "{text:?}"
        );
        let (text, _) = on_terminal(&place, &log, &[("NO_COLOR", "1")]);
        assert!(!text.contains('\x1b') && text.contains("main"), "{text:?}");
    }

    #[test]
    fn a_terminal_gets_no_streams() {
        let place = hostile();
        let (text, is_success) = on_terminal(&place, &["export", "app.redb"], &[]);
        assert!(
            !is_success && text.starts_with("error: the stream is not for a terminal;"),
            "{text}"
        );
        let raw = ["show", "app.redb", "HEAD", "text", "--raw"];
        let (text, is_success) = on_terminal(&place, &raw, &[]);
        assert!(
            !is_success && text.starts_with("error: the bytes of `text` are not for a terminal"),
            "{text}"
        );
    }

    #[test]
    fn progress_is_a_bar_that_goes_away() {
        let place = Place::with_store();
        let (text, is_success) = on_terminal(&place, &["verify", "app.redb"], &[]);
        assert!(
            is_success && text.contains("`app.redb` is whole"),
            "{text:?}"
        );
        assert!(!text.contains(" ..") && !text.contains("done"), "{text:?}");
    }
}
