//! Runs an app: hands what happened to its handlers, and gathers what is to be done.

mod life;
mod saving;

use std::rc::Rc;
use std::sync::Arc;

use hyperstar_interface::Interface;

use self::life::Life;
use crate::abi::{self, Action, CallError, Event, Page, RenderError, RenderRequest, Start, Turn};
use crate::app::{Asset, Guest, Hyperapp};
use crate::base;
use crate::view::{ViewCall, ViewCx};

/// An app as a process: the same natively and in a component.
///
/// Guarantee: each message is answered exactly once, unless it is cancelled; what a turn gives depends
/// only on what went in and on what [`Sys`](crate::sys::Sys) said meanwhile.
///
/// A handler's panic goes through it. The host takes the process for crashed then and drops the runtime:
/// nothing of that turn was done or kept.
///
/// # Design
/// A handler with `&mut self` that awaits takes the state along, in a box. Until it ends, messages wait
/// here and no other task is polled, so that nothing can come between its awaits; pages are rendered from
/// a copy of the state as it was at the last await, and if the handler is cancelled, that is the state from
/// then on. That needs no lock and no `unsafe`. Its price: fields that are not kept have their defaults in
/// that copy.
pub struct Runtime<A: Hyperapp> {
    interface: Rc<Interface>,
    life: Option<Life<A>>,
}

impl<A: Hyperapp> Runtime<A> {
    /// A process that has not been started.
    pub fn new() -> Self {
        Self {
            interface: Rc::new(A::interface()),
            life: None,
        }
    }

    /// Shows the state, in tests: as it is, or as it was at the last await of a handler that has it.
    ///
    /// # Panics
    /// If the process was not started.
    #[cfg(feature = "test")]
    pub fn read<T>(&self, read: impl FnOnce(&A) -> T) -> T {
        let life = self
            .life
            .as_ref()
            .expect("a process has a state once it was started");
        life.read(read).expect("what was written can be read")
    }
}

impl<A: Hyperapp> Default for Runtime<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Hyperapp> Guest for Runtime<A> {
    fn interface(&self) -> Interface {
        A::interface()
    }

    fn assets(&self) -> Vec<abi::Asset> {
        let owned = |asset: &Asset| abi::Asset {
            name: asset.name.to_owned(),
            body: asset.body.to_vec(),
        };
        A::ASSETS.iter().map(owned).collect()
    }

    fn start(&mut self, start: Start) -> Result<Turn, String> {
        let (life, turn) = Life::start(self.interface.clone(), start)?;
        self.life = Some(life);
        Ok(turn)
    }

    fn turn(&mut self, events: Vec<Event>) -> Turn {
        match &mut self.life {
            Some(life) => life.turn(events),
            None => refuse(events),
        }
    }

    fn render(&mut self, request: RenderRequest) -> Result<Page, RenderError> {
        let view = usize::try_from(request.view).ok();
        let view = view.and_then(|place| A::VIEWS.get(place));
        let (Some(view), Some(life)) = (view, &self.life) else {
            return Err(internal(format!(
                "there is no view {} in a process that runs",
                request.view
            )));
        };
        let base = Arc::from(request.base.as_str());
        let cx = ViewCx::new(request);
        let rendered = base::enter(base, || life.read(|app| view(app, &ViewCall::new(&cx))));
        match rendered {
            Ok(Ok(html)) => Ok(html.into()),
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(internal(error.to_string())),
        }
    }
}

/// The answers of a process that was not started, or could not be.
fn refuse(events: Vec<Event>) -> Turn {
    let messages = events.into_iter().filter_map(|event| match event {
        Event::Message(message) => Some(message.task),
        _ => None,
    });
    let answers = messages.map(|task| Action::Respond {
        task,
        outcome: Err(CallError::Crashed),
    });
    Turn {
        actions: answers.collect(),
        ..Turn::default()
    }
}

fn internal(message: String) -> RenderError {
    RenderError {
        status: 500,
        message,
        location: None,
        internal: true,
    }
}
