//! What the list looks like.

use hyperstar::action;
use look::{Siblings, bar, foot, here, icon};
use maud::{Markup, html};

use crate::list::{Show, TEXT_CHARS_MAX, Todo};

/// Begins to change a todo: its text goes into the signal `draft`, its number into `_editing`.
const EDIT: &str = "const row = el.closest('li'); $_editing = row.id; $draft = row.querySelector('.text').textContent; \
    setTimeout(() => row.querySelector('.edit').select())";

/// The page with the todos that `show` chooses. What a person types is in signals; everything else
/// is the same for everyone.
pub(crate) fn page(
    todos: &[(u64, Todo)],
    show: Show,
    watching: usize,
    siblings: &Siblings,
) -> Markup {
    let done = todos.iter().filter(|(_, todo)| todo.done).count();
    let shown: Vec<_> = todos.iter().filter(|(_, todo)| show.shows(todo)).collect();
    html! {
        (bar("Todo", here(watching, "here")))
        section .list data-signals="{text: '', said: '', error: '', draft: '', _editing: ''}" {
            (adder())
            div .card {
                (progress(done, todos.len()))
                @if shown.is_empty() { p .empty { (empty(show, todos.is_empty())) } }
                ul #todos aria-label="Things to do" {
                    @for (number, todo) in shown { (row(*number, todo)) }
                }
                (summary(todos.len() - done, done, show))
            }
        }
        (foot("Todo", siblings))
    }
}

fn adder() -> Markup {
    html! {
        // One at a time: what is typed while a todo is on its way stays in the field.
        form .adder data-indicator:_adding data-on:submit=(action("todo/add").when("!$_adding"))
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

fn row(number: u64, todo: &Todo) -> Markup {
    let id = format!("todo-{number}");
    let edit = action("todo/edit").arg("id", number);
    let save = action("todo/edit").arg("id", number);
    html! {
        li #(id) .todo.done[todo.done]
            data-preserve-attr="data-editing" data-attr:data-editing={ "$_editing === '" (id) "'" } {
            button .check type="button" role="checkbox" aria-checked=(if todo.done { "true" } else { "false" }) aria-label={ "Done: " (todo.text) }
                data-on:click=(action("todo/toggle").arg("id", number).arg("done", !todo.done)) { (icon("M5 12.5l4.5 4.5L19 7.5")) }
            p .text data-on:dblclick=(EDIT) { span { (todo.text) } }
            input .edit id={ "edit-" (number) } data-bind:draft aria-label="Change the text" autocomplete="off" enterkeyhint="done" maxlength=(TEXT_CHARS_MAX)
                data-on:keydown={ "if (evt.key === 'Escape') $_editing = ''; " (edit.when("evt.key === 'Enter' && !evt.isComposing")) }
                data-on:blur=(save.when(format!("$_editing === '{id}'")));
            button .tool.pen type="button" aria-label={ "Change: " (todo.text) } data-on:click=(EDIT) { (icon("M4 20h4L19 9l-4-4L4 16zM13 7l4 4")) }
            button .tool.bin type="button" aria-label={ "Remove: " (todo.text) } data-on:click=(action("todo/remove").arg("id", number)) { (icon("M6 6l12 12M18 6L6 18")) }
        }
    }
}

fn summary(left: usize, done: usize, show: Show) -> Markup {
    html! {
        div .summary {
            p .left aria-live="polite" { b { (left) } @if left == 1 { " thing left" } @else { " things left" } }
            nav .filter aria-label="Show" {
                @for each in Show::EACH {
                    a href=(if each == Show::All { "/".to_owned() } else { format!("/?show={}", each.word()) })
                        aria-current=[(each == show).then_some("page")] { (each.word()) }
                }
            }
            button .clear type="button" disabled[done == 0] data-on:click=(action("todo/clear")) { "Clear " (done) " done" }
        }
    }
}

fn empty(show: Show, is_all_empty: bool) -> &'static str {
    match show {
        _ if is_all_empty => "Nothing to do. Enjoy it while it lasts.",
        Show::Done => "Nothing is done yet.",
        _ => "All done. Well done.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn todos() -> Vec<(u64, Todo)> {
        vec![
            (
                3,
                Todo {
                    text: "<i>milk</i>".to_owned(),
                    done: false,
                },
            ),
            (
                4,
                Todo {
                    text: "bread".to_owned(),
                    done: true,
                },
            ),
        ]
    }

    #[test]
    fn it_shows_what_was_asked_for_escaped_and_counts_the_rest() {
        let check = |show: Show, there: &[&str], not_there: &[&str]| {
            let html = page(&todos(), show, 1, &Siblings::none()).into_string();
            for text in there {
                assert!(html.contains(text), "{show:?} lacks {text}: {html}");
            }
            for text in not_there {
                assert!(!html.contains(text), "{show:?} has {text}: {html}");
            }
        };
        let counts = ["<b>1</b> thing left", "Clear 1 done"];
        check(
            Show::All,
            &["&lt;i&gt;milk", "bread", "todo-3", "todo-4"],
            &["<i>milk"],
        );
        check(
            Show::Active,
            &["&lt;i&gt;milk", counts[0], counts[1]],
            &["bread"],
        );
        check(Show::Done, &["bread", counts[0], counts[1]], &["milk"]);
    }

    #[test]
    fn an_empty_list_says_why() {
        let only_done = [(
            4,
            Todo {
                text: "bread".to_owned(),
                done: true,
            },
        )];
        let check = |todos: &[(u64, Todo)], show: Show, expected: &str| {
            let html = page(todos, show, 1, &Siblings::none()).into_string();
            assert!(html.contains(expected), "{html}");
        };
        check(&[], Show::All, "Nothing to do.");
        check(&[], Show::Done, "Nothing to do.");
        check(&only_done, Show::Active, "All done.");
        check(&todos()[..1], Show::Done, "Nothing is done yet.");
    }
}
