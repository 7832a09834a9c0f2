//! Stock decoders, each of one continuous stream, that are fed as bytes arrive.

use std::io::Write;

use brotli::enc::StandardAlloc;
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};
use hyperstar_sse::Encoding;
use miniz_oxide::inflate::stream::InflateState;
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// A client's decoder. Where there are two of an encoding, either is used, or both at once.
pub(crate) enum Decoder {
    Identity,
    Zlib(Box<flate2::write::GzDecoder<Vec<u8>>>),
    Miniz {
        state: Box<InflateState>,
        /// What is left of the header, which this decoder does not read.
        header: usize,
    },
    Brotli(Box<Brotli>),
    Zstd {
        libzstd: Box<zstd::stream::write::Decoder<'static, Vec<u8>>>,
        other: Option<Box<Ruzstd>>,
    },
}

pub(crate) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    is_finished: bool,
}

/// A decoder that shares nothing with libzstd. It gives a byte out only once the window has gone on
/// past it, so what it says is compared later.
pub(crate) struct Ruzstd {
    decoder: FrameDecoder,
    is_begun: bool,
    /// What it has not confirmed yet.
    expected: Vec<u8>,
}

impl Decoder {
    /// `other` asks for the less usual one.
    pub(crate) fn new(encoding: Encoding, other: bool) -> Self {
        match encoding {
            Encoding::Gzip if other => {
                Self::Zlib(Box::new(flate2::write::GzDecoder::new(Vec::new())))
            }
            Encoding::Gzip => Self::Miniz {
                state: InflateState::new_boxed(DataFormat::Raw),
                header: 10,
            },
            // Strict: without the extension for larger windows, as browsers are.
            Encoding::Brotli => Self::Brotli(Box::new(Brotli {
                state: BrotliState::new_strict(
                    StandardAlloc::default(),
                    StandardAlloc::default(),
                    StandardAlloc::default(),
                ),
                is_finished: false,
            })),
            Encoding::Zstd => {
                let mut libzstd = zstd::stream::write::Decoder::new(Vec::new()).unwrap();
                // As much as browsers take.
                libzstd.window_log_max(23).unwrap();
                let other = other.then(|| {
                    Box::new(Ruzstd {
                        decoder: FrameDecoder::new(),
                        is_begun: false,
                        expected: Vec::new(),
                    })
                });
                Self::Zstd {
                    libzstd: Box::new(libzstd),
                    other,
                }
            }
            _ => Self::Identity,
        }
    }

    /// What these bytes decode to; an error if a decoder refuses them, or two do not agree.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        if bytes.is_empty() {
            // libzstd takes sixteen calls with nothing for a mistake of its caller.
            return Ok(Vec::new());
        }
        match self {
            Self::Identity => Ok(bytes.to_vec()),
            Self::Zlib(decoder) => {
                let fed = decoder.write_all(bytes).and_then(|()| decoder.flush());
                fed.map_err(|error| format!("zlib: {error}"))?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Miniz { state, header } => {
                let skipped = bytes.len().min(*header);
                *header -= skipped;
                inflate(state, &bytes[skipped..])
            }
            Self::Brotli(brotli) => brotli.feed(bytes),
            Self::Zstd { libzstd, other } => {
                let fed = libzstd.write_all(bytes).and_then(|()| libzstd.flush());
                fed.map_err(|error| format!("libzstd: {error}"))?;
                let text = std::mem::take(libzstd.get_mut());
                if let Some(other) = other {
                    other.feed(bytes, &text)?;
                }
                Ok(text)
            }
        }
    }

    /// Whether the stream has come to the end that its encoding has.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        match self {
            Self::Brotli(brotli) if !brotli.is_finished => {
                Err("brotli: it does not end".to_owned())
            }
            Self::Zstd {
                other: Some(other), ..
            } => other.end(),
            _ => Ok(()),
        }
    }
}

fn inflate(state: &mut InflateState, mut bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let mut buffer = vec![0; 64 * 1_024];
    loop {
        let read = miniz_oxide::inflate::stream::inflate(state, bytes, &mut buffer, MZFlush::None);
        bytes = &bytes[read.bytes_consumed..];
        text.extend_from_slice(&buffer[..read.bytes_written]);
        match read.status {
            Ok(MZStatus::Ok) if read.bytes_written == 0 && bytes.is_empty() => return Ok(text),
            Ok(MZStatus::Ok) => {}
            // Nothing more to do.
            Err(MZError::Buf) if bytes.is_empty() => return Ok(text),
            status => return Err(format!("miniz_oxide: {status:?}")),
        }
    }
}

impl Brotli {
    fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let mut text = Vec::new();
        let mut buffer = vec![0; 64 * 1_024];
        let (mut left, mut at, mut total) = (bytes.len(), 0, 0);
        loop {
            let (mut room, mut written) = (buffer.len(), 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                bytes,
                &mut room,
                &mut written,
                &mut buffer,
                &mut total,
                &mut self.state,
            );
            text.extend_from_slice(&buffer[..written]);
            match result {
                // It asks for more when its output is full, too.
                BrotliResult::NeedsMoreInput if left == 0 && room > 0 => return Ok(text),
                BrotliResult::ResultSuccess if left == 0 => {
                    self.is_finished = true;
                    return Ok(text);
                }
                BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultSuccess => {
                    return Err("brotli: there are bytes after the end".to_owned());
                }
                BrotliResult::ResultFailure => {
                    return Err(format!("brotli: {:?}", self.state.error_code));
                }
            }
        }
    }
}

impl Ruzstd {
    fn feed(&mut self, mut bytes: &[u8], text: &[u8]) -> Result<(), String> {
        let refused = |error: &dyn std::fmt::Debug| format!("ruzstd: {error:?}");
        self.expected.extend_from_slice(text);
        if !std::mem::replace(&mut self.is_begun, true) {
            self.decoder
                .init(&mut bytes)
                .map_err(|error| refused(&error))?;
        }
        // Every piece is whole blocks.
        while !bytes.is_empty() {
            self.decoder
                .decode_blocks(&mut bytes, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(|error| refused(&error))?;
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<(), String> {
        let text = self.decoder.collect().unwrap_or_default();
        if !self.expected.starts_with(&text) {
            return Err("ruzstd reads something else than libzstd".to_owned());
        }
        self.expected.drain(..text.len());
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        if !self.decoder.is_finished() {
            return Err("ruzstd: it does not end".to_owned());
        }
        self.compare()?;
        match self.expected.len() {
            0 => Ok(()),
            missing => Err(format!("ruzstd: {missing} bytes are missing")),
        }
    }
}
