//! Messages as bytes, and back.

use bytes::Bytes;

use super::super::message::{Got, Hello, Kind, Message, Named, Want, With};
use crate::commit::CommitId;
use crate::tree::{Part, Place};

#[test]
fn messages_are_read_as_they_are_written() {
    let id = CommitId::new(crate::Hash::of(b"x"));
    let place = |part| Place {
        path: b"a/b".to_vec(),
        part,
    };
    let page = Bytes::from_static(b"page");
    for message in [
        Message::Hello(Hello {
            version: 7,
            sends: true,
            receives: false,
        }),
        Message::Names(None),
        Message::Names(Some((Kind::Tag, "v1".to_owned()))),
        Message::Walk {
            commits_max: 9,
            ids: vec![id, id],
        },
        Message::Get {
            bytes_max: 1,
            wants: vec![Want {
                id,
                with: With::Root,
            }],
        },
        Message::Pages {
            bytes_max: 2,
            commit: id,
            places: vec![place(Part::Tree), place(Part::Blob), place(Part::Chunk(5))],
        },
        Message::Turn,
        Message::Bye,
        Message::NamesAre {
            names: vec![Named {
                kind: Kind::Branch,
                name: "b".to_owned(),
                id,
            }],
            has_more: true,
        },
        Message::Walked {
            commits: vec![page.clone()],
            gone: vec![id],
        },
        Message::Got(vec![Got {
            signed: page.clone(),
            count: 1,
            weight: 2,
            pages: vec![page.clone()],
        }]),
        Message::PagesAre(vec![page.clone(), Bytes::new()]),
        Message::Refused("no".to_owned()),
    ] {
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes).unwrap(), message);
        for end in 0..bytes.len() {
            assert!(
                Message::decode(&bytes.slice(..end)).is_err(),
                "{message:?} until {end}"
            );
        }
    }
    let told = Message::Refused("a\u{1b}[2Jb\n".to_owned()).encode();
    assert_eq!(
        Message::decode(&told).unwrap(),
        Message::Refused("a [2Jb ".to_owned())
    );
}
