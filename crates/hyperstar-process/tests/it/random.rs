//! Any events in any order: no panic, each message answered once, and a state that a new life finds again.

use std::collections::{BTreeMap, BTreeSet};

use hyperstar_interface::Save;
use hyperstar_process::CallError;
use hyperstar_process::abi::{Action, Event, Turn};
use proptest::prelude::*;

use crate::app::{Desk, Driver, message};

#[derive(Clone, Debug)]
enum Step {
    /// Which handler, with which body.
    Message(usize, i64),
    /// The nth open call, answered.
    Reply(usize, bool),
    /// The nth timer.
    Timer(usize),
    /// The nth open task.
    Cancel(usize),
    /// An id that was never given, or not any more.
    Stray(u64),
    Render,
    /// Whether in an orderly way.
    Restart(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..12_usize, 0..5_i64).prop_map(|(handler, by)| Step::Message(handler, by)),
        6 => (any::<usize>(), any::<bool>()).prop_map(|(place, is_ok)| Step::Reply(place, is_ok)),
        4 => any::<usize>().prop_map(Step::Timer),
        2 => any::<usize>().prop_map(Step::Cancel),
        1 => any::<u64>().prop_map(Step::Stray),
        1 => Just(Step::Render),
        1 => any::<bool>().prop_map(Step::Restart),
    ]
}

const NAMES: [&str; 12] = [
    "count",
    "increment",
    "add_theirs",
    "ask",
    "wait",
    "go_on",
    "both",
    "late",
    "teapot",
    "unknown",
    "increment",
    "add_theirs",
];

/// What a host knows of a process.
#[derive(Default)]
struct Known {
    open: BTreeSet<u64>,
    calls: BTreeSet<u64>,
    timers: BTreeSet<u64>,
    ids: BTreeSet<u64>,
}

impl Known {
    fn take(&mut self, turn: &Turn) {
        for action in &turn.actions {
            match action {
                Action::Respond { task, .. } => {
                    assert!(
                        self.open.remove(task),
                        "the task {task} is answered, though not open"
                    );
                }
                Action::Call { id, task, .. } => {
                    assert!(self.ids.insert(*id), "the id {id} comes twice");
                    assert!(*task == 0 || self.open.contains(task));
                    self.calls.insert(*id);
                }
                Action::SetTimer { id, .. } => {
                    assert!(self.ids.insert(*id), "the id {id} comes twice");
                    self.timers.insert(*id);
                }
                // What it no longer needs may have come with the same events.
                Action::CancelCall(id) | Action::CancelTimer(id) => {
                    assert!(self.ids.contains(id));
                    self.calls.remove(id);
                    self.timers.remove(id);
                }
                // It comes again.
                Action::Defer(task) => assert!(self.open.remove(task)),
                other => panic!("{other:?}"),
            }
        }
    }
}

fn nth(ids: &BTreeSet<u64>, place: usize) -> Option<u64> {
    ids.iter().nth(place.checked_rem(ids.len())?).copied()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_events_are_taken(
        batches in prop::collection::vec(prop::collection::vec(step(), 1..5), 1..40),
        policy in 0..4_usize,
    ) {
        let policies = [
            Save::EveryMessage, Save::OnDiff, Save::EveryNMessages(3), Save::EveryNSeconds(2),
        ];
        let mut desk = Driver::<Desk>::with(policies[policy]);
        let mut known = Known::default();
        known.take(&desk.started);
        let mut last_task = 0;
        for batch in batches {
            let mut events = Vec::new();
            let mut end = None;
            for step in batch {
                match step {
                    Step::Message(handler, by) => {
                        last_task += 1;
                        known.open.insert(last_task);
                        events.push(message(last_task, NAMES[handler], &by.to_string()));
                    }
                    Step::Reply(place, is_ok) => if let Some(call) = nth(&known.calls, place) {
                        known.calls.remove(&call);
                        let outcome = if is_ok { Ok(b"3".to_vec()) } else { Err(CallError::Timeout) };
                        events.push(Event::Reply { call, outcome });
                    },
                    Step::Timer(place) => if let Some(timer) = nth(&known.timers, place) {
                        known.timers.remove(&timer);
                        desk.host.advance_ms(300);
                        events.push(Event::Timer(timer));
                    },
                    Step::Cancel(place) => if let Some(task) = nth(&known.open, place) {
                        // It may be answered in the same turn; then the cancel comes too late.
                        let turn = desk.turn(std::mem::take(&mut events));
                        known.take(&turn);
                        if known.open.remove(&task) {
                            events.push(Event::Cancel(task));
                        }
                    },
                    Step::Stray(id) => {
                        let (id, outcome) = (id | 1 << 40, Ok(Vec::new()));
                        events.push(Event::Cancel(id));
                        events.push(Event::Timer(id));
                        events.push(Event::Reply { call: id, outcome });
                    }
                    Step::Render => {
                        prop_assert!(desk.render(0).is_ok());
                    }
                    Step::Restart(is_orderly) => end = Some(is_orderly),
                }
            }
            let turn = desk.turn(events);
            known.take(&turn);
            if let Some(is_orderly) = end {
                if is_orderly {
                    let turn = desk.turn(vec![Event::Stop]);
                    known.take(&turn);
                    prop_assert!(known.open.is_empty(), "left open: {:?}", known.open);
                }
                let before = desk.read(|app| (app.count, app.names.clone()));
                desk = desk.restart();
                known = Known::default();
                known.take(&desk.started);
                let per_turn = policy < 2;
                if is_orderly || per_turn {
                    let after = desk.read(|app| (app.count, app.names.clone()));
                    prop_assert_eq!(after.0, before.0);
                    // The start added one.
                    prop_assert_eq!(&after.1[..after.1.len() - 1], &before.1[..]);
                }
            }
        }
        // Whatever still waits ends once all is answered.
        let rounds: BTreeMap<u64, ()> = known.open.iter().map(|task| (*task, ())).collect();
        for _ in 0..rounds.len() * 3 + 3 {
            let calls = std::mem::take(&mut known.calls).into_iter();
            let mut events: Vec<_> = calls
                .map(|call| Event::Reply { call, outcome: Err(CallError::Timeout) })
                .collect();
            events.extend(std::mem::take(&mut known.timers).into_iter().map(Event::Timer));
            let turn = desk.turn(events);
            known.take(&turn);
        }
        prop_assert!(known.open.is_empty(), "never answered: {:?}", known.open);
    }
}
