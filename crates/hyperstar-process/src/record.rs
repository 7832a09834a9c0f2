//! Recordings: what went into a process and what came out, to be played again.
//!
//! A process does nothing by itself, so a recording of its calls and of what [`Sys`] answered meanwhile
//! gives the same turns again, byte for byte. A bug that was seen once can be looked at as often as it
//! takes; a change of the app that is to change nothing can be checked.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use hyperstar_interface::Interface;
use serde::{Deserialize, Serialize};

use crate::abi::{Event, Page, RenderError, RenderRequest, Start, Turn};
use crate::app::Guest;
use crate::sys::{Level, Sys};

/// All calls into a process in one life.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// In order.
    pub steps: Vec<Step>,
}

/// One call into a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What went in.
    pub input: Input,
    /// What the process was told meanwhile.
    pub answers: Vec<Answer>,
    /// What came out.
    pub output: Output,
}

/// What goes into a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// [`Guest::start`]
    Start(Start),
    /// [`Guest::turn`]
    Turn(Vec<Event>),
    /// [`Guest::render`]
    Render(RenderRequest),
}

/// What comes out of a process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Output {
    /// Of [`Guest::start`]
    Start(Result<Turn, String>),
    /// Of [`Guest::turn`]
    Turn(Turn),
    /// Of [`Guest::render`]
    Render(Result<Page, RenderError>),
}

/// What [`Sys`] told a process. Log lines are told to nobody and are not recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// [`Sys::now_ms`]
    NowMs(u64),
    /// [`Sys::random`]
    Random(Vec<u8>),
    /// [`Sys::get`]
    Get(Option<Vec<u8>>),
    /// [`Sys::scan`]
    Scan(Vec<(String, Vec<u8>)>),
    /// [`Sys::count`]
    Count(u64),
}

/// A guest whose calls are recorded.
///
/// It keeps all of them until [`Recorder::take`]: a host that records for long takes them now and then.
///
/// # Design
/// A native app that iterates over a `HashMap` is not the same twice, since its order is random there; use
/// a `BTreeMap` where the order can be seen.
pub struct Recorder {
    guest: Box<dyn Guest>,
    answers: Rc<RefCell<Vec<Answer>>>,
    recording: Recording,
}

impl Recorder {
    /// Records the guest that `make` makes; it reaches `sys` through what `make` is given.
    pub fn new(sys: Rc<dyn Sys>, make: impl FnOnce(Rc<dyn Sys>) -> Box<dyn Guest>) -> Self {
        let answers = Rc::new(RefCell::new(Vec::new()));
        let recording = RecordingSys {
            sys,
            answers: answers.clone(),
        };
        Self {
            guest: make(Rc::new(recording)),
            answers,
            recording: Recording::default(),
        }
    }

    /// What was recorded so far.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// What was recorded since this was last called.
    pub fn take(&mut self) -> Recording {
        std::mem::take(&mut self.recording)
    }

    fn add(&mut self, input: Input, output: Output) {
        let answers = self.answers.take();
        self.recording.steps.push(Step {
            input,
            answers,
            output,
        });
    }
}

impl Guest for Recorder {
    fn interface(&self) -> Interface {
        self.guest.interface()
    }

    fn assets(&self) -> Vec<crate::abi::Asset> {
        self.guest.assets()
    }

    fn start(&mut self, start: Start) -> Result<Turn, String> {
        let result = self.guest.start(start.clone());
        self.add(Input::Start(start), Output::Start(result.clone()));
        result
    }

    fn turn(&mut self, events: Vec<Event>) -> Turn {
        let turn = self.guest.turn(events.clone());
        self.add(Input::Turn(events), Output::Turn(turn.clone()));
        turn
    }

    fn render(&mut self, request: RenderRequest) -> Result<Page, RenderError> {
        let result = self.guest.render(request.clone());
        self.add(Input::Render(request), Output::Render(result.clone()));
        result
    }
}

/// Plays a recording to the guest that `make` makes, from its start on.
///
/// # Errors
/// The first step that comes out differently.
pub fn replay(
    recording: &Recording,
    make: impl FnOnce(Rc<dyn Sys>) -> Box<dyn Guest>,
) -> Result<(), Difference> {
    let sys = Rc::new(ReplayingSys::default());
    let mut guest = make(sys.clone());
    for (place, step) in recording.steps.iter().enumerate() {
        sys.load(&step.answers);
        let found = match step.input.clone() {
            Input::Start(start) => Output::Start(guest.start(start)),
            Input::Turn(events) => Output::Turn(guest.turn(events)),
            Input::Render(request) => Output::Render(guest.render(request)),
        };
        let question = sys.finish();
        if question.is_some() || found != step.output {
            return Err(Difference {
                step: place,
                question,
                expected: text(&step.output),
                found: text(&found),
            });
        }
    }
    Ok(())
}

fn text(output: &Output) -> String {
    serde_json::to_string(output).unwrap_or_else(|error| format!("no JSON: {error}"))
}

/// Where a replay left the recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The step, from 0 on: the start is the first.
    pub step: usize,
    /// What the process asked its host differently, if that is how it began.
    pub question: Option<String>,
    /// What was recorded, as JSON.
    pub expected: String,
    /// What came out, as JSON.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} of the recording differs", self.step)?;
        if let Some(question) = &self.question {
            write!(f, "; {question}")?;
        }
        write!(
            f,
            "\n  recorded: {}\n  now:      {}",
            self.expected, self.found
        )
    }
}

impl std::error::Error for Difference {}

struct RecordingSys {
    sys: Rc<dyn Sys>,
    answers: Rc<RefCell<Vec<Answer>>>,
}

impl RecordingSys {
    fn add(&self, answer: Answer) {
        self.answers.borrow_mut().push(answer);
    }
}

impl Sys for RecordingSys {
    fn now_ms(&self) -> u64 {
        let now_ms = self.sys.now_ms();
        self.add(Answer::NowMs(now_ms));
        now_ms
    }

    fn random(&self, bytes: &mut [u8]) {
        self.sys.random(bytes);
        self.add(Answer::Random(bytes.to_vec()));
    }

    fn log(&self, level: Level, text: &str) {
        self.sys.log(level, text);
    }

    fn get(&self, path: &str) -> Option<Vec<u8>> {
        let value = self.sys.get(path);
        self.add(Answer::Get(value.clone()));
        value
    }

    fn scan(
        &self,
        at_or_after: &str,
        before: &str,
        most: u32,
        back: bool,
    ) -> Vec<(String, Vec<u8>)> {
        let found = self.sys.scan(at_or_after, before, most, back);
        self.add(Answer::Scan(found.clone()));
        found
    }

    fn count(&self, prefix: &str) -> u64 {
        let count = self.sys.count(prefix);
        self.add(Answer::Count(count));
        count
    }
}

/// Tells what was told before.
#[derive(Default)]
struct ReplayingSys {
    answers: RefCell<VecDeque<Answer>>,
    difference: RefCell<Option<String>>,
}

impl ReplayingSys {
    fn load(&self, answers: &[Answer]) {
        *self.answers.borrow_mut() = answers.iter().cloned().collect();
    }

    /// What was asked differently in this step.
    fn finish(&self) -> Option<String> {
        let left = self.answers.take();
        self.difference.take().or_else(|| {
            let next = left.front()?;
            Some(format!("it did not ask for {next:?}"))
        })
    }

    /// The next answer, if it is one to such a question.
    fn next<T>(&self, question: &str, read: impl FnOnce(Answer) -> Result<T, Answer>) -> Option<T> {
        let answer = self.answers.borrow_mut().pop_front();
        let expected = match answer.map(read) {
            Some(Ok(value)) => return Some(value),
            Some(Err(answer)) => format!("{answer:?}"),
            None => "nothing".to_owned(),
        };
        let mut difference = self.difference.borrow_mut();
        difference
            .get_or_insert_with(|| format!("it asked for {question} where it got {expected}"));
        None
    }
}

impl Sys for ReplayingSys {
    fn now_ms(&self) -> u64 {
        let now_ms = self.next("the time", |answer| match answer {
            Answer::NowMs(now_ms) => Ok(now_ms),
            other => Err(other),
        });
        now_ms.unwrap_or(0)
    }

    fn random(&self, bytes: &mut [u8]) {
        let random = self.next("random bytes", |answer| match answer {
            Answer::Random(random) if random.len() == bytes.len() => Ok(random),
            other => Err(other),
        });
        match random {
            Some(random) => bytes.copy_from_slice(&random),
            None => bytes.fill(0),
        }
    }

    fn log(&self, _level: Level, _text: &str) {}

    fn get(&self, path: &str) -> Option<Vec<u8>> {
        let value = self.next(&format!("the value of `{path}`"), |answer| match answer {
            Answer::Get(value) => Ok(value),
            other => Err(other),
        });
        value.flatten()
    }

    fn scan(
        &self,
        at_or_after: &str,
        _before: &str,
        _most: u32,
        _back: bool,
    ) -> Vec<(String, Vec<u8>)> {
        let question = format!("values from `{at_or_after}` on");
        let found = self.next(&question, |answer| match answer {
            Answer::Scan(found) => Ok(found),
            other => Err(other),
        });
        found.unwrap_or_default()
    }

    fn count(&self, prefix: &str) -> u64 {
        let question = format!("the count of `{prefix}`");
        let count = self.next(&question, |answer| match answer {
            Answer::Count(count) => Ok(count),
            other => Err(other),
        });
        count.unwrap_or(0)
    }
}
