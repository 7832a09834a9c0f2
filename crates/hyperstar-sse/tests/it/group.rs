//! Groups: what cursors give out is what stock decoders read, whenever a client joined.

use std::io::Write;

use hyperstar_sse::{CloseReason, Encoders, Encoding, Group, Lanes, StreamConfig};
use tokio::io::AsyncReadExt;

const ENCODINGS: [Encoding; 4] = [
    Encoding::Identity,
    Encoding::Gzip,
    Encoding::Brotli,
    Encoding::Zstd,
];

/// A stock decoder that is fed as bytes arrive.
enum Decoder {
    Identity(Vec<u8>),
    Gzip(Box<flate2::write::GzDecoder<Vec<u8>>>),
    Brotli(Box<brotli::DecompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Decoder<'static, Vec<u8>>),
}

impl Decoder {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Gzip => Self::Gzip(Box::new(flate2::write::GzDecoder::new(Vec::new()))),
            Encoding::Brotli => Self::Brotli(Box::new(brotli::DecompressorWriter::new(
                Vec::new(),
                1 << 20,
            ))),
            Encoding::Zstd => Self::Zstd(zstd::stream::write::Decoder::new(Vec::new()).unwrap()),
            _ => Self::Identity(Vec::new()),
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (writer, _): (&mut dyn Write, ()) = match self {
            Self::Identity(out) => (out, ()),
            Self::Gzip(decoder) => (decoder, ()),
            Self::Brotli(decoder) => (decoder, ()),
            Self::Zstd(decoder) => (decoder, ()),
        };
        writer.write_all(bytes).unwrap();
        writer.flush().unwrap();
        std::mem::take(match self {
            Self::Identity(out) => out,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
        })
    }
}

fn page(number: usize) -> Vec<u8> {
    let rows: String = (0..200)
        .map(|row| format!("data: <li>row {row} is {}</li>\n", (row * 7919) % 1_013))
        .collect();
    format!("data: <h1>{number}</h1>\n{rows}\n").into_bytes()
}

/// Without the comments that go between frames.
fn events(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(text.to_vec()).unwrap();
    text.replace(":::::::::::::::::\n", "").into_bytes()
}

#[test]
fn clients_that_join_at_any_time_read_the_same_bytes() {
    for encoding in ENCODINGS {
        let group = Group::new(&Encoders::default());
        let mut clients = Vec::new();
        for number in 1..40 {
            if number % 3 == 0 {
                clients.push((group.join(encoding), Decoder::new(encoding)));
            }
            group.publish(page(number));
            let mut sizes = Vec::new();
            for (index, (cursor, decoder)) in clients.iter_mut().enumerate() {
                // Some look at every frame, some at few.
                if index % 2 == 1 && number % 5 != 0 {
                    continue;
                }
                let bytes = cursor.next().unwrap();
                sizes.push(bytes.len());
                let read = events(&decoder.feed(&bytes));
                assert!(
                    read.ends_with(&page(number)),
                    "{encoding:?}, client {index}, frame {number}"
                );
                if number % 7 == 0 {
                    let beat = cursor.heartbeat();
                    let read = decoder.feed(&beat);
                    assert!(read.is_empty() || encoding == Encoding::Identity);
                }
                if number % 11 == 0 {
                    for text in [&b"data: alone\n\n"[..], &page(1_000)] {
                        let private = cursor.private(text);
                        assert_eq!(events(&decoder.feed(&private)), text, "{encoding:?}");
                    }
                }
            }
            if encoding == Encoding::Zstd && number == 25 {
                assert!(sizes[0] < 80, "a counter's delta is small, not {sizes:?}");
            }
        }
        for (cursor, decoder) in &mut clients {
            let rest = cursor.next().map_or(Vec::new(), |rest| decoder.feed(&rest));
            assert!(rest.is_empty() || rest.ends_with(&page(39)));
            decoder.feed(&cursor.finish());
        }
    }
}

#[tokio::test]
async fn a_hook_that_panics_leaves_the_other_clients_alone() {
    let group = Group::new(&Encoders::default());
    let lanes = Lanes::new();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let headers = http::HeaderMap::new();
        let (sender, response) = group.respond(&headers, &StreamConfig::default(), None);
        let (ours, theirs) = tokio::io::duplex(1_024);
        lanes.adopt(ours, response.into_body(), ()).unwrap();
        clients.push((sender, theirs));
    }
    let (sender, socket) = clients.remove(0);
    sender.on_close(|_| panic!("on purpose"));
    drop(socket);
    assert_eq!(sender.closed().await, CloseReason::Disconnected);
    group.publish("data: still here\n\n");
    let (_sender, mut socket) = clients.remove(0);
    let mut read = [0; 24];
    socket.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"12\r\ndata: still here\n\n\r\n");
    assert_eq!(lanes.connections(), 1);
}
