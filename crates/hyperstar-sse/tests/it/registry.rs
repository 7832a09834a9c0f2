//! Topics, presence, and sending to one or to all.

use std::sync::Arc;

use hyperstar_sse::{Body, CloseReason, JoinError, Registry, RegistryConfig, Sender, StreamConfig};

use crate::support::{Piece, bytes, drain, plain, poll, quiet};

fn client() -> (Sender, Body) {
    plain(&quiet())
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

#[test]
fn a_topic_reaches_its_own() {
    let rooms = Registry::default();
    let ((ann, mut ann_body), (bob, mut bob_body), (eve, mut eve_body)) =
        (client(), client(), client());
    let _memberships = [
        rooms.join("tea", "ann", &ann).unwrap(),
        rooms.join("tea", "bob", &bob).unwrap(),
        rooms.join("rum", "bob", &bob).unwrap(),
        rooms.join("rum", "eve", &eve).unwrap(),
    ];
    assert_eq!(rooms.broadcast_event("tea", "1"), 2);
    assert_eq!(rooms.broadcast_event("rum", "2"), 2);
    assert_eq!(rooms.broadcast_event("gin", "3"), 0);
    assert_eq!(rooms.broadcast("rum", "4"), 2);
    assert_eq!(rooms.broadcast("rum", "5"), 2);
    assert_eq!(rooms.broadcast("gin", "6"), 0);
    assert_eq!(drain(&mut ann_body).0, ["1"]);
    assert_eq!(
        drain(&mut bob_body).0,
        ["1", "2", "5"],
        "of the states the last"
    );
    assert_eq!(drain(&mut eve_body).0, ["2", "5"]);
}

#[test]
fn who_is_there_is_known() {
    let rooms = Registry::default();
    let (ann, _ann_body) = client();
    let (tab, _tab_body) = client();
    let (bob, _bob_body) = client();
    let first = rooms.join("tea", "ann", &ann).unwrap();
    let second = rooms.join("tea", "ann", &tab).unwrap();
    let third = rooms.join("rum", "bob", &bob).unwrap();
    assert_eq!(
        (rooms.count("tea"), rooms.count("rum"), rooms.count("gin")),
        (2, 1, 0)
    );
    assert_eq!(
        rooms.keys("tea"),
        ["ann"],
        "a key with two tabs is there once"
    );
    assert_eq!(sorted(rooms.topics()), ["rum".into(), "tea".into()]);
    drop(first);
    assert_eq!(rooms.keys("tea"), ["ann"], "the other tab is there");
    drop(second);
    assert_eq!((rooms.count("tea"), rooms.keys("tea")), (0, vec![]));
    assert_eq!(rooms.topics(), ["rum".into()], "an empty topic is none");
    drop(third);
    assert_eq!(rooms.topics(), []);
}

#[test]
fn a_key_is_told_once_on_each_of_its_streams() {
    let rooms = Registry::default();
    let ((ann, mut ann_body), (tab, mut tab_body), (bob, mut bob_body)) =
        (client(), client(), client());
    let _memberships = [
        rooms.join("tea", "ann", &ann).unwrap(),
        rooms.join("rum", "ann", &ann).unwrap(),
        rooms.join("rum", "ann", &tab).unwrap(),
        rooms.join("tea", "bob", &bob).unwrap(),
    ];
    assert_eq!(rooms.send_to(&"ann", "hello"), 2);
    assert_eq!(rooms.send_to(&"eve", "hello"), 0);
    assert_eq!(drain(&mut ann_body).0, ["hello"]);
    assert_eq!(drain(&mut tab_body).0, ["hello"]);
    assert_eq!(poll(&mut bob_body), Piece::Nothing);
}

#[test]
fn a_stream_that_ends_leaves_all_its_topics() {
    let check = |end: fn(&Sender, Body)| {
        let rooms = Registry::default();
        let (ann, ann_body) = client();
        let (bob, _bob_body) = client();
        let _memberships = [
            rooms.join("tea", "ann", &ann).unwrap(),
            rooms.join("rum", "ann", &ann).unwrap(),
            rooms.join("tea", "bob", &bob).unwrap(),
        ];
        end(&ann, ann_body);
        assert_eq!(rooms.keys("tea"), ["bob"]);
        assert_eq!(rooms.topics(), ["tea".into()]);
        assert_eq!(rooms.broadcast_event("tea", "1"), 1);
        // What ended before it joined is not there either.
        let late = rooms.join("tea", "ann", &ann).unwrap();
        assert_eq!(rooms.keys("tea"), ["bob"]);
        drop(late);
        assert_eq!(rooms.count("tea"), 1);
    };
    check(|_, body| drop(body));
    check(|sender, _body| sender.evict(CloseReason::Overflow));
    check(|sender, mut body| {
        sender.close();
        assert_eq!(poll(&mut body), Piece::End);
    });
}

/// One that is about to end gets nothing more, and is not counted as having got it.
#[test]
fn a_broadcast_counts_those_that_took_it() {
    let rooms = Registry::default();
    let ((ann, _ann_body), (bob, mut bob_body)) = (client(), client());
    let _memberships = [
        rooms.join("tea", "ann", &ann).unwrap(),
        rooms.join("tea", "bob", &bob).unwrap(),
    ];
    ann.close();
    assert_eq!(rooms.broadcast("tea", "1"), 1);
    assert_eq!(rooms.broadcast_event("tea", "2"), 1);
    assert_eq!(drain(&mut bob_body).0, ["1", "2"]);
}

#[test]
fn leaving_ends_a_stream_that_only_the_registry_kept() {
    let rooms = Registry::default();
    let (ann, mut body) = client();
    let membership = rooms.join("tea", "ann", &ann).unwrap();
    drop(ann);
    assert_eq!(rooms.broadcast_event("tea", "1"), 1);
    drop(membership);
    assert_eq!(poll(&mut body), bytes("1"));
    assert_eq!(poll(&mut body), Piece::End);
}

#[test]
fn bounds_are_kept_and_leave_the_registry_as_it_was() {
    let rooms = Registry::new(RegistryConfig {
        members_max: 3,
        topics_max: 2,
    });
    let (ann, body) = client();
    let (bob, _bob_body) = client();
    let tea = rooms.join("tea", "ann", &ann).unwrap();
    let _rum = rooms.join("rum", "bob", &bob).unwrap();
    let full = rooms.join("gin", "ann", &ann).unwrap_err();
    assert_eq!(full, JoinError::Topics(2));
    assert_eq!(
        full.to_string(),
        "2 topics have members; raise `RegistryConfig::topics_max`"
    );
    assert_eq!(rooms.count("gin"), 0);
    let _more = rooms.join("rum", "ann", &ann).unwrap();
    let full = rooms.join("rum", "ann", &ann).unwrap_err();
    assert_eq!(full, JoinError::Members(3));
    assert_eq!(
        full.to_string(),
        "3 memberships are taken; raise `RegistryConfig::members_max`"
    );
    assert_eq!(rooms.count("rum"), 2);
    // Leaving makes room, for topics too, and so does ending.
    drop(tea);
    let _gin = rooms.join("gin", "bob", &bob).unwrap();
    assert!(rooms.join("gin", "bob", &bob).is_err());
    drop(body);
    let _again = rooms.join("gin", "bob", &bob).unwrap();
    assert_eq!(sorted(rooms.topics()), ["gin".into(), "rum".into()]);
}

#[test]
fn a_full_client_is_let_go_and_nobody_else() {
    let check = |send: fn(&Registry<&'static str>) -> usize| {
        let rooms = Registry::default();
        let config = StreamConfig {
            queue_events_max: 2,
            ..quiet()
        };
        let ((slow, mut slow_body), (quick, mut quick_body)) = (plain(&config), plain(&config));
        let _memberships = [
            rooms.join("tea", "all", &slow).unwrap(),
            rooms.join("rum", "all", &slow).unwrap(),
            rooms.join("tea", "all", &quick).unwrap(),
        ];
        for _ in 0..2 {
            assert_eq!(send(&rooms), 2);
            assert_eq!(poll(&mut quick_body), bytes("1"));
        }
        assert_eq!(send(&rooms), 1, "one of them is full");
        assert!(slow.is_closed());
        assert_eq!(slow.waiting(), (0, 0));
        assert_eq!(poll(&mut slow_body), Piece::End);
        assert_eq!((rooms.count("tea"), rooms.count("rum")), (1, 0));
        assert_eq!(poll(&mut quick_body), bytes("1"));
        assert_eq!(send(&rooms), 1);
        assert_eq!(poll(&mut quick_body), bytes("1"));
    };
    check(|rooms| rooms.broadcast_event("tea", "1"));
    check(|rooms| rooms.send_to(&"all", "1"));
}

/// Who changes rooms for days leaves nothing behind: the topic's name is held by its members only.
#[test]
fn a_membership_that_is_dropped_takes_all_of_itself_along() {
    let rooms = Registry::default();
    let (ann, body) = client();
    let membership = rooms.join("tea", "ann", &ann).unwrap();
    let topic: Arc<str> = rooms.topics().remove(0);
    assert!(Arc::strong_count(&topic) > 1);
    drop(membership);
    assert_eq!(Arc::strong_count(&topic), 1);
    drop(body);
}

#[test]
fn a_membership_may_outlive_its_registry_and_be_kept_by_its_stream() {
    let rooms = Registry::default();
    let (ann, body) = client();
    let membership = rooms.join("tea", "ann", &ann).unwrap();
    ann.on_close(move |_| drop(membership));
    assert_eq!(
        rooms.clone().count("tea"),
        1,
        "clones are the same registry"
    );
    drop(body);
    assert_eq!(rooms.count("tea"), 0);

    let (bob, _body) = client();
    let membership = rooms.join("tea", "bob", &bob).unwrap();
    drop(rooms);
    drop(membership);
    bob.event("1").unwrap();
}
