//! A counter that everyone who looks shares.
//!
//! The smallest whole app: a struct, a page that shows it, actions that change it. Nothing says who must be
//! told: the pages follow the state. The count outlives a crash; who is watching is known anew by then.

#[cfg(feature = "app")]
mod page;

use hyperstar_process::hyperapp;
#[cfg(feature = "app")]
use {
    hyperstar_process::{State, Viewer},
    maud::Markup,
    std::collections::BTreeSet,
};

/// A number, and who is watching it.
#[cfg(feature = "app")]
#[derive(Debug, Default, State)]
pub struct Counter {
    count: i64,
    /// Their tabs.
    #[state(skip)]
    watching: BTreeSet<String>,
}

#[hyperapp(name = "Counter", icon = "🧮", ui = ["../look/assets", "assets"], features)]
impl Counter {
    #[view("/")]
    fn page(&self) -> Markup {
        page::page(self.count, self.watching.len())
    }

    /// The number.
    #[http(GET, "/api/count")]
    #[local]
    #[remote]
    #[public]
    fn count(&self) -> i64 {
        self.count
    }

    /// One more.
    #[action]
    #[local]
    fn increment(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// One less.
    #[action]
    #[local]
    fn decrement(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// Zero again.
    #[action]
    #[local]
    fn reset(&mut self) {
        self.count = 0;
    }

    #[join]
    fn join(&mut self, who: &Viewer) {
        self.watching.insert(who.tab().to_owned());
    }

    #[leave]
    fn leave(&mut self, who: &Viewer) {
        self.watching.remove(who.tab());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperstar_process::test::Process;

    fn shown(process: &mut Process<Counter>) -> (String, String) {
        let html = process.render("/").expect("a page").html;
        let after = |mark: &str| {
            let rest = html.split_once(mark).expect(mark).1;
            rest.split('<').next().unwrap_or_default().to_owned()
        };
        (after("aria-live=\"polite\">"), after("id=\"here\">"))
    }

    #[test]
    fn it_counts_for_pages_and_for_processes() {
        let mut process = Process::<Counter>::new();
        let check = |process: &mut Process<Counter>, action: &str, expected: i64| {
            process.action(action, &[], &()).expect(action);
            assert_eq!(process.call("count", &()), Ok(expected));
            assert_eq!(shown(process).0, expected.to_string());
        };
        check(&mut process, "increment", 1);
        check(&mut process, "increment", 2);
        check(&mut process, "decrement", 1);
        process.restart();
        check(&mut process, "decrement", 0);
        check(&mut process, "decrement", -1);
        check(&mut process, "reset", 0);
        let answer = process.http("GET", "/api/count", "").expect("an answer");
        assert_eq!(answer.body, b"0");
    }

    #[test]
    fn a_tab_watches_once_until_it_leaves() {
        let mut process = Process::<Counter>::new();
        let before = process.commits().len();
        for _ in 0..2 {
            process.action("join", &[], &()).expect("a join");
        }
        assert_eq!(shown(&mut process).1, "1 watching");
        process.action("leave", &[], &()).expect("a leave");
        process.action("leave", &[], &()).expect("a leave");
        assert_eq!(process.commits().len(), before, "nothing of it is kept");
    }
}
