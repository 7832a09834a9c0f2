//! The encodings of a stream, and decoders that read one while it arrives.
//!
//! The decoders are the stock ones, as their crates come: what they cannot read, no browser can. They
//! give what can be read so far; a stream that never ends is no error.

use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

/// What the brotli decoder gives out at once.
const BROTLI_BUFFER_BYTES: usize = 4_096;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encoding {
    Identity,
    Zstd,
    #[value(name = "br", alias = "brotli")]
    Brotli,
    Gzip,
}

impl Encoding {
    pub(crate) const ALL: [Self; 4] = [Self::Identity, Self::Zstd, Self::Brotli, Self::Gzip];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Zstd => "zstd",
            Self::Brotli => "brotli",
            Self::Gzip => "gzip",
        }
    }

    /// The header `accept-encoding` that asks for it, and the `content-encoding` that grants it; none
    /// for identity.
    pub(crate) fn token(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Zstd => Some("zstd"),
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
        }
    }

    /// The encoding of a response with this `content-encoding`.
    pub(crate) fn of_response(content_encoding: Option<&str>) -> Result<Self> {
        match content_encoding {
            None => Ok(Self::Identity),
            Some(token) if token.eq_ignore_ascii_case("identity") => Ok(Self::Identity),
            Some(token) => Self::ALL
                .into_iter()
                .find(|encoding| encoding.token().is_some_and(|own| own.eq_ignore_ascii_case(token)))
                .with_context(|| {
                    format!("cannot decode `content-encoding: {token}`; ask for one of identity, zstd, br, gzip with `--encoding`")
                }),
        }
    }
}

/// A decoder that is fed a body in any pieces.
pub(crate) struct Decoder(Kind);

enum Kind {
    Identity,
    Zstd(zstd::stream::write::Decoder<'static, Vec<u8>>),
    Brotli(Box<brotli::DecompressorWriter<Vec<u8>>>),
    Gzip(Box<flate2::write::GzDecoder<Vec<u8>>>),
}

impl Decoder {
    pub(crate) fn new(encoding: Encoding) -> Result<Self> {
        Ok(Self(match encoding {
            Encoding::Identity => Kind::Identity,
            Encoding::Zstd => Kind::Zstd(zstd::stream::write::Decoder::new(Vec::new())?),
            Encoding::Brotli => Kind::Brotli(Box::new(brotli::DecompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER_BYTES,
            ))),
            Encoding::Gzip => Kind::Gzip(Box::new(flate2::write::GzDecoder::new(Vec::new()))),
        }))
    }

    /// What can be read now that `bytes` have arrived, beyond what was given before.
    ///
    /// # Errors
    /// If the stream is broken, or goes on after its end.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        if bytes.is_empty() {
            // zstd takes it for an error if it is asked often and gets nothing.
            return Ok(Vec::new());
        }
        let (written, out) = match &mut self.0 {
            Kind::Identity => return Ok(bytes.to_vec()),
            Kind::Zstd(decoder) => (write(decoder, bytes), decoder.get_mut()),
            Kind::Brotli(decoder) => (write_brotli(decoder, bytes), decoder.get_mut()),
            Kind::Gzip(decoder) => (write(decoder, bytes), decoder.get_mut()),
        };
        if let Err(error) = written {
            bail!("the encoded stream cannot be decoded: {error}");
        }
        Ok(std::mem::take(out))
    }
}

fn write(decoder: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    decoder.write_all(bytes)?;
    decoder.flush()
}

/// It gives out one buffer of what it could, and the rest when it is written to again.
fn write_brotli(
    decoder: &mut brotli::DecompressorWriter<Vec<u8>>,
    bytes: &[u8],
) -> std::io::Result<()> {
    decoder.write_all(bytes)?;
    let mut before = usize::MAX;
    while decoder.get_ref().len() != before {
        before = decoder.get_ref().len();
        let _ = decoder.write(&[])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An encoder of stock that flushes after each of the pieces.
    fn encoded(encoding: Encoding, pieces: &[&str]) -> Vec<Vec<u8>> {
        fn each<W: Write>(
            mut encoder: W,
            pieces: &[&str],
            out: impl Fn(&mut W) -> Vec<u8>,
        ) -> Vec<Vec<u8>> {
            let piece = |piece: &&str| {
                encoder.write_all(piece.as_bytes()).unwrap();
                encoder.flush().unwrap();
                out(&mut encoder)
            };
            pieces.iter().map(piece).collect()
        }
        match encoding {
            Encoding::Identity => pieces
                .iter()
                .map(|piece| piece.as_bytes().to_vec())
                .collect(),
            Encoding::Zstd => each(
                zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap(),
                pieces,
                |encoder| std::mem::take(encoder.get_mut()),
            ),
            Encoding::Brotli => each(
                brotli::CompressorWriter::new(Vec::new(), 4_096, 4, 18),
                pieces,
                |encoder| std::mem::take(encoder.get_mut()),
            ),
            Encoding::Gzip => each(
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default()),
                pieces,
                |encoder| std::mem::take(encoder.get_mut()),
            ),
        }
    }

    #[test]
    fn a_stream_that_does_not_end_is_read_as_far_as_it_goes() {
        // One that is longer than what any of them holds at once.
        let long: String = (0..10_000).map(|number| format!("{number} ")).collect();
        let pieces = ["data: one\n\n", &long, "data: two\n\n", &long];
        for encoding in Encoding::ALL {
            let mut decoder = Decoder::new(encoding).unwrap();
            for (encoded, piece) in encoded(encoding, &pieces).into_iter().zip(pieces) {
                let mut decoded = Vec::new();
                for _ in 0..50 {
                    decoded.extend(decoder.feed(&[]).unwrap());
                }
                for bytes in encoded.chunks(1_000) {
                    decoded.extend(decoder.feed(bytes).unwrap());
                }
                assert!(decoded == piece.as_bytes(), "{encoding:?}");
            }
        }
    }

    #[test]
    fn what_is_broken_is_an_error() {
        for encoding in [Encoding::Zstd, Encoding::Brotli, Encoding::Gzip] {
            let mut decoder = Decoder::new(encoding).unwrap();
            assert!(decoder.feed(&[0xff; 64]).is_err(), "{encoding:?}");
        }
    }

    #[test]
    fn a_response_names_its_encoding() {
        let check = |header: Option<&str>, expected: Encoding| {
            assert_eq!(Encoding::of_response(header).unwrap(), expected);
        };
        check(None, Encoding::Identity);
        check(Some("br"), Encoding::Brotli);
        check(Some("GZIP"), Encoding::Gzip);
        assert!(Encoding::of_response(Some("deflate")).is_err());
    }
}
