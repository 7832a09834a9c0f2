//! Conway's Game of Life in six colours, played by everyone who looks.
//!
//! Time moves five times a second while somebody watches. A tap draws a cross in one's own colour.
//! The page is the same for all, so each frame is rendered and encoded once, whoever watches; what
//! differs between people (my colour, my cursor) lives in signals.
//!
//! The world is kept every ten seconds: a crash costs a few generations, which nobody has promised to
//! anybody, and a tick costs no write.

#[cfg(feature = "app")]
mod board;
#[cfg(feature = "app")]
mod page;
#[cfg(feature = "app")]
mod world;

use hyperstar_process::hyperapp;
#[cfg(feature = "app")]
use {
    crate::board::Colour,
    crate::world::{Place, World},
    hyperstar_process::{Cx, Reply, Session, State, Viewer},
    maud::Markup,
    serde_json::json,
    std::collections::BTreeMap,
    std::hash::{DefaultHasher, Hash, Hasher},
};

/// The most people whose choice of a colour is remembered; of more, some get the one that they had at first.
#[cfg(feature = "app")]
const INKS_MAX: usize = 10_000;

/// The world, and who plays.
#[cfg(feature = "app")]
#[derive(Debug, Default, State)]
pub struct Life {
    world: World,
    /// The tabs that watch, and where each one's stroke was last.
    #[state(skip)]
    players: BTreeMap<String, Option<Place>>,
    /// The colours that people chose, by their sessions.
    #[state(skip)]
    inks: BTreeMap<String, Colour>,
}

#[hyperapp(
    name = "Game of Life",
    icon = "🌱",
    save = EveryNSeconds(10),
    ui = ["../look/assets", "assets"],
    features
)]
impl Life {
    #[view("/")]
    fn page(&self) -> Markup {
        page::page(&self.world, self.players.len())
    }

    /// A generation on, if somebody is there to see it. Without a change nothing is touched, so that no page
    /// is rendered.
    #[every("200ms")]
    async fn tick(cx: Cx<Self>) {
        if cx.read(|life| life.world.is_running && !life.players.is_empty()) {
            cx.with(|life| life.world.step());
        }
    }

    /// The page is the same for everyone; which colour is whose, each tab is told.
    #[join]
    fn join(&mut self, who: &Viewer) -> Reply {
        self.players.entry(who.tab().to_owned()).or_default();
        Reply::new().signals(&json!({ "ink": self.colour_of(who.session()).number() }))
    }

    #[leave]
    fn leave(&mut self, who: &Viewer) {
        self.players.remove(who.tab());
    }

    #[action]
    fn run(&mut self) {
        self.world.is_running = true;
    }

    #[action]
    fn pause(&mut self) {
        self.world.is_running = false;
    }

    #[action]
    fn step(&mut self) {
        self.world.step();
    }

    #[action]
    fn clear(&mut self) {
        self.world.clear();
    }

    #[action]
    fn random(&mut self, cx: &Cx) {
        self.world = World::sown(u64::from_le_bytes(cx.random()));
    }

    #[action]
    fn ink(&mut self, who: &Session, number: usize) {
        if self.inks.len() >= INKS_MAX {
            self.inks.pop_first();
        }
        self.inks.insert(who.id().to_owned(), Colour::of(number));
    }

    /// Draws at a place, from where this tab's stroke was last.
    #[action]
    fn draw(&mut self, who: &Viewer, x: i64, y: i64, stroke: Option<&str>) {
        let colour = self.colour_of(who.session());
        let player = self.players.get_mut(who.tab());
        let from = match (stroke, &player) {
            (Some("start"), _) | (_, None) => None,
            (_, Some(at)) => **at,
        };
        let at = self.world.draw(from, Place { x, y }, colour);
        if let Some(player) = player {
            *player = at;
        }
    }

    /// A person's colour: the chosen one, or one that follows from who it is.
    fn colour_of(&self, who: &Session) -> Colour {
        self.inks.get(who.id()).copied().unwrap_or_else(|| {
            let mut hasher = DefaultHasher::new();
            who.id().hash(&mut hasher);
            // Any part of a hash is as good as the whole.
            Colour::of(hasher.finish() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperstar_process::test::Process;
    use serde_json::Value;

    fn watched() -> Process<Life> {
        let mut process = Process::new();
        act(&mut process, "join", &[], json!({}));
        process
    }

    fn act(process: &mut Process<Life>, name: &str, arguments: &[(&str, &str)], signals: Value) {
        process.action(name, arguments, &signals).expect(name);
    }

    /// What the page says: so many generations, so many alive.
    fn stats(process: &mut Process<Life>) -> (u64, u64) {
        let html = process.render("/").expect("a page").html;
        let number = |after: &str| {
            let before = html.split_once(after).expect(after).0;
            let digits = before.rsplit("<b>").next().expect("a number");
            digits.parse().expect("a number")
        };
        (number("</b> generations"), number("</b> alive"))
    }

    #[test]
    fn time_moves_while_it_runs_and_somebody_watches() {
        let mut process = Process::<Life>::new();
        process.advance_ms(1_000);
        assert_eq!(stats(&mut process).0, 0, "nobody is there to see it");
        let mut process = watched();
        process.advance_ms(1_000);
        assert_eq!(stats(&mut process).0, 5);
        act(&mut process, "pause", &[], json!({}));
        process.advance_ms(1_000);
        assert_eq!(stats(&mut process).0, 5);
        act(&mut process, "step", &[], json!({}));
        act(&mut process, "run", &[], json!({}));
        process.advance_ms(200);
        assert_eq!(stats(&mut process).0, 7);
        act(&mut process, "leave", &[], json!({}));
        process.advance_ms(1_000);
        assert_eq!(stats(&mut process).0, 7);
    }

    #[test]
    fn the_world_is_kept_now_and_then_and_not_with_each_tick() {
        let mut process = watched();
        let before = process.commits().len();
        process.advance_ms(9_000);
        assert_eq!(process.commits().len(), before);
        process.advance_ms(2_000);
        assert_eq!(process.commits().len(), before + 1);
        process.restart();
        let (generation, _) = stats(&mut process);
        assert!((45..=55).contains(&generation), "{generation}");
    }

    #[test]
    fn a_stroke_goes_on_where_it_was_in_the_colour_of_who_draws() {
        let mut process = watched();
        act(&mut process, "clear", &[], json!({}));
        act(&mut process, "ink", &[("number", "4")], json!({}));
        let start = [("stroke", "start")];
        act(&mut process, "draw", &start, json!({ "x": 5, "y": 5 }));
        act(&mut process, "draw", &[], json!({ "x": 8, "y": 5 }));
        assert_eq!(stats(&mut process), (0, 14));
        act(&mut process, "draw", &start, json!({ "x": 20, "y": 20 }));
        act(&mut process, "draw", &[], json!({ "x": 99, "y": -1 }));
        assert_eq!(stats(&mut process), (0, 19));
        let html = process.render("/").expect("a page").html;
        let drawn = html.split_once("ink-4\" d=\"M").expect("a colour").1;
        assert!(drawn.starts_with("5 4h0"), "{drawn}");
        for signals in [
            json!({}),
            json!({ "x": 1e300, "y": 1 }),
            json!({ "x": "a", "y": 1 }),
        ] {
            assert!(process.action("draw", &[], &signals).is_err(), "{signals}");
        }
    }
}
