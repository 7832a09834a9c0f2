//! What happens to groups and their clients, in some order, and what every client must have read.

use std::collections::VecDeque;
use std::sync::Arc;

use hyperstar_sse::{Coding, Cursor, Encoders, EncodersConfig, Encoding, Group};

use super::choices::Choices;
use super::decoders::Decoder;
use super::pages::Pages;

const ENCODINGS: [Encoding; 4] = [
    Encoding::Zstd,
    Encoding::Brotli,
    Encoding::Gzip,
    Encoding::Identity,
];
/// The comment that zstd's clients read ahead of each piece.
const GLUE: &[u8] = b":::::::::::::::::\n";
const CLIENTS_MAX: usize = 12;
/// More than there can be deltas for.
const FRAMES_KEPT: usize = 40;

/// How much was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// What decoders gave out, all of it compared.
    pub(crate) decoded_bytes: u64,
    pub(crate) frames: u64,
    pub(crate) clients: u64,
    /// Several deltas in one piece.
    pub(crate) combined: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.decoded_bytes += other.decoded_bytes;
        self.frames += other.frames;
        self.clients += other.clients;
        self.combined += other.combined;
    }
}

/// Plays one schedule, until the choices are used up or so many bytes were decoded.
///
/// # Errors
/// Says which client read something else than the model, with the schedule's setup.
pub(crate) fn play(choices: &mut Choices<'_>, decoded_bytes: u64) -> Result<Tally, String> {
    let coding = match choices.once_in(2) {
        true => Coding::default(),
        false => Coding {
            zstd_level: 2 + choices.below(10) as i32,
            brotli_quality: 2 + choices.below(10) as u32,
            gzip_level: 1 + choices.below(9) as u32,
            window_log: 18 + choices.below(6) as u32,
        },
    };
    let window = 1 << coding.window_log;
    let (bytes_max, decoded_bytes) = match choices.below(8) {
        // These take seconds for a megabyte.
        _ if coding.brotli_quality >= 10 => (40_000, decoded_bytes / 16),
        0 => (window + window / 2, decoded_bytes),
        1 | 2 => (1_200_000, decoded_bytes),
        _ => (200_000, decoded_bytes),
    };
    let kept_bytes_max = choices.pick(&[0, 3_000, 60_000, 1 << 26]);
    let config = EncodersConfig {
        coding,
        kept_bytes_max,
        ..EncodersConfig::default()
    };
    let setup = format!(
        "{:?}, kept_bytes_max {kept_bytes_max}, frames up to {bytes_max}",
        config.coding
    );
    let encoders = Encoders::new(&config);
    let groups = (0..1 + choices.below(3)).map(|_| Stage {
        group: Group::new(&encoders),
        pages: Pages::new(bytes_max, window),
        frames: VecDeque::new(),
        seq: 0,
        tag: None,
    });
    let mut play = Play {
        groups: groups.collect(),
        clients: Vec::new(),
        tally: Tally::default(),
    };
    while play.tally.decoded_bytes < decoded_bytes && !choices.are_used_up() {
        play.step(choices)
            .map_err(|error| format!("{error} ({setup}; {:?})", play.tally))?;
        let kept_bytes = encoders.kept_bytes();
        if kept_bytes > kept_bytes_max {
            return Err(format!("{kept_bytes} bytes are kept ({setup})"));
        }
    }
    while let Some(client) = play.clients.pop() {
        let ended = client.end(&play.groups, &mut play.tally);
        ended.map_err(|error| format!("{error} ({setup})"))?;
    }
    let tally = play.tally;
    drop(play);
    match encoders.kept_bytes() {
        0 => Ok(tally),
        left => Err(format!("{left} bytes are kept for nobody ({setup})")),
    }
}

struct Play {
    groups: Vec<Stage>,
    clients: Vec<Client>,
    tally: Tally,
}

/// A group, and what it was told.
struct Stage {
    group: Group,
    pages: Pages,
    /// The last of its frames.
    frames: VecDeque<Vec<u8>>,
    seq: u64,
    tag: Option<&'static str>,
}

struct Client {
    group: usize,
    cursor: Cursor,
    encoding: Encoding,
    decoder: Decoder,
    seq: u64,
    is_aligned: bool,
    shows: Option<&'static str>,
}

impl Play {
    fn step(&mut self, choices: &mut Choices<'_>) -> Result<(), String> {
        let group = choices.below(self.groups.len());
        let client = choices.below(self.clients.len());
        let tags = ["a", "b", "c"];
        match choices.below(20) {
            0..=5 => {
                let tag = choices.once_in(3).then(|| choices.pick(&tags));
                self.groups[group].publish(choices, tag);
                self.tally.frames += 1;
                // Most look at every frame, as those do that are up to date.
                let skips = choices.below(4);
                for index in 0..self.clients.len() {
                    if self.clients[index].group == group && (skips == 0 || index % 4 != skips) {
                        self.look(index)?;
                    }
                }
            }
            6 | 7 if self.clients.len() < CLIENTS_MAX => {
                let encoding = choices.pick(&ENCODINGS);
                let shows = choices.once_in(3).then(|| choices.pick(&tags));
                let cursor = self.groups[group].group.join(encoding);
                self.clients.push(Client {
                    group,
                    cursor: cursor.shows(shows.map(Arc::from)),
                    encoding,
                    decoder: Decoder::new(encoding, choices.once_in(2)),
                    seq: 0,
                    is_aligned: false,
                    shows,
                });
                self.tally.clients += 1;
            }
            _ if self.clients.is_empty() => {}
            8 if choices.once_in(4) => {
                let client = self.clients.swap_remove(client);
                client.end(&self.groups, &mut self.tally)?;
            }
            9 => self.clients[client].heartbeat(&mut self.tally)?,
            10 => {
                let size = choices.pick(&[0, 1, 40, 191, 192, 300, 5_000, 150_000]);
                let seed = choices.any();
                let events = Pages::new(size + 2, size).next(&mut Choices::of_seed(seed));
                self.clients[client].private(&events, &mut self.tally)?;
            }
            _ => self.look(client)?,
        }
        Ok(())
    }

    fn look(&mut self, client: usize) -> Result<(), String> {
        let client = &mut self.clients[client];
        client.look(&self.groups[client.group], &mut self.tally)
    }
}

impl Stage {
    fn publish(&mut self, choices: &mut Choices<'_>, tag: Option<&'static str>) {
        let frame = self.pages.next(choices);
        self.seq = match tag {
            Some(tag) => self.group.publish_as(frame.clone(), tag),
            None => self.group.publish(frame.clone()),
        };
        self.tag = tag;
        self.frames.push_back(frame);
        if self.frames.len() > FRAMES_KEPT {
            self.frames.pop_front();
        }
    }

    fn last(&self) -> &[u8] {
        self.frames.back().map_or(&[], |frame| frame)
    }
}

impl Client {
    /// Takes what there is, which must be the last frame, or those that it missed one after the other.
    fn look(&mut self, stage: &Stage, tally: &mut Tally) -> Result<(), String> {
        let bytes = self.cursor.next();
        let text = self.read(&bytes.unwrap_or_default(), tally)?;
        if self.seq == stage.seq {
            return self.expect(&text, &[], "nothing is new");
        }
        let missed = stage.seq - self.seq;
        self.seq = stage.seq;
        if self.cursor.seq() != self.seq {
            return Err(format!("a cursor is at {}", self.cursor.seq()));
        }
        if self.shows.take().is_some_and(|tag| stage.tag == Some(tag)) {
            self.is_aligned = false;
            return self.expect(&text, &[], "it shows that already");
        }
        let was_aligned = std::mem::replace(&mut self.is_aligned, true);
        if text == [self.glue(), stage.last()].concat() {
            return Ok(());
        }
        let kept = stage.frames.len();
        let first = kept.checked_sub(missed as usize);
        let several: Option<Vec<u8>> = first.filter(|_| was_aligned).map(|first| {
            let frames = stage.frames.range(first..);
            let glued = frames.map(|frame| [self.glue(), frame].concat());
            glued.collect::<Vec<_>>().concat()
        });
        if several.is_some_and(|several| text == several) {
            tally.combined += 1;
            return Ok(());
        }
        self.expect(&text, stage.last(), "the last frame")
    }

    fn private(&mut self, events: &[u8], tally: &mut Tally) -> Result<(), String> {
        let bytes = self.cursor.private(events);
        self.is_aligned = false;
        let text = self.read(&bytes, tally)?;
        match text == [self.glue(), events].concat() {
            true => Ok(()),
            false => self.expect(&text, events, "an event for it alone"),
        }
    }

    fn heartbeat(&mut self, tally: &mut Tally) -> Result<(), String> {
        let bytes = self.cursor.heartbeat();
        let text = self.read(&bytes, tally)?;
        let expected: &[u8] = match self.encoding {
            Encoding::Identity => b":\n\n",
            _ => &[],
        };
        self.expect(&text, expected, "a heartbeat")
    }

    fn end(mut self, groups: &[Stage], tally: &mut Tally) -> Result<(), String> {
        self.look(&groups[self.group], tally)?;
        let bytes = self.cursor.finish();
        let text = self.read(&bytes, tally)?;
        self.expect(&text, &[], "its end")?;
        self.decoder.end()
    }

    fn read(&mut self, bytes: &[u8], tally: &mut Tally) -> Result<Vec<u8>, String> {
        let text = self.decoder.feed(bytes)?;
        tally.decoded_bytes += text.len() as u64;
        Ok(text)
    }

    fn glue(&self) -> &'static [u8] {
        match self.encoding {
            Encoding::Zstd => GLUE,
            _ => &[],
        }
    }

    fn expect(&self, text: &[u8], expected: &[u8], what: &str) -> Result<(), String> {
        if text == expected {
            return Ok(());
        }
        let same = text.iter().zip(expected).take_while(|(a, b)| a == b);
        Err(format!(
            "{:?}, {what}: {} bytes instead of {}, the same up to {}",
            self.encoding,
            text.len(),
            expected.len(),
            same.count(),
        ))
    }
}
