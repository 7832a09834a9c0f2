//! What a local call costs in the kernel alone: `cargo run --release -p hyperstar-kernel --example cost`.
//!
//! A request to A, which calls B, which answers; then A answers. No instance runs: the host of this example
//! answers each turn at once, so what is measured is the kernel and its effects.

use std::hint::black_box;
use std::time::Instant;

use hyperstar_kernel::{
    Acknowledge, Action, CallId, Effect, Event, Exclusive, Grant, GrantId, Handlers, Input, Kernel,
    KernelLimits, Memory, Name, NoteId, Origin, Outcome, Request, Spec, Target, TaskId, Ticket,
};

type Bench = Kernel<u64, u64>;

const ROUNDS: u64 = 19_200;

fn main() {
    println!("a request and its answer, one at a time, nothing to commit");
    print_cost(&mut Node::new(Acknowledge::Commit, Work::Answer), 1, 1);
    println!("the same with a commit");
    print_cost(
        &mut Node::new(Acknowledge::Commit, Work::AnswerChanged),
        1,
        1,
    );
    println!("a request to A, which calls B (2 messages), one at a time, nothing to commit");
    print_cost(&mut Node::new(Acknowledge::Commit, Work::Call), 1, 2);
    println!("the same, 64 in flight");
    print_cost(&mut Node::new(Acknowledge::Commit, Work::Call), 64, 2);
    println!("a request to A, which notifies B durably: three commits");
    print_cost(&mut Node::new(Acknowledge::Commit, Work::Notify), 1, 2);
    println!("the same, 64 in flight");
    print_cost(&mut Node::new(Acknowledge::Commit, Work::Notify), 64, 2);
}

/// Prints the least of twenty rounds: whatever else the machine does can only add.
fn print_cost(node: &mut Node, in_flight: u64, messages: u64) {
    let mut least_ns = f64::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        node.rounds(ROUNDS, in_flight);
        let ns = start.elapsed().as_nanos() as f64 / (ROUNDS * messages) as f64;
        least_ns = least_ns.min(ns);
    }
    println!("  {least_ns:.0} ns a message and its answer");
}

/// What A does with a request.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    Answer,
    AnswerChanged,
    Call,
    Notify,
}

struct Node {
    kernel: Bench,
    work: Work,
    a: Name,
    b: Name,
    handler: Name,
    effects: Vec<Effect<u64, u64>>,
    spare: Vec<Effect<u64, u64>>,
    now_ms: u64,
    last: u64,
    answers: u64,
    /// The requests that wait for B, by call.
    waiting: Vec<(CallId, TaskId)>,
}

impl Node {
    fn new(acknowledge: Acknowledge, work: Work) -> Self {
        let mut node = Node {
            kernel: Kernel::new(KernelLimits::default(), 1),
            work,
            a: "main:shop:alice.os".into(),
            b: "main:bank:alice.os".into(),
            handler: "pay".into(),
            effects: Vec::new(),
            spare: Vec::new(),
            now_ms: 0,
            last: 0,
            answers: 0,
            waiting: Vec::new(),
        };
        let grant = Grant {
            id: GrantId(1),
            holder: node.a.clone(),
            target: Target::Process(node.b.clone()),
            handlers: Handlers::All,
            attenuated_from: None,
            expires_ms: None,
        };
        node.step(Input::GrantAdd(grant));
        for name in [node.a.clone(), node.b.clone()] {
            let spec = Spec {
                acknowledge,
                ..Spec::default()
            };
            let memory = Memory::default();
            node.step(Input::Add {
                name: name.clone(),
                spec,
                memory,
            });
            node.step(Input::Start { name });
        }
        node.carry_out();
        node
    }

    fn rounds(&mut self, rounds: u64, in_flight: u64) {
        for round in 0..rounds / in_flight {
            // Some ten thousand rounds a second, so that deadlines come and go.
            self.now_ms += u64::from(round % 10 == 0);
            for _ in 0..in_flight {
                self.last += 1;
                self.step(Input::Request(Request {
                    ticket: Ticket(self.last),
                    to: self.a.clone(),
                    origin: Origin::Outside,
                    handler: self.handler.clone(),
                    payload: self.last,
                    weight_bytes: 32,
                    timeout_ms: None,
                    key: None,
                }));
            }
            let before = self.answers;
            self.carry_out();
            assert_eq!(
                self.answers - before,
                in_flight,
                "every request is answered"
            );
        }
    }

    fn step(&mut self, input: Input<u64, u64>) {
        self.kernel.step(self.now_ms, input, &mut self.effects);
    }

    /// Does what the kernel asks for until it asks for nothing.
    fn carry_out(&mut self) {
        while !self.effects.is_empty() {
            let mut effects = std::mem::replace(&mut self.effects, std::mem::take(&mut self.spare));
            for effect in effects.drain(..) {
                match effect {
                    Effect::Start { name, incarnation } => self.step(Input::Started {
                        name,
                        incarnation,
                        result: Ok(Outcome::nothing()),
                    }),
                    Effect::Commit {
                        name,
                        incarnation,
                        record,
                    } => {
                        black_box(record);
                        self.step(Input::Committed {
                            name,
                            incarnation,
                            result: Ok(()),
                        });
                    }
                    Effect::Answer { result, .. } => {
                        assert!(result.is_ok());
                        self.answers += 1;
                    }
                    Effect::Turn {
                        name,
                        incarnation,
                        events,
                        ..
                    } => {
                        let mut actions = Vec::with_capacity(events.len());
                        for event in events {
                            self.act(&name, event, &mut actions);
                        }
                        let outcome = Outcome::Done {
                            actions,
                            is_changed: self.work == Work::AnswerChanged,
                            exclusive: Exclusive::No,
                        };
                        self.step(Input::TurnEnded {
                            name,
                            incarnation,
                            outcome,
                        });
                    }
                    Effect::Running { .. } => {}
                    other => panic!("unexpected: {other:?}"),
                }
            }
            self.spare = effects;
        }
    }

    fn act(&mut self, name: &Name, event: Event<u64, u64>, actions: &mut Vec<Action<u64, u64>>) {
        match event {
            Event::Message { task, payload, .. } => {
                let is_first = *name == self.a;
                if is_first && self.work == Work::Call {
                    self.waiting.push((CallId(payload), task));
                    return actions.push(Action::Call {
                        id: CallId(payload),
                        task: Some(task),
                        to: self.b.clone(),
                        handler: self.handler.clone(),
                        payload,
                        weight_bytes: 32,
                        timeout_ms: None,
                    });
                }
                if is_first && self.work == Work::Notify {
                    actions.push(Action::Notify {
                        id: NoteId(payload),
                        to: self.b.clone(),
                        handler: self.handler.clone(),
                        payload,
                        weight_bytes: 32,
                    });
                }
                actions.push(Action::Respond {
                    task,
                    result: Ok(payload),
                    weight_bytes: 1,
                });
            }
            Event::Reply { call, result } => {
                let place = self.waiting.iter().position(|(own, _)| *own == call);
                let (_, task) = self
                    .waiting
                    .swap_remove(place.expect("A has made this call"));
                actions.push(Action::Respond {
                    task,
                    result,
                    weight_bytes: 1,
                });
            }
            other => panic!("unexpected: {other:?}"),
        }
    }
}
