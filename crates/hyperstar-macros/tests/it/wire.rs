//! What `#[derive(Wire)]` says of a type is how serde writes it.

use std::collections::{BTreeMap, HashMap};

use hyperstar_interface::{Shape, Type, Types};
use hyperstar_process::Wire;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whether a value is of a type.
fn is_of(value: &Value, ty: &Type, types: &BTreeMap<String, Shape>) -> bool {
    let of = |value: &Value, ty: &Type| is_of(value, ty, types);
    match ty {
        Type::Unit => value.is_null(),
        Type::Bool => value.is_boolean(),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => value.is_u64(),
        Type::S8 | Type::S16 | Type::S32 | Type::S64 => value.is_i64(),
        Type::F32 | Type::F64 => value.is_number(),
        Type::Char | Type::String => value.is_string(),
        Type::Json => true,
        Type::List(item) => value
            .as_array()
            .is_some_and(|all| all.iter().all(|one| of(one, item))),
        Type::Option(some) => value.is_null() || of(value, some),
        Type::Result(ok, error) => value.as_object().is_some_and(|all| {
            all.len() == 1
                && all.iter().all(|(name, value)| match name.as_str() {
                    "Ok" => of(value, ok),
                    "Err" => of(value, error),
                    _ => false,
                })
        }),
        Type::Tuple(items) => value.as_array().is_some_and(|all| {
            all.len() == items.len() && all.iter().zip(items).all(|(one, item)| of(one, item))
        }),
        Type::Map(_, each) => value
            .as_object()
            .is_some_and(|all| all.values().all(|one| of(one, each))),
        Type::Named(name) => match &types[name] {
            Shape::Record(fields) => value.as_object().is_some_and(|all| {
                let known = |name: &String| fields.iter().any(|field| field.name == *name);
                all.keys().all(known)
                    && fields.iter().all(|field| match all.get(&field.name) {
                        Some(value) => of(value, &field.ty),
                        None => matches!(field.ty, Type::Option(_)),
                    })
            }),
            Shape::Variant(cases) => {
                let case = |name: &str| cases.iter().find(|case| case.name == name);
                match value {
                    Value::String(name) => case(name).is_some_and(|case| case.ty == Type::Unit),
                    Value::Object(all) if all.len() == 1 => all.iter().all(|(name, value)| {
                        case(name).is_some_and(|case| case.ty != Type::Unit && of(value, &case.ty))
                    }),
                    _ => false,
                }
            }
            other => panic!("no shape that was there: {other:?}"),
        },
        other => panic!("no type that was there: {other:?}"),
    }
}

/// The type's name, and that these values are of it, also when they come back.
#[track_caller]
fn check<T: Wire + Serialize + for<'de> Deserialize<'de>>(expected: &str, values: &[T]) {
    let mut types = Types::default();
    let ty = T::wire(&mut types);
    let mut shown = ty.to_string();
    if let Type::Named(name) = &ty {
        let (Shape::Record(fields) | Shape::Variant(fields)) = &types.named[name] else {
            panic!("a record or a variant");
        };
        let fields: Vec<String> = fields
            .iter()
            .map(|field| format!("{}: {}", field.name, field.ty))
            .collect();
        shown = format!("{name} {{ {} }}", fields.join(", "));
    }
    assert_eq!(shown, expected);
    for value in values {
        let json = serde_json::to_value(value).expect("JSON");
        assert!(is_of(&json, &ty, &types.named), "{json} is no {shown}");
        let text = json.to_string();
        let again: T = serde_json::from_str(&text).expect("its own JSON");
        assert_eq!(serde_json::to_value(&again).expect("JSON"), json);
    }
}

#[derive(Clone, Default, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase", default)]
struct Person {
    first_name: String,
    #[serde(rename = "years")]
    age: u32,
    #[serde(skip)]
    cache: Option<fn()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nick_name: Option<String>,
    r#type: Kind,
    friends: Vec<Person>,
}

#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire,
)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
enum Kind {
    #[default]
    OldFriend,
    HTTPServer,
}

#[derive(Serialize, Deserialize, Wire)]
#[serde(rename_all = "snake_case", rename_all_fields = "UPPERCASE")]
enum Event {
    Joined(Person),
    Moved(i32, f32),
    WentAway {
        at_ms: u64,
        why: Option<Box<Event>>,
    },
    Left,
    Nothing(),
    #[serde(skip)]
    _Never(std::cell::Cell<u8>),
}

#[derive(Serialize, Deserialize, Wire)]
struct Id(u64);

#[derive(Serialize, Deserialize, Wire)]
struct Pair(Id, String);

#[derive(Serialize, Deserialize, Wire)]
struct Nothing;

#[derive(Serialize, Deserialize, Wire)]
#[serde(transparent)]
struct Whole {
    inside: Vec<Id>,
}

#[derive(Serialize, Deserialize, Wire)]
struct Page<T> {
    items: Vec<T>,
    by_kind: HashMap<Kind, BTreeMap<u8, T>>,
}

#[derive(Serialize, Deserialize, Wire)]
#[serde(tag = "type")]
enum Tagged {
    A { x: u8 },
}

#[derive(Serialize, Deserialize, Wire)]
#[serde(untagged)]
enum Either {
    A(u8),
    B(String),
}

#[derive(Serialize, Deserialize, Wire)]
struct Open {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Serialize, Deserialize, Wire)]
struct Lacking {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    list: Vec<u8>,
}

#[derive(Clone, Serialize, Deserialize, Wire)]
#[serde(from = "String", into = "String")]
struct Name(String);
impl From<String> for Name {
    fn from(name: String) -> Self {
        Self(name)
    }
}
impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[derive(Serialize, Deserialize, Wire)]
struct Nested(Vec<Nested>);

fn person() -> Person {
    Person {
        first_name: "Ann".into(),
        nick_name: Some("A".into()),
        friends: vec![Person::default()],
        ..Person::default()
    }
}

#[test]
fn records_are_as_serde_writes_them() {
    check(
        "Person { firstName: string, years: u32, nickName: option<string>, type: Kind, friends: list<json> }",
        &[person(), Person::default()],
    );
    check("u64", &[Id(7)]);
    check("tuple<u64, string>", &[Pair(Id(7), "x".into())]);
    check("nothing", &[Nothing]);
    check(
        "list<u64>",
        &[Whole {
            inside: vec![Id(1)],
        }],
    );
    check("string", &[Name("x".into())]);
    check("list<json>", &[Nested(vec![Nested(vec![])])]);
    check(
        "PagePerson { items: list<Person>, by_kind: map<Kind, map<u8, Person>> }",
        &[Page {
            items: vec![person()],
            by_kind: [(Kind::HTTPServer, [(1, person())].into())].into(),
        }],
    );
}

#[test]
fn enums_are_as_serde_writes_them() {
    check(
        "Kind { OLD-FRIEND: nothing, H-T-T-P-SERVER: nothing }",
        &[Kind::OldFriend, Kind::HTTPServer],
    );
    check(
        "Event { joined: Person, moved: tuple<s32, f32>, went_away: EventWentAway, left: nothing, \
         nothing: tuple<> }",
        &[
            Event::Joined(person()),
            Event::Moved(-1, 0.5),
            Event::WentAway {
                at_ms: 1,
                why: Some(Box::new(Event::Left)),
            },
            Event::Left,
            Event::Nothing(),
        ],
    );
}

#[test]
fn what_wit_cannot_say_is_json() {
    check("json", &[Tagged::A { x: 1 }]);
    check("json", &[Either::A(1), Either::B("x".into())]);
    check(
        "json",
        &[Open {
            a: 1,
            rest: [("b".into(), 2)].into(),
        }],
    );
    check("json", &[Lacking { list: vec![] }]);
}
