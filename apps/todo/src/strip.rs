//! The strip below the list: undo, the slider over the past, and what stands above a list of the past.

use hyperstar_process::{Action, action};
use look::clock::rfc3339;
use look::icon;
use maud::{Markup, html};

use crate::list::Show;
use crate::past::{Moment, Past, Step, address};

/// Keeps the place that the slider was moved to, whatever becomes of the slider meanwhile. Its end is now.
const SLID: &str = "$place = +el.value < +el.max ? +el.value : -1";
/// How long ago, in the words of where the person is; again as time goes by.
const AGO: &str = "const at = new Date(el.dateTime), s = (Date.now() - at) / 1000; el.title = at.toLocaleString(); \
    el.textContent = s < 60 ? 'just now' : s < 3600 ? Math.floor(s / 60) + ' min ago' : s < 86400 ? Math.floor(s / 3600) + ' h ago' : at.toLocaleDateString()";
/// Copies the link; where that is not allowed, it is a link like another.
const COPY: &str = "navigator.clipboard && (evt.preventDefault(), navigator.clipboard.writeText(el.href).then(\
    () => { $_copied = true; setTimeout(() => $_copied = false, 2000) }, () => location.assign(el.href)))";

const CLOCK: &str = "M12 7v5l3 2M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z";
const BACK: &str = "M9 14L4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3";
const OLDER: &str = "M15 6l-6 6 6 6";
const NEWER: &str = "M9 6l6 6-6 6";
const LINK: &str = "M10 13a5 5 0 0 0 7.5.5l3-3a5 5 0 0 0-7-7l-1.7 1.7M14 11a5 5 0 0 0-7.5-.5l-3 3a5 5 0 0 0 7 7l1.7-1.7";

/// The strip. `at` is the moment that is shown; now, if there is none.
///
/// It costs the same however long the history is: the slider has numbers, and the page has addresses of
/// what is shown and of its neighbours alone.
pub(crate) fn strip(past: &Past, at: Option<&Moment>, show: Show) -> Markup {
    let place = at.map_or(past.newest, |moment| moment.number);
    let shown = at.or(past.last.as_ref());
    let older = Some(place - 1).filter(|number| *number >= past.oldest);
    let newer = Some(place + 1).filter(|number| *number < past.newest);
    html! {
        section .history aria-label="History" {
            div .travel {
                @if at.is_none() { (undo(past.undoable.as_ref())) }
                (step("Older", OLDER, older.map(|number| address(show, Some(number)))))
                (slider(past, place, at, show))
                (step("Newer", NEWER, at.map(|_| address(show, newer))))
            }
            div .told {
                p #moment { (label(at, shown)) }
                @if let Some(moment) = shown { (copy(moment.number)) }
            }
        }
    }
}

fn undo(next: Option<&Moment>) -> Markup {
    let told = match next {
        Some(moment) => format!("Undo: {}", moment.step.what),
        None => "Nothing to undo".to_owned(),
    };
    // The page says what it wants undone: two people who press at once undo the same.
    let call = next.map(|moment| action("undo").arg("what", moment.number));
    html! {
        button #undo .button type="button" disabled[next.is_none()] title=(told) aria-label=(told)
            data-on:click=[call.as_ref().map(Action::to_string)] { (icon(BACK)) span { "Undo" } }
    }
}

fn slider(past: &Past, place: u64, at: Option<&Moment>, show: Show) -> Markup {
    let told = match at {
        Some(Moment { step, .. }) => format!("{}: {}", written(step), step.what),
        None => "Now".to_owned(),
    };
    let look = action("look").arg("show", show.word());
    let (oldest, newest) = (past.oldest, past.newest);
    let is_still = oldest == newest;
    // A slider without a range stands at its beginning, and now is at the end.
    let oldest = if is_still {
        newest.saturating_sub(1)
    } else {
        oldest
    };
    // A morph sets a value before the bounds that it is to be within. While the person is ahead of the
    // page, the slider stays where they moved it.
    let placed = format!(
        "el.min = {oldest}; el.max = {newest}; @peek(() => $place === $_answered) && (el.value = {place})"
    );
    html! {
        input #place type="range" min=(oldest) max=(newest) value=(place) step="1" disabled[is_still]
            aria-label="History" aria-valuetext=(told) data-preserve-attr="value" data-effect=(placed)
            data-on:input=(SLID) "data-on:input__debounce.120ms"=(look);
    }
}

/// Leads one change further; to a person without JavaScript too.
fn step(name: &str, line: &str, to: Option<String>) -> Markup {
    html! {
        @match to {
            Some(to) => a id=(name.to_lowercase()) .step href=(to) data-hs-go="replace" aria-label=(name) title=(name) { (icon(line)) },
            None => span .step aria-hidden="true" { (icon(line)) },
        }
    }
}

fn label(at: Option<&Moment>, shown: Option<&Moment>) -> Markup {
    html! {
        @match (at, shown) {
            (Some(moment), _) => { (ago(moment)) ": " b { (moment.step.what) } }
            (None, Some(last)) => { b { "Now" } " \u{b7} " (last.step.what) ", " (ago(last)) }
            (None, None) => { "Nothing has happened yet." }
        }
    }
}

fn copy(number: u64) -> Markup {
    html! {
        a #copy .copy href=(address(Show::All, Some(number))) title="A link to the list as it is shown" data-on:click=(COPY) {
            (icon(LINK)) span data-text="$_copied ? 'Copied' : 'Copy link'" { "Copy link" }
        }
    }
}

/// What stands above a list of the past, in place of the field for what is new.
pub(crate) fn banner(Moment { number, step }: &Moment, show: Show) -> Markup {
    let restore = action("restore").arg("at", number).arg("show", show.word());
    html! {
        div #past .card.banner role="status" {
            (icon(CLOCK))
            p { b { "You are looking at the past." } " "
                time id={ "at-" (number) } datetime=(rfc3339(step.at_ms)) data-ignore-morph
                    data-init="el.textContent = new Date(el.dateTime).toLocaleString([], {dateStyle: 'medium', timeStyle: 'short'})" { (written(step)) } }
            div .ways {
                a #now .button href=(address(show, None)) data-hs-go="replace" { "Back to now" }
                button #restore .button.primary type="button" data-on:click=(restore) { "Bring this back" }
            }
        }
    }
}

/// The page for a link to a moment that there is not.
pub(crate) fn lost() -> Markup {
    html! {
        section .list {
            div .card.lost {
                (icon(CLOCK))
                h2 { "This moment is not kept" }
                p { "The link may have been cut short, or it is so old that the list has let go of it: only the latest changes are kept." }
                a #now .button.primary href="/" data-hs-go="replace" { "See the list as it is now" }
            }
        }
    }
}

fn ago(Moment { number, step }: &Moment) -> Markup {
    html! {
        time id={ "ago-" (number) } datetime=(rfc3339(step.at_ms)) data-ignore-morph
            "data-on-interval__duration.20s.leading"=(AGO) { (written(step)) }
    }
}

/// For who has no JavaScript: where the person is it is another hour than where the server is.
fn written(step: &Step) -> String {
    let at = rfc3339(step.at_ms);
    format!("{} {} UTC", &at[..10], &at[11..16])
}
