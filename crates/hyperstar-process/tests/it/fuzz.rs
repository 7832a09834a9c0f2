//! Whatever comes, there is one answer and no panic.

use std::collections::{BTreeMap, HashMap};

use hyperstar_process::abi::{ActionHead, HttpHead, WsHead, WsKind};
use hyperstar_process::{Address, File, Origin, State, Wire, hyperapp};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::driver::{Driver, viewer};

#[derive(Default, State)]
struct Target {
    count: u32,
    share: f32,
    wide: f64,
    point: Option<(f32, f64)>,
    notes: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize, Wire)]
enum Tree {
    Leaf(f64),
    Node {
        left: Box<Tree>,
        right: Option<Box<Tree>>,
    },
    Empty,
}

#[hyperapp(name = "Target")]
impl Target {
    #[local]
    #[remote]
    #[action]
    #[http]
    #[http(POST, "/all/{id}")]
    fn all(
        &mut self,
        id: u32,
        name: &str,
        tree: Option<Tree>,
        tags: Vec<String>,
        map: HashMap<String, BTreeMap<u8, char>>,
        on: bool,
    ) -> Result<String, String> {
        let _ = (name, tree, tags, map, on);
        self.count = self.count.wrapping_add(id);
        Err("fine".into())
    }

    #[local]
    #[http(POST, "/one")]
    #[action]
    fn one(&self, value: serde_json::Value) -> serde_json::Value {
        value
    }

    /// Keeps what comes: numbers must be finite, and notes no deeper than can be read again.
    #[local]
    #[http]
    #[http(POST, "/measure/{share}")]
    #[http(POST, "/measure")]
    #[action]
    fn measure(
        &mut self,
        share: f32,
        wide: Option<f64>,
        point: Option<(f32, f64)>,
        note: Option<serde_json::Value>,
    ) {
        self.share = share;
        self.wide = wide.unwrap_or_default();
        self.point = point;
        self.notes.extend(note);
    }

    #[http(PUT, "/bytes")]
    fn bytes(&self, body: Vec<u8>) -> usize {
        body.len()
    }

    #[http(POST, "/upload")]
    #[action]
    fn upload(&self, file: File, more: Vec<File>) -> usize {
        file.bytes.len() + more.len()
    }

    #[local]
    async fn later(&mut self, of: Option<Address>) -> u32 {
        let _ = of;
        self.count
    }

    #[ws("/ws/{room}")]
    fn ws(
        &mut self,
        channel: hyperstar_process::Channel,
        message: hyperstar_process::WsMessage,
        room: u8,
    ) {
        let _ = (channel, message, room);
    }
}

/// Bytes, more often near to something that is meant.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let json = prop_oneof![
        "\\{\"(id|name|tree|tags|value|All|file)\": ?(1|\"a\"|null|\\[\\]|\\{\\}|true)(, ?\"(id|name)\": ?[0-9]{1,3})?\\}",
        "\\{\"(share|wide)\": ?\"?-?(1e38|1e39|1e309|NaN|inf|1)\"?(, ?\"point\": ?\\[(1|1e39), ?(1|1e39|1e400)\\])?\\}",
        "(share|wide|point)=(-?(1|1e39|nan|inf|-infinity|1e400)|\\[1e39,1\\])(&wide=(1e400|1))?",
        (1_usize..140).prop_map(|depth| {
            format!(
                "{{\"share\": 1, \"note\": {}{}}}",
                "[".repeat(depth),
                "]".repeat(depth)
            )
        }),
        "[\\[\\]{}\",:0-9a-z ]{0,40}",
        "(id|name|on|tags|file)=[a-z0-9%+]{0,6}(&(id|tags)=[0-9]{0,3}){0,3}",
        "(--b\r\n|--b--|content-disposition: form-data; name=\"(file|more|id)\"|; filename=\"x\"|\r\n|\r\n\r\n|a){0,14}",
    ];
    prop_oneof![
        3 => json.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..60),
    ]
}

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("all".to_owned()),
        Just("one".to_owned()),
        Just("later".to_owned()),
        Just("measure".to_owned()),
        Just("All".to_owned()),
        Just(String::new()),
        ".{0,12}",
    ]
}

fn origins() -> impl Strategy<Value = Origin> {
    let paths = prop_oneof![
        "/(all/[0-9a-z]{0,3}|measure|measure/(1e39|nan|1)|one|bytes|upload|ws/[0-9]{1,3}|x)",
        ".{0,12}"
    ];
    let types = prop_oneof![
        Just("application/json".to_owned()),
        Just("application/x-www-form-urlencoded".to_owned()),
        Just("multipart/form-data; boundary=b".to_owned()),
        Just("multipart/form-data; boundary=".to_owned()),
        Just("text/plain".to_owned()),
        ".{0,16}",
    ];
    let methods = prop_oneof![
        Just("GET"),
        Just("POST"),
        Just("PUT"),
        Just("HEAD"),
        Just("OPTIONS"),
        Just("?")
    ];
    let http = (methods, paths.clone(), ".{0,20}", types).prop_map(
        |(method, path, query, content_type)| {
            Origin::Http(HttpHead {
                method: method.into(),
                path,
                query,
                headers: vec![("content-type".into(), content_type)],
                viewer: None,
            })
        },
    );
    let action = proptest::collection::vec(
        ("(id|name|value|share|wide|.{0,3})", "(inf|1e39|.{0,6})"),
        0..4,
    )
    .prop_map(|arguments| {
        Origin::Action(ActionHead {
            viewer: viewer(),
            path: "/".into(),
            arguments,
        })
    });
    let kinds = prop_oneof![
        Just(WsKind::Opened),
        Just(WsKind::Text),
        Just(WsKind::Binary),
        Just(WsKind::Closed)
    ];
    let ws = (kinds, paths, any::<bool>()).prop_map(|(kind, path, own)| {
        let head = WsHead {
            channel: 1,
            kind,
            path,
            viewer: None,
        };
        if own {
            Origin::Ws(head)
        } else {
            Origin::WsClient(head)
        }
    });
    prop_oneof![
        3 => http,
        2 => action,
        1 => ws,
        1 => ".{0,12}".prop_map(Origin::Local),
        1 => Just(Origin::Remote("n@a:b:c".into())),
        1 => Just(Origin::Owner),
        1 => Just(Origin::Timer),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_comes_is_answered(origin in origins(), handler in words(), body in bodies()) {
        let mut target = Driver::<Target>::new();
        let (outcome, _) = target.answer(origin.clone(), &handler, &body);
        match (&origin, outcome) {
            (Origin::Http(_) | Origin::Action(_), outcome) => {
                let response = outcome.expect("browsers are always answered");
                prop_assert!((200..500).contains(&response.status), "{}", response.status);
            }
            (_, Err(error)) => prop_assert!(!error.to_string().is_empty()),
            _ => {}
        }
    }
}
