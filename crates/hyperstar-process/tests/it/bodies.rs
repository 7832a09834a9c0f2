//! Arguments from wherever a request has them.

use std::collections::BTreeMap;

use hyperstar_process::{File, State, Wire, hyperapp};
use serde::{Deserialize, Serialize};

use crate::driver::Driver;

#[derive(Default, State)]
struct Users {
    count: u32,
}

#[derive(Debug, Serialize, Deserialize, Wire)]
struct User {
    name: String,
    age: u32,
}

#[derive(Debug, Serialize, Deserialize, Wire)]
enum Color {
    Red,
    #[serde(rename = "dark blue")]
    Blue,
    Mixed(u8, u8, u8),
}

#[derive(Debug, Serialize, Deserialize, Wire)]
struct Id(u64);

#[derive(Debug, Serialize, Deserialize, Wire)]
struct Point {
    x: f32,
    y: f64,
}

/// Each says what it was given.
#[hyperapp(name = "Users")]
impl Users {
    #[local]
    #[http(POST, "/two")]
    #[http(GET, "/two")]
    #[action]
    fn two(&self, name: &str, age: Option<u32>) -> String {
        format!("{name} {age:?}")
    }

    #[local]
    #[http(POST, "/user")]
    fn user(&self, user: User) -> String {
        format!("{user:?}")
    }

    #[local]
    #[http(POST, "/user/{id}")]
    #[http(GET, "/user/{id}")]
    fn user_by_id(&self, id: Id, user: Option<User>, dry: Option<bool>) -> String {
        format!("{id:?} {user:?} {dry:?}")
    }

    #[local]
    #[http(POST, "/sum")]
    fn sum(&self, numbers: Vec<u32>) -> u32 {
        numbers.iter().sum()
    }

    #[local]
    #[http(POST, "/text")]
    fn text(&self, text: String) -> String {
        text
    }

    #[local]
    #[http(POST, "/map")]
    fn map(&self, map: BTreeMap<String, u8>) -> usize {
        map.len()
    }

    #[local]
    #[http(POST, "/nothing")]
    fn nothing(&self) -> u32 {
        self.count
    }

    #[http(PUT, "/bytes")]
    fn bytes(&self, body: Vec<u8>) -> usize {
        body.len()
    }

    #[http(PUT, "/named/{name}")]
    fn named(&self, name: String, body: &[u8]) -> String {
        format!("{name} {}", body.len())
    }

    #[http(GET, "/kinds")]
    #[http(POST, "/kinds")]
    #[action]
    #[expect(clippy::too_many_arguments, reason = "one of each kind")]
    fn kinds(
        &self,
        on: bool,
        number: i8,
        share: Option<f32>,
        letter: Option<char>,
        color: Option<Color>,
        tags: Vec<String>,
        user: Option<User>,
        id: Option<Id>,
    ) -> String {
        format!("{on} {number} {share:?} {letter:?} {color:?} {tags:?} {user:?} {id:?}")
    }

    #[http(GET, "/point")]
    #[http(POST, "/point")]
    #[action]
    fn point(&self, point: Option<Point>, x: Option<f32>, y: Option<f64>) -> String {
        format!("{point:?} {x:?} {y:?}")
    }

    #[http(POST, "/upload")]
    #[action]
    fn upload(&self, note: String, file: Option<File>, files: Vec<File>) -> String {
        format!("{note} {file:?} {}", files.len())
    }

    #[http(GET, "/rest/{*path}")]
    fn rest(&self, path: String) -> String {
        path
    }

    #[http(POST)]
    fn create_user(&self, name: String, age: u32) -> String {
        format!("created {name} {age}")
    }

    #[http(POST)]
    fn subscribe(&self, topic: String, loud: bool, tags: Vec<String>) -> String {
        format!("{topic} {loud} {tags:?}")
    }

    #[http]
    fn rename(&self, name: String) -> String {
        format!("renamed {name}")
    }
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// What is said to `POST /path body`, for each line.
#[track_caller]
fn check(cases: &[(&str, &str, &str)]) {
    let mut users = Driver::<Users>::new();
    for (line, body, expected) in cases {
        let response = users.http(line, body.as_bytes());
        let body_text = String::from_utf8_lossy(&response.body).into_owned();
        let said = match response.status {
            200 => body_text.trim_matches('"').replace("\\\"", "\""),
            status => format!("{status} {body_text}"),
        };
        assert_eq!(said, *expected, "{line} {body}");
    }
}

#[test]
fn json_by_name_wrapped_or_in_order() {
    let line = &format!("POST /two {JSON}")[..];
    check(&[
        (line, r#"{"name": "Ann", "age": 7}"#, "Ann Some(7)"),
        (line, r#"{"age": 7, "name": "A\u006en"}"#, "Ann Some(7)"),
        (line, r#"{"name": "Ann"}"#, "Ann None"),
        (line, r#"{"name": "Ann", "age": null}"#, "Ann None"),
        (line, r#"{"Two": {"name": "Ann", "age": 7}}"#, "Ann Some(7)"),
        (line, r#"{"two": ["Ann", 7]}"#, "Ann Some(7)"),
        (line, r#"["Ann", 7]"#, "Ann Some(7)"),
        (line, r#"["Ann"]"#, "Ann None"),
        ("POST /two", r#" {"name": "Ann"} "#, "Ann None"),
        (
            "POST /two text/json; charset=utf-8",
            r#"{"name": "Ann"}"#,
            "Ann None",
        ),
        (
            "POST /two application/x.y+json",
            r#"{"name": "Ann"}"#,
            "Ann None",
        ),
        // `curl -d` says that it sends a form.
        (
            &format!("POST /two {FORM}"),
            r#"{"name": "Ann"}"#,
            "Ann None",
        ),
    ]);
}

#[test]
fn one_argument_may_be_the_whole_body() {
    let user = r#"User { name: "Ann", age: 7 }"#;
    check(&[
        ("POST /user", r#"{"name": "Ann", "age": 7}"#, user),
        ("POST /user", r#"{"user": {"name": "Ann", "age": 7}}"#, user),
        ("POST /user", r#"{"User": {"name": "Ann", "age": 7}}"#, user),
        (
            "POST /user",
            r#"{"User": {"user": {"name": "Ann", "age": 7}}}"#,
            user,
        ),
        ("POST /user", r#"["Ann", 7]"#, user),
        ("POST /user", r#"[{"name": "Ann", "age": 7}]"#, user),
        ("POST /sum", "[1, 2, 3]", "6"),
        ("POST /sum", "[[1, 2, 3]]", "6"),
        ("POST /sum", r#"{"numbers": [1, 2, 3]}"#, "6"),
        ("POST /text", r#""hello""#, "hello"),
        ("POST /text text/plain", "hello", "hello"),
        ("POST /map", r#"{"a": 1, "b": 2}"#, "2"),
        ("POST /map", "{}", "0"),
        ("POST /map", r#"{"map": {"a": 1}}"#, "1"),
        ("POST /nothing", "", "0"),
        ("POST /nothing", "null", "0"),
        ("POST /nothing", "{}", "0"),
        ("POST /nothing", "[]", "0"),
        ("POST /nothing", r#"{"Nothing": null}"#, "0"),
        ("POST /nothing", r#""Nothing""#, "0"),
        ("POST /nothing image/png", "....", "0"),
    ]);
}

#[test]
fn path_before_body_before_query() {
    let user = r#"Some(User { name: "Ann", age: 7 })"#;
    check(&[
        ("GET /user/7", "", "Id(7) None None"),
        ("GET /user/7?dry=yes", "", "Id(7) None Some(true)"),
        ("GET /user/7?id=8&dry=off", "", "Id(7) None Some(false)"),
        ("POST /user/7?dry=1", "{}", "Id(7) None Some(true)"),
        (
            "POST /user/7?dry=1",
            r#"{"name": "Ann", "age": 7}"#,
            &format!("Id(7) {user} Some(true)"),
        ),
        (
            "POST /user/7?dry=1",
            r#"{"user": {"name": "Ann", "age": 7}}"#,
            &format!("Id(7) {user} Some(true)"),
        ),
        (
            "POST /user/7",
            r#"{"dry": false, "id": 9, "user": null}"#,
            "Id(7) None Some(false)",
        ),
        ("GET /two?name=a%20b%2Bc+d&age=%37", "", "a b+c d Some(7)"),
        ("GET /two?name=Ann&age=&utm_source=x", "", "Ann None"),
        ("GET /two?name=%C3%A4", "", "ä None"),
        (
            "POST /two?age=7",
            r#"{"name": "Ann", "age": 8}"#,
            "Ann Some(8)",
        ),
        ("POST /two?age=7", r#""Ann""#, "Ann Some(7)"),
        ("GET /rest/a/b", "", "a/b"),
    ]);
}

#[test]
fn text_is_read_as_its_type() {
    let all = "/kinds?on=yes&number=-3&share=0.5&letter=%C3%BC&color=Red&tags=a&tags=b&id=9";
    check(&[
        (
            &format!("GET {all}"),
            "",
            r#"true -3 Some(0.5) Some('ü') Some(Red) ["a", "b"] None Some(Id(9))"#,
        ),
        // What a form leaves out.
        (
            "GET /kinds?number=0",
            "",
            "false 0 None None None [] None None",
        ),
        (
            "GET /kinds?number=+5&color=dark+blue&share=&tags=a",
            "",
            r#"false 5 None None Some(Blue) ["a"] None None"#,
        ),
        (
            "GET /kinds?number=5&color={%22Mixed%22:[1,2,3]}&tags=[%22x%22]&user={%22name%22:%22A%22,%22age%22:1}",
            "",
            r#"false 5 None None Some(Mixed(1, 2, 3)) ["x"] Some(User { name: "A", age: 1 }) None"#,
        ),
        (
            &format!("POST /kinds {FORM}"),
            "on=on&number=7&tags=a&tags=b&ignored=1",
            r#"true 7 None None None ["a", "b"] None None"#,
        ),
        (
            "GET /kinds?number=300",
            "",
            r#"400 {"error":"the argument `number` of `kinds` cannot be read: `300` is no whole number from -128 to 127"}"#,
        ),
        (
            "GET /kinds?number=1&on=maybe",
            "",
            r#"400 {"error":"the argument `on` of `kinds` cannot be read: `maybe` is neither `true` nor `false`"}"#,
        ),
        (
            "GET /kinds?number=1&number=2",
            "",
            r#"400 {"error":"the argument `number` of `kinds` cannot be read: 2 values came, and it takes one; send it once"}"#,
        ),
    ]);
}

#[test]
fn numbers_are_finite() {
    let mut users = Driver::<Users>::new();
    let refused = [
        ("GET /point?x=NaN", ""),
        ("GET /point?x=inf", ""),
        ("GET /point?x=-infinity", ""),
        ("GET /point?x=1e39", ""),
        ("GET /point?y=nan", ""),
        ("GET /point?y=1e999", ""),
        (r#"GET /point?point={"x":1e39,"y":1}"#, ""),
        (r#"GET /point?point={"x":1,"y":1e999}"#, ""),
        ("POST /point application/x-www-form-urlencoded", "y=inf"),
        ("POST /point", r#"{"x": 1e39}"#),
        ("POST /point", r#"{"x": -1e39}"#),
        ("POST /point", r#"{"y": 1e999}"#),
        ("POST /point", r#"{"point": {"x": 1e39, "y": 1}}"#),
        ("POST /point", r#"[null, 1e39]"#),
    ];
    for (line, body) in refused {
        let response = users.http(line, body.as_bytes());
        let said = String::from_utf8_lossy(&response.body);
        assert_eq!(response.status, 400, "{line} {body} {said}");
    }
    for (arguments, signals) in [
        ("x=inf", ""),
        ("", r#"{"x": "NaN"}"#),
        ("", r#"{"x": 1e39}"#),
    ] {
        let said = users.action("point", arguments, signals);
        assert!(said.starts_with("400 "), "{arguments} {signals} {said}");
    }
    check(&[
        (
            "GET /point?x=1e38&y=1e300",
            "",
            "None Some(1e38) Some(1e300)",
        ),
        (
            "GET /point?x=nan",
            "",
            r#"400 {"error":"the argument `x` of `point` cannot be read: `nan` is no finite number"}"#,
        ),
        (
            r#"GET /point?point={"x":1,"y":1e300}"#,
            "",
            "Some(Point { x: 1.0, y: 1e300 }) None None",
        ),
        ("POST /point", r#"{"y": 1e300}"#, "None None Some(1e300)"),
    ]);
}

#[test]
fn other_content_types_are_bytes() {
    check(&[
        ("PUT /bytes image/png", "....", "4"),
        ("PUT /bytes application/octet-stream", "{}", "2"),
        ("PUT /bytes application/json", "[1, 2, 3]", "3"),
        ("PUT /named/x image/png", "....", "x 4"),
    ]);
}

#[test]
fn forms_bring_files() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\nthere\r\n\
         --b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"C:\\dir\\a%22b.txt\"\r\n\
         Content-Type: text/plain\r\n\r\n--no\r\n--bee\r\n\
         --b  \r\nContent-Disposition: form-data; name=\"files\"; filename=\"1\"\r\n\r\n1\r\n\
         --b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"2\"\r\n\r\n\r\n--b--\r\n";
    let expected = "hi\r\nthere Some(File { name: \"a\\\"b.txt\", content_type: \"text/plain\", bytes: \
         [45, 45, 110, 111, 13, 10, 45, 45, 98, 101, 101] }) 2";
    let mut users = Driver::<Users>::new();
    for line in [
        "POST /upload multipart/form-data; boundary=b",
        "POST /upload Multipart/Form-Data; charset=x; Boundary=\"b\"",
    ] {
        let response = users.http(line, body.as_bytes());
        let said: Result<String, _> = serde_json::from_slice(&response.body);
        match said {
            Ok(said) => assert_eq!(said, expected),
            Err(_) => panic!("{}", String::from_utf8_lossy(&response.body)),
        }
    }
}

#[test]
fn a_form_that_is_cut_off_is_refused() {
    let whole = "--xx\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n--xx--\r\n";
    let mut users = Driver::<Users>::new();
    for end in 0..whole.len() - "--\r\n".len() {
        let response = users.http(
            "POST /upload multipart/form-data; boundary=xx",
            &whole.as_bytes()[..end],
        );
        assert_eq!(response.status, 400, "{}", &whole[..end]);
    }
}

#[test]
fn handlers_without_a_path_are_found_by_the_body() {
    check(&[
        ("POST /x", r#"{"name": "Ann", "age": 7}"#, "created Ann 7"),
        (
            "POST /x",
            r#"{"CreateUser": {"name": "Ann", "age": 7}}"#,
            "created Ann 7",
        ),
        ("POST /x", r#"{"create_user": ["Ann", 7]}"#, "created Ann 7"),
        ("POST /x", r#"{"Rename": "Ann"}"#, "renamed Ann"),
        ("POST /x", r#"{"name": "Ann"}"#, "renamed Ann"),
        ("GET /x?name=Ann", "", "renamed Ann"),
        (&format!("PUT /x {FORM}"), "name=Ann", "renamed Ann"),
        // A form leaves out what is not ticked.
        (&format!("POST /x {FORM}"), "topic=tea", "tea false []"),
        (
            &format!("POST /x {FORM}"),
            "topic=tea&loud=on&tags=a&tags=b",
            r#"tea true ["a", "b"]"#,
        ),
    ]);
}

#[test]
fn what_is_wrong_is_said() {
    let cases = [
        ("POST /two application/json", ""),
        ("GET /two", ""),
        ("GET /two?nam=Ann", ""),
        ("POST /two", r#"{"nam": "Ann"}"#),
        ("POST /two", r#"{"name": "Ann", "agee": 7}"#),
        ("POST /two", r#"{"name": "Ann", "name": "Bob"}"#),
        ("POST /two", r#"{"name": 7}"#),
        ("POST /two", r#"["Ann", 7, 8]"#),
        ("POST /two", r#""Ann""#),
        ("POST /two", r#"{"name": "Ann""#),
        ("POST /two", "nonsense"),
        ("POST /two image/png", "...."),
        ("POST /text", r#"{"txt": "hi"}"#),
        ("POST /text", r#"{"texts": "hi"}"#),
        ("POST /sum", r#"["a"]"#),
        ("POST /nothing", r#"{"x": 1}"#),
        ("POST /nothing", "[1]"),
        ("POST /nothing", r#"{"Nothing": [1]}"#),
        ("POST /user/x", ""),
        ("POST /user/7?dry=1", r#"{"name": "Ann"}"#),
        ("POST /user/7?dry=1", r#"{"Name": "Ann", "age": 7}"#),
        (
            "POST /user/7?dry=1",
            r#"{"usr": {"name": "Ann", "age": 7}}"#,
        ),
        ("GET /two?name=%ff", ""),
        ("POST /upload multipart/form-data", "--b"),
        ("POST /upload multipart/form-data; boundary=b", "--b"),
        ("POST /x", r#"{"CreateUsr": {}}"#),
        ("POST /x", ""),
        ("DELETE /user", ""),
        ("GET /usr", ""),
        ("OPTIONS /two", ""),
    ];
    let mut users = Driver::<Users>::new();
    let mut text = String::new();
    for (line, body) in cases {
        let response = users.http(line, body.as_bytes());
        let allow = response.headers.iter().find(|(name, _)| name == "allow");
        let allow = allow.map(|(_, value)| format!(" allow: {value}"));
        text.push_str(&format!(
            "{line} {body}\n  {}{} {}\n",
            response.status,
            allow.unwrap_or_default(),
            String::from_utf8_lossy(&response.body)
        ));
    }
    for (handler, body) in [
        ("too", ""),
        ("create_user", ""),
        ("two", ""),
        ("two", "{"),
        ("", r#"{"Two": {"name": "Ann"}}"#),
        ("", ""),
        ("", "7"),
    ] {
        text.push_str(&format!(
            "{handler} {body}\n  {}\n",
            users.local(handler, body)
        ));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn actions_take_arguments_then_signals() {
    let mut users = Driver::<Users>::new();
    let check = |users: &mut Driver<Users>, arguments: &str, signals: &str, expected: &str| {
        assert_eq!(
            users.action("kinds", arguments, signals),
            expected,
            "{arguments} {signals}"
        );
    };
    check(
        &mut users,
        "number=3",
        r#"{"on": true, "other": {"x": 1}}"#,
        "204",
    );
    check(
        &mut users,
        "",
        r#"{"number": "3", "share": "", "on": "on"}"#,
        "204",
    );
    check(&mut users, "", "number=3&tags=a", "204");
    let error = users.action("kinds", "", r#"{"numbr": 3}"#);
    assert_eq!(
        error,
        "400 `kinds` needs the argument `number`; was `numbr` meant for it?"
    );
    let error = users.action("kinds", "number=x", r#"{"number": 3}"#);
    assert!(
        error.starts_with("400 the argument `number` of `kinds` cannot be read"),
        "{error}"
    );
    let form = "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n--b--\r\n";
    assert_eq!(users.action("upload", "", form), "204");
    let error = users.action("user", "", "");
    assert!(
        error.starts_with("404 `user` is not there for actions"),
        "{error}"
    );
}

#[test]
fn there_are_bounds() {
    let mut users = Driver::<Users>::new();
    let many = "a=1&".repeat(1_001);
    let response = users.http(&format!("GET /two?{many}"), b"");
    assert_eq!(response.status, 413);
    let response = users.http(&format!("POST /two {FORM}"), many.as_bytes());
    assert_eq!(response.status, 413);
    let members: Vec<String> = (0..1_001).map(|n| format!("\"{n}\":1")).collect();
    let body = format!("{{{}}}", members.join(","));
    let response = users.http("POST /two", body.as_bytes());
    assert_eq!(response.status, 400);
    let deep = format!(
        "{{\"name\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let response = users.http("POST /two", deep.as_bytes());
    assert_eq!(response.status, 400);
}
