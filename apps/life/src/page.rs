//! What the game looks like.

use std::fmt::Write;

use hyperstar_process::action;
use look::{bar, foot, here, icon};
use maud::{Markup, html};

use crate::board::{Board, COLOURS, Cell, Colour, SIDE, places};
use crate::world::World;

/// What the colours are called, in their order.
const NAMES: [&str; COLOURS] = ["coral", "amber", "lime", "sky", "violet", "rose"];

/// The place under the pointer, into the signals `x` and `y`.
const POINT: &str = "$x = Math.floor(64 * evt.offsetX / el.clientWidth), \
    $y = Math.floor(64 * evt.offsetY / el.clientHeight)";

/// Arrow keys move the cursor, which is at the signals `x` and `y`; around the edges, like all here.
const MOVE: &str = "const go = {ArrowLeft: [63, 0], ArrowRight: [1, 0], ArrowUp: [0, 63], ArrowDown: [0, 1]}[evt.key]; \
    if (go) { evt.preventDefault(); $x = ($x + go[0]) % 64; $y = ($y + go[1]) % 64 }; ";

/// The page: the same for everyone, so it is rendered once however many play. Which colour is mine
/// and where my cursor is are signals.
pub(crate) fn page(world: &World, watching: usize) -> Markup {
    html! {
        (bar("Game of Life", here(watching, "playing")))
        section .game data-signals="{x: 32, y: 32, ink: 0}" {
            (board(&world.board))
            div .panel {
                p .stats { span { b { (world.generation) } " generations" } span { b { (world.board.population()) } " alive" } }
                (inks())
                (controls(world.is_running))
            }
        }
        (foot("Life"))
    }
}

/// One handler for the whole board: 4,096 cells would be 4,096 handlers.
fn board(board: &Board) -> Markup {
    let start = || action("draw").arg("stroke", "start");
    html! {
        div #board .board tabindex="0" role="application"
            aria-label="The world. Arrow keys move the cursor, Enter draws a cross."
            data-on:pointerdown=(start().when("evt.button === 0").after_running(POINT))
            "data-on:pointermove__throttle.40ms"=(action("draw").when("evt.buttons & 1").after_running(POINT))
            data-on:keydown={ (MOVE) (start().when("['Enter', ' '].includes(evt.key)").after_running("evt.preventDefault()")) } {
            svg viewBox={ "0 0 " (SIDE) " " (SIDE) } aria-hidden="true" {
                g #cells transform="translate(.5 .5)" {
                    path .ember d=(dots(board, Cell::Ember)) {}
                    @for colour in Colour::all() {
                        path .{ "ink-" (colour.number()) } d=(dots(board, Cell::Alive(colour))) {}
                    }
                }
                rect #cursor width="1" height="1" data-ignore-morph
                    data-attr:x="$x" data-attr:y="$y" data-attr:class="`ink-${$ink}`" {}
            }
        }
    }
}

/// One path for all cells of a kind: a dot each, drawn by the round ends of a line without length.
/// Seven elements are cheap to send and to morph, four thousand are not.
fn dots(board: &Board, kind: Cell) -> String {
    let mut path = String::new();
    let (mut from_x, mut from_y) = (0, 0);
    for (x, y) in places().filter(|(x, y)| board.get(*x, *y) == kind) {
        if path.is_empty() {
            let _ = write!(path, "M{x} {y}h0");
        } else {
            // A board is 64 wide, so neither wraps.
            let _ = write!(path, "m{} {}h0", x as i32 - from_x, y as i32 - from_y);
        }
        (from_x, from_y) = (x as i32, y as i32);
    }
    path
}

fn inks() -> Markup {
    html! {
        div .inks role="group" aria-label="Your colour" {
            @for (number, name) in NAMES.iter().enumerate() {
                button .{ "ink ink-" (number) } type="button" title=(name) aria-label={ "Draw in " (name) }
                    data-preserve-attr="aria-pressed" data-attr:aria-pressed={ "`${$ink === " (number) "}`" }
                    data-on:click=(action("ink").arg("number", number).after_running(format!("$ink = {number}"))) {}
            }
        }
    }
}

fn controls(is_running: bool) -> Markup {
    html! {
        div .controls {
            @if is_running {
                button #run .button.primary type="button" data-on:click=(action("pause")) { (icon("M8 5v14M16 5v14")) "Pause" }
            } @else {
                button #run .button.primary type="button" data-on:click=(action("run")) { (icon("M7 4.5v15l12-7.5z")) "Run" }
            }
            button #step .button type="button" data-on:click=(action("step")) { (icon("M6 5v14l9-7zM19 5v14")) "Step" }
            button #random .button type="button" data-on:click=(action("random")) { (icon("M4 7h3l9 10h4m0 0-2.5-2.5M20 17l-2.5 2.5M4 17h3l2.5-2.8M13 10l3-3h4m0 0-2.5-2.5M20 7l-2.5 2.5")) "Random" }
            button #clear .button type="button" data-on:click=(action("clear")) { (icon("M6 6l12 12M18 6L6 18")) "Clear" }
        }
        p .hint { "Tap or drag on the board: everyone sees your colour." }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_one_short_path_a_kind() {
        let mut board = Board::default();
        let check =
            |board: &Board, kind: Cell, expected: &str| assert_eq!(dots(board, kind), expected);
        check(&board, Cell::Ember, "");
        board.set(3, 4, Cell::Ember);
        board.cross(9, 4, Colour::of(1));
        check(&board, Cell::Ember, "M3 4h0");
        check(
            &board,
            Cell::Alive(Colour::of(1)),
            "M9 3h0m-1 1h0m1 0h0m1 0h0m-1 1h0",
        );
        check(&board, Cell::Alive(Colour::of(0)), "");
    }

    #[test]
    fn a_lively_page_is_a_few_elements_and_some_kilobytes() {
        let mut world = World::sown(1);
        world.step();
        let html = page(&world, 1).into_string();
        assert!(html.len() < 16 * 1024, "{}", html.len());
        assert!(
            html.matches('<').count() < 120,
            "{}",
            html.matches('<').count()
        );
    }
}
