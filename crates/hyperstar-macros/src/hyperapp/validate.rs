//! What is wrong with an app whose parts are right.

use hyperstar_interface::{Claim, Path, check as check_routes, near, pascal, quoted};
use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{ReturnType, Type};

use super::client::OWN_METHODS;
use super::marks::Mark;
use super::params::{Context, Value};
use super::{App, Method, Receiver};
use crate::errors::Errors;

const NOT_WS: &str = "only `#[ws]` and `#[ws_client]` handlers are given this";

/// Notes all that is wrong.
pub(super) fn check(app: &App, errors: &mut Errors) {
    for method in app.methods.iter().filter(|method| method.is_understood) {
        if method.is_view() {
            view(method, errors);
        } else {
            handler(method, errors);
        }
        paths(method, errors);
    }
    names(app, errors);
    only_once(app, errors);
    routes(app, errors);
}

fn view(method: &Method, errors: &mut Errors) {
    for (mark, span) in &method.marks {
        if !matches!(mark, Mark::View(_)) {
            errors.push(
                *span,
                "a view only shows the state and answers nothing else; move this to a method of its own",
            );
        }
    }
    let views = method
        .marks
        .iter()
        .filter(|(mark, _)| matches!(mark, Mark::View(_)));
    if let Some((_, span)) = views.clone().nth(1) {
        errors.push(
            *span,
            "a view has one path; write a second method for another",
        );
    }
    if method.is_async {
        errors.at(
            &method.ident,
            "a view shows what is there, so it cannot be `async`; fetch in a handler and keep the result in \
             the state",
        );
    }
    match method.receiver {
        Receiver::Ref => {}
        Receiver::Mut => errors.at(
            &method.ident,
            "a view may not change anything; take `&self`, and change the state in an action",
        ),
        Receiver::None => errors.at(&method.ident, "a view shows the state; take `&self`"),
    }
    if method.output == ReturnType::Default {
        errors.at(
            &method.ident,
            "a view returns what it shows: `Html`, `maud::Markup`, text, or a `Result` of one",
        );
    }
    for (context, ty) in method.contexts() {
        match context {
            Context::Cx | Context::OwnCx | Context::StateCx => {
                errors.at(
                    ty,
                    "a view is given `&ViewCx`: it is not an answer to a message",
                );
            }
            Context::Channel | Context::WsMessage => errors.at(ty, NOT_WS),
            _ => {}
        }
    }
    twice(method, errors);
}

fn handler(method: &Method, errors: &mut Errors) {
    if method
        .marks
        .iter()
        .all(|(mark, _)| matches!(mark, Mark::Public))
    {
        if let Some((_, span)) = method.marks.first() {
            errors.push(
                *span,
                "`#[public]` says who may ask; add `#[local]` or another that says how",
            );
        }
        return;
    }
    public(method, errors);
    receiver(method, errors);
    contexts(method, errors);
    twice(method, errors);
    of_itself(method, errors);
    sockets(method, errors);
    returned(method, errors);
    alone(method, errors);
}

fn public(method: &Method, errors: &mut Errors) {
    let public = method
        .marks
        .iter()
        .find(|(mark, _)| matches!(mark, Mark::Public));
    if let Some((_, span)) = public
        && !method.has(|mark| matches!(mark, Mark::Local))
    {
        errors.push(
            *span,
            "`#[public]` lets every process of the node ask; add `#[local]`, or take it away",
        );
    }
}

fn receiver(method: &Method, errors: &mut Errors) {
    let mut contexts = method.contexts();
    let state_cx = contexts.find(|(context, _)| *context == Context::StateCx);
    match (method.receiver, state_cx) {
        (Receiver::None, None) if method.takes(Context::OwnCx) => {}
        (Receiver::None, None) => errors.at(
            &method.ident,
            "a handler needs the state; take `&self`, `&mut self`, or `cx: Cx<Self>` to share it across awaits",
        ),
        (Receiver::Ref | Receiver::Mut, Some((_, ty))) => errors.at(
            ty,
            "`self` and `Cx<Self>` are the same state; take `&Cx` beside `self`, or leave `self` out",
        ),
        _ => {}
    }
}

fn contexts(method: &Method, errors: &mut Errors) {
    let is_ws = method.has(|mark| matches!(mark, Mark::Ws(_) | Mark::WsClient));
    for (context, ty) in method.contexts() {
        match context {
            Context::ViewCx => errors.at(ty, "`ViewCx` is for views; a handler is given `&Cx`"),
            Context::Session | Context::Viewer if method.is_called() => errors.at(
                ty,
                "a process that asks has no browser; take `&Cx`, whose `viewer()` may be there, or split \
                 the handler",
            ),
            Context::Channel | Context::WsMessage if !is_ws => errors.at(ty, NOT_WS),
            Context::OwnCx if method.receiver == Receiver::None => {
                errors.at(ty, "`Cx` alone has no state; write `Cx<Self>`");
            }
            _ => {}
        }
    }
}

/// The same thing twice.
fn twice(method: &Method, errors: &mut Errors) {
    let mut seen: Vec<&str> = Vec::new();
    for (context, ty) in method.contexts() {
        let name = context.name();
        if seen.contains(&name) {
            errors.at(ty, format!("`{name}` is there already; take it once"));
        }
        seen.push(name);
    }
    let mut marks: Vec<std::mem::Discriminant<Mark>> = Vec::new();
    for (mark, span) in &method.marks {
        let kind = std::mem::discriminant(mark);
        if marks.contains(&kind) && !matches!(mark, Mark::Http(_) | Mark::Ws(_) | Mark::View(_)) {
            errors.push(*span, "this is there already; once is enough");
        }
        marks.push(kind);
    }
}

/// What the process does by itself has nothing to take.
fn of_itself(method: &Method, errors: &mut Errors) {
    let mark = method.marks.iter().find_map(|(mark, _)| match mark {
        Mark::Init => Some("#[init]"),
        Mark::Stop => Some("#[stop]"),
        Mark::Every(_) => Some("#[every]"),
        _ => None,
    });
    let Some(mark) = mark else {
        return;
    };
    let values = method.values().map(|value| &value.written);
    let people = method.contexts().filter_map(|(context, ty)| {
        matches!(context, Context::Session | Context::Viewer).then_some(ty)
    });
    for ty in values.chain(people) {
        errors.at(
            ty,
            format!("nobody sends anything to `{mark}`; take nothing but the state and `&Cx`"),
        );
    }
}

fn sockets(method: &Method, errors: &mut Errors) {
    let Some((_, span)) = method
        .marks
        .iter()
        .find(|(mark, _)| matches!(mark, Mark::Ws(_) | Mark::WsClient))
    else {
        return;
    };
    if !method.takes(Context::Channel) || !method.takes(Context::WsMessage) {
        errors.push(
            *span,
            "a WebSocket's handler takes `channel: Channel` and `message: WsMessage`",
        );
    }
    for (mark, span) in &method.marks {
        if !matches!(mark, Mark::Ws(_) | Mark::WsClient) {
            errors.push(
                *span,
                "only a WebSocket brings a `Channel`; move this to a method of its own",
            );
        }
    }
}

fn returned(method: &Method, errors: &mut Errors) {
    let ReturnType::Type(_, ty) = &method.output else {
        return;
    };
    if let Type::Reference(reference) = &**ty {
        errors.at(
            reference,
            "an answer outlives the state's borrow; return an owned value",
        );
    } else if let (Type::ImplTrait(ty), true) = (&**ty, method.is_called()) {
        errors.at(ty, "a process that asks has to know the type; name it");
    }
}

fn alone(method: &Method, errors: &mut Errors) {
    if !method.has(|mark| matches!(mark, Mark::Eth)) {
        return;
    }
    for (mark, span) in &method.marks {
        if !matches!(mark, Mark::Eth) {
            errors.push(
                *span,
                "an event of a chain is nothing else; move this to a method of its own",
            );
        }
    }
    if method.values().count() != 1 {
        errors.at(&method.ident, "`#[eth]` takes one argument, the event");
    }
}

/// Parameters of paths and arguments must meet.
fn paths(method: &Method, errors: &mut Errors) {
    for (mark, _) in &method.marks {
        let path = match mark {
            Mark::View(view) => &view.path,
            Mark::Http(http) => match &http.path {
                Some(path) => path,
                None => continue,
            },
            Mark::Ws(path) => path,
            _ => continue,
        };
        // A path that is none is noted with the routes.
        let Ok(parsed) = path.value().parse::<Path>() else {
            continue;
        };
        let takes_context = method.takes(Context::ViewCx);
        let lacks_channel = matches!(mark, Mark::Ws(_)) && !method.takes(Context::Channel);
        let names: Vec<String> = method.values().map(Value::name).collect();
        let mut meant: Vec<&str> = Vec::new();
        for param in parsed.params().filter(|_| !takes_context) {
            if !names.iter().any(|name| name == param) {
                let near = near(param, names.iter().map(String::as_str));
                meant.extend(near);
                let hint = match near {
                    Some(near) => format!("is it `{near}`?"),
                    None => format!("add `{param}: String`"),
                };
                errors.at(
                    path,
                    format!("the path has `{{{param}}}`, and no argument is called so; {hint}"),
                );
            }
        }
        let from_path_alone = matches!(mark, Mark::View(_) | Mark::Ws(_)) && !lacks_channel;
        for value in method.values().filter(|_| from_path_alone) {
            let name = value.name();
            let is_there = parsed.params().any(|param| param == name);
            if !is_there && !meant.contains(&name.as_str()) {
                let text = match mark {
                    Mark::View(_) => format!(
                        "the path has no `{{{name}}}`; add it, or read the query with `cx: &ViewCx`"
                    ),
                    _ => format!("the path has no `{{{name}}}`; add it"),
                };
                errors.at(&value.ident, text);
            }
        }
    }
}

fn names(app: &App, errors: &mut Errors) {
    let mut seen: Vec<(String, String)> = Vec::new();
    for method in &app.methods {
        let name = method.name();
        let wrapped = pascal(&name);
        if method.cfgs.is_empty()
            && let Some((other, _)) = seen.iter().find(|(_, other)| *other == wrapped)
        {
            let text = match *other == name {
                true => format!("there is a handler `{name}` already; choose another name"),
                false => format!(
                    "`{name}` and `{other}` are both `{wrapped}` in a body; choose another name"
                ),
            };
            errors.at(&method.ident, text);
        }
        if method.is_called() && OWN_METHODS.contains(&name.as_str()) {
            let text = format!(
                "the client has {} of its own; choose another name",
                quoted([name.as_str()])
            );
            errors.at(&method.ident, text);
        }
        seen.push((name, wrapped));
    }
}

/// What an app can have once.
fn only_once(app: &App, errors: &mut Errors) {
    for (is, text) in [
        (
            (|mark| matches!(mark, Mark::Init)) as fn(&Mark) -> bool,
            "`#[init]`: a process begins once",
        ),
        (
            |mark| matches!(mark, Mark::Stop),
            "`#[stop]`: a process ends once",
        ),
        (
            |mark| matches!(mark, Mark::WsClient),
            "`#[ws_client]`: the channel tells connections apart",
        ),
        (
            |mark| matches!(mark, Mark::Join),
            "`#[join]`: one method hears of all tabs",
        ),
        (
            |mark| matches!(mark, Mark::Leave),
            "`#[leave]`: one method hears of all tabs",
        ),
    ] {
        let marks = app.methods.iter().flat_map(|method| {
            let marks = method.marks.iter().filter(move |(mark, _)| is(mark));
            marks.map(move |(_, span)| (method, *span))
        });
        let mut marks = marks.filter(|(method, _)| method.cfgs.is_empty());
        if let Some((first, _)) = marks.next() {
            for (_, span) in marks {
                errors.push(span, format!("`{}` is already {text}", first.ident));
            }
        }
    }
}

/// Routes that no request would reach.
fn routes(app: &App, errors: &mut Errors) {
    let mut owned: Vec<(String, Mark, Vec<String>, Span)> = Vec::new();
    // Whether it is there whatever is configured.
    let mut is_always: Vec<bool> = Vec::new();
    for method in &app.methods {
        let params: Vec<String> = method.values().map(Value::name).collect();
        for (mark, span) in &method.marks {
            let span = match mark {
                Mark::View(view) => view.path.span(),
                Mark::Ws(path) => path.span(),
                Mark::Http(http) => http.path.as_ref().map_or(*span, Spanned::span),
                _ => continue,
            };
            owned.push((method.name(), mark.clone(), params.clone(), span));
            is_always.push(method.cfgs.is_empty());
        }
    }
    let texts: Vec<(Option<String>, Option<String>)> = owned
        .iter()
        .map(|(_, mark, ..)| match mark {
            Mark::View(view) => (None, Some(view.path.value())),
            Mark::Ws(path) => (None, Some(path.value())),
            Mark::Http(http) => (
                http.method.as_ref().map(ToString::to_string),
                http.path.as_ref().map(syn::LitStr::value),
            ),
            _ => (None, None),
        })
        .collect();
    let claims: Vec<(&str, Claim<'_>)> = owned
        .iter()
        .zip(&texts)
        .map(|((name, mark, params, _), (method, path))| {
            let text = path.as_deref().unwrap_or_default();
            let claim = match mark {
                Mark::View(_) => Claim::View { path: text },
                Mark::Ws(_) => Claim::Ws { path: text },
                _ => Claim::Http {
                    method: method.as_deref(),
                    path: path.as_deref(),
                    params,
                },
            };
            (name.as_str(), claim)
        })
        .collect();
    for clash in check_routes(&claims) {
        if clash.with.is_none() || is_always[clash.claim] {
            errors.push(owned[clash.claim].3, clash.message);
        }
    }
}
