//! Compressed streams, read by the codecs' own decoders.

use std::io::{self, Read, Write};
use std::sync::mpsc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyperstar_sse::{
    Body, Compression, Encoding, Event, Sender, StreamConfig, compress, once, respond, stream,
};

use crate::event_source::EventSource;
use crate::support::{Piece, bytes, data, does_not_hang, drain, poll, quiet};

/// This decoder asks for more input when its buffer is full, and keeps the rest: the buffer is larger
/// than any event here, so that what is missing is the encoder's fault.
#[cfg(feature = "brotli")]
const BROTLI_BUFFER_BYTES: usize = 1024 * 1024;

/// Those that are compiled in.
fn codecs() -> Vec<Encoding> {
    let all = [
        (Encoding::Zstd, cfg!(feature = "zstd")),
        (Encoding::Brotli, cfg!(feature = "brotli")),
        (Encoding::Gzip, cfg!(feature = "gzip")),
    ];
    let compiled_in = all
        .into_iter()
        .filter(|(_, is_compiled_in)| *is_compiled_in);
    compiled_in.map(|(encoding, _)| encoding).collect()
}

/// A decoder that gives out what it can after each piece, as a browser does.
enum Decoder {
    #[cfg(feature = "zstd")]
    Zstd(zstd::stream::write::Decoder<'static, Vec<u8>>),
    #[cfg(feature = "brotli")]
    Brotli(Box<brotli::DecompressorWriter<Vec<u8>>>),
    #[cfg(feature = "gzip")]
    Gzip(Box<flate2::write::GzDecoder<Vec<u8>>>),
}

impl Decoder {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            #[cfg(feature = "zstd")]
            Encoding::Zstd => Self::Zstd(zstd::stream::write::Decoder::new(Vec::new()).unwrap()),
            #[cfg(feature = "brotli")]
            Encoding::Brotli => Self::Brotli(Box::new(brotli::DecompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER_BYTES,
            ))),
            #[cfg(feature = "gzip")]
            Encoding::Gzip => Self::Gzip(Box::new(flate2::write::GzDecoder::new(Vec::new()))),
            other => panic!("{other:?} has no decoder here"),
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        fn through(writer: &mut impl Write, bytes: &[u8]) {
            writer.write_all(bytes).unwrap();
            writer.flush().unwrap();
        }
        std::mem::take(match self {
            #[cfg(feature = "zstd")]
            Self::Zstd(decoder) => {
                through(decoder, bytes);
                decoder.get_mut()
            }
            #[cfg(feature = "brotli")]
            Self::Brotli(decoder) => {
                through(decoder, bytes);
                decoder.get_mut()
            }
            #[cfg(feature = "gzip")]
            Self::Gzip(decoder) => {
                through(decoder, bytes);
                decoder.get_mut()
            }
        })
    }
}

/// Reads something whole; an error if it has no proper end.
fn decode(encoding: Encoding, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    match encoding {
        #[cfg(feature = "zstd")]
        Encoding::Zstd => {
            zstd::stream::read::Decoder::new(bytes)?.read_to_end(&mut decoded)?;
        }
        #[cfg(feature = "brotli")]
        Encoding::Brotli => {
            brotli::Decompressor::new(bytes, 512).read_to_end(&mut decoded)?;
        }
        #[cfg(feature = "gzip")]
        Encoding::Gzip => {
            flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded)?;
        }
        other => panic!("{other:?} has no decoder here"),
    }
    Ok(decoded)
}

fn compressed(encoding: Encoding, keep_alive_ms: Option<u64>) -> (Sender, Body) {
    let config = StreamConfig {
        keep_alive_ms,
        ..StreamConfig::default()
    };
    stream(&config, encoding)
}

fn piece(body: &mut Body) -> Bytes {
    match poll(body) {
        Piece::Bytes(bytes) => bytes,
        other => panic!("there is nothing to read: {other:?}"),
    }
}

/// Text that neither repeats nor is noise.
fn text(bytes: usize) -> String {
    let words = (0_u64..).map(|n| format!("{:x} ", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40));
    let mut text = String::with_capacity(bytes + 16);
    for word in words {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&word);
    }
    text.truncate(bytes);
    text
}

#[test]
fn every_event_can_be_read_as_soon_as_it_is_written() {
    for encoding in codecs() {
        let (sender, mut body) = compressed(encoding, None);
        let (mut decoder, mut source) = (Decoder::new(encoding), EventSource::default());
        let (mut wire, mut plain) = (Vec::new(), Vec::new());
        let sizes = [0, 1, 10, 500, 5_000, 70_000, 200_000, 3, 0, 70_000];
        for (number, size) in sizes.into_iter().enumerate() {
            let event = Event::new().id(&number.to_string()).data(&text(size));
            sender.event(&event).unwrap();
            let written = piece(&mut body);
            let read = decoder.push(&written);
            assert!(
                read == event.encode(),
                "{encoding:?}: event {number} is all there"
            );
            let messages = source.push(&read);
            assert_eq!(messages.len(), 1);
            assert_eq!(messages[0].last_event_id, number.to_string());
            assert_eq!(poll(&mut body), Piece::Nothing);
            wire.extend_from_slice(&written);
            plain.extend_from_slice(&event.encode());
        }
        assert!(
            wire.len() < plain.len() * 2 / 3,
            "{encoding:?}: it is smaller"
        );
        assert!(
            decode(encoding, &wire).is_err(),
            "{encoding:?}: it has no end yet"
        );
        drop(sender);
        let (last, ended) = drain(&mut body);
        assert!(ended && body.is_end_stream());
        wire.extend(last.concat());
        assert_eq!(
            decode(encoding, &wire).unwrap(),
            plain,
            "{encoding:?}: it is whole"
        );
    }
}

/// Whatever an encoder's own buffers hold when it is flushed.
#[test]
fn a_flush_is_complete_at_every_size() {
    for encoding in codecs() {
        for size in (60_000..140_000).step_by(3_989) {
            let (sender, mut body) = compressed(encoding, None);
            let event = Event::new().data(&text(size));
            sender.event(&event).unwrap();
            let read = Decoder::new(encoding).push(&piece(&mut body));
            assert!(read == event.encode(), "{encoding:?}, {size} bytes");
        }
    }
}

#[test]
fn what_waits_together_is_flushed_together_and_in_order() {
    for encoding in codecs() {
        let (sender, mut body) = compressed(encoding, None);
        sender.event(data("1")).unwrap();
        sender.frame(data("2"));
        sender.event(data("3")).unwrap();
        let read = Decoder::new(encoding).push(&piece(&mut body));
        assert_eq!(read, b"data: 1\n\ndata: 2\n\ndata: 3\n\n", "{encoding:?}");
        assert_eq!(sender.waiting(), (0, 0));
        assert_eq!(poll(&mut body), Piece::Nothing);
    }
}

/// A page that is sent again is coded against the last one.
#[test]
fn the_history_spans_events() {
    for encoding in codecs() {
        let (sender, mut body) = compressed(encoding, None);
        let page = text(20_000);
        sender.frame(data(&page));
        let first = piece(&mut body).len();
        sender.frame(data(&page));
        let second = piece(&mut body).len();
        assert!(
            second * 20 < first,
            "{encoding:?}: {first} bytes, then {second}"
        );
    }
}

#[test]
fn a_stream_that_ends_early_is_whole() {
    let check = |encoding: Encoding, end: fn(&Sender), expected: &[u8]| {
        let (sender, mut body) = compressed(encoding, None);
        sender.event(data("1")).unwrap();
        let mut wire = piece(&mut body).to_vec();
        sender.event(data("2")).unwrap();
        end(&sender);
        let (rest, ended) = drain(&mut body);
        assert!(ended);
        wire.extend(rest.concat());
        assert_eq!(decode(encoding, &wire).unwrap(), expected, "{encoding:?}");
    };
    for encoding in codecs() {
        check(encoding, Sender::close, b"data: 1\n\ndata: 2\n\n");
        let evict = |sender: &Sender| sender.evict(hyperstar_sse::CloseReason::Overflow);
        check(encoding, evict, b"data: 1\n\n");

        let (sender, mut body) = compressed(encoding, None);
        drop(sender);
        let (all, ended) = drain(&mut body);
        assert!(ended);
        assert_eq!(
            decode(encoding, &all.concat()).unwrap(),
            b"",
            "{encoding:?}: nothing was sent"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn comments_that_keep_alive_are_compressed_too() {
    for encoding in codecs() {
        let (sender, mut body) = compressed(encoding, Some(30_000));
        let mut decoder = Decoder::new(encoding);
        let mut wire = Vec::new();
        for round in 0..3 {
            let beat = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(decoder.push(&beat), b":\n\n", "{encoding:?}");
            wire.extend_from_slice(&beat);
            sender.event(data(&round.to_string())).unwrap();
            let event = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(
                decoder.push(&event),
                format!("data: {round}\n\n").as_bytes()
            );
            wire.extend_from_slice(&event);
        }
        drop(sender);
        wire.extend(body.collect().await.unwrap().to_bytes());
        let all = decode(encoding, &wire).unwrap();
        assert_eq!(all, b":\n\ndata: 0\n\n:\n\ndata: 1\n\n:\n\ndata: 2\n\n");
    }
}

/// The owner of a frame's bytes is told when they are freed, which is after they were encoded.
#[test]
fn a_publisher_does_not_wait_for_an_encoder() {
    struct Owner(Sender, mpsc::Sender<(usize, usize)>);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            b"data: 1\n\n"
        }
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            self.1.send(self.0.waiting()).unwrap();
        }
    }
    for encoding in codecs() {
        does_not_hang(move || {
            let (sender, mut body) = compressed(encoding, None);
            let (freed, is_freed) = mpsc::channel();
            sender.frame(Bytes::from_owner(Owner(sender.clone(), freed)));
            let written = piece(&mut body);
            assert_eq!(Decoder::new(encoding).push(&written), b"data: 1\n\n");
            assert_eq!(is_freed.try_recv(), Ok((0, 0)), "{encoding:?}");
        });
    }
}

#[test]
fn a_stream_is_answered_in_the_encoding_that_was_asked_for() {
    for encoding in codecs() {
        let (sender, response) = respond(&accepts(encoding.token()), &StreamConfig::default());
        assert_eq!(response.headers()["content-encoding"], encoding.token());
        assert_eq!(response.headers()["vary"], "accept-encoding");
        let mut body = response.into_body();
        assert_eq!(body.size_hint().exact(), None);
        sender.event(data("1")).unwrap();
        // No runtime and no timer: what waits comes first.
        assert_eq!(
            Decoder::new(encoding).push(&piece(&mut body)),
            b"data: 1\n\n"
        );
    }
}

#[test]
fn levels_beyond_what_a_codec_has_are_brought_into_it() {
    for encoding in codecs() {
        for (level, log) in [(0, 0), (99, 99)] {
            let compression = Compression {
                zstd_level: level,
                zstd_window_log: log,
                brotli_quality: level.unsigned_abs(),
                brotli_window_log: log,
                gzip_level: level.unsigned_abs(),
                ..Compression::default()
            };
            let config = StreamConfig {
                compression,
                ..quiet()
            };
            let (sender, mut body) = stream(&config, encoding);
            sender.event(data("1")).unwrap();
            let read = Decoder::new(encoding).push(&piece(&mut body));
            assert_eq!(read, b"data: 1\n\n", "{encoding:?} at {level}");
        }
    }
}

fn accepts(value: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("accept-encoding", HeaderValue::from_static(value));
    headers
}

#[test]
fn an_answer_that_is_all_there_is_compressed_if_that_pays() {
    let config = StreamConfig::default();
    for encoding in codecs() {
        let small = data(&text(100)).encode();
        let response = once(&accepts(encoding.token()), &config, small.clone());
        assert!(!response.headers().contains_key("content-encoding"));
        let mut body = response.into_body();
        assert_eq!(body.size_hint().exact(), Some(small.len() as u64));
        assert_eq!(poll(&mut body), bytes(small));
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
        assert_eq!(poll(&mut body), Piece::End);

        let large = data(&text(20_000)).encode();
        let response = once(&accepts(encoding.token()), &config, large.clone());
        assert_eq!(response.headers()["content-encoding"], encoding.token());
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = response.into_body();
        let size = body.size_hint().exact().expect("it is known");
        let written = piece(&mut body);
        assert_eq!(size, written.len() as u64);
        assert!(written.len() < large.len());
        assert_eq!(decode(encoding, &written).unwrap(), large);
        assert_eq!(poll(&mut body), Piece::End);

        // The bound itself is compressed.
        for (less, is_compressed) in [(1, false), (0, true)] {
            let size = config.compression.once_bytes_min - less;
            let response = once(&accepts(encoding.token()), &config, Bytes::from(text(size)));
            assert_eq!(
                response.headers().contains_key("content-encoding"),
                is_compressed
            );
        }
    }
    let large = data(&text(20_000)).encode();
    let response = once(&HeaderMap::new(), &config, large.clone());
    assert!(!response.headers().contains_key("content-encoding"));
    assert_eq!(
        response.body().size_hint().exact(),
        Some(large.len() as u64)
    );
}

#[test]
fn something_whole_is_compressed_well() {
    let page = text(300_000).repeat(2);
    for encoding in codecs() {
        for whole in [page.as_bytes(), b"a", b""] {
            let small = compress(whole, encoding).expect("it is compiled in");
            assert_eq!(decode(encoding, &small).unwrap(), whole, "{encoding:?}");
        }
    }
    assert_eq!(compress(page.as_bytes(), Encoding::Identity), None);
}
