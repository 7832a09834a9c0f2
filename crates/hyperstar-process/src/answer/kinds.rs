//! Which kind of answer a type is. Only expansions of `#[hyperapp]` use this.
//!
//! A kind is asked for with one more `&` than the `impl` that is to win: methods are looked for with all
//! of them first, then with one less each time.

use std::convert::Infallible;
use std::fmt::Display;
use std::marker::PhantomData;

use serde::Serialize;

use super::{HTML, empty, failed, json, notice, with_type};
use crate::abi::{CallError, Response};
use crate::app::Outcome;
use crate::html::Html;
use crate::reply::{ActionError, IntoReply, Reply};

/// A type that is asked for its kind.
#[derive(Debug)]
pub struct Probe<T: ?Sized>(PhantomData<T>);

/// Asks for the kind of a value's type.
pub fn probe<T>(_: &T) -> Probe<T> {
    Probe(PhantomData)
}

/// Asks for the kind of a type.
pub fn probe_type<T: ?Sized>() -> Probe<T> {
    Probe(PhantomData)
}

macro_rules! kind {
    ($($name:ident)*) => {$(
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
    )*};
}

kind!(IsResult IsPlain IsOption IsThere);

// First: is it a `Result`?

pub trait ResultKind {
    fn result_kind(&self) -> IsResult {
        IsResult
    }
}
impl<T, E> ResultKind for &Probe<Result<T, E>> {}

pub trait PlainKind {
    fn result_kind(&self) -> IsPlain {
        IsPlain
    }
}
impl<T> PlainKind for Probe<T> {}

impl IsResult {
    pub fn split<T, E>(self, value: Result<T, E>) -> Result<T, E> {
        value
    }
}
impl IsPlain {
    pub fn split<T>(self, value: T) -> Result<T, Infallible> {
        Ok(value)
    }
}

// Then, of what is left: is it an `Option`?

pub trait OptionKind {
    fn option_kind(&self) -> IsOption {
        IsOption
    }
}
impl<T> OptionKind for &Probe<Option<T>> {}

pub trait ThereKind {
    fn option_kind(&self) -> IsThere {
        IsThere
    }
}
impl<T> ThereKind for Probe<T> {}

impl IsOption {
    pub fn split<T>(self, value: Option<T>) -> Option<T> {
        value
    }
}
impl IsThere {
    pub fn split<T>(self, value: T) -> Option<T> {
        Some(value)
    }
}

// Then: what is it over HTTP?

kind!(IsResponse IsMarkup IsUnit IsJson);

/// What a browser shows as a page.
pub trait Markup {
    fn into_markup(self) -> String;
}
impl Markup for Html {
    fn into_markup(self) -> String {
        self.as_str().to_owned()
    }
}
impl<T: AsRef<str>> Markup for maud::PreEscaped<T> {
    fn into_markup(self) -> String {
        self.0.as_ref().to_owned()
    }
}

pub trait ResponseKind {
    fn http_kind(&self) -> IsResponse {
        IsResponse
    }
}
impl ResponseKind for &&Probe<Response> {}

pub trait UnitKind {
    fn http_kind(&self) -> IsUnit {
        IsUnit
    }
}
impl UnitKind for &&Probe<()> {}

pub trait MarkupKind {
    fn http_kind(&self) -> IsMarkup {
        IsMarkup
    }
}
impl<T: Markup> MarkupKind for &Probe<T> {}

pub trait JsonKind {
    fn http_kind(&self) -> IsJson {
        IsJson
    }
}
impl<T> JsonKind for Probe<T> {}

impl IsResponse {
    pub fn http(self, value: Response) -> Response {
        value
    }
}
impl IsUnit {
    pub fn http(self, (): ()) -> Response {
        empty(204)
    }
}
impl IsMarkup {
    pub fn http(self, value: impl Markup) -> Response {
        with_type(200, HTML, value.into_markup().into_bytes())
    }
}
impl IsJson {
    pub fn http(self, value: impl Serialize) -> Response {
        json(200, &value)
    }
}

/// Nothing is there.
pub fn http_none() -> Response {
    failed(404, "there is nothing here")
}

// And the error of a `Result`?

kind!(IsActionError IsText IsData IsUnknown);

pub trait ActionErrorKind {
    fn error_kind(&self) -> IsActionError {
        IsActionError
    }
}
impl ActionErrorKind for &&&Probe<ActionError> {}

pub trait TextKind {
    fn error_kind(&self) -> IsText {
        IsText
    }
}
impl<E: Display> TextKind for &&Probe<E> {}

pub trait DataKind {
    fn error_kind(&self) -> IsData {
        IsData
    }
}
impl<E: Serialize> DataKind for &Probe<E> {}

pub trait UnknownKind {
    fn error_kind(&self) -> IsUnknown {
        IsUnknown
    }
}
impl<E> UnknownKind for Probe<E> {}

const UNSAID: &str = "the handler failed, and its error says nothing; give it `Display`";

impl IsActionError {
    pub fn http(self, error: ActionError) -> Response {
        log_cause(&error);
        failed(error.status().as_u16(), error.message())
    }
    pub fn page(self, error: ActionError) -> Response {
        log_cause(&error);
        notice(error.status().as_u16(), error.message())
    }
    /// Who runs it logs it.
    pub fn quiet(self, error: ActionError) -> Response {
        notice(500, error.detail())
    }
}

/// What is not for who asks is for the log.
fn log_cause(error: &ActionError) {
    if error.has_cause() {
        crate::error!("answered {}: {}", error.status().as_u16(), error.detail());
    }
}

impl IsText {
    pub fn http(self, error: impl Display) -> Response {
        failed(400, &error.to_string())
    }
    pub fn page(self, error: impl Display) -> Response {
        notice(400, error)
    }
    pub fn quiet(self, error: impl Display) -> Response {
        notice(500, error)
    }
}
impl IsData {
    pub fn http(self, error: impl Serialize) -> Response {
        #[derive(Serialize)]
        struct Failed<E> {
            error: E,
        }
        json(400, &Failed { error })
    }
    pub fn page(self, error: impl Serialize) -> Response {
        notice(400, text(&error))
    }
    pub fn quiet(self, error: impl Serialize) -> Response {
        notice(500, text(&error))
    }
}
impl IsUnknown {
    pub fn http<E>(self, _: E) -> Response {
        failed(400, UNSAID)
    }
    pub fn page<E>(self, _: E) -> Response {
        notice(400, UNSAID)
    }
    pub fn quiet<E>(self, _: E) -> Response {
        notice(500, UNSAID)
    }
}

fn text(error: &impl Serialize) -> String {
    serde_json::to_string(error).unwrap_or_else(|_| UNSAID.to_owned())
}

// What is it to a page?

kind!(IsReply IsIgnored);

pub trait ReplyKind {
    fn page_kind(&self) -> IsReply {
        IsReply
    }
}
impl<T: IntoReply> ReplyKind for &Probe<T> {}

pub trait IgnoredKind {
    fn page_kind(&self) -> IsIgnored {
        IsIgnored
    }
}
impl<T> IgnoredKind for Probe<T> {}

impl IsReply {
    pub fn page(self, value: impl IntoReply) -> Response {
        match value.into_reply() {
            Ok(reply) => reply.into_response(),
            Err(error) => IsActionError.page(error),
        }
    }
}
impl IsIgnored {
    pub fn page<T>(self, _: T) -> Response {
        Reply::new().into_response()
    }
}

// The type as it crosses, where it can.

kind!(IsWire IsLocal);

pub trait WireKind {
    fn wire_kind(&self) -> IsWire {
        IsWire
    }
}
impl<T: hyperstar_interface::Wire + ?Sized> WireKind for &Probe<T> {}

pub trait LocalKind {
    fn wire_kind(&self) -> IsLocal {
        IsLocal
    }
}
impl<T: ?Sized> LocalKind for Probe<T> {}

impl IsWire {
    pub fn wire<T: hyperstar_interface::Wire + ?Sized>(
        self,
        _: Probe<T>,
        types: &mut hyperstar_interface::Types,
    ) -> hyperstar_interface::Type {
        T::wire(types)
    }
}
impl IsLocal {
    pub fn wire<T: ?Sized>(
        self,
        _: Probe<T>,
        _: &mut hyperstar_interface::Types,
    ) -> hyperstar_interface::Type {
        hyperstar_interface::Type::Json
    }
}

/// A way that nobody can have asked by.
pub fn unasked() -> Outcome {
    Err(CallError::NoHandler(
        "the handler cannot be asked for in this way".to_owned(),
    ))
}

/// To nobody: fine.
pub fn quiet() -> Response {
    empty(204)
}
