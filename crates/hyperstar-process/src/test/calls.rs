//! The calls that a process makes, answered by the test.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Process;
use super::process::Outgoing;
use crate::abi::{CallError, Event};

impl<A> Process<A> {
    /// The oldest call that nobody answered yet; it has to be this one.
    ///
    /// # Panics
    /// If there is none, or it is another.
    pub fn expect_call(&mut self, to: &str, handler: &str) -> ExpectedCall<'_, A> {
        let Some(call) = self.calls.pop_front() else {
            panic!("no call of `{handler}` of {to}: the process called nobody");
        };
        assert!(
            call.to == to && call.handler == handler,
            "no call of `{handler}` of {to}: the process called `{}` of {}",
            call.handler,
            call.to,
        );
        ExpectedCall {
            process: self,
            call,
        }
    }

    /// Who is called and was not answered: the address and the handler, the oldest first.
    pub fn open_calls(&self) -> Vec<(&str, &str)> {
        let calls = self.calls.iter();
        calls
            .map(|call| (call.to.as_str(), call.handler.as_str()))
            .collect()
    }
}

/// A call of the process under test; the test says what becomes of it.
#[must_use = "a call is answered by `reply`, `fail` and the others"]
pub struct ExpectedCall<'a, A> {
    process: &'a mut Process<A>,
    call: Outgoing,
}

impl<A> ExpectedCall<'_, A> {
    /// What it was called with.
    ///
    /// # Panics
    /// If that is of another type.
    pub fn arguments<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.call.body)
            .expect("the arguments are of the type that the test asks for")
    }

    /// Answers it.
    pub fn reply(self, answer: &impl Serialize) {
        let event = self.event(answer);
        self.process.turn(vec![event]);
    }

    /// Answers it twice: the second time is to have no effect.
    pub fn reply_twice(self, answer: &impl Serialize) {
        let event = self.event(answer);
        self.process.turn(vec![event.clone()]);
        self.process.turn(vec![event]);
    }

    /// Answers it later, if it has not timed out by then.
    pub fn reply_after_ms(self, after_ms: u64, answer: &impl Serialize) {
        let body = serde_json::to_vec(answer).expect("an answer in a test is JSON");
        let at_ms = self.process.host.at_ms(after_ms);
        self.process.late.push((at_ms, self.call.id, body));
        self.lose();
    }

    /// Loses the answer: it times out.
    pub fn lose(self) {
        self.process.taken.push(self.call);
    }

    /// Answers it with an error.
    pub fn fail(self, error: CallError) {
        let call = self.call.id;
        let outcome = Err(error);
        self.process.turn(vec![Event::Reply { call, outcome }]);
    }

    fn event(&self, answer: &impl Serialize) -> Event {
        Event::Reply {
            call: self.call.id,
            outcome: Ok(serde_json::to_vec(answer).expect("an answer in a test is JSON")),
        }
    }
}

impl<A> fmt::Debug for ExpectedCall<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.call.fmt(f)
    }
}
