//! Our attributes on methods: `#[http(GET, "/api/x")]` and the others.

use hyperstar_interface::near;
use proc_macro2::Span;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Lit, LitInt, LitStr, Meta, Token};

use crate::errors::Errors;

/// What one attribute says.
#[derive(Clone)]
pub(super) enum Mark {
    Init,
    View(View),
    Action,
    Http(Http),
    Local,
    Remote,
    Ws(LitStr),
    WsClient,
    Eth,
    Join,
    Leave,
    Every(u64),
    Stop,
    Public,
}

#[derive(Clone)]
pub(super) struct View {
    pub(super) path: LitStr,
    pub(super) title: Option<LitStr>,
    pub(super) frame_ms: Option<u64>,
}

#[derive(Clone)]
pub(super) struct Http {
    pub(super) method: Option<Ident>,
    pub(super) path: Option<LitStr>,
}

const NAMES: [&str; 14] = [
    "init",
    "view",
    "action",
    "http",
    "local",
    "remote",
    "ws",
    "ws_client",
    "eth",
    "join",
    "leave",
    "every",
    "stop",
    "public",
];

/// Attributes of Rust's that may look like a misspelt one of ours.
const OTHERS: [&str; 12] = [
    "allow", "cfg", "cold", "deny", "doc", "expect", "ignore", "inline", "must_use", "test",
    "warn", "used",
];

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Whether an attribute is one of ours, rightly spelt or not.
pub(super) fn is_ours(attribute: &Attribute) -> bool {
    name_of(attribute).is_some()
}

fn name_of(attribute: &Attribute) -> Option<&'static str> {
    let ident = attribute.path().get_ident()?.to_string();
    if let Some(name) = NAMES.into_iter().find(|name| *name == ident) {
        return Some(name);
    }
    if OTHERS.contains(&ident.as_str()) {
        return None;
    }
    near(&ident, NAMES)
}

/// Reads an attribute that is one of ours.
pub(super) fn read(attribute: &Attribute, errors: &mut Errors) -> Option<(Mark, Span)> {
    let name = name_of(attribute)?;
    let path = attribute.path();
    if !path.is_ident(name) {
        let wrong = path.get_ident().map(Ident::to_string).unwrap_or_default();
        errors.at(
            path,
            format!("unknown handler attribute `{wrong}`; did you mean `#[{name}]`?"),
        );
        return None;
    }
    let mark = match name {
        "view" => arguments(attribute, errors, view)?,
        "http" => arguments(attribute, errors, http)?,
        "ws" => arguments(attribute, errors, ws)?,
        "every" => arguments(attribute, errors, every)?,
        _ => {
            if !matches!(attribute.meta, Meta::Path(_)) {
                errors.at(
                    &attribute.meta,
                    format!("`#[{name}]` takes nothing; write it alone"),
                );
                return None;
            }
            match name {
                "init" => Mark::Init,
                "action" => Mark::Action,
                "local" => Mark::Local,
                "remote" => Mark::Remote,
                "ws_client" => Mark::WsClient,
                "eth" => Mark::Eth,
                "join" => Mark::Join,
                "leave" => Mark::Leave,
                "stop" => Mark::Stop,
                _ => Mark::Public,
            }
        }
    };
    Some((mark, path.span()))
}

fn arguments(
    attribute: &Attribute,
    errors: &mut Errors,
    parse: impl FnOnce(ParseStream<'_>, Span) -> syn::Result<Mark>,
) -> Option<Mark> {
    let span = attribute.path().span();
    let parser = |input: ParseStream<'_>| {
        let mark = parse(input, span)?;
        match input.is_empty() {
            true => Ok(mark),
            false => Err(input.error("nothing more is expected here; take it away")),
        }
    };
    let read = match &attribute.meta {
        Meta::Path(_) => parser.parse2(proc_macro2::TokenStream::new()),
        Meta::List(list) => parser.parse2(list.tokens.clone()),
        Meta::NameValue(pair) => Err(syn::Error::new(
            pair.eq_token.span(),
            "write what it takes in parentheses",
        )),
    };
    errors.take(read)
}

fn view(input: ParseStream<'_>, span: Span) -> syn::Result<Mark> {
    if !input.peek(LitStr) {
        let span = if input.is_empty() { span } else { input.span() };
        return Err(syn::Error::new(
            span,
            "a view needs its path first; write `#[view(\"/\")]`",
        ));
    }
    let mut view = View {
        path: input.parse()?,
        title: None,
        frame_ms: None,
    };
    while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
        let key: Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        match key.to_string().as_str() {
            "title" => view.title = Some(text(input, "the title is a text: `title = \"Rooms\"`")?),
            "frame_ms" => view.frame_ms = Some(number(input)?),
            other => {
                let hint = match near(other, ["title", "frame_ms"]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "a view has `title` and `frame_ms`".to_owned(),
                };
                return Err(syn::Error::new(
                    key.span(),
                    format!("unknown argument `{other}`; {hint}"),
                ));
            }
        }
    }
    Ok(Mark::View(view))
}

fn http(input: ParseStream<'_>, _: Span) -> syn::Result<Mark> {
    let mut http = Http {
        method: None,
        path: None,
    };
    if input.peek(Ident) {
        let method: Ident = input.parse()?;
        if input.peek(Token![=]) {
            return Err(syn::Error::new(
                method.span(),
                "method and path are written without names: `#[http(GET, \"/api/x\")]`",
            ));
        }
        let name = method.to_string();
        if !METHODS.contains(&name.as_str()) {
            let hint = match near(&name, METHODS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", METHODS.join(", ")),
            };
            let text = format!("unknown HTTP method `{name}`; {hint}");
            return Err(syn::Error::new(method.span(), text));
        }
        http.method = Some(method);
        if input.parse::<Option<Token![,]>>()?.is_none() || input.is_empty() {
            return Ok(Mark::Http(http));
        }
    }
    if input.is_empty() {
        return Ok(Mark::Http(http));
    }
    let path = text(input, "the path is a text: `#[http(GET, \"/api/x\")]`")?;
    if METHODS.contains(&path.value().as_str()) {
        return Err(syn::Error::new(
            path.span(),
            format!(
                "the method is written without quotes: `#[http({}, ..)]`",
                path.value()
            ),
        ));
    }
    http.path = Some(path);
    input.parse::<Option<Token![,]>>()?;
    Ok(Mark::Http(http))
}

fn ws(input: ParseStream<'_>, span: Span) -> syn::Result<Mark> {
    if input.is_empty() {
        return Err(syn::Error::new(
            span,
            "a WebSocket needs its path; write `#[ws(\"/ws\")]`",
        ));
    }
    text(input, "the path is a text: `#[ws(\"/ws\")]`").map(Mark::Ws)
}

fn every(input: ParseStream<'_>, span: Span) -> syn::Result<Mark> {
    const HOW: &str =
        "write milliseconds, `#[every(500)]`, or a text: `\"5s\"`, `\"2min\"`, `\"1h\"`";
    if input.is_empty() {
        return Err(syn::Error::new(span, format!("how often? {HOW}")));
    }
    let literal: Lit = input
        .parse()
        .map_err(|error| syn::Error::new(error.span(), HOW))?;
    let every_ms = match &literal {
        Lit::Int(number) => number.base10_parse().ok(),
        Lit::Str(text) => duration_ms(&text.value()),
        _ => None,
    };
    match every_ms {
        None => Err(syn::Error::new(
            literal.span(),
            format!("this is no time; {HOW}"),
        )),
        Some(0) => Err(syn::Error::new(
            literal.span(),
            "every 0 ms is always; the shortest is 1",
        )),
        Some(every_ms) => Ok(Mark::Every(every_ms)),
    }
}

fn duration_ms(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit_ms = match text[digits..].trim() {
        "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(unit_ms)
}

fn text(input: ParseStream<'_>, how: &str) -> syn::Result<LitStr> {
    input
        .parse::<LitStr>()
        .map_err(|error| syn::Error::new(error.span(), how))
}

fn number(input: ParseStream<'_>) -> syn::Result<u64> {
    let read = input.parse::<LitInt>().and_then(|number| {
        let span = number.span();
        match number.base10_parse::<u64>()? {
            0 => Err(syn::Error::new(span, "the shortest is 1 millisecond")),
            number => Ok(number),
        }
    });
    read.map_err(
        |error| match error.to_string().starts_with("the shortest") {
            true => error,
            false => syn::Error::new(error.span(), "milliseconds are a number: `frame_ms = 100`"),
        },
    )
}
