//! A list of things to do, kept on disk and shared by everyone who looks; nothing on it is ever lost.
//!
//! The page reads the store; an action commits to it; the commit renders exactly the pages that read
//! what it wrote. Which todos are shown stands in the address, what is half typed in signals, so
//! neither is disturbed when others change the list.
//!
//! Each action says in its commit what it did, which makes the past something to show: undo, a slider over
//! what is kept, and links to a moment. Which moment a page shows stands in its address too. All who look
//! at the same one share a page; it reads a state that never changes, so others' changes render it only
//! for the range of its slider.

pub mod list;
mod page;
mod past;
mod strip;

use hyperstar::{ActionCx, ActionError, App, Assets, Cx, Html, Hub, Live, Reply, View, ViewError};
use hyperstar_store::{CommitId, LogEntry, Snapshot, Store, Timeline};
use look::Siblings;
use maud::Markup;
use serde_json::json;

use crate::list::{ROOT, Show};
use crate::page::Scene;
use crate::past::address;

#[derive(rust_embed::Embed)]
#[folder = "assets/"]
struct Files;

/// The app on this store, running alone.
pub fn app(store: &Store) -> App {
    app_beside(store, Siblings::none())
}

/// The app on this store, with links to the examples that run beside it.
pub fn app_beside(store: &Store, siblings: Siblings) -> App {
    let hub = Hub::new();
    let todos = Todos {
        store: store.clone(),
        timeline: Timeline::new(store, ROOT),
        watching: hub.live(0),
    };

    let page = View::shared({
        let todos = todos.clone();
        move |cx: Cx| todos.page(&cx, &siblings)
    })
    .on_join({
        let watching = todos.watching.clone();
        move |_| watching.update(|people| *people += 1)
    })
    .on_leave({
        let watching = todos.watching.clone();
        move |_| watching.update(|people| *people = people.saturating_sub(1))
    });

    let with_todos = |run: fn(&Todos, &ActionCx) -> Result<Reply, ActionError>| {
        let todos = todos.clone();
        move |cx: ActionCx| run(&todos, &cx)
    };
    App::new(&hub)
        .name("todo")
        .title("Todo")
        .store(store)
        .head(look::head("#b4530a"))
        .assets(Assets::embed::<look::Files>())
        .assets(Assets::embed::<Files>())
        .stylesheet("base.css")
        .stylesheet("style.css")
        .page("/", page)
        .action("todo/add", with_todos(Todos::add))
        .action("todo/edit", with_todos(Todos::edit))
        .action("todo/toggle", with_todos(Todos::toggle))
        .action("todo/remove", with_todos(Todos::remove))
        .action("todo/clear", with_todos(Todos::clear))
        .action("todo/undo", with_todos(Todos::undo))
        .action("todo/look", with_todos(Todos::look))
        .action("todo/restore", with_todos(Todos::restore))
}

#[derive(Clone)]
struct Todos {
    store: Store,
    timeline: Timeline,
    watching: Live<usize>,
}

impl Todos {
    /// The list of now, or with `?at=` as it was.
    fn page(&self, cx: &Cx, siblings: &Siblings) -> Result<Html, ViewError> {
        let framed = |content| page::framed(self.watching.get(), siblings, content);
        let show = Show::from_query(cx.query("show"));
        let Some(name) = cx.query("at") else {
            let (list, left) = self.list(&self.store.snapshot(), show, None)?;
            return Ok(Html::from(framed(list)).title(format!("Todo ({left})")));
        };
        let Some(moment) = past::find(&self.store, name)? else {
            return Ok(Html::from(framed(strip::lost()))
                .title("Todo: not kept")
                .status(http::StatusCode::NOT_FOUND));
        };
        let (list, _) = self.list(&moment.state, show, Some(&moment.entry))?;
        Ok(Html::from(framed(list)).title("Todo, in the past"))
    }

    /// The list of a state, and how many things are left to do.
    fn list(
        &self,
        state: &Snapshot,
        show: Show,
        at: Option<&LogEntry>,
    ) -> Result<(Markup, usize), ViewError> {
        let todos = list::all(state)?;
        let left = todos.iter().filter(|(_, todo)| !todo.done).count();
        let list = page::list(&Scene {
            todos: &todos,
            show,
            moments: &self.timeline.read()?,
            at,
        });
        Ok((list, left))
    }

    /// What does not fit is said at the field; the field is emptied only of what was taken.
    fn add(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        let typed: String = cx.signal("text")?;
        match list::clean(&typed) {
            Ok(text) => {
                list::add(&self.store, &text)?;
                Ok(Reply::new().signals(&json!({ "said": typed, "error": "" })))
            }
            Err(problem) => Ok(Reply::new()
                .signals(&json!({ "error": problem }))
                .unchanged()),
        }
    }

    /// Ends the editing once the new text is kept; until then the field stays open.
    fn edit(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        let typed: String = cx.signal("draft")?;
        let text = list::clean(&typed).map_err(ActionError::bad_request)?;
        list::change(&self.store, cx.arg_as("id")?, |todo| todo.text = text)?;
        Ok(Reply::new().signals(&json!({ "_editing": "" })))
    }

    /// The page says what it wants, not "the other way round": two people who tick at once both get a tick.
    fn toggle(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        let done: bool = cx.arg_as("done")?;
        list::change(&self.store, cx.arg_as("id")?, |todo| todo.done = done)?;
        Ok(Reply::new())
    }

    fn remove(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        list::remove(&self.store, cx.arg_as("id")?)?;
        Ok(Reply::new())
    }

    fn clear(&self, _cx: &ActionCx) -> Result<Reply, ActionError> {
        list::clear_done(&self.store)?;
        Ok(Reply::new())
    }

    /// As with [`Todos::toggle`]: what somebody else has just undone is not undone twice.
    fn undo(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        let what: CommitId = cx.arg_as("what")?;
        if self.timeline.read()?.is_undone(what) {
            return Ok(Reply::new().unchanged());
        }
        past::undo(&self.store, what)?;
        Ok(Reply::new())
    }

    /// Has the tab show the moment that its slider was moved to. Nothing changes for anybody else.
    fn look(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        let place: i64 = cx.signal("place")?;
        let moments = self.timeline.read()?;
        let at = match (u64::try_from(place), moments.numbers()) {
            // The oldest may have been let go meanwhile; the end of the slider is now.
            (Ok(place), Some(numbers)) => moments.get(place.max(*numbers.start())),
            _ => None,
        };
        let show = Show::from_query(cx.arg("show"));
        let there = address(show, at.map(|entry| entry.id));
        Ok(Reply::new()
            .signals(&json!({ "_answered": place }))
            .go(&there)
            .unchanged())
    }

    fn restore(&self, cx: &ActionCx) -> Result<Reply, ActionError> {
        past::restore(&self.store, cx.arg("at").unwrap_or_default())?;
        let show = Show::from_query(cx.arg("show"));
        Ok(Reply::new().go(&address(show, None)))
    }
}
