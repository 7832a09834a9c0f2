//! Debug builds decode a sample of what they send: an error of an encoder would be silent.

use std::io::Write;

use bytes::Bytes;

use super::codec::{self, Codecs};
use crate::encoding::Encoding;

/// The first frames of a group, and every sixteenth.
pub(super) fn is_sampled(seq: u64) -> bool {
    seq < 8 || seq.is_multiple_of(16)
}

/// Decodes `before` and then the delta, and compares.
pub(super) fn delta(
    codecs: &Codecs,
    encoding: Encoding,
    before: &[u8],
    frame: &[u8],
    delta: Bytes,
) -> Result<(), &'static str> {
    let key = codecs
        .piece(encoding, before, None)
        .map_err(|_| "the frame before cannot be coded")?;
    let stream = [&codecs.header(encoding), &*key, &delta].concat();
    let expected = [before, codec::glue(encoding), frame].concat();
    match decoded(encoding, &stream, expected.len()) {
        Ok(text) if text == expected => Ok(()),
        Ok(_) => Err("it decodes to something else"),
        Err(_) => Err("it cannot be decoded"),
    }
}

fn decoded(encoding: Encoding, stream: &[u8], length: usize) -> std::io::Result<Vec<u8>> {
    match encoding {
        #[cfg(feature = "gzip")]
        Encoding::Gzip => {
            let mut decoder = flate2::write::GzDecoder::new(Vec::new());
            decoder.write_all(stream)?;
            decoder.flush()?;
            Ok(std::mem::take(decoder.get_mut()))
        }
        #[cfg(feature = "brotli")]
        Encoding::Brotli => {
            // This decoder keeps what does not fit its buffer.
            let mut decoder = brotli::DecompressorWriter::new(Vec::new(), length + 64);
            decoder.write_all(stream)?;
            decoder.flush()?;
            Ok(std::mem::take(decoder.get_mut()))
        }
        #[cfg(feature = "zstd")]
        Encoding::Zstd => {
            let mut decoder = zstd::stream::write::Decoder::new(Vec::new())?;
            decoder.write_all(stream)?;
            decoder.flush()?;
            Ok(std::mem::take(decoder.get_mut()))
        }
        _ => {
            let mut text = Vec::with_capacity(length);
            text.write_all(stream)?;
            Ok(text)
        }
    }
}
