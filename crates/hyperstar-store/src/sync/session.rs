//! A sync without its connection: messages in, messages out.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::message::{Hello, Message, VERSION, decode_hello};
use super::receiver::Receiver;
use super::sender::Sender;
use super::{Amount, SyncError, SyncOptions, Synced};
use crate::engine::Engine;
use crate::{Progress, Store};

/// What is counted for a message beside its own bytes.
const MESSAGE_OVERHEAD_BYTES: u64 = 64;

/// One side of a sync, for a connection of your own: a WebSocket, an async stream, a test.
/// [`Store::sync_with`] is one over a [`Read`](std::io::Read) and [`Write`](std::io::Write).
///
/// The sides take turns. Whoever leads sends the first message; from then on each answers each message
/// with one of its own until the [end](Next::End). Messages have to come whole, in order, and at most
/// [`MESSAGE_BYTES_MAX`](super::MESSAGE_BYTES_MAX) long.
///
/// [`Session::receive`] reads and writes the store, so on an async runtime it belongs into a blocking task.
///
/// ```
/// use hyperstar_store::Store;
/// use hyperstar_store::sync::{Next, Session, SyncOptions};
///
/// let (here, there) = (Store::memory(), Store::memory());
/// there.set("tea", "sencha")?;
///
/// let options = SyncOptions::default();
/// let (mut leads, mut message) = Session::lead(&here, &options)?;
/// let mut serves = Session::serve(&there, &options)?;
/// loop {
///     let Next::Send(answer) = serves.receive(message)? else { break };
///     match leads.receive(answer)? {
///         Next::Send(next) => message = next,
///         Next::End(Some(last)) => message = last,
///         Next::End(None) => break,
///     }
/// }
/// assert_eq!(here.get::<String>("tea")?.as_deref(), Some("sencha"));
/// # Ok::<(), hyperstar_store::sync::SyncError>(())
/// ```
pub struct Session {
    engine: Arc<Engine>,
    options: SyncOptions,
    leads: bool,
    state: State,
    synced: Synced,
    /// Of all messages, in both directions.
    bytes: u64,
}

enum State {
    /// The other side has not said anything yet.
    Greeting,
    Answering(Box<Sender>),
    /// Asks; whether it is the leader's turn to answer afterwards.
    Asking(Box<Receiver>, bool),
    Over,
}

/// What to do after a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Send this, and wait for the answer.
    Send(Bytes),
    /// Send this, if there is something, and close the connection: all is done.
    End(Option<Bytes>),
}

impl Session {
    /// Begins as the one who leads, and answers the first message to send.
    ///
    /// # Errors
    /// [`SyncError::Option`].
    pub fn lead(store: &Store, options: &SyncOptions) -> Result<(Self, Bytes), SyncError> {
        let mut session = Self::new(store, options, true)?;
        let message = Message::Hello(session.hello()).encode();
        session.count(&message)?;
        session.synced.sent.bytes = message.len() as u64;
        Ok((session, message))
    }

    /// Begins as the one who waits for the first message.
    ///
    /// # Errors
    /// [`SyncError::Option`].
    pub fn serve(store: &Store, options: &SyncOptions) -> Result<Self, SyncError> {
        Self::new(store, options, false)
    }

    fn new(store: &Store, options: &SyncOptions, leads: bool) -> Result<Self, SyncError> {
        options.check()?;
        Ok(Self {
            engine: store.engine.clone(),
            options: options.clone(),
            leads,
            state: State::Greeting,
            synced: Synced::default(),
            bytes: 0,
        })
    }

    /// Takes a message of the other side. After an error the session is over; tell the other side by
    /// [`Session::refusal`].
    ///
    /// # Errors
    /// [`SyncError`].
    pub fn receive(&mut self, message: Bytes) -> Result<Next, SyncError> {
        let state = std::mem::replace(&mut self.state, State::Over);
        self.synced.received.bytes += message.len() as u64;
        self.count(&message)?;
        let next = self.step(state, &message)?;
        if let Next::Send(message) | Next::End(Some(message)) = &next {
            self.count(message)?;
            self.synced.sent.bytes += message.len() as u64;
        }
        Ok(next)
    }

    fn step(&mut self, state: State, message: &Bytes) -> Result<Next, SyncError> {
        match state {
            State::Greeting => self.greet(decode_hello(message)?),
            State::Answering(sender) => match Message::decode(message)? {
                Message::Refused(reason) => Err(SyncError::Refused { reason }),
                Message::Bye => {
                    self.note_sent(&sender);
                    Ok(Next::End(None))
                }
                Message::Turn if !self.leads && self.options.receives => {
                    self.note_sent(&sender);
                    self.ask(self.receiver(), false)
                }
                request => self.answer(sender, request),
            },
            State::Asking(mut receiver, turns) => match Message::decode(message)? {
                Message::Refused(reason) => Err(SyncError::Refused { reason }),
                answer => {
                    receiver.take(answer)?;
                    self.ask(receiver, turns)
                }
            },
            State::Over => Err(SyncError::Over),
        }
    }

    fn greet(&mut self, theirs: Hello) -> Result<Next, SyncError> {
        if theirs.version != VERSION {
            return Err(SyncError::Version {
                theirs: theirs.version,
                ours: VERSION,
            });
        }
        if !self.leads {
            self.state = State::Answering(Box::new(self.sender()?));
            return Ok(Next::Send(Message::Hello(self.hello()).encode()));
        }
        let turns = self.options.sends && theirs.receives;
        if self.options.receives && theirs.sends {
            return self.ask(self.receiver(), turns);
        }
        self.after_asking(turns)
    }

    /// Asks the next question, or goes on after the last.
    fn ask(&mut self, mut receiver: Box<Receiver>, turns: bool) -> Result<Next, SyncError> {
        if let Some(question) = receiver.ask()? {
            self.synced.received = with_bytes(receiver.received, self.synced.received);
            self.state = State::Asking(receiver, turns);
            return Ok(Next::Send(question.encode()));
        }
        let settled = receiver.settle()?;
        self.synced.received = with_bytes(receiver.received, self.synced.received);
        self.synced.has_received = true;
        self.synced.moved = settled.moved;
        self.synced.parted = settled.parted;
        self.synced.tags = settled.tags;
        self.synced.other_tags = settled.other_tags;
        self.after_asking(turns)
    }

    fn after_asking(&mut self, turns: bool) -> Result<Next, SyncError> {
        if !turns {
            return Ok(Next::End(Some(Message::Bye.encode())));
        }
        self.state = State::Answering(Box::new(self.sender()?));
        Ok(Next::Send(Message::Turn.encode()))
    }

    fn answer(&mut self, mut sender: Box<Sender>, request: Message) -> Result<Next, SyncError> {
        if !self.options.sends {
            return Err(SyncError::wrong("a question where nothing is told"));
        }
        let answer = sender.answer(request)?;
        self.state = State::Answering(sender);
        Ok(Next::Send(answer.encode()))
    }

    /// What to tell the other side when [`Session::receive`] failed. It says nothing of this store.
    pub fn refusal(error: &SyncError) -> Bytes {
        let reason = match error {
            SyncError::Store(_) | SyncError::Io(_) => "its store failed".to_owned(),
            error => error.to_string(),
        };
        Message::Refused(reason).encode()
    }

    /// What came of it so far; all of it once the session has ended.
    pub fn synced(&self) -> &Synced {
        &self.synced
    }

    /// How far it is: the commits that have come, and how many there are as far as that is known.
    pub fn progress(&self) -> Progress {
        let done = self.synced.received.commits;
        let left = match &self.state {
            State::Asking(receiver, _) => receiver.left(),
            _ => 0,
        };
        Progress {
            what: "commits",
            done,
            of: Some(done + left),
        }
    }

    fn hello(&self) -> Hello {
        Hello {
            version: VERSION,
            sends: self.options.sends,
            receives: self.options.receives,
        }
    }

    fn sender(&self) -> Result<Sender, SyncError> {
        let SyncOptions {
            names, commits_max, ..
        } = &self.options;
        Ok(Sender::new(&self.engine, names, *commits_max)?)
    }

    fn receiver(&self) -> Box<Receiver> {
        Box::new(Receiver::new(self.engine.clone(), &self.options))
    }

    fn note_sent(&mut self, sender: &Sender) {
        self.synced.has_sent = sender.is_asked;
        self.synced.sent = with_bytes(sender.sent, self.synced.sent);
    }

    fn count(&mut self, message: &Bytes) -> Result<(), SyncError> {
        self.bytes += message.len() as u64 + MESSAGE_OVERHEAD_BYTES;
        match self.bytes > self.options.bytes_max {
            false => Ok(()),
            true => Err(SyncError::Limit {
                what: "bytes",
                max: self.options.bytes_max,
                option: "bytes_max",
            }),
        }
    }
}

fn with_bytes(amount: Amount, of: Amount) -> Amount {
    Amount {
        bytes: of.bytes,
        ..amount
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Greeting => "greeting",
            State::Answering(_) => "answering",
            State::Asking(..) => "asking",
            State::Over => "over",
        };
        f.debug_struct("Session")
            .field("leads", &self.leads)
            .field("state", &state)
            .finish()
    }
}
