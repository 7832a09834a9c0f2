//! What a frame shows: text that is hard on encoders, on the event stream's lines and on HTML.

/// Characters of one element, at most.
const PIECE_CHARS: usize = 4_096;
/// The largest body, in bytes.
const LARGE_BYTES: usize = 200 * 1024;

/// Lines that look like what they are sent in.
const LOOKALIKES: &[&str] = &[
    "",
    "data: elements <main id=\"hs\"></main>",
    "event: datastar-patch-elements",
    "id: -",
    ":::::::::::::::::",
    ": ",
    "</i></div></section></main></body></html>",
    "<script>document.title = 'ran'</script><!-- ",
    "&amp;lt;&#0;&nbsp;\u{a0}\u{2028}\u{2029}\u{85}",
];

/// Letters of one to four bytes, joiners and marks, both directions.
const LETTERS: &[char] = &[
    'a',
    'é',
    'ß',
    'д',
    'ע',
    'ش',
    '語',
    '한',
    '\u{feff}',
    '\u{200d}',
    '\u{301}',
    '😀',
    '🏳',
    '𝔘',
    '\u{10ffff}',
    '\u{fffd}',
];

/// The text of a frame: the same whenever it is asked for, and of another kind and size than that of
/// the frame before.
pub(crate) fn of(number: u64) -> String {
    match number % 9 {
        // As the frame before, less its beginning: everything has moved.
        3 => of(number - 1).chars().skip(number as usize % 400).collect(),
        // Exactly as the frame before.
        5 => of(number - 1),
        // The frame before, between two others.
        7 => [plain(number + 1), of(number - 1), plain(number)].concat(),
        _ => plain(number),
    }
}

fn plain(number: u64) -> String {
    let mut dice = Dice::new(number);
    let bytes_max = size(number);
    let mut text = String::with_capacity(bytes_max + 64);
    while text.len() < bytes_max {
        match number % 9 {
            // The same rows with a number that changes here and there.
            0 | 4 => {
                let row = text.len() as u64 / 32;
                let value = if row % 7 == number % 7 { number } else { row };
                text.push_str(&format!("row {row} is worth {value}, as ever.\n"));
            }
            1 => text.push(char::from(b' ' + dice.below(95) as u8)),
            2 => text.push(LETTERS[dice.below(LETTERS.len() as u64) as usize]),
            6 => {
                text.push_str(LOOKALIKES[dice.below(LOOKALIKES.len() as u64) as usize]);
                text.push('\n');
            }
            // One letter, and now and then another one.
            _ => text.push(if dice.below(1_000) == 0 { 'y' } else { 'x' }),
        }
    }
    text
}

/// Up and down between 1 and 13 KB, with a large one now and then.
fn size(number: u64) -> usize {
    if number % 50 == 42 {
        return LARGE_BYTES;
    }
    let wave = number % 60;
    1_024 + wave.min(60 - wave) as usize * 400
}

/// The text in pieces that each fit one element.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(PIECE_CHARS);
        let (piece, after) = rest.split_at(end.map_or(rest.len(), |(end, _)| end));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Numbers that look random, the same from the same seed (xorshift64*).
pub(crate) struct Dice(u64);

impl Dice {
    /// Any seed will do.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % end
    }
}
