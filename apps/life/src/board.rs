//! The world: a torus of cells with Conway's rules, where cells have colours.
//!
//! Pure: no clock, no randomness but the seed that it is given.

/// Cells along each side.
pub(crate) const SIDE: usize = 64;
const CELLS: usize = SIDE * SIDE;

/// How many colours there are.
pub(crate) const COLOURS: usize = 6;

/// The colour of a living cell: a number below [`COLOURS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(u8);

impl Colour {
    /// The colour of this number, counted round and round.
    pub(crate) fn of(number: usize) -> Self {
        Self(u8::try_from(number % COLOURS).unwrap_or_default())
    }

    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..COLOURS).map(Self::of)
    }

    /// Its number, below [`COLOURS`].
    pub(crate) fn number(self) -> usize {
        usize::from(self.0)
    }
}

/// One place of the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Nothing lives here.
    #[default]
    Empty,
    /// Something died here in the last step; it glows once more and counts as empty.
    Ember,
    /// Something lives here.
    Alive(Colour),
}

impl Cell {
    /// The colour of what lives here.
    pub(crate) fn colour(self) -> Option<Colour> {
        match self {
            Self::Alive(colour) => Some(colour),
            _ => None,
        }
    }
}

/// The cells of a world without edges: what leaves on one side comes in on the other.
///
/// It is kept as a text that is short where cells repeat.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Board {
    cells: Vec<Cell>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            cells: vec![Cell::Empty; CELLS],
        }
    }
}

impl Board {
    /// A world with life in about a quarter of its places, in drifts of one colour each. The same
    /// seed gives the same world.
    pub(crate) fn random(seed: u64) -> Self {
        let mut noise = Noise(seed);
        // Each colour has a few homes; a cell takes the colour of the nearest.
        let homes: Vec<(usize, usize)> = (0..COLOURS * 2)
            .map(|_| (noise.below(SIDE), noise.below(SIDE)))
            .collect();
        let mut board = Self::default();
        for (x, y) in places() {
            if noise.below(100) < 26 {
                let nearest = (0..homes.len()).min_by_key(|home| distance((x, y), homes[*home]));
                board.set(x, y, Cell::Alive(Colour::of(nearest.unwrap_or_default())));
            }
        }
        board
    }

    /// The cell at a place; coordinates past an edge come in on the other side.
    pub(crate) fn get(&self, x: usize, y: usize) -> Cell {
        self.cells[at(x, y)]
    }

    /// Puts a cell at a place.
    pub(crate) fn set(&mut self, x: usize, y: usize, cell: Cell) {
        self.cells[at(x, y)] = cell;
    }

    /// How many cells live.
    pub(crate) fn population(&self) -> usize {
        self.cells
            .iter()
            .filter(|cell| cell.colour().is_some())
            .count()
    }

    /// The world one generation on. A cell with two or three living neighbours stays, an empty place
    /// with three is born in the colour that most of its parents have.
    #[must_use]
    pub(crate) fn step(&self) -> Self {
        let mut next = Self::default();
        for (x, y) in places() {
            let mut neighbours = [0_u8; COLOURS];
            let mut first = None;
            for (dx, dy) in AROUND {
                if let Some(colour) = self.get(x + dx, y + dy).colour() {
                    neighbours[colour.number()] += 1;
                    first = first.or(Some(colour));
                }
            }
            let count: u8 = neighbours.iter().sum();
            let cell = match (self.get(x, y), count) {
                (Cell::Alive(colour), 2 | 3) => Cell::Alive(colour),
                (Cell::Alive(_), _) => Cell::Ember,
                (_, 3) => Colour::all()
                    .find(|colour| neighbours[colour.number()] >= 2)
                    // Three parents of three colours: it takes after the first in reading order.
                    .or(first)
                    .map_or(Cell::Empty, Cell::Alive),
                _ => Cell::Empty,
            };
            next.set(x, y, cell);
        }
        next
    }

    /// Draws a cross of five cells around a place.
    pub(crate) fn cross(&mut self, x: usize, y: usize, colour: Colour) {
        for (dx, dy) in CROSS {
            self.set(x % SIDE + dx, y % SIDE + dy, Cell::Alive(colour));
        }
    }

    /// Draws crosses along the straight line between two places, both included.
    pub(crate) fn stroke(&mut self, from: (usize, usize), to: (usize, usize), colour: Colour) {
        let (from, to) = ((from.0 % SIDE, from.1 % SIDE), (to.0 % SIDE, to.1 % SIDE));
        let steps = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1)).max(1);
        let between =
            |a: usize, b: usize, step: usize| (a * (steps - step) + b * step + steps / 2) / steps;
        for step in 0..=steps {
            self.cross(
                between(from.0, to.0, step),
                between(from.1, to.1, step),
                colour,
            );
        }
    }
}

/// A cell as a letter.
const LETTERS: &[u8; 2 + COLOURS] = b".*abcdef";

impl From<Board> for String {
    /// Row by row, a letter for each cell; before one that repeats, how often: `4090.a2*3b`.
    fn from(board: Board) -> Self {
        let mut text = Self::new();
        for run in board.cells.chunk_by(|one, next| one == next) {
            if run.len() > 1 {
                text.push_str(&run.len().to_string());
            }
            let place = match run[0] {
                Cell::Empty => 0,
                Cell::Ember => 1,
                Cell::Alive(colour) => 2 + colour.number(),
            };
            text.push(char::from(LETTERS[place]));
        }
        text
    }
}

impl TryFrom<String> for Board {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut cells = Vec::with_capacity(CELLS);
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(NO_BOARD)?;
            let count = match &rest[..end] {
                "" => 1,
                digits => digits.parse().map_err(|_| NO_BOARD)?,
            };
            let letter = rest.as_bytes()[end];
            let place = LETTERS.iter().position(|one| *one == letter);
            let cell = match place.ok_or(NO_BOARD)? {
                0 => Cell::Empty,
                1 => Cell::Ember,
                number => Cell::Alive(Colour::of(number - 2)),
            };
            if count > CELLS - cells.len() {
                return Err(NO_BOARD);
            }
            cells.resize(cells.len() + count, cell);
            rest = &rest[end + 1..];
        }
        match cells.len() {
            CELLS => Ok(Self { cells }),
            _ => Err(NO_BOARD),
        }
    }
}

const NO_BOARD: &str =
    "a board is 4,096 cells: letters of `.*abcdef`, before each how often it repeats";

/// One step back on a torus.
const BACK: usize = SIDE - 1;
const AROUND: [(usize, usize); 8] = [
    (BACK, BACK),
    (0, BACK),
    (1, BACK),
    (BACK, 0),
    (1, 0),
    (BACK, 1),
    (0, 1),
    (1, 1),
];
const CROSS: [(usize, usize); 5] = [(0, 0), (0, BACK), (BACK, 0), (1, 0), (0, 1)];

fn at(x: usize, y: usize) -> usize {
    y % SIDE * SIDE + x % SIDE
}

/// Every place, row by row.
pub(crate) fn places() -> impl Iterator<Item = (usize, usize)> {
    (0..CELLS).map(|place| (place % SIDE, place / SIDE))
}

/// The square of the distance on the torus.
fn distance(a: (usize, usize), b: (usize, usize)) -> usize {
    let along = |a: usize, b: usize| a.abs_diff(b).min(SIDE - a.abs_diff(b));
    along(a.0, b.0).pow(2) + along(a.1, b.1).pow(2)
}

/// Random enough for a game (SplitMix64).
struct Noise(u64);

impl Noise {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        // Below `end`, so it fits whatever a usize is.
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A world from a drawing: a digit is a living cell of that colour.
    fn drawn(x: usize, y: usize, rows: &[&str]) -> Board {
        let mut board = Board::default();
        for (dy, row) in rows.iter().enumerate() {
            for (dx, c) in row.chars().enumerate() {
                if let Some(digit) = c.to_digit(10) {
                    board.set(x + dx, y + dy, Cell::Alive(Colour::of(digit as usize)));
                }
            }
        }
        board
    }

    fn alive(board: &Board) -> Vec<(usize, usize)> {
        places()
            .filter(|(x, y)| board.get(*x, *y).colour().is_some())
            .collect()
    }

    fn after(steps: usize, mut board: Board) -> Board {
        for _ in 0..steps {
            board = board.step();
        }
        board
    }

    #[test]
    fn still_lifes_stay_and_blinkers_blink() {
        let block = drawn(10, 10, &["11", "11"]);
        assert_eq!(block.step(), block);
        let flat = drawn(10, 10, &["111"]);
        let tall = drawn(11, 9, &["1", "1", "1"]);
        assert_eq!(alive(&flat.step()), alive(&tall));
        assert_eq!(alive(&after(2, flat.clone())), alive(&flat));
    }

    #[test]
    fn a_glider_glides_also_across_the_edge() {
        let glider = [".1.", "..1", "111"];
        let check = |x: usize, y: usize| {
            let later = after(4, drawn(x, y, &glider));
            assert_eq!(
                alive(&later),
                alive(&drawn(x + 1, y + 1, &glider)),
                "from {x}, {y}"
            );
        };
        check(5, 5);
        check(SIDE - 2, SIDE - 2);
        check(SIDE - 1, 0);
        let start = drawn(3, 3, &glider);
        assert_eq!(
            alive(&after(4 * SIDE, start.clone())),
            alive(&start),
            "once around the world"
        );
    }

    #[test]
    fn a_cell_without_company_or_in_a_crowd_becomes_an_ember_and_then_nothing() {
        let lonely = drawn(5, 5, &["3"]).step();
        assert_eq!(lonely.get(5, 5), Cell::Ember);
        assert_eq!(lonely.population(), 0);
        assert_eq!(lonely.step(), Board::default());
        let crowd = drawn(5, 5, &["111", "111", "111"]).step();
        assert_eq!(crowd.get(6, 6), Cell::Ember);
    }

    #[test]
    fn a_newborn_takes_the_colour_of_most_of_its_parents() {
        let check = |rows: &[&str], expected: usize| {
            // The place that is born is the one above the middle of the bottom row.
            let born = drawn(20, 20, rows).step().get(21, 21);
            assert_eq!(born, Cell::Alive(Colour::of(expected)), "{rows:?}");
        };
        check(&["...", "...", "222"], 2);
        check(&["...", "...", "232"], 2);
        check(&["4..", "...", "1.1"], 1);
        check(&["...", "...", "533"], 3);
        // All different: the first in reading order.
        check(&["4..", "...", "1.2"], 4);
        check(&["...", "...", "503"], 5);
    }

    #[test]
    fn a_cross_reaches_over_the_edges() {
        let check = |x: usize, y: usize, mut expected: Vec<(usize, usize)>| {
            let mut board = Board::default();
            board.cross(x, y, Colour::of(2));
            expected.sort_by_key(|(x, y)| (*y, *x));
            assert_eq!(alive(&board), expected, "at {x}, {y}");
        };
        let last = SIDE - 1;
        check(9, 9, vec![(9, 8), (8, 9), (9, 9), (10, 9), (9, 10)]);
        check(0, 0, vec![(0, last), (last, 0), (0, 0), (1, 0), (0, 1)]);
        check(
            last,
            last,
            vec![
                (last, last - 1),
                (last - 1, last),
                (last, last),
                (0, last),
                (last, 0),
            ],
        );
        // Whatever a browser sends is a place.
        check(
            SIDE + 9,
            usize::MAX - last + 9,
            vec![(9, 8), (8, 9), (9, 9), (10, 9), (9, 10)],
        );
    }

    #[test]
    fn a_stroke_leaves_no_gap() {
        let check = |from: (usize, usize), to: (usize, usize), expected: usize| {
            let mut board = Board::default();
            board.stroke(from, to, Colour::of(0));
            for (x, y) in [from, to] {
                assert!(board.get(x, y).colour().is_some(), "{from:?} to {to:?}");
            }
            assert_eq!(board.population(), expected, "{from:?} to {to:?}");
        };
        check((5, 5), (5, 5), 5);
        check((5, 5), (8, 5), 3 * 4 + 2);
        check((8, 5), (5, 5), 3 * 4 + 2);
        check((5, 5), (7, 7), 5 + 3 + 3);
        check((2, 2), (10, 4), 5 + 6 * 3 + 2 * 3);
    }

    #[test]
    fn a_random_world_is_lively_and_the_same_for_the_same_seed() {
        let board = Board::random(7);
        assert_eq!(board, Board::random(7));
        assert_ne!(board, Board::random(8));
        assert!(
            (800..1_400).contains(&board.population()),
            "{}",
            board.population()
        );
        for colour in Colour::all() {
            assert!(
                places().any(|(x, y)| board.get(x, y) == Cell::Alive(colour)),
                "{colour:?}"
            );
        }
        assert!(after(50, board).population() > 100);
    }

    #[test]
    fn a_board_is_kept_as_a_short_text_and_read_back() {
        let text = |board: &Board| String::from(board.clone());
        assert_eq!(text(&Board::default()), "4096.");
        let drawn = drawn(62, 63, &["25"]);
        assert_eq!(text(&drawn), "4094.cf");
        let lively = after(3, Board::random(5));
        for board in [Board::default(), drawn, lively] {
            assert_eq!(Board::try_from(text(&board)), Ok(board));
        }
        let long = "9".repeat(100);
        for wrong in [
            "", "4095.", "4097.", "4095.x", "4096", ".4095", "4095.é", "0.4095.", &long,
        ] {
            assert!(Board::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
