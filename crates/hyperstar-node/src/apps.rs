//! Calls of other apps by their WIT, from components in other languages.
//!
//! Such a component imports the interface `api` that `hyperstar view-api` prints of an app. Each function is
//! a call of the process whose address it is given first: its arguments become the JSON that the app's
//! handler takes, and the answer's JSON becomes its result. The guest stands still meanwhile, and so does
//! its process: what would come back to it is for the host to refuse.
//!
//! A call leaves at once, before the turn that makes it is kept. If that turn fails later, the call has
//! happened. The SDK's calls are part of their turn; a component that needs that answers with the action.

mod plan;
mod values;

use std::fmt;
use std::sync::Arc;

use hyperstar_interface::{Interface, Wit};
use hyperstar_native::instance::BoxFuture;
use hyperstar_process::abi::CallError;
use serde_json::{Map, Value};
use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Linker, Val};

use crate::check::LoadError;
use crate::guest::{Guest, Stop};
use crate::slices::SLICE_TICKS;
use plan::{Plan, Planner};

/// What an answer may have: as values of the component model its bytes take some forty times as much.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The package that apps' WIT is in.
pub(crate) const PACKAGE: &str = "hyperstar-app:";

/// Carries out calls of one process by another, which stands still until it is answered.
pub trait HostCalls: fmt::Debug + Send + Sync {
    /// What the app can be asked whose WIT is in this package, `hyperstar-app:counter`; `None` if there is none.
    fn interface(&self, package: &str) -> Option<Interface>;

    /// Asks `handler` of the process `to` in the name of `from`, which the host has named itself. The
    /// body and the answer are JSON.
    ///
    /// Guarantee asked of the host: it ends, by a deadline if nothing else; `from` may do it; and a call
    /// that would come back to `from` is refused as [`CallError::Cycle`].
    ///
    /// # Errors
    /// Why there is no answer; the component is given it.
    fn call<'a>(
        &'a self,
        from: &'a str,
        to: String,
        handler: &'a str,
        body: Vec<u8>,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>>;
}

/// Defines what the component imports of other apps.
pub(crate) fn link(
    linker: &mut Linker<Guest>,
    component: &Component,
    engine: &wasmtime::Engine,
    calls: &Arc<dyn HostCalls>,
) -> Result<(), LoadError> {
    for (name, item) in component.component_type().imports(engine) {
        if !name.starts_with(PACKAGE) {
            continue;
        }
        let path = name.split('@').next().unwrap_or(name);
        let package = path.strip_suffix("/api");
        let found = package.and_then(|package| calls.interface(package));
        let (Some(interface), ComponentItem::ComponentInstance(instance)) = (found, item.ty) else {
            return Err(LoadError::Import {
                name: name.to_owned(),
                remedy: "install the app that it calls first",
            });
        };
        let wit = Wit::new(&interface);
        let mut planner = Planner::new(&wit);
        let failed = |error: wasmtime::Error| LoadError::Interface(format!("{error:#}"));
        let mut linked = linker.instance(name).map_err(failed)?;
        for (function, item) in instance.exports(engine) {
            let ComponentItem::ComponentFunc(ty) = item.ty else {
                continue;
            };
            let call = Call::plan(&interface, &wit, &mut planner, function, &ty, calls)?;
            let call = Arc::new(call);
            let define = linked.func_new_async(function, move |cx, _, params, results| {
                let call = call.clone();
                Box::new(async move { call.perform(cx, params, results).await })
            });
            define.map_err(failed)?;
        }
    }
    Ok(())
}

/// A function of an app's WIT.
struct Call {
    /// For whoever reads an error: `Counter.count`.
    shown: String,
    handler: String,
    /// By the names in the handler's JSON.
    params: Vec<(String, Arc<Plan>)>,
    returns: Option<Arc<Plan>>,
    calls: Arc<dyn HostCalls>,
}

impl Call {
    fn plan(
        interface: &Interface,
        wit: &Wit<'_>,
        planner: &mut Planner<'_>,
        function: &str,
        ty: &ComponentFunc,
        calls: &Arc<dyn HostCalls>,
    ) -> Result<Self, LoadError> {
        let handler = wit.handler(function);
        let handler = handler.and_then(|name| {
            let mut handlers = interface.handlers.iter();
            handlers.find(|handler| handler.name == name)
        });
        let app = &interface.name;
        let Some(handler) = handler.filter(|handler| handler.params.len() + 1 == ty.params().len())
        else {
            return Err(LoadError::Interface(format!(
                "it calls `{function}` of {app}, which has no such function, or with other arguments; \
                 make it anew from what `hyperstar view-api` prints of {app}"
            )));
        };
        let mut params = Vec::new();
        for param in &handler.params {
            params.push((param.name.clone(), planner.plan(&param.ty)?));
        }
        Ok(Self {
            shown: format!("{app}.{}", handler.name),
            handler: handler.name.clone(),
            params,
            returns: planner.returned(&handler.returns)?,
            calls: calls.clone(),
        })
    }

    async fn perform(
        &self,
        mut cx: StoreContextMut<'_, Guest>,
        params: &[Val],
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        let from = cx.data().caller()?;
        let (to, body) = self.request(params)?;
        let answer = self.calls.call(&from, to, &self.handler, body).await;
        // The wait is nobody's processor time: the guest goes on with a new slice.
        cx.set_epoch_deadline(SLICE_TICKS);
        let outcome = answer.and_then(|body| self.answer(&body));
        if let Some(slot) = results.first_mut() {
            *slot = Val::Result(match outcome {
                Ok(val) => Ok(val.map(Box::new)),
                Err(error) => Err(Some(Box::new(error_val(error)))),
            });
        }
        Ok(())
    }

    fn request(&self, params: &[Val]) -> Result<(String, Vec<u8>), Stop> {
        let wrong = |what: String| {
            Stop::Forbidden(format!(
                "it called {} with arguments that this does not take: {what}; make the component anew \
                 from what `hyperstar view-api` prints",
                self.shown
            ))
        };
        let [Val::String(to), arguments @ ..] = params else {
            return Err(wrong("no address comes first".to_owned()));
        };
        let mut body = Map::new();
        for ((name, plan), val) in self.params.iter().zip(arguments) {
            let value = values::to_json(plan, val.clone());
            let value = value.map_err(|error| wrong(format!("`{name}`: {error}")))?;
            body.insert(name.clone(), value);
        }
        Ok((to.clone(), Value::Object(body).to_string().into_bytes()))
    }

    fn answer(&self, body: &[u8]) -> Result<Option<Val>, CallError> {
        if body.len() > ANSWER_BYTES_MAX {
            return Err(CallError::Malformed(format!(
                "{} answered {} bytes; at most {ANSWER_BYTES_MAX} are taken",
                self.shown,
                body.len()
            )));
        }
        let Some(plan) = &self.returns else {
            return Ok(None);
        };
        let value = serde_json::from_slice(body).map_err(|error| error.to_string());
        let val = value
            .and_then(|value| values::from_json(plan, value).map_err(|error| error.to_string()));
        val.map(Some).map_err(|error| {
            CallError::Malformed(format!(
                "what {} answered cannot be read: {error}",
                self.shown
            ))
        })
    }
}

fn error_val(error: CallError) -> Val {
    let (name, text) = match error {
        CallError::Timeout => ("timeout", None),
        CallError::Offline => ("offline", None),
        CallError::NoProcess(text) => ("no-process", Some(text)),
        CallError::NoHandler(text) => ("no-handler", Some(text)),
        CallError::Denied(text) => ("denied", Some(text)),
        CallError::Stopped => ("stopped", None),
        CallError::Busy => ("busy", None),
        CallError::Cycle => ("cycle", None),
        CallError::Crashed => ("crashed", None),
        CallError::Malformed(text) => ("malformed", Some(text)),
        other => ("malformed", Some(other.to_string())),
    };
    let text = text.map(|text| Box::new(Val::String(text)));
    Val::Variant(name.to_owned(), text)
}
