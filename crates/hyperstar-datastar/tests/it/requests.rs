//! Reading signals from requests.

use http::Method;
use hyperstar_datastar::{
    SIGNALS_BYTES_MAX, Signals, SignalsError, is_datastar_request, read_signals,
    read_signals_limited,
};
use serde::Deserialize;
use serde_json::{Value, json};

fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("a method")
}

/// Reads with every method of a group, and compares.
fn check(methods: &[&str], query: Option<&str>, body: &str, expected: Result<Value, &str>) {
    for name in methods {
        let read = read_signals::<Value>(&method(name), query, body.as_bytes());
        let read = read.map_err(|error| error.to_string());
        assert_eq!(
            read,
            expected.clone().map_err(str::to_owned),
            "{name} {query:?} {body:?}"
        );
    }
}

const IN_QUERY: [&str; 3] = ["GET", "DELETE", "HEAD"];
const IN_BODY: [&str; 5] = ["POST", "PUT", "PATCH", "QUERY", "OTHER"];

#[test]
fn payloads() {
    let object = || Ok(json!({"a": 1}));
    let encoded = "datastar=%7B%22a%22%3A1%7D";
    check(&IN_QUERY, Some(encoded), "{\"b\":2}", object());
    check(&IN_QUERY, Some(&format!("x=1&{encoded}&y")), "", object());
    check(&IN_QUERY, Some("data%73tar={\"a\":1}"), "", object());
    check(&IN_QUERY, Some("datastar=%7B%22a%22:+1+%7D"), "", object());
    check(
        &IN_QUERY,
        Some("datastar={\"a\":\"x%2By+z%26\"}"),
        "",
        Ok(json!({"a": "x+y z&"})),
    );
    check(&IN_QUERY, Some("datastars=3"), "{\"b\":2}", Ok(json!({})));
    check(&IN_BODY, Some(encoded), "{\"b\":2}", Ok(json!({"b": 2})));
    check(
        &IN_BODY,
        None,
        " {\"b\": [\"😀\"]}\n",
        Ok(json!({"b": ["😀"]})),
    );
}

#[test]
fn missing_payloads_read_as_no_signals() {
    for query in [
        None,
        Some(""),
        Some("x=1"),
        Some("datastar"),
        Some("datastar="),
        Some("datastar=+"),
    ] {
        check(&IN_QUERY, query, "", Ok(json!({})));
    }
    for body in ["", " ", "\r\n"] {
        check(&IN_BODY, None, body, Ok(json!({})));
    }
}

#[test]
fn bad_payloads() {
    let remedy = "an action sends JSON unless its `contentType` is 'form'";
    let cases = [
        (
            "{\"a\":}",
            "signals `{\"a\":}` are not JSON: expected value at line 1 column 6",
        ),
        (
            "{\n\"a\":1",
            "signals `{\n\"a\":1` are not JSON: EOF while parsing an object at line 2 column 5",
        ),
        (
            "a=1&b=2",
            "signals `a=1&b=2` are not JSON: expected value at line 1 column 1",
        ),
        (
            "{} {}",
            "signals `{} {}` are not JSON: trailing characters at line 1 column 4",
        ),
    ];
    for (body, message) in cases {
        check(&IN_BODY, None, body, Err(&format!("{message}; {remedy}")));
    }
    let long = format!("[{}", "1,".repeat(100));
    let error = Signals::from_json(long.as_bytes()).unwrap_err().to_string();
    assert!(
        error.starts_with("signals `[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1…` are"),
        "{error}"
    );
    let not_utf8 = Signals::from_json(b"{\"a\":\"\xff\"}").unwrap_err();
    assert!(
        matches!(not_utf8, SignalsError::Json { line: 1, .. }),
        "{not_utf8}"
    );
    let query = read_signals::<Value>(&Method::GET, Some("datastar=%7B%22%ff%22:1}"), b"");
    assert!(matches!(query, Err(SignalsError::Json { .. })), "{query:?}");
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Signals::from_json(nested(127).as_bytes()).is_ok());
    for depth in [128, 1_000_000] {
        let error =
            Signals::parse_limited(&Method::POST, None, nested(depth).as_bytes(), usize::MAX)
                .unwrap_err()
                .to_string();
        assert!(
            error.contains("recursion limit exceeded at line 1 column 128"),
            "{error}"
        );
    }
}

#[test]
fn size_is_bounded() {
    let body = format!("\"{}\"", "x".repeat(SIGNALS_BYTES_MAX));
    check(
        &IN_BODY,
        None,
        &body,
        Err(
            "the signals take 1048578 bytes and at most 1048576 are read; send fewer with \
             `filterSignals`, or upload files as multipart",
        ),
    );
    let read = |bytes_max| {
        read_signals_limited::<Value>(&Method::GET, Some("datastar={}&x=12345"), b"", bytes_max)
    };
    assert!(read(2).is_ok());
    assert!(matches!(
        read(1),
        Err(SignalsError::TooLarge {
            bytes: 2,
            bytes_max: 1
        })
    ));
}

#[derive(Deserialize, Debug, PartialEq, Default)]
struct Form {
    name: String,
    #[serde(default)]
    count: u8,
}

#[test]
fn types() {
    let read = |body: &str| read_signals::<Form>(&Method::POST, None, body.as_bytes());
    assert_eq!(
        read(r#"{"name":"a","other":1}"#).unwrap(),
        Form {
            name: "a".into(),
            count: 0
        }
    );
    assert_eq!(
        read("").unwrap_err().to_string(),
        "the signals do not fit: missing field `name` at line 1 column 2; initialise the signal in \
         the page, or give the field a `#[serde(default)]`"
    );
    let error = read(r#"{"name":"a","count":300}"#).unwrap_err().to_string();
    assert!(
        error.contains("invalid value: integer `300`, expected u8"),
        "{error}"
    );
}

#[test]
fn many_bindings_of_one_parse() {
    let body = br#"{"user":{"name":"Ada","tags":["x","y"],"none":null},"count":"3","a.b":1}"#;
    let signals = Signals::parse(&Method::POST, None, body).unwrap();
    assert_eq!(signals.get::<String>("user.name").unwrap(), "Ada");
    assert_eq!(signals.get::<&str>("user.name").unwrap(), "Ada");
    assert_eq!(signals.get::<Vec<String>>("user.tags").unwrap(), ["x", "y"]);
    assert_eq!(signals.get::<char>("user.tags.1").unwrap(), 'y');
    assert_eq!(signals.get::<Option<bool>>("user.none").unwrap(), None);
    assert_eq!(signals.get::<Option<bool>>("user.missing").unwrap(), None);
    assert_eq!(signals.get_or("user.none", 7).unwrap(), 7);
    assert_eq!(signals.get_or("x.y.z", 7).unwrap(), 7);
    assert_eq!(signals.get_or("user.name", "nobody").unwrap(), "Ada");
    assert!(signals.contains("user.none") && !signals.contains("user.tags.2"));
    assert_eq!(signals.as_value()["a.b"], 1);

    #[derive(Deserialize)]
    struct Some_ {
        user: User,
    }
    #[derive(Deserialize)]
    struct User {
        name: String,
    }
    assert_eq!(signals.bind::<Some_>().unwrap().user.name, "Ada");
    assert!(matches!(
        signals.bind::<Form>(),
        Err(SignalsError::Mismatch { .. })
    ));

    assert_eq!(
        signals.get::<u32>("count").unwrap_err().to_string(),
        "signal `count` has another type: invalid type: string \"3\", expected u32"
    );
    assert!(signals.get_or("count", 1_u32).is_err());
    assert_eq!(
        signals.get::<u32>("user.age").unwrap_err().to_string(),
        "no signal `user.age` came with the request, only `a.b`, `count`, `user`; signals that \
         start with `_` stay in the browser"
    );
    assert_eq!(
        Signals::default().get::<u32>("x").unwrap_err().to_string(),
        "no signal `x` came with the request, only none; signals that start with `_` stay in the \
         browser"
    );
}

#[test]
fn requests_of_actions() {
    let mut headers = http::HeaderMap::new();
    assert!(!is_datastar_request(&headers));
    headers.insert("Datastar-Request", http::HeaderValue::from_static("true"));
    assert!(is_datastar_request(&headers));
}
