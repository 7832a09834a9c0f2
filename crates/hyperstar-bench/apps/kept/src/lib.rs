//! An app that keeps all that it is told.

use hyperstar_process::{Address, CallError, Cx, Map, State, StateError, Wire, hyperapp};
use serde::{Deserialize, Serialize};

/// The most entries that one message asks for or makes.
const PART: u64 = 4_000;

/// Something of some hundred bytes.
#[derive(Clone, Default, Serialize, Deserialize, Wire)]
pub struct Record {
    /// Its number.
    pub number: u64,
    /// A short text.
    pub name: String,
    /// A longer one.
    pub note: String,
    /// Some numbers.
    pub counts: Vec<u32>,
}

/// Counts, and marks numbers.
#[derive(Default, State)]
pub struct Kept {
    count: i64,
    /// How often each number was marked.
    marks: Map<u64, u32>,
    text: String,
    records: Vec<Record>,
}

#[hyperapp(name = "Kept")]
impl Kept {
    /// The tiny message.
    #[local]
    #[public]
    fn add(&mut self, by: i64) -> i64 {
        self.count += by;
        self.count
    }

    /// Marks a number once more, and counts all marks in a field beside them.
    #[local]
    #[http(POST, "/api/mark")]
    #[public]
    fn mark(&mut self, number: u64) -> Result<u32, String> {
        self.count += 1;
        let marks = self.marks.update(number, |marks| marks.unwrap_or(0) + 1);
        marks.map_err(|error| error.to_string())
    }

    /// Marks a number here, and tells another app to, whether it runs or not.
    #[local]
    #[http(POST, "/api/tell")]
    fn tell(&mut self, cx: &Cx, to: Address, number: u64) -> Result<u32, String> {
        KeptClient::at(cx, &to).notify().mark(number);
        self.mark(number)
    }

    /// Asks another app to mark a number, and then marks it here.
    #[local]
    #[http(POST, "/api/ask")]
    async fn ask(cx: Cx<Self>, to: Address, number: u64) -> Result<u32, String> {
        let asked: Result<Result<u32, String>, CallError> =
            KeptClient::at(&cx, &to).mark(number).await;
        asked.map_err(|error| error.to_string())??;
        cx.with(|kept| kept.mark(number))
    }

    /// The numbers from one on, with their marks; and the count beside them.
    #[local]
    #[http(GET, "/api/marks")]
    fn marks(&self, from: u64) -> Result<(i64, Vec<(u64, u32)>), String> {
        let marks = self.marks.range(from..).take(PART as usize);
        let marks: Result<_, StateError> = marks.collect();
        Ok((self.count, marks.map_err(|error| error.to_string())?))
    }

    /// Marks so many numbers from one on; few enough for one turn.
    #[local]
    fn fill(&mut self, from: u64, numbers: u64) -> Result<(), String> {
        for number in from..from + numbers.min(PART) {
            let marked = self.marks.insert(number, &1);
            marked.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Has a text of so many bytes.
    #[local]
    fn write(&mut self, bytes: u64) {
        self.text = "tea, cake & more"
            .chars()
            .cycle()
            .take(bytes as usize)
            .collect();
    }

    /// Has so many records.
    #[local]
    fn record(&mut self, records: u64) {
        self.records = (0..records)
            .map(|number| Record {
                number,
                name: format!("Shelf no. {number}"),
                note: "tea, cake & more, and whatever else there may be".to_owned(),
                counts: vec![number as u32 % 97, 12, 345],
            })
            .collect();
    }
}
