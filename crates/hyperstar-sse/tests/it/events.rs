//! Whatever is put into an event, a client reads that and nothing else.

use bytes::BytesMut;
use hyperstar_sse::Event;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::event_source::{EventSource, Message};

/// What an app puts into an event.
#[derive(Clone, Debug)]
struct Fields {
    comment: Option<String>,
    name: Option<String>,
    id: Option<String>,
    retry_ms: Option<u64>,
    data: Vec<String>,
}

impl Fields {
    fn event(&self) -> Event {
        let mut event = self
            .comment
            .as_deref()
            .map(Event::comment)
            .unwrap_or_default();
        if let Some(name) = &self.name {
            event = event.name(name);
        }
        if let Some(id) = &self.id {
            event = event.id(id);
        }
        if let Some(retry_ms) = self.retry_ms {
            event = event.retry_ms(retry_ms);
        }
        self.data.iter().fold(event, |event, data| event.data(data))
    }

    /// The data as it arrives: every break is a line feed.
    fn arrives(&self) -> String {
        let texts = self.data.iter();
        let texts = texts.map(|text| text.replace("\r\n", "\n").replace('\r', "\n"));
        texts.collect::<Vec<_>>().join("\n")
    }
}

fn without(text: &str, refused: &[char]) -> String {
    text.replace(refused, "")
}

/// What a page is to be told, by the documentation alone.
fn expected(events: &[Fields]) -> (Vec<Message>, Option<u64>) {
    let (mut messages, mut last_event_id, mut retry_ms) = (Vec::new(), String::new(), None);
    for fields in events {
        if let Some(id) = &fields.id {
            last_event_id = without(id, &['\r', '\n', '\0']);
        }
        retry_ms = fields.retry_ms.or(retry_ms);
        if fields.data.is_empty() {
            continue;
        }
        let name = without(fields.name.as_deref().unwrap_or_default(), &['\r', '\n']);
        messages.push(Message {
            kind: if name.is_empty() {
                "message".to_owned()
            } else {
                name
            },
            data: fields.arrives(),
            last_event_id: last_event_id.clone(),
        });
    }
    (messages, retry_ms)
}

/// Text in which what matters to the format is common.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        '\r', '\n', '\0', '\u{feff}', ' ', ':', '\t', '\u{b}', '\u{c}', '\u{85}', '\u{2028}',
        '\u{2029}', 'd',
    ]);
    let ordinary = any::<char>();
    let fields = prop::sample::select(vec![
        "data: x\n\n",
        "\r\nid: 9\r\n",
        "\n\nevent: x\n",
        "\r\r",
    ]);
    let piece = prop_oneof![
        4 => special.prop_map(String::from),
        4 => ordinary.prop_map(String::from),
        1 => fields.prop_map(str::to_owned),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn fields() -> impl Strategy<Value = Fields> {
    (
        option::of(text()),
        option::of(text()),
        option::of(text()),
        option::of(any::<u64>()),
        vec(text(), 0..4),
    )
        .prop_map(|(comment, name, id, retry_ms, data)| Fields {
            comment,
            name,
            id,
            retry_ms,
            data,
        })
}

fn encoded(events: &[Fields]) -> BytesMut {
    let mut stream = BytesMut::new();
    for fields in events {
        fields.event().encode_into(&mut stream);
    }
    stream
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_browser_reads_exactly_what_was_sent(events in vec(fields(), 1..6)) {
        let stream = encoded(&events);
        let mut source = EventSource::default();
        let messages = source.push(&stream);
        let (expected, retry_ms) = expected(&events);
        prop_assert_eq!(messages, expected);
        prop_assert_eq!(source.reconnection_ms, retry_ms);
    }

    #[test]
    fn it_does_not_matter_how_the_network_cuts_the_stream(
        events in vec(fields(), 1..4),
        piece_bytes in 1_usize..9,
    ) {
        let stream = encoded(&events);
        let mut source = EventSource::default();
        let pieces = stream.chunks(piece_bytes);
        let messages: Vec<Message> = pieces.flat_map(|piece| source.push(piece)).collect();
        prop_assert_eq!(messages, expected(&events).0);
    }

    #[test]
    fn encode_and_encode_into_agree(fields in fields()) {
        let event = fields.event();
        let mut buffer = BytesMut::from(&b": before\n\n"[..]);
        event.encode_into(&mut buffer);
        prop_assert_eq!(&buffer[10..], &event.encode()[..]);
    }

    /// Clients that fetch, Datastar's among them, split bytes instead of decoding first, forget the
    /// id of an event with the event, and begin each line of data with a keyword.
    #[test]
    fn a_client_that_splits_bytes_reads_the_same(
        events in vec((text(), vec(text(), 1..4)), 1..5),
    ) {
        let mut stream = BytesMut::new();
        for (name, texts) in &events {
            let event = Event::new().name(name);
            let event = texts.iter().fold(event, |event, text| event.data(&format!("elements {text}")));
            event.encode_into(&mut stream);
        }
        let read: Vec<Fetched> = split(&stream).into_iter().filter(|read| !read.data.is_empty()).collect();
        let expected: Vec<Fetched> = events
            .iter()
            .map(|(name, texts)| Fetched {
                event: without(name, &['\r', '\n']),
                data: texts
                    .iter()
                    .map(|text| format!("elements {}", text.replace("\r\n", "\n").replace('\r', "\n")))
                    .collect::<Vec<_>>()
                    .join("\n"),
            })
            .collect();
        prop_assert_eq!(read, expected);
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Fetched {
    event: String,
    data: String,
}

/// A splitter of the kind that fetch-based clients have: over bytes, with the position of the first
/// colon, and a flag for the line feed after a carriage return.
fn split(stream: &[u8]) -> Vec<Fetched> {
    let (mut all, mut now) = (Vec::new(), Fetched::default());
    let (mut start, mut colon, mut discard) = (0, None, false);
    for (at, byte) in stream.iter().enumerate() {
        if std::mem::take(&mut discard) && *byte == b'\n' {
            start = at + 1;
            continue;
        }
        match byte {
            b':' => colon = colon.or(Some(at)),
            b'\r' | b'\n' => {
                discard = *byte == b'\r';
                match colon.take() {
                    None if at == start => all.push(std::mem::take(&mut now)),
                    None => {}
                    Some(colon) => {
                        let value = &stream[colon + 1..at];
                        let value = value.strip_prefix(b" ").unwrap_or(value);
                        let value = std::str::from_utf8(value).expect("it is UTF-8");
                        match &stream[start..colon] {
                            b"event" => now.event = value.to_owned(),
                            b"data" if now.data.is_empty() => now.data = value.to_owned(),
                            b"data" => now.data = format!("{}\n{value}", now.data),
                            _ => {}
                        }
                    }
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    all
}

#[test]
fn the_wire_form_is_the_documented_one() {
    let check = |event: Event, expected: &str| {
        assert_eq!(event.encode(), expected.as_bytes());
        assert_eq!(bytes::Bytes::from(&event), expected.as_bytes());
    };
    check(Event::new(), "\n");
    check(Event::comment(""), ": \n\n");
    check(Event::comment("a\nb"), ": a\n: b\n\n");
    check(Event::new().data(""), "data: \n\n");
    check(Event::new().data(" a"), "data:  a\n\n");
    check(
        Event::new().data("a\r\n\rb"),
        "data: a\ndata: \ndata: b\n\n",
    );
    check(
        Event::new().name("a\r\nb").data("c"),
        "event: ab\ndata: c\n\n",
    );
    check(Event::new().id("1\0\n2"), "id: 12\n\n");
    check(Event::new().retry_ms(1_500), "retry: 1500\n\n");
}
