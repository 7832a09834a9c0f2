//! The examples: what each is called, where it is, and what it is made of.

use std::sync::Arc;

use bank::{BANKS, Bank};
use chat::Chat;
use counter::Counter;
use hyperstar_native::instance::Program;
use hyperstar_native::{Host, HostError, Native, Options};
use life::Life;
use todo::Todo;

/// One of the examples: a process, and its pages at a port of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Example {
    /// A number that all share.
    Counter,
    /// Conway's Game of Life, in colours.
    Life,
    /// A list that all share, with a past.
    Todo,
    /// Rooms to talk in.
    Chat,
    /// A bank that sends money to the other.
    NorthBank,
    /// The other bank.
    SouthBank,
}

impl Example {
    /// All of them, in the order of their ports.
    pub const ALL: [Self; 6] = [
        Self::Counter,
        Self::Life,
        Self::Todo,
        Self::Chat,
        Self::NorthBank,
        Self::SouthBank,
    ];

    /// What it is called on the pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "Counter",
            Self::Life => "Life",
            Self::Todo => "Todo",
            Self::Chat => "Chat",
            Self::NorthBank => "North bank",
            Self::SouthBank => "South bank",
        }
    }

    /// Its place among the ports.
    pub fn index(self) -> u16 {
        self as u16
    }

    /// The address of its process.
    pub fn process(self) -> &'static str {
        match self {
            Self::Counter => "counter:counter:local",
            Self::Life => "life:life:local",
            Self::Todo => "todo:todo:local",
            Self::Chat => "chat:chat:local",
            Self::NorthBank => BANKS[0],
            Self::SouthBank => BANKS[1],
        }
    }

    fn program(self) -> Arc<dyn Program> {
        match self {
            Self::Counter => Arc::new(Native::<Counter>::new()),
            Self::Life => Arc::new(Native::<Life>::new()),
            Self::Todo => Arc::new(Native::<Todo>::new()),
            Self::Chat => Arc::new(Native::<Chat>::new()),
            Self::NorthBank | Self::SouthBank => Arc::new(Native::<Bank>::new()),
        }
    }
}

/// Who may ask whom, and by which handler.
pub const GRANTS: [(&str, &str, &str); 2] = [
    (BANKS[0], BANKS[1], "deposit"),
    (BANKS[1], BANKS[0], "deposit"),
];

/// Starts the processes of examples, and lets them ask each other what they have to.
///
/// # Errors
/// [`HostError`]: which one does not start, and why.
pub async fn start(host: &Host, examples: &[Example]) -> Result<(), HostError> {
    for example in examples {
        host.add(example.process(), example.program(), &Options::default())?;
    }
    for (id, (holder, target, handler)) in (1..).zip(GRANTS) {
        host.grant(id, holder, target, &[handler]);
    }
    host.grants_up_to(GRANTS.len() as u64);
    for example in examples {
        host.start_process(example.process()).await?;
    }
    Ok(())
}
