//! Conway's Game of Life in six colours, played by everyone who looks.
//!
//! Time moves five times a second while somebody watches. A tap draws a cross in one's own colour.
//! The page is the same for all, so each frame is rendered and encoded once, whoever watches; what
//! differs between people (my colour, my cursor) lives in signals.

pub mod board;
mod page;
pub mod world;

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::time::Duration;

use hyperstar::{ActionCx, ActionError, App, Assets, Cx, Done, Hub, Reply, Session, View, Viewer};
use look::Siblings;
use serde_json::json;

use crate::board::Colour;
use crate::world::{Place, World};

/// The time between two generations.
const STEP: Duration = Duration::from_millis(200);

#[derive(rust_embed::Embed)]
#[folder = "assets/"]
struct Files;

/// The app, running alone.
pub fn app() -> App {
    app_beside(Siblings::none())
}

/// The app, with links to the examples that run beside it.
pub fn app_beside(siblings: Siblings) -> App {
    let hub = Hub::new();
    let world = hub.live(World::sown(seed()));
    let watching = hub.live(0_usize);

    hub.every(STEP, {
        let (world, watching) = (world.clone(), watching.clone());
        move || {
            // Nobody there to see it: it waits.
            if watching.get() > 0 {
                world.update_if(World::tick);
            }
        }
    });

    let page = View::shared({
        let (world, watching) = (world.clone(), watching.clone());
        move |_cx: Cx| world.with(|world| page::page(world, watching.get(), &siblings))
    })
    .on_join({
        let watching = watching.clone();
        move |viewer: Viewer| {
            watching.update(|people| *people += 1);
            viewer.send(
                Reply::new().signals(&json!({ "ink": colour_of(viewer.session()).number() })),
            );
        }
    })
    .on_leave(move |_| watching.update(|people| *people = people.saturating_sub(1)));

    let change = |change: fn(&mut World)| {
        let world = world.clone();
        move |_cx: ActionCx| {
            world.update(change);
            Done
        }
    };
    App::new(&hub)
        .name("life")
        .title("Game of Life")
        .head(look::head("#12805c"))
        .assets(Assets::embed::<look::Files>())
        .assets(Assets::embed::<Files>())
        .stylesheet("base.css")
        .stylesheet("style.css")
        .page("/", page)
        .action("life/run", change(|world| world.is_running = true))
        .action("life/pause", change(|world| world.is_running = false))
        .action("life/step", change(World::step))
        .action("life/clear", change(World::clear))
        .action("life/random", change(|world| *world = World::sown(seed())))
        .action("life/ink", |cx: ActionCx| -> Result<Done, ActionError> {
            cx.session()
                .set("ink", &Colour::of(cx.arg_as("number")?).number())?;
            Ok(Done)
        })
        .action("life/draw", move |cx: ActionCx| draw(&world, &cx))
}

/// Draws at the signals `x` and `y`, from where this tab's stroke was last.
fn draw(world: &hyperstar::Live<World>, cx: &ActionCx) -> Result<Done, ActionError> {
    let to: Place = cx.signals()?;
    let starts = cx.arg("stroke") == Some("start");
    let from: Option<Place> = if starts { None } else { cx.viewer().get("at") };
    let colour = colour_of(cx.session());
    let at = world.update(|world| world.draw(from, to, colour));
    cx.viewer().set("at", &at);
    Ok(Done)
}

/// A person's colour: the chosen one, or one that follows from who it is.
fn colour_of(session: &Session) -> Colour {
    let chosen: Option<usize> = session.get("ink");
    Colour::of(chosen.unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        session.id().hash(&mut hasher);
        // Any part of a hash is as good as the whole.
        hasher.finish() as usize
    }))
}

fn seed() -> u64 {
    RandomState::new().hash_one("life")
}
