//! A list of things to do, kept on disk and shared by everyone who looks; nothing on it is ever lost.
//!
//! Which items are shown stands in the address, what is half typed in signals, so neither is disturbed when
//! others change the list.
//!
//! Each change is kept as a step that can be taken back. That makes the past something to show: undo, a
//! slider over what is kept, and links to a moment. Which moment a page shows stands in its address too. All
//! who look at the same one share a page.

#[cfg(feature = "app")]
mod list;
#[cfg(feature = "app")]
mod page;
#[cfg(feature = "app")]
mod past;
#[cfg(feature = "app")]
mod strip;

use hyperstar_process::hyperapp;
#[cfg(feature = "app")]
use {
    crate::list::{Item, Show},
    crate::page::Scene,
    crate::past::{Moment, Step, address},
    hyperstar_process::{
        ActionError, Cx, Html, Log, Map, Reply, State, StateError, StatusCode, ViewCx, ViewError,
        Viewer,
    },
    maud::Markup,
    serde_json::json,
    std::collections::BTreeSet,
};

/// The list, how it came to be so, and who looks at it.
#[cfg(feature = "app")]
#[derive(Debug, Default, State)]
pub struct Todo {
    items: Map<u64, Item>,
    /// The number of the item that was added last: none is given twice.
    last_item: u64,
    steps: Log<Step>,
    /// How many changes there are in the steps.
    changes: u64,
    #[state(skip)]
    watching: BTreeSet<String>,
}

#[hyperapp(name = "Todo", icon = "✅", ui = ["../look/assets", "assets"], features)]
impl Todo {
    /// The list of now, or with `?at=` as it was.
    #[view("/")]
    fn page(&self, cx: &ViewCx) -> Result<Html, ViewError> {
        let framed = |content| Html::from(page::framed(self.watching.len(), content));
        let show = Show::from_query(cx.query("show"));
        let Some(name) = cx.query("at") else {
            let items = self.items.entries()?;
            let left = items.iter().filter(|(_, item)| !item.done).count();
            let list = framed(self.list(&items, show, None)?);
            return Ok(list.title(format!("Todo ({left})")));
        };
        let Some(moment) = self.find(name)? else {
            return Ok(framed(strip::lost())
                .title("Todo: not kept")
                .status(StatusCode::NOT_FOUND));
        };
        let items = self.items_at(moment.number)?;
        let list = self.list(&items, show, Some(&moment))?;
        Ok(framed(list).title("Todo, in the past"))
    }

    #[join]
    fn join(&mut self, who: &Viewer) {
        self.watching.insert(who.tab().to_owned());
    }

    #[leave]
    fn leave(&mut self, who: &Viewer) {
        self.watching.remove(who.tab());
    }

    /// What does not fit is said at the field; the field is emptied only of what was taken.
    #[action]
    fn add(&mut self, cx: &Cx, text: String) -> Result<Reply, ActionError> {
        match list::clean(&text) {
            Ok(item) => {
                self.add_item(cx.now_ms(), item)?;
                Ok(Reply::new().signals(&json!({ "said": text, "error": "" })))
            }
            Err(problem) => Ok(Reply::new()
                .signals(&json!({ "error": problem }))
                .unchanged()),
        }
    }

    /// Ends the editing once the new text is kept; until then the field stays open.
    #[action]
    fn edit(&mut self, cx: &Cx, id: u64, draft: &str) -> Result<Reply, ActionError> {
        let text = list::clean(draft).map_err(ActionError::bad_request)?;
        self.change_item(cx.now_ms(), id, |item| item.text = text)?;
        Ok(Reply::new().signals(&json!({ "_editing": "" })))
    }

    /// The page says what it wants, not "the other way round": two people who tick at once both get a tick.
    #[action]
    fn toggle(&mut self, cx: &Cx, id: u64, done: bool) -> Result<(), ActionError> {
        self.change_item(cx.now_ms(), id, |item| item.done = done)
    }

    #[action]
    fn remove(&mut self, cx: &Cx, id: u64) -> Result<(), ActionError> {
        Ok(self.remove_item(cx.now_ms(), id)?)
    }

    #[action]
    fn clear(&mut self, cx: &Cx) -> Result<(), ActionError> {
        Ok(self.clear_done(cx.now_ms())?)
    }

    /// As with [`Todo::toggle`]: what somebody else has just undone is not undone twice.
    #[action]
    fn undo(&mut self, cx: &Cx, what: u64) -> Result<(), ActionError> {
        self.undo_step(cx.now_ms(), what)
    }

    /// Has the tab show the moment that its slider was moved to. Nothing changes for anybody else.
    #[action]
    fn look(&self, place: i64, show: Option<&str>) -> Result<Reply, StateError> {
        let past = self.past()?;
        let at = match u64::try_from(place) {
            // The oldest may have been let go meanwhile; the end of the slider is now.
            Ok(place) if place <= past.newest => self.moment(place.max(past.oldest))?,
            _ => None,
        };
        let there = address(Show::from_query(show), at.map(|moment| moment.number));
        Ok(Reply::new()
            .signals(&json!({ "_answered": place }))
            .go(&there)
            .unchanged())
    }

    /// Makes the list what it was.
    #[action]
    fn restore(&mut self, cx: &Cx, at: &str, show: Option<&str>) -> Result<Reply, ActionError> {
        self.restore_moment(cx.now_ms(), at)?;
        Ok(Reply::new().go(&address(Show::from_query(show), None)))
    }

    fn list(
        &self,
        items: &[(u64, Item)],
        show: Show,
        at: Option<&Moment>,
    ) -> Result<Markup, StateError> {
        Ok(page::list(&Scene {
            items,
            show,
            past: &self.past()?,
            at,
        }))
    }
}
