//! The server that the official cases ask for: `/test` answers the events that a request's signals
//! describe.

use std::fmt;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use axum::routing::any;
use hyperstar_datastar::{
    Event, ExecuteScript, Mode, Namespace, PatchElements, PatchSignals, SIGNALS_BYTES_MAX,
    SignalsError, event_response, read_signals,
};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub(crate) fn router() -> Router {
    Router::new().route("/test", any(test))
}

async fn test(request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, SIGNALS_BYTES_MAX).await else {
        return refuse("the body is too large or was cut short");
    };
    let events = read_signals(&parts.method, parts.uri.query(), &body)
        .and_then(|case: Case| case.events.into_iter().map(CaseEvent::event).collect());
    match events {
        Ok(events) => event_response::<Vec<Event>>(events).map(Body::from),
        Err(error) => refuse(&error.to_string()),
    }
}

fn refuse(message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{message}\n")));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

#[derive(Deserialize)]
struct Case {
    events: Vec<CaseEvent>,
}

#[derive(Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
enum CaseEvent {
    PatchElements {
        #[serde(default)]
        elements: String,
        selector: Option<String>,
        mode: Option<String>,
        namespace: Option<String>,
        #[serde(default)]
        use_view_transition: bool,
        view_transition_selector: Option<String>,
        event_id: Option<String>,
        retry_duration: Option<u64>,
    },
    PatchSignals {
        signals: Option<Value>,
        #[serde(rename = "signals-raw")]
        signals_raw: Option<String>,
        #[serde(default)]
        only_if_missing: bool,
        event_id: Option<String>,
        retry_duration: Option<u64>,
    },
    ExecuteScript {
        script: String,
        auto_remove: Option<bool>,
        #[serde(default)]
        attributes: Attributes,
        event_id: Option<String>,
        retry_duration: Option<u64>,
    },
}

impl CaseEvent {
    fn event(self) -> Result<Event, SignalsError> {
        Ok(match self {
            Self::PatchElements {
                elements,
                selector,
                mode,
                namespace,
                use_view_transition,
                view_transition_selector,
                event_id,
                retry_duration,
            } => {
                let mut patch = PatchElements::new(elements)
                    .mode(mode_called(mode.as_deref()))
                    .namespace(namespace_called(namespace.as_deref()))
                    .use_view_transition(use_view_transition);
                if let Some(selector) = selector {
                    patch = patch.selector(selector);
                }
                if let Some(selector) = view_transition_selector {
                    patch = patch.view_transition_selector(selector);
                }
                if let Some(id) = event_id {
                    patch = patch.id(id);
                }
                if let Some(retry_ms) = retry_duration {
                    patch = patch.retry_ms(retry_ms);
                }
                patch.into()
            }
            Self::PatchSignals {
                signals,
                signals_raw,
                only_if_missing,
                event_id,
                retry_duration,
            } => {
                let mut patch = match signals_raw {
                    Some(json) => PatchSignals::raw(json),
                    None => PatchSignals::new(&signals.unwrap_or_default())?,
                };
                patch = patch.only_if_missing(only_if_missing);
                if let Some(id) = event_id {
                    patch = patch.id(id);
                }
                if let Some(retry_ms) = retry_duration {
                    patch = patch.retry_ms(retry_ms);
                }
                patch.into()
            }
            Self::ExecuteScript {
                script,
                auto_remove,
                attributes,
                event_id,
                retry_duration,
            } => {
                let mut execute =
                    ExecuteScript::new(script).auto_remove(auto_remove.unwrap_or(true));
                for (name, value) in attributes.0 {
                    execute = execute.attribute(&name, value);
                }
                if let Some(id) = event_id {
                    execute = execute.id(id);
                }
                if let Some(retry_ms) = retry_duration {
                    execute = execute.retry_ms(retry_ms);
                }
                execute.into()
            }
        })
    }
}

fn mode_called(name: Option<&str>) -> Mode {
    [
        Mode::Inner,
        Mode::Replace,
        Mode::Prepend,
        Mode::Append,
        Mode::Before,
        Mode::After,
        Mode::Remove,
    ]
    .into_iter()
    .find(|mode| Some(mode.as_str()) == name)
    .unwrap_or_default()
}

fn namespace_called(name: Option<&str>) -> Namespace {
    [Namespace::Svg, Namespace::Mathml]
        .into_iter()
        .find(|namespace| Some(namespace.as_str()) == name)
        .unwrap_or_default()
}

/// A JSON object of strings, in its own order.
#[derive(Default)]
struct Attributes(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Attributes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
                let mut attributes = Vec::new();
                while let Some(attribute) = map.next_entry()? {
                    attributes.push(attribute);
                }
                Ok(Attributes(attributes))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
