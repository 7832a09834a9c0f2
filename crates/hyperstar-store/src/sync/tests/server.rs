//! Askers that want more than they were told of.

use super::super::message::{Hello, Kind, Message, VERSION, Want, With};
use super::super::*;
use super::real;
use crate::tree::{Part, Place};

/// What a server says to a leader that may ask for anything.
fn ask(server: &Store, options: &SyncOptions, question: &Message) -> Result<Message, SyncError> {
    let mut session = Session::serve(server, options)?;
    let hello = Hello {
        version: VERSION,
        sends: true,
        receives: true,
    };
    session.receive(Message::Hello(hello).encode())?;
    match session.receive(question.encode())? {
        Next::Send(answer) => Message::decode(&answer),
        Next::End(_) => Err(SyncError::Over),
    }
}

#[test]
fn nobody_reads_what_he_was_not_told_of() {
    let server = real();
    let secret = {
        server.branch("secret", server.head_id()).unwrap();
        server.checkout("secret").unwrap();
        let secret = server.set("secret", &"x").unwrap().id;
        server.checkout("main").unwrap();
        secret
    };
    let told = server.head_id();
    let options = SyncOptions {
        names: "main".to_owned(),
        ..SyncOptions::default()
    };
    let place = |path: &str, part| Place {
        path: path.as_bytes().to_vec(),
        part,
    };
    let pages = |commit, place| Message::Pages {
        bytes_max: 1,
        commit,
        places: vec![place],
    };
    let get = |id| Message::Get {
        bytes_max: 1,
        wants: vec![Want {
            id,
            with: With::Pages,
        }],
    };
    for refused in [
        get(secret),
        Message::Walk {
            commits_max: 1,
            ids: vec![secret],
        },
        pages(secret, place("", Part::Tree)),
        // Its parent was not told yet: nobody walked there.
        get(server.resolve("main~1").unwrap()),
        pages(told, place("no/such", Part::Tree)),
        pages(told, place("n/00001", Part::Blob)),
        pages(told, place("raw", Part::Chunk(0))),
        pages(told, place("large", Part::Chunk(1_000_000))),
        Message::Hello(Hello {
            version: VERSION,
            sends: true,
            receives: true,
        }),
        Message::PagesAre(Vec::new()),
    ] {
        let answer = ask(&server, &options, &refused);
        assert!(
            matches!(answer, Err(SyncError::Wrong { .. })),
            "{refused:?}: {answer:?}"
        );
    }
    for answered in [
        get(told),
        Message::Names(Some((Kind::Tag, "zzz".to_owned()))),
        pages(told, place("", Part::Tree)),
        pages(told, place("raw", Part::Blob)),
        pages(told, place("large", Part::Chunk(1))),
    ] {
        let answer = ask(&server, &options, &answered);
        assert!(answer.is_ok(), "{answered:?}: {answer:?}");
    }
    let shut = SyncOptions {
        sends: false,
        receives: false,
        ..options
    };
    for refused in [get(told), Message::Names(None), Message::Turn] {
        assert!(ask(&server, &shut, &refused).is_err(), "{refused:?}");
    }
}
