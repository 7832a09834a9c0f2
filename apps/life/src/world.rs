//! The game around the board: how far it is, and whether it runs.

use crate::board::{Board, Colour, SIDE};

/// What everyone who plays shares.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct World {
    /// The cells.
    pub(crate) board: Board,
    /// How many steps were made since the board was last sown or cleared.
    pub(crate) generation: u64,
    /// Whether time moves on.
    pub(crate) is_running: bool,
}

impl Default for World {
    /// A lively one, always the same.
    fn default() -> Self {
        Self::sown(0)
    }
}

impl World {
    /// A running world, sown at random.
    pub(crate) fn sown(seed: u64) -> Self {
        Self {
            board: Board::random(seed),
            generation: 0,
            is_running: true,
        }
    }

    /// One generation on.
    pub(crate) fn step(&mut self) {
        self.board = self.board.step();
        self.generation += 1;
    }

    /// An empty world; running or not as before.
    pub(crate) fn clear(&mut self) {
        self.board = Board::default();
        self.generation = 0;
    }

    /// Draws from one place to the next, or at one place alone. Places that are not on the board, say
    /// of a finger that left it, draw nothing. Answers where the stroke is now.
    pub(crate) fn draw(&mut self, from: Option<Place>, to: Place, colour: Colour) -> Option<Place> {
        let to = to.on_board()?;
        let from = from.and_then(Place::on_board).unwrap_or(to);
        self.board.stroke(from.pair(), to.pair(), colour);
        Some(to)
    }
}

/// A place as a browser says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// From the left.
    pub(crate) x: i64,
    /// From the top.
    pub(crate) y: i64,
}

impl Place {
    fn on_board(self) -> Option<Self> {
        let side = 0..SIDE as i64;
        (side.contains(&self.x) && side.contains(&self.y)).then_some(self)
    }

    /// Of a place on the board, which fits.
    fn pair(self) -> (usize, usize) {
        (self.x as usize, self.y as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_is_cleared_as_it_runs_or_not() {
        let mut world = World::sown(3);
        world.step();
        assert_eq!(world.generation, 1);
        world.is_running = false;
        world.clear();
        assert_eq!(
            (world.generation, world.board.population(), world.is_running),
            (0, 0, false)
        );
    }

    #[test]
    fn a_stroke_is_drawn_from_where_it_was_and_only_on_the_board() {
        let place = |x, y| Place { x, y };
        let check = |from: Option<Place>, to: Place, population: usize, at: Option<Place>| {
            let mut world = World::default();
            world.clear();
            assert_eq!(
                world.draw(from, to, Colour::of(1)),
                at,
                "{from:?} to {to:?}"
            );
            assert_eq!(world.board.population(), population, "{from:?} to {to:?}");
        };
        check(None, place(5, 5), 5, Some(place(5, 5)));
        check(Some(place(3, 5)), place(5, 5), 11, Some(place(5, 5)));
        check(Some(place(-3, 5)), place(5, 5), 5, Some(place(5, 5)));
        check(None, place(64, 5), 0, None);
        check(Some(place(1, 1)), place(5, -1), 0, None);
        check(None, place(i64::MAX, i64::MIN), 0, None);
    }
}
