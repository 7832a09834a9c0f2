//! A guest together with what it reaches.

use std::rc::Rc;

use hyperstar_interface::Interface;

use crate::abi::{self, Event, Page, RenderError, RenderRequest, Start, Turn};
use crate::app::Guest;
use crate::sys::{self, Sys};

/// A native guest with its own [`Sys`]: each call into it is made with that at hand.
///
/// ```
/// use std::rc::Rc;
/// use hyperstar_process::sys::Sys;
/// use hyperstar_process::{Guest, Hosted, Hyperapp, Runtime};
///
/// fn run<A: Hyperapp>(sys: Rc<dyn Sys>) -> impl Guest {
///     Hosted::new(sys, Runtime::<A>::new())
/// }
/// ```
pub struct Hosted<G: Guest> {
    sys: Rc<dyn Sys>,
    /// `None` only while it is dropped.
    guest: Option<G>,
}

impl<G: Guest> Hosted<G> {
    /// `guest`, which reaches `sys`.
    pub fn new(sys: Rc<dyn Sys>, guest: G) -> Self {
        Self {
            sys,
            guest: Some(guest),
        }
    }

    fn with<T>(&mut self, work: impl FnOnce(&mut G) -> T) -> T {
        let guest = self
            .guest
            .as_mut()
            .expect("a guest is there until the drop");
        sys::enter(&self.sys, || work(guest))
    }
}

impl<G: Guest> Guest for Hosted<G> {
    fn interface(&self) -> Interface {
        let guest = self
            .guest
            .as_ref()
            .expect("a guest is there until the drop");
        guest.interface()
    }

    fn assets(&self) -> Vec<abi::Asset> {
        let guest = self
            .guest
            .as_ref()
            .expect("a guest is there until the drop");
        guest.assets()
    }

    fn start(&mut self, start: Start) -> Result<Turn, String> {
        self.with(|guest| guest.start(start))
    }

    fn turn(&mut self, events: Vec<Event>) -> Turn {
        self.with(|guest| guest.turn(events))
    }

    fn render(&mut self, request: RenderRequest) -> Result<Page, RenderError> {
        self.with(|guest| guest.render(request))
    }
}

impl<G: Guest> Drop for Hosted<G> {
    /// What is dropped with the guest, the locals of its tasks, may still log or look at the clock.
    fn drop(&mut self) {
        let guest = self.guest.take();
        sys::enter(&self.sys, || drop(guest));
    }
}
