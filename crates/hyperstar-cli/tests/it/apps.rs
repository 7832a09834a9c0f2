//! Apps on a node, by the command line.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{check_success, json_lines, refused};
use crate::workshop::{Workshop, get, url_in, wait_for, wait_for_page};

#[test]
fn without_a_node_it_is_said_how_to_get_one() {
    let workshop = Workshop::new();
    let commands: [&[&str]; 10] = [
        &["ps"],
        &["start", "demo"],
        &["stop", "demo"],
        &["remove", "demo"],
        &["inject", "demo", "count"],
        &["logs", "demo"],
        &["install", "demo.wasm"],
        &["grant", "demo", "other"],
        &["grants"],
        &["revoke", "1"],
    ];
    let home = workshop.path("home");
    assert_eq!(
        workshop.refusal(&["node", "--stop"]),
        format!("error: no node runs at {}\n", home.display())
    );
    for command in commands {
        assert_eq!(
            workshop.refusal(command),
            format!(
                "error: no node runs at {}; start one with `hyperstar node`\n",
                home.display()
            ),
            "{command:?}"
        );
    }
    assert!(!home.exists());
}

#[test]
fn folders_that_are_no_apps_are_refused() {
    let workshop = Workshop::new();
    fs::create_dir(workshop.path("empty")).unwrap();
    fs::create_dir_all(workshop.path("library/src")).unwrap();
    let manifest = "[package]\nname = \"library\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs::write(workshop.path("library/Cargo.toml"), manifest).unwrap();
    fs::write(workshop.path("library/src/lib.rs"), "").unwrap();
    for command in ["build", "run", "bs", "test", "run-tests"] {
        for folder in ["empty", "nowhere"] {
            let said = workshop.refusal(&[command, folder]);
            let expected = format!(
                "error: there is no `Cargo.toml` in `{folder}`; name the folder of an app, or make one with"
            );
            assert!(said.contains(&expected), "{command}: {said}");
        }
    }
    for command in ["build", "bs", "test"] {
        let said = workshop.refusal(&[command, "library"]);
        assert!(
            said.contains("error: `library` does not depend on `hyperstar-process`"),
            "{command}: {said}"
        );
    }
    workshop.edit("library/Cargo.toml", "[package]", "[package");
    for command in ["build", "run", "bs", "test"] {
        let said = workshop.refusal(&[command, "library"]);
        assert!(!said.contains("error: error"), "{command}: {said}");
        assert!(said.contains("Cargo.toml:1:9"), "{command}: {said}");
    }
    for command in ["build", "test"] {
        let mut command = workshop.command(&[command, "library"]);
        let said = refused(&command.env("CARGO", "no-cargo").output().unwrap(), 1);
        assert!(
            said.contains("error: `no-cargo` cannot be run; install Rust from https://rustup.rs"),
            "{said}"
        );
    }
}

#[test]
fn a_port_that_is_taken_is_said_and_makes_nothing() {
    let workshop = Workshop::new();
    workshop.app("demo", "blank");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for command in [
        ["node", "--port", &port].as_slice(),
        &["run", "demo", "--port", &port],
    ] {
        let said = workshop.refusal(command);
        let expected = format!(
            "error: cannot listen on 127.0.0.1:{port}: another program listens there; stop it or choose another port"
        );
        assert!(said.starts_with(&expected), "{said}");
    }
    assert!(!workshop.path("home").exists());
}

#[test]
fn a_folder_that_no_socket_fits_in_is_named() {
    let workshop = Workshop::new();
    let home = workshop.path(&"a".repeat(100));
    let home = home.to_str().unwrap();
    for command in ["ps", "node", "demo"] {
        assert_eq!(
            workshop.refusal(&[command, "--home", home]),
            format!(
                "error: the path {home} is too long for a node's socket; choose a shorter one with `--home`\n"
            )
        );
    }
    assert!(!Path::new(home).exists());
}

#[test]
fn who_asks_twice_to_end_does_not_wait() {
    let workshop = Workshop::new();
    workshop.app("demo", "blank");
    // It does not end when it is asked to.
    fs::write(
        workshop.path("demo/src/main.rs"),
        "use std::os::unix::process::CommandExt;\n\
         fn main() {\n    \
             let script = \"trap '' INT TERM; echo it runs; exec sleep 600\";\n    \
             panic!(\"{}\", std::process::Command::new(\"sh\").args([\"-c\", script]).exec());\n\
         }\n",
    )
    .unwrap();
    let running = workshop.start(&["run", "demo", "--port", "0"]);
    running.line_with("it runs");
    assert_eq!(running.interrupt_until_it_ends(), Some(130));
}

#[test]
fn an_app_lives_on_a_node() {
    let workshop = Workshop::new();
    workshop.app("demo", "counter");
    let started = workshop.read(&["bs", "demo", "--port", "0"]);
    assert!(
        started.starts_with("demo:demo:local  running  http://demo-demo-local.localhost:"),
        "{started}"
    );
    let url = url_in(&started);

    // Asked, shown and listed.
    assert_eq!(workshop.read(&["inject", "demo", "increment"]), "null\n");
    assert_eq!(
        workshop.read(&["i", "demo:demo:local", "increment", "{}"]),
        "null\n"
    );
    assert_eq!(workshop.read(&["inject", "demo", "count"]), "2\n");
    assert!(get(&url).unwrap().contains(">2</output>"));
    let granted = workshop.run(&["grants"]);
    assert_eq!(
        (granted.stdout, granted.stderr),
        (
            Vec::new(),
            b"nothing is granted; `hyperstar grant` lets one app message another\n".to_vec()
        )
    );
    let listed = json_lines(&workshop.read(&["ps", "--json"]));
    assert_eq!(listed.len(), 1);
    assert_eq!(
        ["name", "title", "icon", "status", "url"].map(|key| listed[0][key].as_str().unwrap()),
        ["demo:demo:local", "Demo", "🔢", "running", &url]
    );
    let table = workshop.read(&["ps"]);
    assert!(table.starts_with("demo:demo:local  running "), "{table}");

    // A node that runs is not where somebody else would have it.
    let elsewhere = workshop.run(&["bs", "demo", "--port", "1"]);
    check_success(&elsewhere);
    let said = String::from_utf8(elsewhere.stderr).unwrap();
    assert!(
        said.ends_with(
            "the node was running already, elsewhere than at port 1; `hyperstar node --stop` ends it, and `hyperstar bs \
             --port 1` starts one there\n"
        ),
        "{said}"
    );

    // What it can be asked, by its name, its component and its folder.
    let wit = workshop.read(&["view-api", "demo:demo:local"]);
    assert!(
        wit.contains("count: func(to: address) -> result<s64, call-error>;"),
        "{wit}"
    );
    let built: Value = serde_json::from_str(&workshop.read(&["build", "demo", "--json"])).unwrap();
    assert_eq!(
        workshop.read(&["view-api", built["component"].as_str().unwrap()]),
        wit
    );
    assert_eq!(workshop.read(&["view-api", "demo"]), wit);
    let interface: Value =
        serde_json::from_str(&workshop.read(&["view-api", "demo", "--json"])).unwrap();
    assert_eq!(interface["views"][0]["path"], "/");

    // Mistakes.
    let cases: [(&[&str], &str); 7] = [
        (
            &["inject", "dmeo", "count"],
            "error: there is no process `dmeo`; there are demo:demo:local\n",
        ),
        (&["inject", "demo", "cuont"], "did you mean `count`"),
        (
            &["inject", "demo", "count", "--timeout-ms", "0"],
            "error: nobody answered in time; allow more with `--timeout-ms`, or ask again\n",
        ),
        (
            &["inject", "demo", "count", "{"],
            "error: the arguments are no JSON: ",
        ),
        (
            &["revoke", "77"],
            "error: there is no grant 77; `hyperstar grants` lists them\n",
        ),
        (
            &["grant", "demo", "other"],
            "error: there is no process `other`",
        ),
        (
            &["install", "none.wasm"],
            "error: there is no `none.wasm`; name the folder of an app, or a component as `hyperstar build` makes it\n",
        ),
    ];
    for (command, expected) in cases {
        let said = workshop.refusal(command);
        assert!(said.contains(expected), "{command:?}: {said}");
    }

    // An upgrade keeps the state; one that does not compile changes nothing.
    workshop.edit("demo/src/lib.rs", "both show the same number", "both count");
    let upgraded = workshop.read(&["bs", "demo"]);
    assert_eq!(upgraded, started);
    let page = get(&url).unwrap();
    assert!(
        page.contains("both count") && page.contains(">2</output>"),
        "{page}"
    );
    workshop.edit("demo/src/lib.rs", "self.count = 0;", "self.cuont = 0;");
    let said = workshop.refusal(&["bs", "demo"]);
    assert!(said.contains("no field `cuont`"), "{said}");
    assert!(
        said.ends_with("error: `demo` was not built; the compiler says above why\n"),
        "{said}"
    );
    assert_eq!(workshop.read(&["inject", "demo", "count"]), "2\n");

    // Stopped, started, removed and installed again.
    workshop.read(&["stop", "demo"]);
    assert!(workshop.read(&["ps"]).contains(" stopped "));
    assert_eq!(workshop.read(&["s", "demo"]), started);
    workshop.read(&["r", "demo"]);
    assert_eq!(workshop.read(&["ps"]), "");
    let component = built["component"].as_str().unwrap();
    let again = workshop.read(&[
        "install",
        component,
        "--name",
        "demo:demo:local",
        "--stopped",
    ]);
    assert!(again.contains("  stopped  "), "{again}");
    workshop.read(&["start", "demo"]);
    assert_eq!(workshop.read(&["inject", "demo", "count"]), "2\n");

    // The node ends, and comes back with all of it.
    workshop.read(&["node", "--stop"]);
    assert!(workshop.refusal(&["ps"]).contains("no node runs at"));
    let node = workshop.start(&["node", "--port", "0", "--name", "ann.os", "--json"]);
    let line: Value = serde_json::from_str(&node.line_with("url")).unwrap();
    assert_eq!(line["name"], "ann.os");
    let home = line["url"].as_str().unwrap();
    wait_for(home, "demo:demo:local");
    assert_eq!(workshop.read(&["inject", "demo", "count"]), "2\n");
    let taken = workshop.refusal(&["node", "--port", "0"]);
    assert!(
        taken.contains("a node runs in ") && taken.contains("--home"),
        "{taken}"
    );
    workshop.read(&["remove", "demo", "--forget"]);
    workshop.read(&["install", component, "--name", "demo:demo:local"]);
    assert_eq!(workshop.read(&["inject", "demo", "count"]), "0\n");
    assert_eq!(node.interrupt(), Some(0));
}

#[test]
fn apps_call_each_other_and_log() {
    let workshop = Workshop::new();
    workshop.app("caller", "rpc");
    workshop.edit(
        "caller/src/lib.rs",
        "self.greeted += 1;",
        "hyperstar_process::log(hyperstar_process::Level::Warn, \"greeting\");\n        self.greeted += 1;",
    );
    // Who is not public has to be granted.
    workshop.edit("caller/src/lib.rs", "    #[public]\n", "");
    workshop.read(&["bs", "caller", "--name", "one:caller:local", "--port", "0"]);
    workshop.read(&["bs", "caller", "--name", "two:caller:local"]);
    let ask = |workshop: &Workshop| {
        workshop.read(&[
            "inject",
            "one",
            "ask",
            "{\"to\": \"two:caller:local\", \"name\": \"Ann\"}",
        ]);
        let listed = json_lines(&workshop.read(&["ps", "--json"]));
        let one = listed
            .iter()
            .find(|it| it["name"] == "one:caller:local")
            .unwrap();
        get(one["url"].as_str().unwrap()).unwrap()
    };
    let page = ask(&workshop);
    assert!(
        page.contains("two:caller:local: ") && !page.contains("Hello"),
        "{page}"
    );
    let grant = workshop.read(&["grant", "one", "two", "greet"]);
    let listed = json_lines(&workshop.read(&["grants", "--json"]));
    assert_eq!(
        listed,
        [json!({
            "id": 1, "holder": "one:caller:local", "target": "two:caller:local", "handlers": ["greet"],
        })]
    );
    assert_eq!(
        workshop.read(&["grants"]),
        "   1  one:caller:local -> two:caller:local  greet\n"
    );
    let page = ask(&workshop);
    assert!(
        page.contains("Hello, Ann! (number 1 of two:caller:local)"),
        "{page}"
    );
    let follower = workshop.start(&["logs", "two", "-f", "--json"]);
    let line: Value = serde_json::from_str(&follower.line_with("greeting")).unwrap();
    assert_eq!(
        (&line["level"], &line["text"]),
        (&"warn".into(), &"greeting".into())
    );
    ask(&workshop);
    follower.line_with("greeting");
    let lines = workshop.read(&["logs", "two", "-n", "1"]);
    assert!(
        lines.ends_with(" warn  greeting\n") && lines.lines().count() == 1,
        "{lines}"
    );
    workshop.read(&["revoke", grant.trim()]);
    assert_eq!(workshop.read(&["grants"]), "");
    let page = ask(&workshop);
    assert!(
        page.contains("two:caller:local: ") && !page.contains("Hello"),
        "{page}"
    );
}

#[test]
fn the_examples_run_on_a_node_and_no_money_is_lost_whenever_it_is_killed() {
    let workshop = Workshop::new();
    let demo = workshop.start(&["demo", "--port", "0", "--home", "demo"]);
    let url = url_in(&demo.line_with("the examples run at"));
    demo.line_with("a second terminal lists them: hyperstar ps --home demo");
    let page = wait_for_page(&url);
    for title in ["Counter", "Life", "Todo", "Chat", "Bank"] {
        assert!(page.contains(title), "{title}: {page}");
    }
    let home = workshop.path("demo");
    let home = home.to_str().unwrap();
    let listed = json_lines(&workshop.read(&["ps", "--json", "--home", home]));
    assert_eq!(listed.len(), 6);
    assert!(
        listed.iter().all(|it| it["status"] == "running"),
        "{listed:?}"
    );

    let mut node = demo;
    let mut sent = 0;
    for round in 0..3_u64 {
        let ended = AtomicBool::new(false);
        sent += thread::scope(|scope| {
            let senders = [("north", "south"), ("south", "north")].map(|(from, to)| {
                let (workshop, ended) = (&workshop, &ended);
                scope.spawn(move || send_until(workshop, home, from, to, ended))
            });
            thread::sleep(Duration::from_millis(400 + 150 * round));
            node.kill();
            ended.store(true, Ordering::Relaxed);
            senders
                .map(|sender| sender.join().unwrap())
                .iter()
                .sum::<u32>()
        });
        node = workshop.start(&["node", "--port", "0", "--home", home]);
        node.line_with("my.os runs at");
        // It says where it is before it listens there.
        let since = Instant::now();
        while !workshop.run(&["ps", "--home", home]).status.success() {
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "it never listens"
            );
        }
    }
    assert!(sent > 10, "{sent} transfers were acknowledged");
    // What was on its way arrives, and nothing is lost or there twice.
    let since = Instant::now();
    let statements = || ["north", "south"].map(|bank| statement(&workshop, home, bank));
    while !statements().iter().all(|it| it["on_its_way"] == 0) {
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "{:?}",
            statements()
        );
    }
    // What was on its way to the first when it was looked at has arrived by now.
    let statements = statements();
    let cents = statements.iter().flat_map(|it| {
        let accounts = it["accounts"].as_object().unwrap().values();
        accounts.map(|cents| cents.as_u64().unwrap())
    });
    assert_eq!(cents.sum::<u64>(), 60_000, "{statements:?}");
    assert_eq!(node.interrupt(), Some(0));
}

/// Transfers a cent after the other, until the node is gone. How many were acknowledged.
fn send_until(workshop: &Workshop, home: &str, from: &str, to: &str, ended: &AtomicBool) -> u32 {
    let transfer =
        json!({ "from": "Ann", "bank": format!("{to}:bank:local"), "to": "Bob", "cents": 1 });
    let mut sent = 0;
    while !ended.load(Ordering::Relaxed) {
        let output = workshop.run(&[
            "inject",
            from,
            "transfer",
            &transfer.to_string(),
            "--home",
            home,
        ]);
        sent += u32::from(output.status.success());
    }
    sent
}

fn statement(workshop: &Workshop, home: &str, bank: &str) -> Value {
    let answer = workshop.read(&["inject", bank, "statement", "{}", "--home", home]);
    serde_json::from_str(&answer).unwrap()
}
