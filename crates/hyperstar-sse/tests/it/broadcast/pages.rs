//! Frames that encoders find hard, and ordinary ones. Each is empty or ends with an empty line.

use super::choices::Choices;

/// Makes one frame after the other.
pub(crate) struct Pages {
    /// No frame is larger than about this.
    bytes_max: usize,
    /// What a frame has to be larger than so as not to fit the history.
    window: usize,
    last: Vec<u8>,
    /// The two of a page that alternates.
    pair: [Vec<u8>; 2],
    numbers: u64,
}

impl Pages {
    pub(crate) fn new(bytes_max: usize, window: usize) -> Self {
        Self {
            bytes_max,
            window,
            last: Vec::new(),
            pair: [html(1, 300), html(2, 400)],
            numbers: 0,
        }
    }

    pub(crate) fn next(&mut self, choices: &mut Choices<'_>) -> Vec<u8> {
        self.numbers += 1;
        // A page is made from a seed of its own, so that a fuzzer need not spell it out.
        let kind = choices.below(20);
        let mut inner = Choices::of_seed(choices.any() << 8 | self.numbers & 0xff);
        let inner = &mut inner;
        let page = match kind {
            0..=4 => self.changed(inner),
            5 => html(self.numbers, 20 + inner.below(600)),
            6 => noise(inner, 1, 3_000),
            7..=9 => {
                let size = 1 + inner.below(6_000);
                repeats(inner, size)
            }
            10 => {
                // One byte, many times.
                let size = inner.below(70_000);
                vec![inner.any() as u8; size]
            }
            11 => Vec::new(),
            12 => self.last.clone(),
            13 | 14 => {
                self.pair.swap(0, 1);
                self.pair[0].clone()
            }
            15 => {
                // Shrinks to one of its parts.
                let from = inner.below(self.last.len() + 1);
                let to = from + inner.below(self.last.len() - from + 1);
                self.last[from..to].to_vec()
            }
            16 => {
                // Grows at an end.
                let size = 1 + inner.below(5_000);
                let more = repeats(inner, size);
                match inner.once_in(2) {
                    true => [&more, &*self.last].concat(),
                    false => [&*self.last, &more].concat(),
                }
            }
            17 => self.woven(inner),
            _ => self.sized(inner),
        };
        let mut page = page;
        page.truncate(self.bytes_max.saturating_sub(2));
        if !page.is_empty() {
            page.extend_from_slice(b"\n\n");
        }
        self.last.clone_from(&page);
        page
    }

    /// The last page with a few cells changed, as a live page is.
    fn changed(&mut self, choices: &mut Choices<'_>) -> Vec<u8> {
        let mut page = match self.last.len() {
            0..64 => html(self.numbers, 200),
            _ => self.last[..self.last.len() - 2].to_vec(),
        };
        for _ in 0..1 + choices.below(12) {
            let at = choices.below(page.len());
            let until = (at + 1 + choices.below(6)).min(page.len());
            let fresh = format!("{:x}", choices.any());
            let fresh = &fresh.as_bytes()[..fresh.len().min(until - at)];
            let end = at + fresh.len();
            match choices.below(6) {
                0 => page.splice(at..at, fresh.iter().copied()).for_each(drop),
                1 if page.len() > 64 => page.drain(at..until).for_each(drop),
                _ => page[at..end].copy_from_slice(fresh),
            }
        }
        page
    }

    /// Copies from all over the last page, with little in between.
    fn woven(&mut self, choices: &mut Choices<'_>) -> Vec<u8> {
        let mut page = Vec::new();
        for _ in 0..1 + choices.below(60) {
            let from = choices.below(self.last.len() + 1);
            let length = choices.below(2_000).min(self.last.len() - from);
            page.extend_from_slice(&self.last[from..from + length]);
            let fresh = choices.any().to_le_bytes();
            page.extend_from_slice(&fresh[..choices.below(4)]);
        }
        page
    }

    /// Around the sizes at which encoders cut: blocks, megabytes, the window.
    fn sized(&mut self, choices: &mut Choices<'_>) -> Vec<u8> {
        let kib = 1_024;
        let around = [
            64 * kib,
            128 * kib,
            128 * kib,
            256 * kib,
            1_024 * kib,
            self.window / 2,
            self.window,
            self.window * 5 / 4,
        ];
        // Two go for the empty line, and that is one of the sizes to meet.
        let size = choices.pick(&around) - 5 + choices.below(9);
        let size = match size > self.bytes_max {
            // Otherwise nearly all would be of one size.
            true => choices.below(self.bytes_max),
            false => size,
        };
        match choices.below(4) {
            0 => noise(choices, size, 1),
            1 => repeats(choices, size),
            2 => {
                // Something that is far back, again.
                let part = noise(choices, size / 3 + 1, 1);
                part.iter().copied().cycle().take(size).collect()
            }
            _ => {
                let mut page = html(self.numbers, size / 40 + 1);
                page.truncate(size);
                page
            }
        }
    }
}

/// Rows of a list with numbers in them.
fn html(seed: u64, rows: usize) -> Vec<u8> {
    let mut page = format!("event: datastar-patch-elements\ndata: elements <h1>{seed}</h1>\n");
    for row in 0..rows as u64 {
        let value = (seed / 7 + row).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
        page.push_str(&format!(
            "data: elements <li id=\"row{row}\">row {row} is {value}</li>\n"
        ));
    }
    page.into_bytes()
}

/// Bytes that cannot be compressed.
fn noise(choices: &mut Choices<'_>, at_least: usize, more: usize) -> Vec<u8> {
    let size = at_least + choices.below(more);
    let mut page = Vec::with_capacity(size + 8);
    while page.len() < size {
        page.extend_from_slice(&choices.any().to_le_bytes());
    }
    page.truncate(size);
    page
}

/// Copies from 1, 4 or 8 bytes back, or from where the last one was: what zstd codes without saying
/// how far, from a memory that the decoder of a shared stream must not have.
fn repeats(choices: &mut Choices<'_>, size: usize) -> Vec<u8> {
    // It may begin with what goes before it in the client's stream, too.
    let mut page = match choices.below(4) {
        0 => b":::::::".to_vec(),
        1 => b":::::::::::::::::\n:::::::::::::::::\n".to_vec(),
        2 => b"\n\n\n\n".to_vec(),
        _ => choices.any().to_le_bytes().to_vec(),
    };
    let mut distance = 8;
    while page.len() < size {
        if choices.once_in(3) {
            let fresh = choices.any().to_le_bytes();
            page.extend_from_slice(&fresh[..choices.below(5)]);
        }
        distance = match choices.below(8) {
            0 | 1 => 1,
            2 | 3 => 4,
            4 => 8,
            5 => 1 + choices.below(page.len()),
            6 => distance + 1,
            _ => distance,
        };
        for _ in 0..3 + choices.below(40) {
            let from = page.len() - distance.min(page.len());
            page.push(page[from]);
        }
    }
    page.truncate(size);
    page
}
