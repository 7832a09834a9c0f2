//! Content encodings: which one a client gets, and the streaming encoders.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// What a brotli encoder writes at a time.
#[cfg(feature = "brotli")]
const BROTLI_BUFFER_BYTES: usize = 512;

/// A content encoding (RFC 9110, 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Encoding {
    /// Its name in headers.
    pub fn token(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Which encodings are offered, and how a stream is compressed that no [`Group`](crate::Group) feeds: by
/// an encoder of its own, whose memory the windows and levels decide. For groups see
/// [`Coding`](crate::Coding).
///
/// Resident memory per connection, measured: 400 streams, each sent twenty versions of a page of
/// 19 KiB, in a release build on x86-64 Linux. One that was sent nothing holds 10 KiB (zstd), 7 KiB
/// (brotli) or 269 KiB (gzip); an uncompressed one holds less than 1 KiB throughout.
///
/// | setting | KiB per connection | bytes for a changed page |
/// |---|--:|--:|
/// | zstd, level 3, window 17: the default | 337 | 149 |
/// | zstd, level 1, window 17 | 273 | 144 |
/// | zstd, level 3, window 15: the history no longer holds the page before | 245 | 1,116 |
/// | brotli, quality 3, window 17: the default | 777 | 22 |
/// | brotli, quality 4, window 17 | 1,134 | 22 |
/// | brotli, quality 5, window 18 | 1,829 | 21 |
/// | gzip, level 6: the default | 345 | 316 |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// What is offered, the preferred first; among those that a client likes equally the first is
    /// taken. What is not compiled in is passed over.
    pub order: Vec<Encoding>,
    /// 1 to 19.
    pub zstd_level: i32,
    /// Base-two logarithm of the history in bytes, 10 to 23 (browsers refuse more).
    pub zstd_window_log: u32,
    /// 0 to 11.
    pub brotli_quality: u32,
    /// Base-two logarithm of the history in bytes, 10 to 24.
    pub brotli_window_log: u32,
    /// 0 to 9.
    pub gzip_level: u32,
    /// A finite answer below this size is not compressed, in bytes.
    pub once_bytes_min: usize,
}

impl Default for Compression {
    /// zstd, then brotli, then gzip, each with 128 KiB of history (gzip: its 32): a page of up to
    /// 64 KiB is coded against its whole predecessor.
    fn default() -> Self {
        Self {
            order: vec![Encoding::Zstd, Encoding::Brotli, Encoding::Gzip],
            zstd_level: 3,
            zstd_window_log: 17,
            // Quality 4 takes half as much memory again and saves nothing on a page that changes.
            brotli_quality: 3,
            brotli_window_log: 17,
            gzip_level: 6,
            once_bytes_min: 1_024,
        }
    }
}

impl Compression {
    /// No compression at all.
    pub fn off() -> Self {
        Self {
            order: Vec::new(),
            ..Self::default()
        }
    }
}

/// Whether the encoding is compiled in.
fn is_available(encoding: Encoding) -> bool {
    match encoding {
        Encoding::Identity => true,
        Encoding::Gzip => cfg!(feature = "gzip"),
        Encoding::Brotli => cfg!(feature = "brotli"),
        Encoding::Zstd => cfg!(feature = "zstd"),
    }
}

/// Chooses the encoding for a client: the one that it weighs highest among those offered, the
/// earlier offered one where it weighs them equally. One that names identity and weighs it above all
/// that is offered gets that. Anything unreadable, and no header, is identity.
///
/// ```
/// use hyperstar_sse::{Compression, Encoding, negotiate};
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("accept-encoding", "gzip, br;q=0.5".parse()?);
/// # #[cfg(feature = "gzip")]
/// assert_eq!(negotiate(&headers, &Compression::default()), Encoding::Gzip);
/// assert_eq!(negotiate(&headers, &Compression::off()), Encoding::Identity);
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
///
/// Source: RFC 9110, 12.5.3.
pub fn negotiate(headers: &HeaderMap, compression: &Compression) -> Encoding {
    let accepted: Vec<(String, u16)> = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(weighed)
        .collect();
    let named = |token: &str| {
        let named = accepted.iter().find(|(name, _)| name == token);
        named.map(|(_, weight)| *weight)
    };
    let weight = |token: &str| named(token).or_else(|| named("*")).unwrap_or(0);
    let mut best = (Encoding::Identity, 0);
    for encoding in compression
        .order
        .iter()
        .copied()
        .filter(|encoding| is_available(*encoding))
    {
        let weight = weight(encoding.token());
        if weight > best.1 {
            best = (encoding, weight);
        }
    }
    match named(Encoding::Identity.token()) {
        Some(plain) if plain > best.1 => Encoding::Identity,
        _ => best.0,
    }
}

/// `gzip;q=0.5` as its name and the weight in thousandths.
fn weighed(item: &str) -> Option<(String, u16)> {
    let mut parts = item.split(';');
    let name = parts.next()?.trim().to_ascii_lowercase();
    let mut weight = 1_000;
    for parameter in parts {
        let (key, value) = parameter.split_once('=')?;
        if key.trim().eq_ignore_ascii_case("q") {
            let q: f32 = value.trim().parse().ok()?;
            if !(0.0..=1.0).contains(&q) {
                return None;
            }
            // Between 0 and 1000, so it fits.
            weight = (q * 1_000.0).round() as u16;
        }
    }
    (!name.is_empty()).then_some((name, weight))
}

/// Compresses something whole, as well as it goes in reasonable time; `None` where the encoding is
/// identity or not compiled in.
pub fn compress(bytes: &[u8], encoding: Encoding) -> Option<Bytes> {
    let best = Compression {
        zstd_level: 17,
        zstd_window_log: 22,
        brotli_quality: 10,
        brotli_window_log: 22,
        gzip_level: 9,
        ..Compression::default()
    };
    compress_with(bytes, encoding, &best)
}

pub(crate) fn compress_with(
    bytes: &[u8],
    encoding: Encoding,
    compression: &Compression,
) -> Option<Bytes> {
    let encoder = Encoder::new(encoding, compression)?;
    encoder
        .whole(bytes)
        .inspect_err(|error| tracing::error!(%error, "an encoder failed"))
        .ok()
}

/// A streaming encoder: what was put in can be read by the client once it is flushed.
pub(crate) struct Encoder {
    /// Nothing once it has failed.
    codec: Option<Box<dyn Codec>>,
}

/// One encoding's own encoder, which writes into a buffer.
trait Codec: Write + Send {
    /// The buffer that it writes into.
    fn written(&mut self) -> &mut Vec<u8>;
    /// Ends the stream; the buffer holds all of it then.
    fn end(self: Box<Self>) -> io::Result<Vec<u8>>;
}

/// A gzip stream. `flate2`'s own writer forgets what a flush could not write at once.
#[cfg(feature = "gzip")]
struct Gzip {
    encoder: flate2::Compress,
    out: Vec<u8>,
}

#[cfg(feature = "gzip")]
impl Gzip {
    /// The largest window, as base-two logarithm.
    const WINDOW_LOG: u8 = 15;

    fn new(level: u32) -> Self {
        let level = flate2::Compression::new(level.min(9));
        Self {
            encoder: flate2::Compress::new_gzip(level, Self::WINDOW_LOG),
            out: Vec::new(),
        }
    }
}

#[cfg(feature = "gzip")]
impl Write for Gzip {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        deflate(
            &mut self.encoder,
            bytes,
            &mut self.out,
            flate2::FlushCompress::None,
        )?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        deflate(
            &mut self.encoder,
            &[],
            &mut self.out,
            flate2::FlushCompress::Sync,
        )
    }
}

#[cfg(feature = "gzip")]
impl Codec for Gzip {
    fn written(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    fn end(mut self: Box<Self>) -> io::Result<Vec<u8>> {
        deflate(
            &mut self.encoder,
            &[],
            &mut self.out,
            flate2::FlushCompress::Finish,
        )?;
        Ok(self.out)
    }
}

/// Takes all of `bytes` in, and writes all that `flush` asks for.
#[cfg(feature = "gzip")]
pub(crate) fn deflate(
    encoder: &mut flate2::Compress,
    mut bytes: &[u8],
    out: &mut Vec<u8>,
    flush: flate2::FlushCompress,
) -> io::Result<()> {
    loop {
        out.reserve((bytes.len() / 8).max(512));
        let before = encoder.total_in();
        encoder
            .compress_vec(bytes, out, flush)
            .map_err(io::Error::other)?;
        // No more than there was.
        bytes = &bytes[(encoder.total_in() - before) as usize..];
        // Room that is left says that everything was written.
        if bytes.is_empty() && out.len() < out.capacity() {
            return Ok(());
        }
    }
}

#[cfg(feature = "brotli")]
impl Codec for brotli::CompressorWriter<Vec<u8>> {
    fn written(&mut self) -> &mut Vec<u8> {
        self.get_mut()
    }

    fn end(self: Box<Self>) -> io::Result<Vec<u8>> {
        Ok(self.into_inner())
    }
}

#[cfg(feature = "zstd")]
impl Codec for zstd::stream::write::Encoder<'static, Vec<u8>> {
    fn written(&mut self) -> &mut Vec<u8> {
        self.get_mut()
    }

    fn end(self: Box<Self>) -> io::Result<Vec<u8>> {
        self.finish()
    }
}

impl Encoder {
    /// `None` for identity and for what is not compiled in.
    pub(crate) fn new(encoding: Encoding, compression: &Compression) -> Option<Self> {
        #[cfg(not(any(feature = "gzip", feature = "brotli", feature = "zstd")))]
        let _ = compression;
        let codec: Option<Box<dyn Codec>> = match encoding {
            #[cfg(feature = "gzip")]
            Encoding::Gzip => Some(Box::new(Gzip::new(compression.gzip_level))),
            #[cfg(feature = "brotli")]
            Encoding::Brotli => Some(Box::new(brotli::CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER_BYTES,
                compression.brotli_quality.min(11),
                compression.brotli_window_log.clamp(10, 24),
            ))),
            #[cfg(feature = "zstd")]
            Encoding::Zstd => zstd_encoder(compression)
                .inspect_err(|error| tracing::error!(%error, "zstd cannot be set up"))
                .map(|encoder| Box::new(encoder) as Box<dyn Codec>)
                .ok(),
            _ => None,
        };
        codec.map(|codec| Self { codec: Some(codec) })
    }

    /// Takes bytes in; nothing need come out yet.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.run(|codec| codec.write_all(bytes))
    }

    /// Gives out everything that was taken in.
    pub(crate) fn flush(&mut self) -> io::Result<Bytes> {
        self.run(|codec| {
            codec.flush()?;
            Ok(Bytes::from(std::mem::take(codec.written())))
        })
    }

    /// Ends the stream and gives out the rest.
    pub(crate) fn finish(mut self) -> io::Result<Bytes> {
        match self.codec.take() {
            Some(codec) => caught(|| codec.end()).map(Bytes::from),
            None => Err(io::Error::other("the encoder has failed before")),
        }
    }

    /// Some input makes brotli's encoder panic, which is to be the end of one stream and not of a task
    /// that has many. It is not used again then.
    fn run<T>(&mut self, work: impl FnOnce(&mut dyn Codec) -> io::Result<T>) -> io::Result<T> {
        let Some(codec) = &mut self.codec else {
            return Err(io::Error::other("the encoder has failed before"));
        };
        let done = caught(|| work(&mut **codec));
        if done.is_err() {
            let codec = self.codec.take();
            // It may try to write what it has.
            let _ = caught(|| {
                drop(codec);
                Ok(())
            });
        }
        done
    }

    fn whole(mut self, bytes: &[u8]) -> io::Result<Bytes> {
        self.put(bytes)?;
        self.finish()
    }
}

/// Makes an error of a panic.
pub(crate) fn caught<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let done = catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|_| Err(io::Error::other("the encoder panicked")))
}

#[cfg(feature = "zstd")]
fn zstd_encoder(
    compression: &Compression,
) -> io::Result<zstd::stream::write::Encoder<'static, Vec<u8>>> {
    use zstd::zstd_safe::CParameter;
    let mut encoder =
        zstd::stream::write::Encoder::new(Vec::new(), compression.zstd_level.clamp(1, 19))?;
    let window = compression.zstd_window_log.clamp(10, 23);
    encoder.set_parameter(CParameter::WindowLog(window))?;
    // The level's own tables are made for files; those of a live page need not be larger than it.
    encoder.set_parameter(CParameter::HashLog(window.min(14)))?;
    encoder.set_parameter(CParameter::ChainLog(window.min(14)))?;
    encoder.set_parameter(CParameter::ContentSizeFlag(false))?;
    encoder.set_parameter(CParameter::ChecksumFlag(false))?;
    Ok(encoder)
}
