//! What the list looks like.

use hyperstar_process::action;
use look::{bar, foot, here, icon};
use maud::{Markup, html};

use crate::list::{Item, Show, TEXT_CHARS_MAX};
use crate::past::{Moment, Past, address};
use crate::strip;

/// Begins to change an item: its text goes into the signal `draft`, its number into `_editing`.
const EDIT: &str = "const row = el.closest('li'); $_editing = row.id; $draft = row.querySelector('.text').textContent; \
    setTimeout(() => row.querySelector('.edit').select())";

/// What one page shows.
pub(crate) struct Scene<'a> {
    pub(crate) items: &'a [(u64, Item)],
    pub(crate) show: Show,
    pub(crate) past: &'a Past,
    /// The moment whose list it is; now's, if none.
    pub(crate) at: Option<&'a Moment>,
}

/// What stands above and below the content of each page.
pub(crate) fn framed(watching: usize, content: Markup) -> Markup {
    html! {
        (bar("Todo", here(watching, "here")))
        (content)
        (foot("Todo"))
    }
}

/// The items that `show` chooses, of now or of the past. What a person types is in signals; everything
/// else is the same for everyone.
pub(crate) fn list(scene: &Scene<'_>) -> Markup {
    let (items, show, at) = (scene.items, scene.show, scene.at);
    let done = items.iter().filter(|(_, item)| item.done).count();
    let shown: Vec<_> = items.iter().filter(|(_, item)| show.shows(item)).collect();
    html! {
        section .list.past[at.is_some()] data-signals="{text: '', said: '', error: '', draft: '', place: -1, _answered: -1, _editing: '', _copied: false}" {
            @match at {
                Some(moment) => (strip::banner(moment, show)),
                None => (adder()),
            }
            div .card.sheet {
                (progress(done, items.len()))
                @if shown.is_empty() { p .empty { (empty(show, items.is_empty(), at.is_some())) } }
                ul #todos aria-label=(if at.is_some() { "Things that were to do" } else { "Things to do" }) {
                    @for (number, item) in shown {
                        @if at.is_some() { (past_row(*number, item)) } @else { (row(*number, item)) }
                    }
                }
                (summary(items.len() - done, done, show, at))
            }
            (strip::strip(scene.past, at, show))
        }
    }
}

fn adder() -> Markup {
    html! {
        // One at a time: what is typed while an item is on its way stays in the field.
        form .adder data-indicator:_adding data-on:submit=(action("add").when("!$_adding"))
            data-effect=(look::take_said("text")) {
            label .sr-only for="text" { "What is there to do?" }
            input #text .field data-bind:text placeholder="What is there to do?" autocomplete="off" enterkeyhint="done"
                maxlength=(TEXT_CHARS_MAX) aria-describedby="error" data-on:input="$error = ''";
            button .button.primary type="submit" { (icon("M12 5v14M5 12h14")) span { "Add" } }
        }
        p #error .error role="alert" data-text="$error" {}
    }
}

fn progress(done: usize, total: usize) -> Markup {
    let percent = done * 100 / total.max(1);
    html! {
        div #progress .progress role="progressbar" aria-label="Done" aria-valuenow=(percent) style={ "--done:" (percent) "%" } {}
    }
}

fn row(number: u64, item: &Item) -> Markup {
    let id = format!("todo-{number}");
    let edit = action("edit").arg("id", number);
    let save = action("edit").arg("id", number);
    html! {
        li #(id) .todo.done[item.done]
            data-preserve-attr="data-editing" data-attr:data-editing={ "$_editing === '" (id) "'" } {
            button .check type="button" role="checkbox" aria-checked=(if item.done { "true" } else { "false" }) aria-label={ "Done: " (item.text) }
                data-on:click=(action("toggle").arg("id", number).arg("done", !item.done)) { (icon("M5 12.5l4.5 4.5L19 7.5")) }
            p .text data-on:dblclick=(EDIT) { span { (item.text) } }
            input .edit id={ "edit-" (number) } data-bind:draft aria-label="Change the text" autocomplete="off" enterkeyhint="done" maxlength=(TEXT_CHARS_MAX)
                data-on:keydown={ "if (evt.key === 'Escape') $_editing = ''; " (edit.when("evt.key === 'Enter' && !evt.isComposing")) }
                data-on:blur=(save.when(format!("$_editing === '{id}'")));
            button .tool.pen type="button" aria-label={ "Change: " (item.text) } data-on:click=(EDIT) { (icon("M4 20h4L19 9l-4-4L4 16zM13 7l4 4")) }
            button .tool.bin type="button" aria-label={ "Remove: " (item.text) } data-on:click=(action("remove").arg("id", number)) { (icon("M6 6l12 12M18 6L6 18")) }
        }
    }
}

/// Without anything to press: what was cannot be changed.
fn past_row(number: u64, item: &Item) -> Markup {
    html! {
        li id={ "todo-" (number) } .todo.done[item.done] {
            span .check aria-hidden="true" { (icon("M5 12.5l4.5 4.5L19 7.5")) }
            p .text { span { (item.text) } @if item.done { span .sr-only { " (done)" } } }
        }
    }
}

fn summary(left: usize, done: usize, show: Show, at: Option<&Moment>) -> Markup {
    html! {
        div .summary {
            p .left aria-live="polite" { b { (left) } @if left == 1 { " thing left" } @else { " things left" } }
            nav .filter aria-label="Show" {
                @for each in Show::EACH {
                    a data-hs-go href=(address(each, at.map(|moment| moment.number)))
                        aria-current=[(each == show).then_some("page")] { (each.word()) }
                }
            }
            @if at.is_none() {
                button .clear type="button" disabled[done == 0] data-on:click=(action("clear")) { "Clear " (done) " done" }
            }
        }
    }
}

fn empty(show: Show, is_all_empty: bool, is_past: bool) -> &'static str {
    match show {
        _ if is_past => "There was nothing here.",
        _ if is_all_empty => "Nothing to do. Enjoy it while it lasts.",
        Show::Done => "Nothing is done yet.",
        _ => "All done. Well done.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Todo;

    fn item(number: u64, text: &str, done: bool) -> (u64, Item) {
        let text = text.to_owned();
        (number, Item { text, done })
    }

    fn items() -> Vec<(u64, Item)> {
        vec![item(3, "<i>milk</i>", false), item(4, "bread", true)]
    }

    /// The page of a list with one step, now or right after it.
    fn shown(items: &[(u64, Item)], show: Show, is_past: bool) -> String {
        let mut todo = Todo::default();
        todo.add_item(0, "<u>first</u>".to_owned()).expect("room");
        let past = todo.past().expect("a past");
        let scene = Scene {
            items,
            show,
            past: &past,
            at: past.last.as_ref().filter(|_| is_past),
        };
        framed(1, list(&scene)).into_string()
    }

    #[test]
    fn it_shows_what_was_asked_for_escaped_and_counts_the_rest() {
        let check = |show: Show, there: &[&str], not_there: &[&str]| {
            for is_past in [false, true] {
                let html = shown(&items(), show, is_past);
                for text in there {
                    assert!(html.contains(text), "{show:?} lacks {text}: {html}");
                }
                for text in not_there {
                    assert!(!html.contains(text), "{show:?} has {text}: {html}");
                }
            }
        };
        let first = "Add &lt;u&gt;first&lt;/u&gt;";
        check(
            Show::All,
            &["&lt;i&gt;milk", "bread", "todo-3", "todo-4", first],
            &["<i>milk", "<u>"],
        );
        let left = "<b>1</b> thing left";
        check(Show::Active, &["&lt;i&gt;milk", left], &["bread"]);
        check(Show::Done, &["bread", left], &["milk"]);
        assert!(shown(&items(), Show::All, false).contains("Clear 1 done"));
    }

    #[test]
    fn the_past_has_a_banner_and_nothing_that_changes_the_list() {
        let (now, past) = (
            shown(&items(), Show::Done, false),
            shown(&items(), Show::Done, true),
        );
        assert!(!now.contains("You are looking at the past"), "{now}");
        assert!(past.contains("You are looking at the past"), "{past}");
        assert!(past.contains("href=\"/?show=done&amp;at="), "{past}");
        for what in [
            "#text",
            "id=\"undo\"",
            "class=\"tool",
            "<button class=\"check",
            "class=\"clear",
        ] {
            assert!(!past.contains(what), "has {what}: {past}");
        }
        assert_eq!(
            past.matches("@post(").count(),
            2,
            "look and restore: {past}"
        );
    }

    #[test]
    fn an_empty_list_says_why() {
        let check = |items: &[(u64, Item)], show: Show, is_past: bool, expected: &str| {
            let html = shown(items, show, is_past);
            assert!(html.contains(expected), "{html}");
        };
        check(&[], Show::All, false, "Nothing to do.");
        check(&[], Show::Done, false, "Nothing to do.");
        check(&items()[1..], Show::Active, false, "All done.");
        check(&items()[..1], Show::Done, false, "Nothing is done yet.");
        check(&[], Show::All, true, "There was nothing here.");
    }
}
