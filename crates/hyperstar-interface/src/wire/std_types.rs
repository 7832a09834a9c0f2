//! What the standard library's types cross as: as serde writes them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::marker::PhantomData;
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64,
    Wrapping,
};
use std::rc::Rc;
use std::sync::Arc;

use super::{Field, Shape, Type, Types, Wire, WireKey};

macro_rules! plain {
    ($($rust:ty => $wire:ident,)*) => {$(
        impl Wire for $rust {
            fn wire(_: &mut Types) -> Type {
                Type::$wire
            }
        }
    )*};
}

plain! {
    () => Unit,
    bool => Bool,
    u8 => U8,
    u16 => U16,
    u32 => U32,
    u64 => U64,
    usize => U64,
    i8 => S8,
    i16 => S16,
    i32 => S32,
    i64 => S64,
    isize => S64,
    f32 => F32,
    f64 => F64,
    char => Char,
    str => String,
    String => String,
    NonZeroU8 => U8,
    NonZeroU16 => U16,
    NonZeroU32 => U32,
    NonZeroU64 => U64,
    NonZeroI8 => S8,
    NonZeroI16 => S16,
    NonZeroI32 => S32,
    NonZeroI64 => S64,
    std::net::IpAddr => String,
    std::net::Ipv4Addr => String,
    std::net::Ipv6Addr => String,
    std::net::SocketAddr => String,
}

#[cfg(feature = "json")]
plain! {
    serde_json::Value => Json,
}

macro_rules! keys {
    ($($rust:ty)*) => {$(
        impl WireKey for $rust {}
    )*};
}

keys!(bool u8 u16 u32 u64 usize i8 i16 i32 i64 isize char str String);

/// What is written as what it holds.
macro_rules! transparent {
    ($($rust:ty)*) => {$(
        impl<T: Wire + ?Sized> Wire for $rust {
            fn wire(types: &mut Types) -> Type {
                T::wire(types)
            }
        }
        impl<T: WireKey + ?Sized> WireKey for $rust {}
    )*};
}

transparent!(&T Box<T> Rc<T> Arc<T>);

impl<T: Wire + ToOwned + ?Sized> Wire for Cow<'_, T> {
    fn wire(types: &mut Types) -> Type {
        T::wire(types)
    }
}

impl<T: WireKey + ToOwned + ?Sized> WireKey for Cow<'_, T> {}

impl<T: Wire> Wire for Wrapping<T> {
    fn wire(types: &mut Types) -> Type {
        T::wire(types)
    }
}

impl<T: ?Sized> Wire for PhantomData<T> {
    fn wire(_: &mut Types) -> Type {
        Type::Unit
    }
}

macro_rules! lists {
    ($([$($generics:tt)*] $rust:ty)*) => {$(
        impl<$($generics)*> Wire for $rust {
            fn wire(types: &mut Types) -> Type {
                Type::List(Box::new(T::wire(types)))
            }
        }
    )*};
}

lists! {
    [T: Wire] [T]
    [T: Wire] Vec<T>
    [T: Wire] VecDeque<T>
    [T: Wire] LinkedList<T>
    [T: Wire] BinaryHeap<T>
    [T: Wire] BTreeSet<T>
    [T: Wire, S] HashSet<T, S>
    [T: Wire, const N: usize] [T; N]
}

impl<K: WireKey, V: Wire> Wire for BTreeMap<K, V> {
    fn wire(types: &mut Types) -> Type {
        map::<K, V>(types)
    }
}

impl<K: WireKey, V: Wire, S> Wire for HashMap<K, V, S> {
    fn wire(types: &mut Types) -> Type {
        map::<K, V>(types)
    }
}

fn map<K: Wire, V: Wire>(types: &mut Types) -> Type {
    Type::Map(Box::new(K::wire(types)), Box::new(V::wire(types)))
}

impl<T: Wire> Wire for Option<T> {
    fn wire(types: &mut Types) -> Type {
        Type::Option(Box::new(T::wire(types)))
    }
}

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    fn wire(types: &mut Types) -> Type {
        Type::Result(Box::new(T::wire(types)), Box::new(E::wire(types)))
    }
}

impl Wire for std::time::Duration {
    fn wire(types: &mut Types) -> Type {
        types.named::<Self>("Duration", |types| {
            Shape::Record(vec![
                Field::new("secs", u64::wire(types)),
                Field::new("nanos", u32::wire(types)),
            ])
        })
    }
}

macro_rules! tuples {
    ($(($($part:ident)+))*) => {$(
        impl<$($part: Wire),+> Wire for ($($part,)+) {
            fn wire(types: &mut Types) -> Type {
                Type::Tuple(vec![$($part::wire(types)),+])
            }
        }
    )*};
}

tuples! {
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: Wire>(expected: &str) {
        assert_eq!(T::wire(&mut Types::default()).to_string(), expected);
    }

    #[test]
    fn types_cross_as_serde_writes_them() {
        check::<()>("nothing");
        check::<usize>("u64");
        check::<&'static str>("string");
        check::<Cow<'static, str>>("string");
        check::<Box<[Rc<Arc<i8>>]>>("list<s8>");
        check::<[u8; 4]>("list<u8>");
        check::<HashSet<char>>("list<char>");
        check::<(u8, String)>("tuple<u8, string>");
        check::<(u8, u16, u32, u64, i8, i16, i32, i64)>(
            "tuple<u8, u16, u32, u64, s8, s16, s32, s64>",
        );
        check::<HashMap<String, Vec<Option<f32>>>>("map<string, list<option<f32>>>");
        check::<BTreeMap<u32, bool>>("map<u32, bool>");
        check::<Result<(), String>>("result<nothing, string>");
        check::<std::time::Duration>("Duration");
        check::<std::net::IpAddr>("string");
        #[cfg(feature = "json")]
        check::<Vec<serde_json::Value>>("list<json>");
    }

    struct Page<T>(PhantomData<T>);
    impl<T: Wire> Wire for Page<T> {
        fn wire(types: &mut Types) -> Type {
            types.named::<Self>("Page", |types| {
                Shape::Record(vec![Field::new("items", Vec::<T>::wire(types))])
            })
        }
    }

    mod other {
        pub(super) struct Page;
        impl super::Wire for Page {
            fn wire(types: &mut super::Types) -> super::Type {
                types.named::<Self>("Page", |_| super::Shape::Record(Vec::new()))
            }
        }
    }

    /// Contains itself.
    struct Tree;
    impl Wire for Tree {
        fn wire(types: &mut Types) -> Type {
            types.named::<Self>("Tree", |types| {
                Shape::Record(vec![Field::new("leaves", Vec::<Tree>::wire(types))])
            })
        }
    }

    #[test]
    fn different_types_have_different_names() {
        let mut types = Types::default();
        let mut name = |wire: fn(&mut Types) -> Type| wire(&mut types).to_string();
        assert_eq!(name(Page::<u8>::wire), "PageU8");
        assert_eq!(name(Page::<Option<String>>::wire), "PageOptionString");
        assert_eq!(name(Page::<u8>::wire), "PageU8");
        assert_eq!(name(other::Page::wire), "Page");
        mod third {
            pub(super) struct Page;
        }
        let third = types.named::<third::Page>("Page", |_| Shape::Record(Vec::new()));
        assert_eq!(third.to_string(), "Page2");
        assert_eq!(types.named.len(), 4);
    }

    /// Contains itself, and has no name.
    struct Nested;
    impl Wire for Nested {
        fn wire(types: &mut Types) -> Type {
            types.through::<Self>(Vec::<Nested>::wire)
        }
    }

    #[test]
    fn a_type_inside_of_itself_crosses_as_json() {
        check::<Nested>("list<json>");
        check::<(Nested, Nested)>("tuple<list<json>, list<json>>");
        let mut types = Types::default();
        assert_eq!(Tree::wire(&mut types).to_string(), "Tree");
        assert_eq!(Tree::wire(&mut types).to_string(), "Tree");
        let Some(Shape::Record(fields)) = types.named.get("Tree") else {
            panic!("it is a record");
        };
        assert_eq!(fields[0].ty.to_string(), "list<json>");
    }
}
