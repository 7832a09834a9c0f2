//! What the chat looks like.

use hyperstar_process::action;
use look::clock::rfc3339;
use look::{bar, foot, icon};
use maud::{Markup, html};

use crate::person::{NAME_CHARS_MAX, Person};
use crate::room::{Message, ROOM_CHARS_MAX, TEXT_CHARS_MAX};

/// Messages of one person that follow within this time stand together.
const TOGETHER_MS: u64 = 5 * 60 * 1_000;

/// What one page shows.
pub(crate) struct Scene<'a> {
    pub(crate) me: &'a Person,
    pub(crate) room: &'a str,
    /// All rooms, each with how many are in it.
    pub(crate) rooms: &'a [(String, usize)],
    pub(crate) people: &'a [Person],
    pub(crate) messages: &'a [(u64, Message)],
}

/// The page of a room for one person.
pub(crate) fn page(scene: &Scene<'_>) -> Markup {
    html! {
        (bar("Chat", me(scene.me)))
        section .chat data-signals="{text: '', said: '', error: '', joined: 0}"
            // The server says when this tab is (again) among those that are here; the tab says where.
            data-on-signal-patch=(action("enter").arg("room", scene.room))
            data-on-signal-patch-filter="{include: /^joined$/}" {
            (rooms(scene))
            (people(scene))
            section .card.thread aria-label={ "Room " (scene.room) } {
                (log(scene))
                (composer(scene.room))
            }
        }
        (foot("Chat"))
    }
}

/// Who I am, and the form to be someone else.
fn me(me: &Person) -> Markup {
    html! {
        button .me type="button" popovertarget="rename" aria-label={ "You are " (me.name) ". Change your name." } {
            (avatar(me)) span { (me.name) } (icon("M4 20h4L19 9l-4-4L4 16zM13 7l4 4"))
        }
        form #rename .card.rename popover data-on:submit=(action("rename").then("el.hidePopover()")) {
            label for="name" { "Your name" }
            div .row {
                input #name .field data-bind:name value=(me.name) maxlength=(NAME_CHARS_MAX) autocomplete="nickname" enterkeyhint="done" autofocus data-on:focus="el.select()";
                button .button.primary type="submit" { "Save" }
            }
        }
    }
}

fn rooms(scene: &Scene<'_>) -> Markup {
    html! {
        nav .rooms aria-label="Rooms" {
            h2 { "Rooms" }
            ul {
                @for (room, count) in scene.rooms {
                    li {
                        a href={ "/room/" (room) } aria-current=[(room == scene.room).then_some("page")] {
                            span .name { (room) }
                            @if *count > 0 { span .count title="people in it" { (count) } }
                        }
                    }
                }
                li {
                    button .open type="button" popovertarget="opening" { (icon("M12 5v14M5 12h14")) "New room" }
                }
            }
        }
        form #opening .card.rename popover data-on:submit=(action("open").then("el.hidePopover()")) {
            label for="opened" { "Open a room" }
            div .row {
                input #opened .field data-bind:opened placeholder="tea-time" maxlength=(ROOM_CHARS_MAX) autocomplete="off" autocapitalize="none" enterkeyhint="go" autofocus;
                button .button.primary type="submit" { "Open" }
            }
        }
    }
}

fn people(scene: &Scene<'_>) -> Markup {
    html! {
        aside .people aria-label="People in this room" {
            h2 { "Here now" span .count { (scene.people.len()) } }
            ul {
                @for person in scene.people {
                    li id={ "person-" (person.key) } {
                        (avatar(person))
                        span .name { (person.name) @if person.key == scene.me.key { " (you)" } }
                    }
                }
            }
        }
    }
}

/// The messages. The scrolling box lays out from its end, so it stays at the newest while one is
/// there, and stays put while one reads further up.
fn log(scene: &Scene<'_>) -> Markup {
    html! {
        div #log .log tabindex="0" role="log" aria-label={ "Messages in " (scene.room) } {
            @if scene.messages.is_empty() {
                div .silence { (look::star()) p { "Nobody has said anything in " b { (scene.room) } " yet." } }
            }
            ol #messages {
                @for (n, (number, said)) in scene.messages.iter().enumerate() {
                    @let before = n.checked_sub(1).map(|n| &scene.messages[n].1);
                    (message(*number, said, follows(before, said), said.by.key == scene.me.key))
                }
            }
        }
    }
}

fn message(number: u64, said: &Message, follows: bool, is_mine: bool) -> Markup {
    let at = rfc3339(said.at_ms);
    html! {
        li id={ "message-" (number) } .message.mine[is_mine].follows[follows] {
            (avatar(&said.by))
            div .said {
                p .by {
                    b { (said.by.name) }
                    // Where the person is it is another hour than where the server is.
                    time datetime=(at) data-ignore-morph
                        data-text="new Date(el.dateTime).toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'})"
                        data-attr:title="new Date(el.dateTime).toLocaleString()" { (at[11..16]) " UTC" }
                }
                p .text { (said.text) }
            }
        }
    }
}

/// Whether a message stands under the one before without a head of its own.
fn follows(before: Option<&Message>, said: &Message) -> bool {
    before.is_some_and(|before| {
        before.by == said.by && said.at_ms.saturating_sub(before.at_ms) < TOGETHER_MS
    })
}

fn composer(room: &str) -> Markup {
    html! {
        // One at a time: what is typed while a message is on its way stays in the field.
        form .composer data-indicator:_saying data-on:submit=(action("say").arg("room", room).when("!$_saying"))
            data-effect=(look::take_said("text")) {
            p #error .error role="alert" data-text="$error" {}
            div .row {
                label .sr-only for="text" { "Your message" }
                textarea #text .field rows="1" data-bind:text placeholder={ "Say something in " (room) } maxlength=(TEXT_CHARS_MAX)
                    autocomplete="off" enterkeyhint="send" aria-describedby="error" data-on:input="$error = ''"
                    data-on:keydown="if (evt.key === 'Enter' && !evt.shiftKey && !evt.isComposing) { evt.preventDefault(); el.form.requestSubmit() }" {}
                button .button.primary.send type="submit" aria-label="Send" { (icon("M5 12h13M12 5.5l6.5 6.5L12 18.5")) }
            }
        }
    }
}

fn avatar(person: &Person) -> Markup {
    html! { span .avatar aria-hidden="true" title=(person.name) style={ "--who:" (person.hue()) } { (person.initials()) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(by: &Person, text: &str, at_ms: u64) -> Message {
        Message {
            by: by.clone(),
            text: text.to_owned(),
            at_ms,
        }
    }

    #[test]
    fn messages_of_one_person_stand_together_for_a_while() {
        let (ada, bob) = (Person::new("1", None), Person::new("2", None));
        let check = |before: Option<&Message>, said: &Message, expected: bool| {
            assert_eq!(follows(before, said), expected, "{before:?} {said:?}");
        };
        let first = said(&ada, "a", 1_000);
        check(None, &first, false);
        check(Some(&first), &said(&ada, "b", 2_000), true);
        check(Some(&first), &said(&bob, "b", 2_000), false);
        check(Some(&first), &said(&ada, "b", 1_000 + TOGETHER_MS), false);
        let renamed = Person {
            name: "Ada".to_owned(),
            ..ada
        };
        check(Some(&first), &said(&renamed, "b", 2_000), false);
    }

    #[test]
    fn a_page_shows_its_room_and_escapes_what_people_typed() {
        let (me, other) = (
            Person::new("1", Some("<Ada>".to_owned())),
            Person::new("2", Some("Bob".to_owned())),
        );
        let messages = [
            (7, said(&me, "<script>1</script>", 0)),
            (8, said(&other, "hi & ho", 1)),
        ];
        let scene = Scene {
            me: &me,
            room: "tea",
            rooms: &[("lobby".to_owned(), 0), ("tea".to_owned(), 2)],
            people: &[me.clone(), other.clone()],
            messages: &messages,
        };
        let html = page(&scene).into_string();
        for text in [
            "&lt;Ada&gt; (you)",
            "&lt;script&gt;1&lt;/script&gt;",
            "hi &amp; ho",
            "00:00 UTC",
            "id=\"message-8\"",
            "aria-current=\"page\"",
        ] {
            assert!(html.contains(text), "lacks {text}: {html}");
        }
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(html.matches("message mine").count(), 1);
    }
}
