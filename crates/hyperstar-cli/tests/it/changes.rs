//! `run` and `bs --watch`: what is changed is seen.

use std::thread;
use std::time::{Duration, Instant};

use crate::workshop::{DEADLINE, Workshop, get, url_in, wait_for};

/// Goes through changes of an app that runs as `command` says.
fn check(name: &str, command: &[&str], shown: &str) {
    let workshop = Workshop::new();
    workshop.app(name, "counter");
    let code = format!("{name}/src/lib.rs");
    let running = workshop.start(command);
    let url = url_in(&running.line_with(shown));
    wait_for(&url, "both show the same number");
    if command[0] == "bs" {
        workshop.read(&["inject", name, "increment"]);
    } else {
        // Natively it can only be asked by HTTP.
        workshop.edit(
            &code,
            "#[http(GET, \"/api/count\")]",
            "#[http(GET, \"/api/increment\")]",
        );
        workshop.edit(
            &code,
            "fn count(&self) -> i64 {",
            "fn count(&mut self) -> i64 {\n        self.count += 1;",
        );
        wait_for(&format!("{url}api/increment"), "200 OK");
    }
    wait_for(&url, ">1</output>");

    // What does not compile leaves the old one.
    let text = std::fs::read_to_string(workshop.path(&code)).unwrap();
    let text = text.replace("both show the same number", "both count");
    let broken = text.replace("self.count = 0;", "self.cuont = 0;");
    std::fs::write(workshop.path(&code), broken).unwrap();
    running.line_with("was not built; ");
    assert!(get(&url).unwrap().contains("both show the same number"));
    // What does takes its place, with its state, at the same address.
    workshop.edit(&code, "self.cuont = 0;", "self.count = 0;");
    let took = wait_for(&url, "both count");
    eprintln!("{command:?}: a change shows after {} ms", took.as_millis());
    wait_for(&url, ">1</output>");

    workshop.edit(&format!("{name}/ui/style.css"), "--hue: 250", "--hue: 123");
    wait_for_style(&url, "--hue: 123");
    let code = running.interrupt();
    match command[0] {
        "run" => assert_eq!(code, Some(0)),
        // It has nothing to end: the node goes on.
        _ => assert!(get(&url).is_ok(), "{code:?}"),
    }
}

/// Waits until a style sheet of the page has this in it.
fn wait_for_style(url: &str, part: &str) {
    let style = || {
        let page = get(url).ok()?;
        let mut links = page.split("href=\"/").skip(1);
        let path = links.find_map(|link| {
            link.split('"')
                .next()
                .filter(|path| path.ends_with("/style.css"))
        })?;
        get(&format!("{url}{path}")).ok()
    };
    let end = Instant::now() + DEADLINE;
    while !style().is_some_and(|style| style.contains(part)) {
        assert!(Instant::now() < end, "{:?}", style());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_program_follows_its_files() {
    check(
        "followed",
        &["run", "followed", "--port", "0"],
        "Followed runs at",
    );
}

#[test]
fn a_component_follows_its_files() {
    check(
        "watched",
        &["bs", "watched", "--watch", "--port", "0"],
        "watched:watched:local",
    );
}
