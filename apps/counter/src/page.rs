//! What the counter looks like.

use hyperstar_process::{Action, action};
use look::{bar, foot, here, icon};
use maud::{Markup, html};

/// The reels turn by the number's last digits; past that a float in CSS is no longer exact.
const REEL_TURNS_MAX: u64 = 1_000_000;

/// The page for `count`, looked at by `watching` people.
pub(crate) fn page(count: i64, watching: usize) -> Markup {
    html! {
        (bar("Counter", here(watching, "watching")))
        section .stage {
            (number(count))
            div .controls {
                (button("minus", "Count down", "M5 12h14", on_key("decrement", "h", "-"), "H"))
                (button("reset", "Reset to zero", "M4 4v5h5M4.6 15a8 8 0 1 0 1.2-8.2L4 9", on_key("reset", "r", "0"), "R"))
                (button("plus primary", "Count up", "M12 5v14M5 12h14", on_key("increment", "l", "+"), "L"))
            }
            p .hint { "Open this page twice, or hand its address to someone." }
        }
        (foot("Counter"))
    }
}

/// The count as an odometer: one reel a digit, turned by CSS to where `--v` says. A screen reader
/// and a browser without CSS see the plain number instead.
fn number(count: i64) -> Markup {
    let digits = count.unsigned_abs().to_string();
    html! {
        output .sr-only #count aria-live="polite" { (count) }
        div .odometer aria-hidden="true" style={ "--digits:" (digits.len() + usize::from(count < 0)) } {
            @if count < 0 { span #sign .sign { "\u{2212}" } }
            @for place in (0..digits.len()).rev() {
                span .reel id={ "reel-" (place) } style={ "--v:" (turns(count, place)) } {}
            }
        }
    }
}

/// How many digits the reel of this place has turned through: it keeps on turning past nine.
fn turns(count: i64, place: usize) -> u64 {
    let unit = u32::try_from(place)
        .ok()
        .and_then(|place| 10u64.checked_pow(place));
    unit.map_or(0, |unit| count.unsigned_abs() / unit % REEL_TURNS_MAX)
}

struct Key {
    action: &'static str,
    letter: &'static str,
    sign: &'static str,
}

fn on_key(action: &'static str, letter: &'static str, sign: &'static str) -> Key {
    Key {
        action,
        letter,
        sign,
    }
}

impl Key {
    /// The action for a key press, unless the key belongs to the browser (say Ctrl-R).
    fn pressed(&self) -> Action {
        let Self {
            action: name,
            letter,
            sign,
        } = self;
        action(name).when(format!(
            "['{letter}', '{sign}'].includes(evt.key.toLowerCase()) && !evt.ctrlKey && !evt.metaKey && !evt.altKey"
        ))
    }
}

fn button(class: &str, label: &str, line: &str, key: Key, hint: &str) -> Markup {
    html! {
        div .control {
            button .button .(class) type="button" aria-label=(label) aria-keyshortcuts=(hint)
                data-on:click=(action(key.action))
                data-on:keydown__window=(key.pressed()) {
                (icon(line))
            }
            kbd .keys aria-hidden="true" { (hint) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reel_turns_on_past_nine() {
        let check = |count: i64, expected: &[u64]| {
            let got: Vec<u64> = (0..expected.len())
                .map(|place| turns(count, place))
                .collect();
            assert_eq!(got, expected, "{count}");
        };
        check(0, &[0]);
        check(9, &[9, 0]);
        check(10, &[10, 1]);
        check(-123, &[123, 12, 1]);
        check(i64::MIN, &[775_808, 477_580, 547_758]);
    }

    #[test]
    fn every_count_has_its_number_of_digits() {
        let check = |count: i64, digits: usize| {
            let html = number(count).into_string();
            assert!(html.contains(&format!(">{count}</output>")), "{html}");
            assert!(html.contains(&format!("--digits:{digits}\"")), "{html}");
        };
        check(0, 1);
        check(-7, 2);
        check(1_000, 4);
        check(i64::MIN, 20);
    }
}
