//! The official SDK cases, over HTTP, against the server of the example.
//!
//! What the official runner leaves open is open here: the order of data lines with different keys.
//! Everything else, down to the order of a script's attributes, must be equal.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::{env, fs, thread};

use crate::{decode, server};

#[test]
fn official_cases_pass() {
    let Some(folder) = cases_folder() else { return };
    let address = serve();
    let mut passed = 0;
    for method in ["get", "post"] {
        let mut cases: Vec<PathBuf> = fs::read_dir(folder.join(method))
            .expect("a folder for each method")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        cases.sort();
        for case in cases {
            let input = fs::read(case.join("input.json")).expect("an input");
            let expected = fs::read(case.join("output.txt")).expect("an output");
            let actual = request(address, method, &input);
            check(&case.display().to_string(), &expected, &actual);
            passed += 1;
        }
    }
    assert!(passed >= 18, "only {passed} cases in {}", folder.display());
}

/// The folder of the cases: `DATASTAR_CASES`, or one beside the repository.
fn cases_folder() -> Option<PathBuf> {
    let folder = env::var_os("DATASTAR_CASES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/datastar"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    let notice = format!(
        "the official Datastar cases are not at {}; set DATASTAR_CASES to their folder",
        folder.display()
    );
    assert!(env::var_os("CI").is_none(), "{notice}");
    // Past the capture of the test harness.
    let _ = writeln!(std::io::stderr(), "\n*** NOT RUN: {notice} ***\n");
    None
}

/// Starts the server on a free port; it lives as long as the test.
fn serve() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build();
        runtime.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, server::router())
                .await
                .expect("a server");
        });
    });
    address
}

/// Sends the input as the official runner does, and gives the body of the answer.
fn request(address: SocketAddr, method: &str, input: &[u8]) -> Vec<u8> {
    let (target, body) = match method {
        "get" => {
            let input = std::str::from_utf8(input).expect("JSON is UTF-8");
            let query = serde_urlencoded::to_string([("datastar", input)]).expect("a query");
            (format!("/test?{query}"), &b""[..])
        }
        _ => ("/test".to_owned(), input),
    };
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = format!(
        "{} {target} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\
         Datastar-Request: true\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        method.to_uppercase(),
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(body).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let split = answer
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a head and a body");
    let head = String::from_utf8_lossy(&answer[..split]).to_ascii_lowercase();
    let body = &answer[split + 4..];
    assert!(
        head.starts_with("http/1.1 200 "),
        "{head}\n{}",
        String::from_utf8_lossy(body)
    );
    assert!(
        head.contains("\r\ncontent-type: text/event-stream"),
        "{head}"
    );
    assert!(head.contains("\r\ncache-control: no-cache"), "{head}");
    assert!(
        head.contains(&format!("\r\ncontent-length: {}", body.len())),
        "{head}"
    );
    body.to_vec()
}

fn check(case: &str, expected: &[u8], actual: &[u8]) {
    let expected = decode::sse(&ended(expected));
    let actual_events = decode::sse(actual);
    assert_eq!(
        expected.len(),
        actual_events.len(),
        "{case}: number of events"
    );
    for (expected, actual) in expected.iter().zip(&actual_events) {
        assert_eq!(expected.name, actual.name, "{case}: event");
        assert_eq!(expected.id, actual.id, "{case}: id");
        assert_eq!(expected.retry, actual.retry, "{case}: retry");
        assert_eq!(actual.other, Vec::<String>::new(), "{case}: other fields");
        assert_eq!(
            sorted(expected.keys()),
            sorted(actual.keys()),
            "{case}: keys"
        );
        for key in expected.keys() {
            assert_eq!(expected.lines(key), actual.lines(key), "{case}: {key}");
        }
    }
    // The ADR fixes the order of the fields themselves.
    let text = String::from_utf8_lossy(actual);
    for event in text.split("\n\n") {
        let order: Vec<usize> = event
            .lines()
            .map(|line| {
                ["event", "id", "retry", "data"]
                    .iter()
                    .position(|f| line.starts_with(f))
            })
            .map(|place| place.expect("a known field"))
            .collect();
        assert!(order.is_sorted(), "{case}: order of fields in {event:?}");
    }
}

/// The files may leave out the last empty line.
fn ended(expected: &[u8]) -> Vec<u8> {
    let mut ended = expected.to_vec();
    while !ended.ends_with(b"\n\n") {
        ended.push(b'\n');
    }
    ended
}

fn sorted(mut keys: Vec<&str>) -> Vec<&str> {
    keys.sort_unstable();
    keys
}
