//! A list of things to do, kept on disk and shared by everyone who looks.
//!
//! The page reads the store; an action commits to it; the commit renders exactly the pages that read
//! what it wrote. Which todos are shown stands in the address, what is half typed in signals, so
//! neither is disturbed when others change the list.

pub mod list;
mod page;

use hyperstar::{ActionCx, ActionError, App, Assets, Cx, Html, Hub, Reply, View, ViewError};
use hyperstar_store::Store;
use look::Siblings;
use serde_json::json;

use crate::list::Show;

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
    let watching = hub.live(0_usize);

    let page = View::shared({
        let (store, watching) = (store.clone(), watching.clone());
        move |cx: Cx| -> Result<Html, ViewError> {
            let todos = list::all(&store)?;
            let left = todos.iter().filter(|(_, todo)| !todo.done).count();
            let page = page::page(
                &todos,
                Show::from_query(cx.query("show")),
                watching.get(),
                &siblings,
            );
            Ok(Html::from(page).title(format!("Todo ({left})")))
        }
    })
    .on_join({
        let watching = watching.clone();
        move |_| watching.update(|people| *people += 1)
    })
    .on_leave(move |_| watching.update(|people| *people = people.saturating_sub(1)));

    let stored = store.clone();
    let with_store = |run: fn(&Store, &ActionCx) -> Result<Reply, ActionError>| {
        let store = stored.clone();
        move |cx: ActionCx| run(&store, &cx)
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
        .action("todo/add", with_store(add))
        .action("todo/edit", with_store(edit))
        .action("todo/toggle", with_store(toggle))
        .action(
            "todo/remove",
            with_store(|store, cx| {
                list::remove(store, cx.arg_as("id")?)?;
                Ok(Reply::new())
            }),
        )
        .action(
            "todo/clear",
            with_store(|store, _cx| {
                list::clear_done(store)?;
                Ok(Reply::new())
            }),
        )
}

/// What does not fit is said at the field; the field is emptied only of what was taken.
fn add(store: &Store, cx: &ActionCx) -> Result<Reply, ActionError> {
    let typed: String = cx.signal("text")?;
    match list::clean(&typed) {
        Ok(text) => {
            list::add(store, &text)?;
            Ok(Reply::new().signals(&json!({ "said": typed, "error": "" })))
        }
        Err(problem) => Ok(Reply::new()
            .signals(&json!({ "error": problem }))
            .unchanged()),
    }
}

/// Ends the editing once the new text is kept; until then the field stays open.
fn edit(store: &Store, cx: &ActionCx) -> Result<Reply, ActionError> {
    let typed: String = cx.signal("draft")?;
    let text = list::clean(&typed).map_err(ActionError::bad_request)?;
    list::change(store, cx.arg_as("id")?, |todo| todo.text = text)?;
    Ok(Reply::new().signals(&json!({ "_editing": "" })))
}

/// The page says what it wants, not "the other way round": two people who tick at once both get a tick.
fn toggle(store: &Store, cx: &ActionCx) -> Result<Reply, ActionError> {
    let done: bool = cx.arg_as("done")?;
    list::change(store, cx.arg_as("id")?, |todo| todo.done = done)?;
    Ok(Reply::new())
}
