//! Peers that know the protocol, and lie.

mod content;
mod messages;
mod server;

use std::collections::BTreeMap;

use super::message::{Got, Hello, Kind, Message, Named, VERSION};
use super::*;
use crate::commit::CommitId;
use crate::record::Signed;
use crate::state::empty_tree;
use crate::{History, StoreConfig};

fn all() -> Store {
    Store::memory_with(StoreConfig {
        history: History::All,
        ..StoreConfig::default()
    })
}

/// Syncs; `lie` changes what the server says.
fn sync_with_liar(
    client: &Store,
    server: &Store,
    mut lie: impl FnMut(Message) -> Message,
) -> Result<Synced, SyncError> {
    let options = SyncOptions::default();
    let (mut leads, mut message) = Session::lead(client, &options)?;
    let mut serves = Session::serve(server, &options)?;
    loop {
        let answer = match serves.receive(message)? {
            Next::Send(answer) => answer,
            Next::End(_) => return Ok(leads.synced().clone()),
        };
        let answer = lie(Message::decode(&answer)?).encode();
        match leads.receive(answer)? {
            Next::Send(next) | Next::End(Some(next)) => message = next,
            Next::End(None) => return Ok(leads.synced().clone()),
        }
    }
}

/// What the client says to it; the store is whole and as it was.
fn check_lie(server: &Store, lie: impl FnMut(Message) -> Message) -> String {
    let client = all();
    client.set("mine", &1).unwrap();
    let before = client.head_id();
    let refused = sync_with_liar(&client, server, lie);
    let report = client.verify(|_| ()).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(client.head_id(), before);
    assert_eq!(client.list("").unwrap(), ["mine"]);
    let SyncError::Wrong { problem } = refused.unwrap_err() else {
        panic!("another error");
    };
    problem
}

fn signed(root: crate::Hash, parents: Vec<CommitId>) -> Signed {
    Signed {
        root,
        parents,
        time_ms: 0,
        undoes: None,
        author: String::new(),
        message: String::new(),
    }
}

fn real() -> Store {
    let store = all();
    let filled = store.transaction(|tx| {
        (0..3_000).try_for_each(|n| tx.set(&format!("n/{n:05}"), &"some text to weigh it"))?;
        tx.set_bytes(
            "large",
            (0..200_000_u32)
                .map(|n| (n.wrapping_mul(n) >> 3) as u8)
                .collect::<Vec<_>>(),
        )?;
        tx.set_bytes("raw", vec![1; 5_000])
    });
    filled.unwrap();
    for n in 0..20 {
        store.set("count", &n).unwrap();
    }
    store
}

#[test]
fn lies_about_commits_are_found_out() {
    let server = real();
    let tip = server.head_id();
    let stranger = CommitId::new(crate::Hash::of(b"somebody"));
    let cases: Vec<(&str, Lie)> = vec![
        (
            "another root",
            each_got(|got| {
                let mut signed = Signed::decode(&got.signed).unwrap();
                signed.root = crate::Hash::of(b"x");
                got.signed = signed.encode().into();
            }),
        ),
        ("another count", each_got(|got| got.count += 1)),
        ("another weight", each_got(|got| got.weight -= 1)),
        ("an absurd count", each_got(|got| got.count = u64::MAX)),
        ("no pages", each_got(|got| got.pages.clear())),
        (
            "a cut page",
            each_got(|got| {
                for page in &mut got.pages {
                    *page = page.slice(..page.len() - 1);
                }
            }),
        ),
        (
            "nothing",
            Box::new(|message| match message {
                Message::Got(_) => Message::Got(Vec::new()),
                other => other,
            }),
        ),
        (
            "the order",
            Box::new(|message| match message {
                Message::Got(mut got) => {
                    got.reverse();
                    Message::Got(got)
                }
                other => other,
            }),
        ),
        (
            "no commits",
            Box::new(|message| match message {
                Message::Walked { gone, .. } => Message::Walked {
                    commits: Vec::new(),
                    gone,
                },
                other => other,
            }),
        ),
        (
            "the tip is gone",
            Box::new(move |message| match message {
                Message::Walked { .. } => Message::Walked {
                    commits: Vec::new(),
                    gone: vec![tip],
                },
                other => other,
            }),
        ),
        (
            "strangers are gone",
            Box::new(move |message| match message {
                Message::Walked { commits, .. } => Message::Walked {
                    commits,
                    gone: vec![stranger],
                },
                other => other,
            }),
        ),
        (
            "no pages that were asked for",
            Box::new(|message| match message {
                Message::PagesAre(_) => Message::PagesAre(vec![Bytes::from_static(b"x")]),
                other => other,
            }),
        ),
        (
            "names that repeat",
            Box::new(move |message| match message {
                Message::NamesAre { mut names, .. } => {
                    names.extend(names.clone());
                    Message::NamesAre {
                        names,
                        has_more: false,
                    }
                }
                other => other,
            }),
        ),
        (
            "more names and none",
            Box::new(|message| match message {
                Message::NamesAre { .. } => Message::NamesAre {
                    names: Vec::new(),
                    has_more: true,
                },
                other => other,
            }),
        ),
        (
            "an answer to something else",
            Box::new(|message| match message {
                Message::Walked { .. } => Message::PagesAre(Vec::new()),
                other => other,
            }),
        ),
    ];
    for (what, lie) in cases {
        let problem = check_lie(&server, lie);
        assert!(!problem.is_empty(), "{what}");
    }
}

type Lie = Box<dyn FnMut(Message) -> Message>;

fn each_got(mut lie: impl FnMut(&mut Got) + 'static) -> Lie {
    Box::new(move |message| match message {
        Message::Got(mut got) => {
            got.iter_mut().for_each(&mut lie);
            Message::Got(got)
        }
        other => other,
    })
}

#[test]
fn names_that_are_none_are_refused() {
    let server = real();
    for name in ["..", "a//b", "", "@peer/main", "a\u{1b}[2J"] {
        let problem = check_lie(&server, |message| match message {
            Message::NamesAre {
                mut names,
                has_more,
            } => {
                names[0].name = name.to_owned();
                Message::NamesAre { names, has_more }
            }
            other => other,
        });
        assert_eq!(problem, "a name that is none");
    }
}

#[test]
fn a_history_or_a_list_of_names_without_end_ends() {
    let client = all();
    let options = SyncOptions {
        commits_max: 2_000,
        names_max: 5_000,
        ..SyncOptions::default()
    };
    // A chain of commits can only be made from its beginning: this one is as long as it has to be.
    let mut chain = vec![signed(empty_tree().hash, Vec::new())];
    for _ in 0..2_500 {
        let parent = chain.last().unwrap().id();
        chain.push(signed(empty_tree().hash, vec![parent]));
    }
    let tip = chain.last().unwrap().id();
    let by_id: BTreeMap<CommitId, Signed> = chain
        .into_iter()
        .map(|signed| (signed.id(), signed))
        .collect();
    let hello = Message::Hello(Hello {
        version: VERSION,
        sends: true,
        receives: false,
    });
    let (mut session, _) = Session::lead(&client, &options).unwrap();
    let mut answer = hello.encode();
    let refused = loop {
        let asked = match session.receive(answer) {
            Ok(Next::Send(asked)) => asked,
            Ok(Next::End(_)) => panic!("it believed all"),
            Err(error) => break error,
        };
        answer = match Message::decode(&asked).unwrap() {
            Message::Names(_) => {
                let name = "main".to_owned();
                let names = vec![Named {
                    kind: Kind::Branch,
                    name,
                    id: tip,
                }];
                Message::NamesAre {
                    names,
                    has_more: false,
                }
            }
            Message::Walk { ids, .. } => {
                let commits = ids.iter().map(|id| by_id[id].encode().into()).collect();
                Message::Walked {
                    commits,
                    gone: Vec::new(),
                }
            }
            other => panic!("{other:?}"),
        }
        .encode();
    };
    assert!(matches!(
        refused,
        SyncError::Limit {
            option: "commits_max",
            ..
        }
    ));

    let (mut session, _) = Session::lead(&client, &options).unwrap();
    let mut answer = hello.encode();
    let mut count = 0;
    let refused = loop {
        if let Err(error) = session.receive(answer) {
            break error;
        }
        let names = (0..500).map(|n| {
            let name = format!("b/{:09}", count + n);
            Named {
                kind: Kind::Branch,
                name,
                id: tip,
            }
        });
        answer = Message::NamesAre {
            names: names.collect(),
            has_more: true,
        }
        .encode();
        count += 500;
    };
    assert!(matches!(
        refused,
        SyncError::Limit {
            option: "names_max",
            ..
        }
    ));
    assert!(count <= 5_500);
}

#[test]
fn a_commit_with_more_parents_than_commits_have_is_refused() {
    let mut bytes = signed(empty_tree().hash, Vec::new()).encode();
    // The number of parents is in the byte behind the root.
    bytes[33] = 255;
    bytes.splice(34..34, vec![7; 255 * 32]);
    let problem = check_lie(&real(), |message| match message {
        Message::Walked { gone, .. } => Message::Walked {
            commits: vec![bytes.clone().into()],
            gone,
        },
        other => other,
    });
    assert_eq!(problem, "a commit that cannot be read");
}

#[test]
fn what_one_peer_lies_about_does_not_harm_what_another_sends() {
    let server = real();
    let client = all();
    // Half of it is here when somebody comes with other totals for the same commit.
    let mut left = 6;
    let _ = sync_with_liar(&client, &server, |message| {
        left -= 1;
        match left {
            0 => Message::Bye,
            _ => message,
        }
    });
    assert_eq!(client.log("").unwrap().count(), 0);
    let lied = sync_with_liar(&client, &server, |message| match message {
        Message::Got(mut got) => {
            got.iter_mut().for_each(|got| got.count += 1);
            Message::Got(got)
        }
        other => other,
    });
    assert!(matches!(lied, Err(SyncError::Wrong { .. })), "{lied:?}");
    sync_with_liar(&client, &server, |message| message).unwrap();
    assert_eq!(client.head_id(), server.head_id());
    assert!(client.verify(|_| ()).unwrap().is_whole());
}
