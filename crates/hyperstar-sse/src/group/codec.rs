//! Pieces of a shared stream: one frame, coded against the one before it or by itself, such that any
//! decoder that has just read the one before can read on.
//!
//! A stream for one client is `header, piece, piece, ..`. Pieces hold no state between them: whatever
//! a decoder keeps from one piece to the next is either reset by the next or not referred to. That is
//! what lets viewers that joined at different times share the same bytes.

use std::io;

#[cfg(any(feature = "gzip", feature = "zstd"))]
use std::sync::{Mutex, PoisonError};

use crate::encoding::Encoding;
#[cfg(feature = "brotli")]
use crate::encoding::caught;
#[cfg(feature = "gzip")]
use crate::encoding::deflate;

/// The kinds of pieces: one place each in tables by encoding.
pub(crate) const ENCODINGS: [Encoding; 4] = [
    Encoding::Identity,
    Encoding::Gzip,
    Encoding::Brotli,
    Encoding::Zstd,
];

/// An encoding's place in [`ENCODINGS`].
pub(crate) fn place(encoding: Encoding) -> usize {
    match encoding {
        Encoding::Identity => 0,
        Encoding::Gzip => 1,
        Encoding::Brotli => 2,
        Encoding::Zstd => 3,
    }
}

/// Below this, a private event is sent as it is: to compress it would make it longer.
const RAW_BYTES_MAX: usize = 192;

/// How frames are coded, for all viewers of a [`Group`](crate::Group) at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coding {
    /// 2 to 11. Level 1 and those above 11 were slower for the bytes they saved.
    pub zstd_level: i32,
    /// 2 to 11.
    pub brotli_quality: u32,
    /// 1 to 9.
    pub gzip_level: u32,
    /// Base-two logarithm of the history in bytes that clients of zstd and brotli keep, 18 to 23. A
    /// frame of up to half of it is coded against its whole predecessor.
    pub window_log: u32,
}

impl Default for Coding {
    /// zstd 3, brotli 5, gzip 6; 1 MiB of history.
    fn default() -> Self {
        Self {
            zstd_level: 3,
            brotli_quality: 5,
            gzip_level: 6,
            window_log: 20,
        }
    }
}

/// The encoders of all groups. They keep nothing between two frames, so a few serve any number of
/// groups: as many as code at the same time.
pub(crate) struct Codecs {
    coding: Coding,
    #[cfg(feature = "zstd")]
    zstd: Mutex<Vec<zstd::zstd_safe::CCtx<'static>>>,
    #[cfg(feature = "gzip")]
    gzip: Mutex<Vec<flate2::Compress>>,
}

impl Codecs {
    pub(crate) fn new(coding: &Coding) -> Self {
        let coding = Coding {
            zstd_level: coding.zstd_level.clamp(2, 11),
            brotli_quality: coding.brotli_quality.clamp(2, 11),
            gzip_level: coding.gzip_level.clamp(1, 9),
            window_log: coding.window_log.clamp(18, 23),
        };
        Self {
            coding,
            #[cfg(feature = "zstd")]
            zstd: Mutex::default(),
            #[cfg(feature = "gzip")]
            gzip: Mutex::default(),
        }
    }

    /// What a client's stream begins with.
    pub(crate) fn header(&self, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Identity => Vec::new(),
            // No name, no time, an unknown system.
            Encoding::Gzip => vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff],
            Encoding::Brotli => {
                // RFC 7932, 9.1: a set bit, then the window's size less 17 in three bits; and 9.2: an
                // empty metadata block (0, 11, 0, 00), which ends at a byte.
                let window = (self.coding.window_log - 17) as u16;
                let bits = 1 | window << 1 | 0b000_110 << 4;
                bits.to_le_bytes().to_vec()
            }
            Encoding::Zstd => {
                // RFC 8878, 3.1.1: the magic number, no content size, no checksum, no dictionary; the
                // window's exponent.
                let window = (self.coding.window_log - 10) as u8;
                vec![0x28, 0xb5, 0x2f, 0xfd, 0, window << 3]
            }
        }
    }

    /// Codes `frame` such that it can be read by whoever has just read `before` (which ended with
    /// [`glue`]), or by anybody.
    pub(crate) fn piece(
        &self,
        encoding: Encoding,
        frame: &[u8],
        before: Option<&[u8]>,
    ) -> io::Result<Vec<u8>> {
        let before = before.unwrap_or_default();
        #[cfg(not(any(feature = "gzip", feature = "brotli", feature = "zstd")))]
        let _ = before;
        match encoding {
            Encoding::Identity => Ok(frame.to_vec()),
            #[cfg(feature = "gzip")]
            Encoding::Gzip => self.gzip(frame, before),
            #[cfg(feature = "brotli")]
            Encoding::Brotli => Ok(self.brotli(frame, before)),
            #[cfg(feature = "zstd")]
            Encoding::Zstd => self.zstd(frame, before),
            #[cfg(not(all(feature = "gzip", feature = "brotli", feature = "zstd")))]
            _ => Err(io::Error::other("this encoding is not compiled in")),
        }
    }

    /// Codes what one client alone gets. What comes after it must not refer to what came before it.
    pub(crate) fn private(&self, encoding: Encoding, bytes: &[u8]) -> io::Result<Vec<u8>> {
        if encoding == Encoding::Zstd && bytes.len() < RAW_BYTES_MAX {
            return Ok(raw_block(bytes));
        }
        Ok([reset(encoding), &self.piece(encoding, bytes, None)?].concat())
    }

    /// How much of the history a frame may refer to.
    #[cfg(any(feature = "brotli", feature = "zstd"))]
    fn within(&self, frame: usize) -> usize {
        // Brotli's window is 16 bytes less than the power of two.
        (1_usize << self.coding.window_log).saturating_sub(frame + 16)
    }

    #[cfg(feature = "zstd")]
    fn zstd(&self, frame: &[u8], before: &[u8]) -> io::Result<Vec<u8>> {
        // The comment's line ends in here, where it costs nothing: it is in the frame before as well.
        let frame = [b"\n", frame].concat();
        let history = match before {
            [] => Vec::new(),
            before => [b"\n", before, COMMENT].concat(),
        };
        let prefix = &history[history.len().saturating_sub(self.within(frame.len()))..];
        let idle = lock(&self.zstd).pop();
        let mut encoder = match idle {
            Some(encoder) => encoder,
            None => zstd_context(&self.coding)?,
        };
        // An encoder that failed is dropped: nobody knows its state.
        let blocks = zstd_blocks(&mut encoder, &frame, prefix)?;
        lock(&self.zstd).push(encoder);
        Ok(blocks)
    }

    #[cfg(feature = "gzip")]
    fn gzip(&self, frame: &[u8], before: &[u8]) -> io::Result<Vec<u8>> {
        let idle = lock(&self.gzip).pop();
        let mut encoder = match idle {
            Some(mut encoder) => {
                encoder.reset();
                encoder
            }
            None => flate2::Compress::new(flate2::Compression::new(self.coding.gzip_level), false),
        };
        let before = &before[before.len().saturating_sub(GZIP_WINDOW)..];
        if !before.is_empty() {
            encoder.set_dictionary(before).map_err(io::Error::other)?;
        }
        let mut out = Vec::new();
        deflate(&mut encoder, frame, &mut out, flate2::FlushCompress::Sync)?;
        lock(&self.gzip).push(encoder);
        Ok(out)
    }

    /// What the encoder cannot code is sent as it is: some pages make it panic, in places of its own that
    /// have nothing to do with what is asked of it.
    #[cfg(feature = "brotli")]
    fn brotli(&self, frame: &[u8], before: &[u8]) -> Vec<u8> {
        caught(|| self.brotli_blocks(frame, before)).unwrap_or_else(|error| {
            tracing::warn!(%error, bytes = frame.len(), "brotli cannot code a frame; it is sent as it is");
            stored(frame)
        })
    }

    #[cfg(feature = "brotli")]
    fn brotli_blocks(&self, frame: &[u8], before: &[u8]) -> io::Result<Vec<u8>> {
        use brotli::enc::StandardAlloc;
        use brotli::enc::encode::{
            BrotliEncoderOperation, BrotliEncoderParameter as Parameter, BrotliEncoderStateStruct,
        };

        if frame.is_empty() {
            return Ok(Vec::new());
        }
        let before = &before[before.len().saturating_sub(self.within(frame.len()))..];
        // No distance may go beyond the client's window; a smaller one saves memory. At 16 and below the
        // encoder takes another table of matches, with which a frame takes twenty times as long.
        let both = frame.len() + before.len() + 16;
        let needed = both.next_power_of_two().ilog2();
        let window_log = needed.clamp(17, self.coding.window_log);
        let mut encoder = BrotliEncoderStateStruct::new(StandardAlloc::default());
        for (parameter, value) in [
            (Parameter::BROTLI_PARAM_QUALITY, self.coding.brotli_quality),
            (Parameter::BROTLI_PARAM_LGWIN, window_log),
            // Nothing refers to the decoder's last distances, its last two bytes or the static
            // dictionary; the end is at a byte; no header and no last block.
            (Parameter::BROTLI_PARAM_CATABLE, 1),
            (Parameter::BROTLI_PARAM_APPENDABLE, 1),
            (Parameter::BROTLI_PARAM_BARE_STREAM, 1),
        ] {
            if !encoder.set_parameter(parameter, value) {
                return Err(io::Error::other("brotli refuses a parameter"));
            }
        }
        encoder.set_custom_dictionary_with_optional_precomputed_hasher(
            before.len(),
            before,
            brotli::enc::backward_references::UnionHasher::Uninit,
            true,
        );
        let mut out = Vec::with_capacity(frame.len() / 8 + 64);
        let mut buffer = [0; 4_096];
        let (mut left, mut at) = (frame.len(), 0);
        loop {
            let (mut room, mut written) = (buffer.len(), 0);
            let went_on = encoder.compress_stream(
                BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
                &mut left,
                frame,
                &mut at,
                &mut room,
                &mut buffer,
                &mut written,
                &mut None,
                &mut |_, _, _, _| (),
            );
            if !went_on {
                return Err(io::Error::other("brotli failed"));
            }
            out.extend_from_slice(&buffer[..written]);
            if left == 0 && !encoder.has_more_output() {
                return Ok(out);
            }
        }
    }
}

/// What deflate can refer to.
#[cfg(feature = "gzip")]
const GZIP_WINDOW: usize = 32 * 1024;

/// What a decoder of zstd reads between a frame and the delta that follows it: a comment.
#[cfg(debug_assertions)]
const GLUE: &[u8] = b":::::::::::::::::\n";
/// The same, without the end of its line.
#[cfg(feature = "zstd")]
const COMMENT: &[u8] = b":::::::::::::::::";

/// A block that sets what zstd calls its repeat offsets to what a new encoder takes them to be, and
/// decodes to [`COMMENT`]: eight colons, and three sequences that copy three each, with the explicit
/// offsets 8, 4 and 1.
const RESET: [u8; 14] = [
    // A compressed block of 11 bytes.
    0x5c, 0x00, 0x00, //
    // Its literals: one byte, 8 times.
    0x41, 0x3a, //
    // Three sequences, by the predefined tables.
    0x03, 0x00, 0x38, 0x00, 0x76, 0x00, 0x18, 0x50, 0xb8,
];

/// What goes ahead of every piece.
pub(crate) fn reset(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Zstd => &RESET,
        _ => &[],
    }
}

/// What a decoder reads ahead of every piece.
#[cfg(debug_assertions)]
pub(crate) fn glue(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Zstd => GLUE,
        _ => &[],
    }
}

/// Bytes that decode to nothing, or to a comment where that is impossible: for a silent stream.
pub(crate) fn beat(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Identity => b":\n\n",
        Encoding::Gzip => &[0, 0, 0, 0xff, 0xff],
        Encoding::Brotli => &[6],
        Encoding::Zstd => &[0, 0, 0],
    }
}

/// What ends a client's stream. A gzip stream has a checksum of all that went before, which nobody
/// kept: its clients take the end of the answer for the end.
pub(crate) fn end(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Identity | Encoding::Gzip => &[],
        Encoding::Brotli => &[3],
        Encoding::Zstd => &[1, 0, 0],
    }
}

/// Brotli's blocks of bytes as they are (RFC 7932, 9.2).
#[cfg(feature = "brotli")]
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    for block in bytes.chunks(1 << 24) {
        let length = (block.len() - 1) as u32; // a slice of `chunks` has a byte, and at most 2^24
        // Not the last; how many nibbles the length has, as few as do; that it is not compressed.
        let (nibbles, header_bytes) = match length {
            0..0x1_0000 => (0, 3),
            0x1_0000..0x10_0000 => (1, 3),
            _ => (2, 4),
        };
        let header = nibbles << 1 | length << 3 | 1 << (3 + 4 * (nibbles + 4));
        out.extend_from_slice(&header.to_le_bytes()[..header_bytes]);
        out.extend_from_slice(block);
    }
    out
}

/// zstd's block of bytes as they are (RFC 8878, 3.1.1.2).
fn raw_block(bytes: &[u8]) -> Vec<u8> {
    // Below `RAW_BYTES_MAX`, so it fits.
    let header = (bytes.len() as u32) << 3;
    let mut block = header.to_le_bytes()[..3].to_vec();
    block.extend_from_slice(bytes);
    block
}

#[cfg(feature = "zstd")]
fn zstd_context(coding: &Coding) -> io::Result<zstd::zstd_safe::CCtx<'static>> {
    use zstd::zstd_safe::{CCtx, CParameter};
    let mut encoder = CCtx::try_create().ok_or_else(|| io::Error::other("no memory for zstd"))?;
    for parameter in [
        CParameter::CompressionLevel(coding.zstd_level),
        CParameter::WindowLog(coding.window_log),
        CParameter::ContentSizeFlag(false),
        CParameter::ChecksumFlag(false),
        CParameter::DictIdFlag(false),
    ] {
        encoder.set_parameter(parameter).map_err(zstd_error)?;
    }
    Ok(encoder)
}

#[cfg(feature = "zstd")]
fn zstd_error(code: usize) -> io::Error {
    io::Error::other(zstd::zstd_safe::get_error_name(code))
}

/// The blocks of a frame, with neither the frame's header nor the mark of its last block.
#[cfg(feature = "zstd")]
fn zstd_blocks(
    encoder: &mut zstd::zstd_safe::CCtx<'static>,
    frame: &[u8],
    prefix: &[u8],
) -> io::Result<Vec<u8>> {
    /// Magic number, descriptor, window.
    const HEADER: usize = 6;
    if !prefix.is_empty() {
        // SAFETY: zstd reads a prefix during the next `compress2` alone and forgets it at its start
        // (`ZSTD_CCtx_refPrefix`: "is only used once"). That call is below, while `prefix` is
        // borrowed; if it fails the caller drops the encoder, and so it is if it is not reached.
        #[expect(
            unsafe_code,
            reason = "the encoder outlives what it refers to for one call"
        )]
        let prefix: &'static [u8] = unsafe { std::mem::transmute(prefix) };
        encoder.ref_prefix(prefix).map_err(zstd_error)?;
    }
    let mut out = Vec::with_capacity(zstd::zstd_safe::compress_bound(frame.len()));
    encoder.compress2(&mut out, frame).map_err(zstd_error)?;
    let malformed = || io::Error::other("zstd wrote something else than blocks");
    if out.len() < HEADER || out[4] != 0 {
        return Err(malformed());
    }
    out.drain(..HEADER);
    let mut at = 0;
    loop {
        let header = out.get(at..at + 3).ok_or_else(malformed)?;
        let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let size = match header >> 1 & 3 {
            // One byte, repeated.
            1 => 1,
            _ => (header >> 3) as usize,
        };
        let next = at + 3 + size;
        if header & 1 == 1 {
            out[at] &= !1;
            return match next == out.len() {
                true => Ok(out),
                false => Err(malformed()),
            };
        }
        at = next;
    }
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, feature = "brotli"))]
mod tests {
    use super::*;

    /// A stream in which each frame is coded, and then sent as it is.
    #[test]
    fn brotli_reads_what_is_sent_as_it_is() {
        let codecs = Codecs::new(&Coding::default());
        for bytes in [
            1,
            2,
            192,
            0xffff,
            0x1_0000,
            0x1_0001,
            0x10_0000,
            0x10_0001,
            (1 << 24) + 7,
        ] {
            let frame: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
            let mut stream = codecs.header(Encoding::Brotli);
            stream.extend(stored(&frame));
            stream.extend(codecs.brotli(b"in between", &frame));
            stream.extend(stored(&frame));
            stream.extend_from_slice(end(Encoding::Brotli));
            let mut read = Vec::new();
            brotli::BrotliDecompress(&mut &*stream, &mut read).unwrap();
            assert!(
                read == [&*frame, b"in between", &frame].concat(),
                "{bytes} B"
            );
        }
    }
}
