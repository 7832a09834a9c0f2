//! What expansions of the macros name. None of it is meant for people, and all of it may change.

pub use std::boxed::Box;
pub use std::convert::Into;
pub use std::default::Default;
pub use std::option::Option;
pub use std::result::Result;
pub use std::string::String;
pub use std::vec::Vec;

pub use hyperstar_interface::{
    Access, Audience, Field, Handler, Http, Interface, Mode, Param, Save, Shape, Trigger, Type,
    Types, View, Wire, WireKey,
};

pub use crate::abi::CallError;
pub use crate::address::Address;
pub use crate::answer;
pub use crate::app::{Asset, Hyperapp, Outcome, Run, Task, ViewFn};
pub use crate::args::{view_param, view_session, view_viewer};
pub use crate::call::{Call, Way};
pub use crate::client::{Arguments, Asking, Peer};
pub use crate::cx::Cx;
pub use crate::fields::{Fields, Saver};
pub use crate::html::{Html, IntoHtml, ViewError};
pub use crate::state::{State, StateError, Stored, checkpoint};
pub use crate::view::{Session, ViewCall, ViewCx, Viewer};

/// The version of an app's state.
pub fn state_version<A: Hyperapp>() -> u32 {
    A::VERSION
}

/// The answer over HTTP of whatever a handler returned.
#[doc(hidden)]
#[macro_export]
macro_rules! __answer_http {
    ($value:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::answer::{
            ActionErrorKind, DataKind, JsonKind, MarkupKind, OptionKind, PlainKind, ResponseKind,
            ResultKind, TextKind, ThereKind, UnitKind, UnknownKind,
        };
        let value = $value;
        let kind = (&&$crate::__private::answer::probe(&value)).result_kind();
        match kind.split(value) {
            ::core::result::Result::Ok(value) => {
                let kind = (&&$crate::__private::answer::probe(&value)).option_kind();
                match kind.split(value) {
                    ::core::option::Option::Some(value) => {
                        let kind = (&&&$crate::__private::answer::probe(&value)).http_kind();
                        ::core::result::Result::Ok(kind.http(value))
                    }
                    ::core::option::Option::None => {
                        ::core::result::Result::Ok($crate::__private::answer::http_none())
                    }
                }
            }
            ::core::result::Result::Err(error) => {
                let kind = (&&&&$crate::__private::answer::probe(&error)).error_kind();
                ::core::result::Result::Ok(kind.http(error))
            }
        }
    }};
}

/// The answer to a page of whatever an action returned.
#[doc(hidden)]
#[macro_export]
macro_rules! __answer_page {
    ($value:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::answer::{
            ActionErrorKind, DataKind, IgnoredKind, PlainKind, ReplyKind, ResultKind, TextKind,
            UnknownKind,
        };
        let value = $value;
        let kind = (&&$crate::__private::answer::probe(&value)).result_kind();
        match kind.split(value) {
            ::core::result::Result::Ok(value) => {
                let kind = (&&$crate::__private::answer::probe(&value)).page_kind();
                ::core::result::Result::Ok(kind.page(value))
            }
            ::core::result::Result::Err(error) => {
                let kind = (&&&&$crate::__private::answer::probe(&error)).error_kind();
                ::core::result::Result::Ok(kind.page(error))
            }
        }
    }};
}

/// The answer of what nobody waits for: only a failure says something.
#[doc(hidden)]
#[macro_export]
macro_rules! __answer_nobody {
    ($value:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::answer::{
            ActionErrorKind, DataKind, PlainKind, ResultKind, TextKind, UnknownKind,
        };
        let value = $value;
        let kind = (&&$crate::__private::answer::probe(&value)).result_kind();
        match kind.split(value) {
            ::core::result::Result::Ok(_) => {
                ::core::result::Result::Ok($crate::__private::answer::quiet())
            }
            ::core::result::Result::Err(error) => {
                let kind = (&&&&$crate::__private::answer::probe(&error)).error_kind();
                ::core::result::Result::Ok(kind.quiet(error))
            }
        }
    }};
}

/// The type of an argument or a result as it crosses, JSON if it does not.
#[doc(hidden)]
#[macro_export]
macro_rules! __wire_or_json {
    ($rust:ty, $types:expr) => {{
        #[allow(unused_imports)]
        use $crate::__private::answer::{LocalKind, WireKind};
        let probe = $crate::__private::answer::probe_type::<$rust>();
        let kind = (&&probe).wire_kind();
        kind.wire(probe, $types)
    }};
}
