//! The WIT of apps is WIT.

use std::collections::{BTreeMap, HashMap};

use hyperstar_interface::{
    Field, Handler, Interface, Mode, Param, Shape, Trigger, Type, Types, Wire, Wit,
};
use proptest::prelude::*;
use wit_parser::Resolve;

/// What a parser that is not ours says of it.
fn parse(text: &str) -> Result<(), String> {
    let pushed = Resolve::default().push_source("app.wit", text);
    pushed
        .map(drop)
        .map_err(|error| format!("{error:?}\n{text}"))
}

fn called(name: &str, params: &[(&str, Type)], returns: Type) -> Handler {
    let mut handler = Handler::new(name, Mode::Read);
    handler.triggers = vec![Trigger::Local];
    handler.params = params
        .iter()
        .map(|(name, ty)| Param {
            name: (*name).to_owned(),
            ty: ty.clone(),
        })
        .collect();
    handler.returns = returns;
    handler
}

struct User;
impl Wire for User {
    fn wire(types: &mut Types) -> Type {
        types.named::<Self>("User", |types| {
            Shape::Record(vec![
                Field::new("userName", String::wire(types)),
                Field::new("user_name", Option::<u8>::wire(types)),
                Field::new("type", Color::wire(types)),
                Field::new("friends", Vec::<User>::wire(types)),
                Field::new("nothing", Type::Unit),
            ])
        })
    }
}

struct Color;
impl Wire for Color {
    fn wire(types: &mut Types) -> Type {
        types.named::<Self>("Color", |_| {
            Shape::Variant(vec![
                Field::new("Red", Type::Unit),
                Field::new("Dark Blue", Type::Unit),
            ])
        })
    }
}

struct Event;
impl Wire for Event {
    fn wire(types: &mut Types) -> Type {
        types.named::<Self>("Event", |types| {
            Shape::Variant(vec![
                Field::new("Joined", User::wire(types)),
                Field::new("Moved", <(i32, i32)>::wire(types)),
                Field::new("Left", Type::Unit),
            ])
        })
    }
}

struct Empty;
impl Wire for Empty {
    fn wire(types: &mut Types) -> Type {
        types.named::<Self>("Empty", |_| Shape::Record(Vec::new()))
    }
}

fn example() -> Interface {
    let mut types = Types::default();
    let types = &mut types;
    let mut interface = Interface::new("My Chat 2");
    let mut say = called(
        "say",
        &[("to", User::wire(types)), ("text", String::wire(types))],
        <Result<(), String>>::wire(types),
    );
    say.doc = "Says something.\n\nTo \u{202e}somebody\u{7}.".to_owned();
    let mut hidden = called("hidden", &[], Type::Unit);
    hidden.triggers = vec![Trigger::Action];
    interface.handlers = vec![
        say,
        hidden,
        called("user", &[("record", Type::Bool)], User::wire(types)),
        called("import", &[], Type::Unit),
        called("json", &[("events", Vec::<Event>::wire(types))], Type::Json),
        called(
            "maps",
            &[(
                "by_name",
                HashMap::<String, BTreeMap<u32, f64>>::wire(types),
            )],
            <Result<(), ()>>::wire(types),
        ),
        called(
            "odd",
            &[("empty", Empty::wire(types))],
            Type::Tuple(Vec::new()),
        ),
        called(
            "lost",
            &[("gone", Type::Named("Gone".into()))],
            <Result<u8, ()>>::wire(types),
        ),
    ];
    interface.types = std::mem::take(&mut types.named).into_iter().collect();
    interface
}

#[test]
fn an_interface_is_written_as_wit() {
    let interface = example();
    let text = Wit::new(&interface).to_string();
    parse(&text).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn names_lead_back() {
    let interface = example();
    let wit = Wit::new(&interface);
    assert_eq!(wit.handler("user"), Some("user"));
    assert_eq!(wit.handler("json2"), Some("json"));
    assert_eq!(wit.handler("import"), Some("import"));
    assert_eq!(wit.handler("hidden"), None);
    assert_eq!(wit.package(), "hyperstar-app:my-chat2");
    assert!(matches!(
        wit.named("User"),
        Some(("user2", Shape::Record(_)))
    ));
    assert!(wit.named("Empty").is_none());
}

fn types() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::Unit),
        Just(Type::Bool),
        Just(Type::U64),
        Just(Type::F32),
        Just(Type::Char),
        Just(Type::String),
        Just(Type::Json),
        Just(Type::Named("A".into())),
        Just(Type::Named("b c".into())),
        Just(Type::Named("Missing".into())),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ty| Type::List(Box::new(ty))),
            inner.clone().prop_map(|ty| Type::Option(Box::new(ty))),
            (inner.clone(), inner.clone())
                .prop_map(|(ok, error)| Type::Result(Box::new(ok), Box::new(error))),
            (inner.clone(), inner.clone())
                .prop_map(|(key, value)| Type::Map(Box::new(key), Box::new(value))),
            proptest::collection::vec(inner, 0..4).prop_map(Type::Tuple),
        ]
    })
}

/// Types that mention none by name, so that none contains itself.
fn flat(ty: Type) -> Type {
    match ty {
        Type::Named(_) => Type::Json,
        Type::List(ty) => Type::List(Box::new(flat(*ty))),
        Type::Option(ty) => Type::Option(Box::new(flat(*ty))),
        Type::Result(a, b) => Type::Result(Box::new(flat(*a)), Box::new(flat(*b))),
        Type::Map(a, b) => Type::Map(Box::new(flat(*a)), Box::new(flat(*b))),
        Type::Tuple(items) => Type::Tuple(items.into_iter().map(flat).collect()),
        other => other,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_interface_is_wit(
        name in ".{0,12}",
        doc in "(.|\n){0,30}",
        handlers in proptest::collection::vec(("[a-z_]{1,8}", "[a-z_0-9]{1,6}", types(), types()), 0..5),
        fields in proptest::collection::vec((".{0,6}", types()), 0..4),
    ) {
        let mut interface = Interface::new(name);
        interface.handlers = handlers
            .iter()
            .map(|(name, param, ty, returns)| {
                let mut handler = called(name, &[(param, ty.clone())], returns.clone());
                handler.doc = doc.clone();
                handler
            })
            .collect();
        let fields: Vec<Field> = fields.iter().map(|(name, ty)| Field::new(name, flat(ty.clone()))).collect();
        interface.types = vec![
            ("A".into(), Shape::Record(fields.clone())),
            ("b c".into(), Shape::Variant(fields)),
        ];
        let text = Wit::new(&interface).to_string();
        prop_assert!(parse(&text).is_ok(), "{}", parse(&text).unwrap_err());
    }
}
