//! What the kernel knows of one process.

use std::collections::VecDeque;

use super::keys::Keys;
use super::pair::PairKey;
use super::task::TaskKey;
use crate::hash::{Seed, Table};
use crate::{CallError, CallId, Event, Exclusive, Incarnation, Name, Room, Spec, Ticket, TimerId};

/// One end of a pair: a process here, a process at another node, one that is not known, or the outside.
pub(super) struct Party<M, R> {
    pub(super) name: Name,
    pub(super) process: Option<Process<M, R>>,
    /// The pairs in which it is the sender.
    pub(super) out: Vec<PairKey>,
    /// The pairs in which it is the receiver.
    pub(super) into: Vec<PairKey>,
}

impl<M, R> Party<M, R> {
    pub(super) fn new(name: Name) -> Self {
        Party {
            name,
            process: None,
            out: Vec::new(),
            into: Vec::new(),
        }
    }
}

pub(super) struct Process<M, R> {
    pub(super) spec: Spec,
    pub(super) phase: Phase,
    pub(super) incarnation: Incarnation,
    /// Its first turn is not over yet.
    pub(super) is_new: bool,
    pub(super) stop: Stop,
    /// It is known no more once it has ended.
    pub(super) is_removed: bool,
    /// What is durable of it goes then too.
    pub(super) is_forgotten: bool,
    /// The turn that has ended asks for the end.
    pub(super) exit: Option<String>,
    /// The instance is gone, which counts once the commit under way is known.
    pub(super) lost: Option<String>,
    pub(super) exclusive: Exclusive,
    /// Replies, timers, cancels and the like. Calls, timers, tasks and the outbox bound it.
    pub(super) inbox: VecDeque<Event<M, R>>,
    /// What the replies in it weigh.
    pub(super) replies_bytes: u64,
    /// Which notifications the returns in the inbox are of, in the same order.
    pub(super) returned: VecDeque<(PairKey, u64)>,
    /// Senders with something that can be taken, each in its turn.
    pub(super) ring: VecDeque<PairKey>,
    /// Calls and requests in the mailbox.
    pub(super) waiting: Load,
    pub(super) running: Vec<TaskKey>,
    pub(super) calls: Table<CallId, InFlight>,
    /// The version of each timer that is set; `None` once it is in the inbox.
    pub(super) timers: Table<TimerId, Option<u64>>,
    pub(super) keys: Keys<R>,
    /// Notifications of this process that were not taken, nor have come back.
    pub(super) outbox: Load,
    /// Numbers of notifications that a commit is to forget.
    pub(super) settled: Vec<u64>,
    /// Those that the commit in flight forgets.
    pub(super) settling: Vec<u64>,
    pub(super) settle_is_due: bool,
    /// Pairs into this process with a seen number that no commit has recorded.
    pub(super) unrecorded: Vec<PairKey>,
    /// Senders that were removed, for a commit to forget.
    pub(super) forgotten: Vec<Name>,
    /// Those that the commit in flight forgets.
    pub(super) forgetting: Vec<Name>,
    pub(super) turn: Turn,
    /// What it has asked in the midst of that; some may be answered.
    pub(super) standing: Vec<Ticket>,
    /// What the turn that has ended asks for.
    pub(super) staged: Vec<Staged<M, R>>,
    /// When it crashed lately.
    pub(super) crashes: VecDeque<u64>,
    pub(super) is_ready: bool,
}

impl<M, R> Process<M, R> {
    pub(super) fn new(spec: Spec, seed: Seed) -> Self {
        Process {
            spec,
            phase: Phase::Stopped,
            incarnation: Incarnation(0),
            is_new: false,
            stop: Stop::No,
            is_removed: false,
            is_forgotten: false,
            exit: None,
            lost: None,
            exclusive: Exclusive::No,
            inbox: VecDeque::new(),
            replies_bytes: 0,
            returned: VecDeque::new(),
            ring: VecDeque::new(),
            waiting: Load::default(),
            running: Vec::new(),
            calls: Table::with_hasher(seed),
            timers: Table::with_hasher(seed),
            keys: Keys::new(seed),
            outbox: Load::default(),
            settled: Vec::new(),
            settling: Vec::new(),
            settle_is_due: false,
            unrecorded: Vec::new(),
            forgotten: Vec::new(),
            forgetting: Vec::new(),
            turn: Turn::default(),
            standing: Vec::new(),
            staged: Vec::new(),
            crashes: VecDeque::new(),
            is_ready: false,
        }
    }

    /// What the next turn may notify.
    pub(super) fn room(&self) -> Room {
        let limits = &self.spec.outbox;
        Room {
            messages: limits.messages_max.saturating_sub(self.outbox.messages),
            weight_bytes: limits
                .weight_bytes_max
                .saturating_sub(self.outbox.weight_bytes),
        }
    }

    /// Its calls that have left.
    pub(super) fn calls_at(&self) -> impl Iterator<Item = TaskKey> {
        self.calls.values().filter_map(|call| match call {
            InFlight::At(task) => Some(*task),
            InFlight::Staged | InFlight::Replied(_) => None,
        })
    }

    /// Whether messages are taken for it.
    pub(super) fn is_open(&self) -> bool {
        self.phase != Phase::Stopped && self.stop == Stop::No && !self.is_removed
    }
}

/// What a process does at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Stopped,
    /// It waits for its time to start again.
    Restarting,
    /// The host makes an instance.
    Starting,
    /// The instance waits for events.
    Idle,
    /// The instance has events.
    Turn,
    /// What a turn did is made durable.
    Commit,
    /// Numbers of notifications are forgotten, and nothing else.
    Settle,
}

/// How far an end that was asked for has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    No,
    /// The next turn is the last.
    Asked,
    /// The turn in flight is the last, or there is none more.
    Last,
}

/// What the turn in flight was given.
#[derive(Default)]
pub(super) struct Turn {
    /// The messages, in order.
    pub(super) given: Vec<Given>,
    /// Notifications that came back.
    pub(super) returned: Vec<(PairKey, u64)>,
    pub(super) cancelled: Vec<TaskKey>,
    /// It was given one notification and nothing else.
    pub(super) is_alone: bool,
    /// How many events it was given, messages or not.
    pub(super) events: usize,
    /// Timers that it sets anew.
    pub(super) timers: usize,
    /// How many messages it defers.
    pub(super) deferred: usize,
    /// How many requests with a key it responds to.
    pub(super) responded_keys: usize,
    /// What the responses to those weigh.
    pub(super) responded_bytes: u64,
    /// How many recorded outcomes are let go with it.
    pub(super) keys_let_go: usize,
}

impl Turn {
    /// Empties it, and keeps its memory.
    pub(super) fn clear(&mut self) {
        self.given.clear();
        self.returned.clear();
        self.cancelled.clear();
        *self = Turn {
            given: std::mem::take(&mut self.given),
            returned: std::mem::take(&mut self.returned),
            cancelled: std::mem::take(&mut self.cancelled),
            ..Turn::default()
        };
    }
}

/// A message in a turn.
#[derive(Clone, Copy)]
pub(super) struct Given {
    pub(super) task: TaskKey,
    pub(super) pair: PairKey,
}

/// Where a call of a process is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum InFlight {
    /// It leaves with its turn.
    Staged,
    At(TaskKey),
    /// The reply is in the inbox, and weighs so much.
    Replied(u64),
}

/// An action that was found to make sense.
pub(super) enum Staged<M, R> {
    Call {
        id: CallId,
        /// There are too many calls in flight for it.
        is_over: bool,
        parent: Option<TaskKey>,
        depth: u16,
        deadline_ms: u64,
        to: Name,
        handler: Name,
        payload: M,
        weight_bytes: u64,
    },
    Notify {
        to: Name,
        note: super::pair::Note<M>,
    },
    Respond {
        task: TaskKey,
        result: Result<R, CallError>,
        weight_bytes: u64,
        /// What is recorded in its place.
        too_heavy: Option<CallError>,
    },
    SetTimer {
        id: TimerId,
        after_ms: u64,
    },
    CancelTimer {
        id: TimerId,
    },
    CancelCall {
        task: TaskKey,
    },
}

/// So many messages and what they weigh.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Load {
    pub(super) messages: usize,
    pub(super) weight_bytes: u64,
}

impl Load {
    pub(super) fn add(&mut self, weight_bytes: u64) {
        self.messages += 1;
        self.weight_bytes = self.weight_bytes.saturating_add(weight_bytes);
    }

    pub(super) fn take(&mut self, weight_bytes: u64) {
        self.messages = self.messages.saturating_sub(1);
        self.weight_bytes = self.weight_bytes.saturating_sub(weight_bytes);
    }

    /// Whether one more goes in.
    pub(super) fn fits(&self, messages_max: usize, weight_max: u64, weight_bytes: u64) -> bool {
        self.messages < messages_max
            && self
                .weight_bytes
                .checked_add(weight_bytes)
                .is_some_and(|sum| sum <= weight_max)
    }

    /// Whether one more goes into a share. An empty one takes a message of any weight.
    pub(super) fn fits_share(
        &self,
        messages_max: usize,
        weight_max: u64,
        percent: u8,
        weight_bytes: u64,
    ) -> bool {
        let percent = percent.min(100);
        let messages_max = messages_max.saturating_mul(usize::from(percent)) / 100;
        let weight_max = weight_max / 100 * u64::from(percent);
        self.messages == 0 || self.fits(messages_max, weight_max, weight_bytes)
    }
}
