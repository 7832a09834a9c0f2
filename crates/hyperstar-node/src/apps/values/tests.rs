use std::sync::Arc;

use hyperstar_interface::{Field, Interface, Shape, Type, Wit};
use serde_json::{Value, json};
use wasmtime::component::Val;

use super::{from_json, to_json};
use crate::apps::plan::{Plan, Planner};

/// An app with a record, an enum and a variant.
fn interface() -> Interface {
    let field = |name: &str, ty: Type| Field::new(name, ty);
    let mut interface = Interface::new("Shop");
    interface.types = vec![
        (
            "Item".into(),
            Shape::Record(vec![
                field("created_at", Type::U64),
                field("Note", Type::Option(Box::new(Type::String))),
                field("size", Type::Named("Size".into())),
            ]),
        ),
        (
            "Size".into(),
            Shape::Variant(vec![
                field("Small", Type::Unit),
                field("VeryLarge", Type::Unit),
            ]),
        ),
        (
            "Shape".into(),
            Shape::Variant(vec![
                field("Point", Type::Unit),
                field("Circle", Type::F64),
                field("Of", Type::Named("Item".into())),
            ]),
        ),
        ("Empty".into(), Shape::Record(Vec::new())),
        (
            "Endless".into(),
            Shape::Record(vec![field("next", Type::Named("Endless".into()))]),
        ),
    ];
    interface
}

fn plan(ty: &Type) -> Arc<Plan> {
    let interface = interface();
    let wit = Wit::new(&interface);
    Planner::new(&wit).plan(ty).unwrap()
}

fn named(name: &str) -> Type {
    Type::Named(name.into())
}

fn boxed(ty: Type) -> Box<Type> {
    Box::new(ty)
}

fn text(text: &str) -> Val {
    Val::String(text.into())
}

fn some(val: Val) -> Option<Box<Val>> {
    Some(Box::new(val))
}

#[test]
fn values_cross_both_ways() {
    let item = || {
        Val::Record(vec![
            ("created-at".into(), Val::U64(5)),
            ("note".into(), Val::Option(None)),
            ("size".into(), Val::Enum("very-large".into())),
        ])
    };
    let item_json = || json!({"created_at": 5, "Note": null, "size": "VeryLarge"});
    let result = |ok, error| Type::Result(boxed(ok), boxed(error));
    let cases = [
        (Type::Bool, Val::Bool(true), json!(true)),
        (Type::U8, Val::U8(255), json!(255)),
        (Type::U16, Val::U16(9), json!(9)),
        (Type::U32, Val::U32(9), json!(9)),
        (Type::U64, Val::U64(u64::MAX), json!(u64::MAX)),
        (Type::S8, Val::S8(-128), json!(-128)),
        (Type::S16, Val::S16(-9), json!(-9)),
        (Type::S32, Val::S32(-9), json!(-9)),
        (Type::S64, Val::S64(i64::MIN), json!(i64::MIN)),
        (Type::F32, Val::Float32(0.5), json!(0.5)),
        (Type::F64, Val::Float64(0.1), json!(0.1)),
        (Type::Char, Val::Char('ß'), json!("ß")),
        (Type::String, text("a\"b"), json!("a\"b")),
        (
            Type::Json,
            text(r#"{"a":[1,null]}"#),
            json!({"a": [1, null]}),
        ),
        (Type::Unit, text("null"), json!(null)),
        (Type::Tuple(Vec::new()), text("[]"), json!([])),
        (named("Empty"), text("{}"), json!({})),
        (
            Type::List(boxed(Type::U8)),
            Val::List(vec![Val::U8(1), Val::U8(2)]),
            json!([1, 2]),
        ),
        (
            Type::Option(boxed(Type::U8)),
            Val::Option(None),
            json!(null),
        ),
        (
            Type::Option(boxed(Type::U8)),
            Val::Option(some(Val::U8(1))),
            json!(1),
        ),
        (
            result(Type::U8, Type::String),
            Val::Result(Ok(some(Val::U8(1)))),
            json!({"Ok": 1}),
        ),
        (
            result(Type::U8, Type::String),
            Val::Result(Err(some(text("no")))),
            json!({"Err": "no"}),
        ),
        (
            result(Type::Unit, Type::Unit),
            Val::Result(Ok(None)),
            json!({"Ok": null}),
        ),
        (
            Type::Tuple(vec![Type::U8, Type::String]),
            Val::Tuple(vec![Val::U8(1), text("x")]),
            json!([1, "x"]),
        ),
        (
            Type::Map(boxed(Type::String), boxed(Type::U8)),
            Val::List(vec![Val::Tuple(vec![text("a"), Val::U8(1)])]),
            json!({"a": 1}),
        ),
        (
            Type::Map(boxed(Type::S32), boxed(Type::Bool)),
            Val::List(vec![Val::Tuple(vec![Val::S32(-1), Val::Bool(true)])]),
            json!({"-1": true}),
        ),
        (
            Type::Map(boxed(named("Size")), boxed(Type::Bool)),
            Val::List(vec![Val::Tuple(vec![
                Val::Enum("small".into()),
                Val::Bool(true),
            ])]),
            json!({"Small": true}),
        ),
        (named("Item"), item(), item_json()),
        (
            named("Shape"),
            Val::Variant("point".into(), None),
            json!("Point"),
        ),
        (
            named("Shape"),
            Val::Variant("circle".into(), some(Val::Float64(2.0))),
            json!({"Circle": 2.0}),
        ),
        (
            named("Shape"),
            Val::Variant("of".into(), some(item())),
            json!({"Of": item_json()}),
        ),
    ];
    for (ty, val, value) in cases {
        let plan = plan(&ty);
        assert_eq!(to_json(&plan, val.clone()), Ok(value.clone()), "{ty}");
        assert_eq!(from_json(&plan, value), Ok(val), "{ty}");
    }
}

#[test]
fn a_field_that_may_be_none_may_be_missing() {
    let val = from_json(
        &plan(&named("Item")),
        json!({"created_at": 5, "size": "Small", "newer": 1}),
    );
    let Ok(Val::Record(fields)) = val else {
        panic!("{val:?}");
    };
    assert_eq!(fields[1], ("note".into(), Val::Option(None)));
}

#[test]
fn json_that_does_not_fit_says_why() {
    let cases: [(Type, Value, &str); 14] = [
        (
            Type::Bool,
            json!(1),
            "expected true or false, found a number",
        ),
        (Type::U8, json!(256), "expected u8, found 256"),
        (Type::U8, json!(-1), "expected u8, found -1"),
        (Type::U8, json!(1.5), "expected u8, found 1.5"),
        (
            Type::S64,
            json!(u64::MAX),
            "expected s64, found 18446744073709551615",
        ),
        (Type::F64, json!(null), "expected a number, found null"),
        (
            Type::Char,
            json!("ab"),
            "expected one character, found `ab`",
        ),
        (
            Type::List(boxed(Type::U8)),
            json!({}),
            "expected a list, found an object",
        ),
        (
            Type::Tuple(vec![Type::U8]),
            json!([1, 2]),
            "expected a list of fixed length, found a list",
        ),
        (
            Type::Map(boxed(Type::U8), boxed(Type::U8)),
            json!({"x": 1}),
            "expected a number, found the key `x`",
        ),
        (
            named("Item"),
            json!({"size": "Small"}),
            "expected the field `created_at`, found none",
        ),
        (
            named("Size"),
            json!("Tiny"),
            "expected `Small` or `VeryLarge`, found `Tiny`",
        ),
        (
            named("Shape"),
            json!({"Circle": 1, "Point": 2}),
            "expected an object with one name, found another",
        ),
        (
            named("Shape"),
            json!("Circle"),
            "expected a number, found nothing",
        ),
    ];
    for (ty, value, expected) in cases {
        let error = from_json(&plan(&ty), value.clone()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{ty}: {value}");
    }
}

#[test]
fn values_that_do_not_fit_say_why() {
    for (ty, val, expected) in [
        (
            Type::U8,
            Val::U16(1),
            "expected a number, found another type",
        ),
        (
            Type::F64,
            Val::Float64(f64::NAN),
            "expected a finite number, found NaN",
        ),
        (
            Type::Json,
            text("{"),
            "expected JSON, found EOF while parsing an object at line 1 column 1",
        ),
        (
            named("Size"),
            Val::Enum("huge".into()),
            "expected `Small` or `VeryLarge`, found `huge`",
        ),
        (
            named("Item"),
            Val::Record(vec![("a".into(), Val::U8(1))]),
            "expected an object, found another type",
        ),
        (
            Type::Map(boxed(Type::Json), boxed(Type::U8)),
            Val::List(vec![Val::Tuple(vec![text("[1]"), Val::U8(1)])]),
            "expected a key, found [1]",
        ),
    ] {
        let error = to_json(&plan(&ty), val.clone()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{ty}: {val:?}");
    }
}

#[test]
fn a_description_without_an_end_is_refused() {
    let interface = interface();
    let wit = Wit::new(&interface);
    let error = Planner::new(&wit).plan(&named("Endless")).unwrap_err();
    assert!(
        error.to_string().contains("`Endless` contains itself"),
        "{error}"
    );
}
