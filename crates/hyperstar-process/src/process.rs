//! What a runtime and the contexts of its handlers share.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::abi::{self, Action, CallError};
use crate::app::Task;
use crate::cx::Asked;
use crate::memory::Memory;
use crate::sys::Level;

/// One process in one life.
pub(crate) struct Process {
    /// Its own address.
    pub(crate) address: String,
    pub(crate) memory: Rc<Memory>,
    /// `Place<A>`: the contexts of handlers do not all know the app's type.
    pub(crate) state: Rc<dyn Any>,
    /// What the running turn does.
    actions: RefCell<Vec<Action>>,
    /// What the actions of this turn take, about.
    actions_bytes: Cell<usize>,
    /// What the running turn may still notify.
    room: Cell<Room>,
    /// Futures that are to become tasks.
    pub(crate) spawned: RefCell<Vec<(Task<()>, Rc<Asked>)>>,
    /// How many tasks of its own the process has, those in `spawned` included.
    pub(crate) spawned_count: Cell<usize>,
    pub(crate) expected: Expected,
    last_id: Cell<u64>,
}

/// What a turn may notify: what is more would crash the process.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) notices: u64,
    pub(crate) bytes: u64,
}

impl Default for Room {
    /// Of a turn that is told nothing.
    fn default() -> Self {
        Self {
            notices: abi::NOTICES_UNSAID,
            bytes: abi::NOTICE_BYTES_UNSAID,
        }
    }
}

impl Room {
    /// What is left after a notice.
    fn less(self, body_bytes: usize) -> Option<Self> {
        let weight = body_bytes as u64 + abi::NOTICE_HEAD_BYTES;
        Some(Self {
            notices: self.notices.checked_sub(1)?,
            bytes: self.bytes.checked_sub(weight)?,
        })
    }
}

/// When a turn begins no further message. Its actions are in memory until it ends, and a host takes no more than
/// some thousands of them.
const FULL_BYTES: usize = 1 << 20;
/// What an action counts beside its body.
const ACTION_BYTES: usize = 1 << 10;

/// Where the state is, unless an exclusive handler has it.
pub(crate) struct Place<A>(pub(crate) RefCell<Option<Box<A>>>);

impl Process {
    pub(crate) fn new(address: String, memory: Rc<Memory>, state: Rc<dyn Any>) -> Self {
        Self {
            address,
            memory,
            state,
            actions: RefCell::default(),
            actions_bytes: Cell::new(0),
            room: Cell::default(),
            spawned: RefCell::default(),
            spawned_count: Cell::new(0),
            expected: Expected::default(),
            last_id: Cell::new(0),
        }
    }

    /// An id that no call and no timer of this life has.
    pub(crate) fn next_id(&self) -> u64 {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        id
    }

    pub(crate) fn act(&self, action: Action) {
        let body = match &action {
            Action::Respond {
                outcome: Ok(response),
                ..
            } => response.body.len(),
            Action::Call { body, .. } | Action::Notify { body, .. } => body.len(),
            _ => 0,
        };
        let bytes = self.actions_bytes.get() + body + ACTION_BYTES;
        self.actions_bytes.set(bytes);
        self.actions.borrow_mut().push(action);
    }

    /// Whether the actions of this turn are so many that what can wait is to wait for the next one.
    pub(crate) fn is_full(&self) -> bool {
        self.actions_bytes.get() >= FULL_BYTES
    }

    pub(crate) fn take_actions(&self) -> Vec<Action> {
        self.actions_bytes.set(0);
        self.actions.take()
    }

    /// What a turn may notify, unless it is told otherwise.
    pub(crate) fn set_room(&self, room: Room) {
        self.room.set(room);
    }

    /// Tells another process, if there is room for it.
    pub(crate) fn notify(&self, to: String, handler: &str, body: Vec<u8>) {
        match self.room.get().less(body.len()) {
            Some(room) => {
                self.room.set(room);
                self.act(Action::Notify {
                    to,
                    handler: handler.to_owned(),
                    body,
                });
            }
            None => {
                let text = format!(
                    "`{handler}` of {to} was not told: too much is on its way; tell fewer at once, or call"
                );
                crate::log(Level::Error, &text);
            }
        }
    }
}

/// What futures wait for, by the id of the call or timer. One table for both: ids are never equal, and a
/// second one would be as much code again in each component.
#[derive(Default)]
pub(crate) struct Expected(RefCell<BTreeMap<u64, Waiting>>);

struct Waiting {
    outcome: Option<Arrived>,
    waker: Waker,
}

/// The answer to a call; of a timer, nothing.
type Arrived = Result<Vec<u8>, CallError>;

impl Expected {
    pub(crate) fn expect(&self, id: u64, cx: &Context<'_>) {
        let waiting = Waiting {
            outcome: None,
            waker: cx.waker().clone(),
        };
        self.0.borrow_mut().insert(id, waiting);
    }

    /// Hands over what came for `id`, and tells whether somebody waits for it.
    pub(crate) fn fulfil(&self, id: u64, outcome: Arrived) -> bool {
        let waker = match self.0.borrow_mut().get_mut(&id) {
            Some(waiting) if waiting.outcome.is_none() => {
                waiting.outcome = Some(outcome);
                waiting.waker.clone()
            }
            _ => return false,
        };
        waker.wake();
        true
    }

    pub(crate) fn poll(&self, id: u64, cx: &Context<'_>) -> Poll<Arrived> {
        let mut all = self.0.borrow_mut();
        let Some(waiting) = all.get_mut(&id) else {
            return Poll::Pending;
        };
        match waiting.outcome.take() {
            Some(outcome) => {
                all.remove(&id);
                Poll::Ready(outcome)
            }
            None => {
                waiting.waker.clone_from(cx.waker());
                Poll::Pending
            }
        }
    }

    /// Waits no longer, and tells whether nothing had come yet.
    pub(crate) fn forget(&self, id: u64) -> bool {
        let waiting = self.0.borrow_mut().remove(&id);
        waiting.is_some_and(|waiting| waiting.outcome.is_none())
    }
}
