//! What a message has its receiver do.

use std::sync::Arc;

use hyperstar_kernel::Name;

use super::random::Random;

/// A message. It says itself what its receiver does.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Msg {
    /// No two messages have the same; one that is sent again has.
    pub(super) id: u64,
    /// Grows along each pair of sender and receiver.
    pub(super) number: u64,
    pub(super) work: Arc<Work>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Work {
    pub(super) steps: Vec<Step>,
    /// The process takes no other message while this one awaits something.
    pub(super) is_exclusive: bool,
    /// It changes no state, so nothing has to be committed for it.
    pub(super) is_pure: bool,
    /// It never responds.
    pub(super) forgets: bool,
}

#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Call {
        to: Name,
        work: Arc<Work>,
        timeout_ms: Option<u64>,
        awaits: bool,
    },
    Notify {
        to: Name,
        work: Arc<Work>,
    },
    /// Cancels a call that it does not await.
    CancelCall,
    Sleep {
        ms: u64,
    },
    /// The instance traps, every time.
    Crash,
    /// The instance traps, sometimes.
    Stumble,
    /// Asks the kernel for what makes no sense.
    Nonsense,
    Exit,
}

/// The answer to a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) by: Name,
    pub(super) id: u64,
    pub(super) is_pure: bool,
}

/// A random piece of work, with messages down to so many levels.
pub(super) fn work(random: &Random, names: &[Name], levels: u32) -> Arc<Work> {
    if random.percent(15) {
        return Arc::new(Work {
            steps: Vec::new(),
            is_exclusive: false,
            is_pure: true,
            forgets: false,
        });
    }
    let mut steps = Vec::new();
    for _ in 0..random.range(0, 4) {
        steps.push(step(random, names, levels));
    }
    Arc::new(Work {
        steps,
        is_exclusive: random.percent(35),
        is_pure: false,
        forgets: random.percent(4),
    })
}

fn step(random: &Random, names: &[Name], levels: u32) -> Step {
    match random.range(0, 99) {
        0..35 if levels > 0 => Step::Call {
            to: receiver(random, names),
            work: work(random, names, levels - 1),
            timeout_ms: random.percent(30).then(|| random.range(0, 200)),
            awaits: random.percent(75),
        },
        35..70 if levels > 0 => Step::Notify {
            to: receiver(random, names),
            work: work(random, names, levels - 1),
        },
        70..74 => Step::CancelCall,
        74..77 => Step::Crash,
        77..82 => Step::Stumble,
        82 => Step::Nonsense,
        83 => Step::Exit,
        _ => Step::Sleep {
            ms: random.range(0, 60),
        },
    }
}

fn receiver(random: &Random, names: &[Name]) -> Name {
    if random.percent(2) {
        return "nobody".into();
    }
    random.pick(names).clone()
}
