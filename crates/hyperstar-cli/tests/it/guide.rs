//! docs/APPS.md, followed from its top to its bottom: each block of code is written, each command is run, and what
//! the page shows is what it prints.

use std::fs;
use std::path::Path;

use crate::support::check_success;
use crate::workshop::Workshop;

/// What the page shows for where the checkout is.
const CHECKOUT: &str = "/home/ann/hyperstar";

/// A fenced block of the page.
struct Block<'a> {
    language: &'a str,
    text: &'a str,
}

/// A command, and what the page shows that it prints.
struct Step<'a> {
    command: &'a str,
    shown: Vec<&'a str>,
}

#[test]
fn the_page_on_apps_is_true() {
    let workshop = Workshop::new();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/APPS.md");
    let page = fs::read_to_string(page).unwrap();
    for block in blocks(&page) {
        match block.language {
            "rust" => write(&workshop, block.text),
            "console" => steps(block.text)
                .iter()
                .for_each(|step| follow(&workshop, step)),
            language => panic!("nobody knows how to follow `{language}`"),
        }
    }
}

/// Puts code where the page says that it goes.
fn write(workshop: &Workshop, code: &str) {
    let app = workshop.path("tea/src/lib.rs");
    if code.contains("#[hyperapp") {
        fs::write(app, format!("{code}\n")).unwrap();
    } else if code.contains("#[test]") {
        fs::write(workshop.path("tea/tests/app.rs"), format!("{code}\n")).unwrap();
    } else {
        let text = fs::read_to_string(&app).unwrap();
        let start = text.find("#[derive(Default, State)]").unwrap();
        let end = start + text[start..].find("\n}\n").unwrap() + "\n}".len();
        let text = text[..start].to_owned() + code + &text[end..];
        fs::write(app, text.replace("self.cups", "self.poured")).unwrap();
    }
}

fn follow(workshop: &Workshop, step: &Step<'_>) {
    let arguments = arguments(step.command);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        // The program is installed, and all commands are run in the folder of the app.
        ["git" | "cargo" | "cd", ..] => {}
        ["hyperstar", "new", name] => {
            let output = workshop.run(&["new", name]);
            check_success(&output);
            check(step, &String::from_utf8(output.stdout).unwrap());
            workshop.lock(name);
        }
        ["hyperstar", arguments @ ..] => run(workshop, step, arguments),
        other => panic!("nobody knows how to follow {other:?}"),
    }
}

fn run(workshop: &Workshop, step: &Step<'_>, arguments: &[&str]) {
    let mut arguments = arguments.to_vec();
    if let ["run" | "bs", ..] = arguments[..] {
        arguments.extend(["--port", "0"]);
    }
    let mut command = workshop.command(&arguments);
    command.current_dir(workshop.path("tea"));
    // They go on.
    if let ["run", ..] | ["logs", _, "-f"] = arguments[..] {
        let [shown] = step.shown[..] else {
            panic!("`{}` prints one line at first", step.command);
        };
        let program = workshop.start_command(command);
        // When it was is not known.
        let known = shown.rsplit("  ").next().unwrap();
        let known = known.split("://").next().unwrap();
        check(step, &program.line_with(known));
        assert_eq!(program.interrupt(), arguments[0].eq("run").then_some(0));
        return;
    }
    let output = command.output().unwrap();
    let is_refused = step
        .shown
        .first()
        .is_some_and(|line| line.starts_with("error: "));
    assert_eq!(output.status.success(), !is_refused, "{output:?}");
    let printed = match is_refused {
        true => output.stderr,
        false => output.stdout,
    };
    check(step, &String::from_utf8(printed).unwrap());
}

/// Whether the page shows what is printed, if it shows something: its last lines, but for ports, places and times.
fn check(step: &Step<'_>, printed: &str) {
    let printed: Vec<String> = printed.lines().map(as_shown).collect();
    let shown = step.shown.iter().map(|line| as_shown(line));
    let shown: Vec<String> = shown.collect();
    let last = &printed[printed.len().saturating_sub(shown.len())..];
    assert_eq!(shown, last, "`{}`", step.command);
}

fn as_shown(line: &str) -> String {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let checkout = checkout.canonicalize().unwrap();
    let line = line.replace(&checkout.display().to_string(), CHECKOUT);
    // `2026-03-10 12:00:00 +01:00 info  ..`
    let is_dated = line.starts_with("20");
    let line = match is_dated {
        true => line.splitn(4, ' ').nth(3).unwrap().to_owned(),
        false => line,
    };
    match line.split_once("localhost:") {
        Some((start, port)) => {
            let end = port.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{start}localhost:8080{end}")
        }
        None => line,
    }
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced
        .map(|block| {
            let (language, text) = block.split_once('\n').unwrap();
            Block { language, text }
        })
        .collect()
}

fn steps(text: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                command,
                shown: Vec::new(),
            }),
            (None, Some(step)) => step.shown.push(line),
            (None, None) => panic!("`{line}` comes before any command"),
        }
    }
    steps
}

/// The words of a command, as a shell divides it.
fn arguments(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in command.split('\'').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}
