//! Counts, calls others, and misbehaves when it is asked to.

use hyperstar_process::{Address, CallError, Cx, Fields, Map, State, StateError, action, hyperapp};
use maud::{Markup, html};

#[derive(Default, State)]
#[cfg_attr(feature = "two", state(version = 2, migrate(1 = to_two)))]
pub struct Tally {
    #[cfg(not(feature = "two"))]
    count: i64,
    #[cfg(feature = "two")]
    total: i64,
    by_name: Map<String, i64>,
}

/// From `count` to `total`.
#[allow(dead_code)]
fn to_two(fields: &mut Fields) -> Result<(), StateError> {
    if cfg!(feature = "broken") {
        return Err(StateError::other("this migration always fails"));
    }
    fields.rename("count", "total").map(drop)
}

impl Tally {
    fn total_mut(&mut self) -> &mut i64 {
        #[cfg(feature = "two")]
        return &mut self.total;
        #[cfg(not(feature = "two"))]
        return &mut self.count;
    }

    fn total(&self) -> i64 {
        #[cfg(feature = "two")]
        return self.total;
        #[cfg(not(feature = "two"))]
        return self.count;
    }
}

#[hyperapp(name = "Tally", icon = "🧮", ui = "ui")]
impl Tally {
    #[view("/")]
    fn page(&self) -> Markup {
        html! {
            p #count { (self.total()) }
            button #add data-on:click=(action("add").arg("by", 1)) { "+1" }
        }
    }

    #[view("/names")]
    fn names(&self) -> Result<Markup, StateError> {
        let names: Vec<(String, i64)> = self.by_name.iter().collect::<Result<_, _>>()?;
        Ok(html! { @for (name, count) in &names { p { (name) "=" (count) } } })
    }

    /// Adds, and answers how many there are.
    #[action]
    #[local]
    #[http(POST, "/api/add")]
    fn add(&mut self, by: Option<i64>) -> i64 {
        let total = self.total_mut();
        *total = total.saturating_add(by.unwrap_or(1));
        *total
    }

    #[local]
    #[http(GET, "/api/count")]
    #[public]
    fn count(&self) -> i64 {
        self.total()
    }

    #[local]
    fn name(&mut self, name: String) -> Result<i64, String> {
        let counted = self.by_name.update(&name, |count| count.unwrap_or(0) + 1);
        counted.map_err(|error| error.to_string())
    }

    /// Adds what another one has.
    #[local]
    async fn pull(cx: Cx<Self>, from: Address) -> Result<i64, CallError> {
        let theirs = TallyClient::at(&cx, &from).count().await?;
        Ok(cx.with(|tally| {
            let total = tally.total_mut();
            *total = total.saturating_add(theirs);
            *total
        }))
    }

    /// Adds to another one, with the state held meanwhile.
    #[local]
    async fn give(&mut self, cx: &Cx, to: Address, by: i64) -> Result<i64, CallError> {
        let total = self.total_mut();
        *total = total.saturating_sub(by);
        TallyClient::at(cx, &to).add(Some(by)).await?;
        Ok(self.total())
    }

    /// Tells another one to add, whether it runs or not.
    #[local]
    fn tell(&mut self, cx: &Cx, to: Address) {
        TallyClient::at(cx, &to).notify().add(None);
    }

    /// A text, as long as somebody wants it.
    #[local]
    fn text(&self, bytes: u32) -> String {
        "a".repeat(bytes as usize)
    }

    #[local]
    fn misbehave(&mut self, how: String) -> u64 {
        let total = self.total_mut();
        *total = total.saturating_add(1_000);
        match how.as_str() {
            "panic" => panic!("as told"),
            "spin" => loop {
                std::hint::black_box(0);
            },
            "eat" => {
                let mut eaten = Vec::new();
                loop {
                    eaten.push(vec![1_u8; 1 << 20]);
                }
            }
            "recurse" => recurse(1),
            _ => 0,
        }
    }
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    std::hint::black_box(recurse(depth + 1) + 1)
}
