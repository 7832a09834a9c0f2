//! What becomes of branches and tags.

use hyperstar_store::sync::{Moved, Parted, SyncError, SyncOptions};
use hyperstar_store::{CommitId, History, Keep, Store, StoreConfig};

use super::pipe::{exchange, options, sync, sync_as};
use super::random::{all, check_equal, check_whole, merge};

/// Two stores that have the same branch.
fn twins() -> [Store; 2] {
    let [one, other] = [Store::memory_with(all()), Store::memory_with(all())];
    other.set("shared", &0).unwrap();
    sync(&one, &other);
    [one, other]
}

fn tip(store: &Store, branch: &str) -> Option<CommitId> {
    let branches = store.branches().unwrap();
    let found = branches.into_iter().find(|(name, _)| name == branch);
    found.map(|(_, id)| id)
}

#[test]
fn each_side_gets_what_the_other_did_elsewhere() {
    let [one, other] = twins();
    let base = one.head_id();
    one.branch("mine", base).unwrap();
    one.checkout("mine").unwrap();
    one.set("mine", &1).unwrap();
    other.set("theirs", &2).unwrap();
    other.tag("v1", other.head_id()).unwrap();
    let [led, served] = sync(&one, &other);
    assert_eq!((led.received.commits, led.sent.commits), (1, 1));
    assert_eq!(led.tags, ["v1"]);
    let moved: Vec<&str> = served.moved.iter().map(|moved| &*moved.branch).collect();
    assert_eq!(moved, ["mine"]);
    assert_eq!(tip(&one, "main"), tip(&other, "main"));
    assert_eq!(tip(&other, "mine"), Some(one.head_id()));
    assert_eq!(tip(&other, "@client/mine"), Some(one.head_id()));
    assert_eq!(tip(&one, "@server/main"), Some(other.head_id()));
    check_equal(&one, &other);
}

#[test]
fn branches_that_parted_stay_and_meet_again_by_a_merge() {
    let [one, other] = twins();
    let base = one.head_id();
    let ours = one.set("one", &1).unwrap().id;
    let theirs = other.set("other", &2).unwrap().id;
    let [led, served] = sync(&one, &other);
    let [
        Parted {
            name,
            ours: found,
            theirs: there,
            ..
        },
    ] = &led.parted[..]
    else {
        panic!("{led:?}");
    };
    assert_eq!((&**name, *found, *there), ("main", ours, theirs));
    assert_eq!(served.parted.len(), 1);
    assert!(led.moved.is_empty() && served.moved.is_empty());
    assert_eq!((one.head_id(), other.head_id()), (ours, theirs));
    assert_eq!(other.get::<u64>("one").unwrap(), None);

    merge(&one, one.resolve("@server/main").unwrap());
    let [led, served] = sync(&one, &other);
    assert!(led.parted.is_empty() && served.parted.is_empty());
    let [
        Moved {
            branch, from, to, ..
        },
    ] = &served.moved[..]
    else {
        panic!("{served:?}");
    };
    assert_eq!(
        (&**branch, *from, *to),
        ("main", Some(theirs), one.head_id())
    );
    assert_eq!(other.list("").unwrap(), ["one", "other", "shared"]);
    assert_ne!(base, one.head_id());
    check_equal(&one, &other);
}

#[test]
fn a_tag_never_moves() {
    let [one, other] = twins();
    one.tag("v1", one.set("a", &1).unwrap().id).unwrap();
    other.tag("v1", other.set("b", &2).unwrap().id).unwrap();
    let before = [one.tags().unwrap(), other.tags().unwrap()];
    let [led, served] = sync(&one, &other);
    assert_eq!(led.other_tags.len(), 1);
    assert_eq!(served.other_tags.len(), 1);
    assert!(led.tags.is_empty() && served.tags.is_empty());
    assert_eq!(before, [one.tags().unwrap(), other.tags().unwrap()]);
}

#[test]
fn a_tag_beside_all_branches_comes_with_its_commits() {
    let [one, other] = twins();
    let base = other.head_id();
    other.branch("aside", base).unwrap();
    other.checkout("aside").unwrap();
    other.set("aside", &1).unwrap();
    let tagged = other.set("aside", &2).unwrap().id;
    other.tag("v1", tagged).unwrap();
    other.checkout("main").unwrap();
    other.remove_branch("aside").unwrap();
    sync(&one, &other);
    let aside = one.at(tagged).unwrap().get::<u64>("aside").unwrap();
    assert_eq!(aside, Some(2));
    check_equal(&one, &other);
}

#[test]
fn what_follows_another_store_is_told_to_no_one() {
    let [one, other] = twins();
    let third = Store::memory();
    sync_as(&third, &one, [&options("one"), &options("third")]);
    sync_as(&third, &other, [&options("other"), &options("third")]);
    let branches = third.branches().unwrap().into_iter();
    let names: Vec<String> = branches.map(|(name, _)| name).collect();
    assert_eq!(names, ["@one/main", "@other/main", "main"]);
    let names: Vec<String> = other
        .branches()
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["@client/main", "@third/main", "main"]);
}

#[test]
fn each_side_decides_what_it_gives_and_takes() {
    let [one, other] = twins();
    let [ours, theirs] = [
        one.set("one", &1).unwrap().id,
        other.set("other", &2).unwrap().id,
    ];
    other.branch("drafts/a", theirs).unwrap();
    let shut = |sends, receives| SyncOptions {
        sends,
        receives,
        ..options("x")
    };
    let open = options("y");
    let closed = shut(false, false);
    let [led, served] = sync_as(&one, &other, [&open, &closed]);
    assert!(!led.has_received && !led.has_sent && !served.has_received && !served.has_sent);
    assert_eq!((one.head_id(), other.head_id()), (ours, theirs));

    let [led, served] = sync_as(&one, &other, [&shut(true, false), &open]);
    assert!(led.has_sent && served.has_received && !led.has_received);
    assert!(one.show(theirs).is_err() && other.show(ours).is_ok());

    let drafts = SyncOptions {
        names: "drafts".to_owned(),
        ..open.clone()
    };
    sync_as(&one, &other, [&drafts, &shut(true, false)]);
    assert_eq!(tip(&one, "drafts/a"), Some(theirs));
    assert_eq!(tip(&one, "@y/main"), None, "it was not to be taken");
}

#[test]
fn wrong_options_are_refused() {
    let store = Store::memory();
    for peer in ["", "a/b", "..", "a\u{7}"] {
        let refused = exchange(&store, &store, [&options(peer), &options("b")], |_, _| None);
        assert!(matches!(refused, Err(SyncError::Option { .. })), "{peer}");
    }
}

#[test]
fn a_branch_follows_across_a_gap_in_the_history() {
    let server = Store::memory_with(StoreConfig {
        history: History::All,
        ..StoreConfig::default()
    });
    let fill = |tx: &mut hyperstar_store::Transaction| {
        (0..3_000).try_for_each(|n| tx.set(&format!("item/{n:04}"), &"some text to weigh it"))
    };
    server.transaction(fill).unwrap();
    let client = Store::memory();
    sync(&client, &server);
    for n in 0..20 {
        server.set(&format!("item/{n:04}"), &n).unwrap();
    }
    server.compact(&Keep::last(3), |_| ()).unwrap();
    let [led, _] = sync(&client, &server);
    assert_eq!(client.head_id(), server.head_id());
    assert_eq!(led.received.commits, 3);
    // What both have at the same place is not sent, though they have no commit in common.
    assert!(led.received.pages < 20, "{led:?}");
    assert_eq!(client.get("item/0019").unwrap(), Some(19));
    check_whole(&client);

    // But not if something was done here.
    client.set("mine", &1).unwrap();
    server.set("item/0000", &"x").unwrap();
    server.set("item/0001", &"x").unwrap();
    server.compact(&Keep::last(1), |_| ()).unwrap();
    let ours = client.head_id();
    let [led, _] = sync(&client, &server);
    assert_eq!(led.parted.len(), 1);
    assert_eq!(client.head_id(), ours);
    check_whole(&client);
    check_whole(&server);
}

#[test]
fn a_fresh_store_takes_a_trimmed_history() {
    let server = Store::memory_with(StoreConfig {
        history: History::Last(4),
        ..StoreConfig::default()
    });
    for n in 0..30 {
        server.set("n", &n).unwrap();
    }
    let client = Store::memory();
    let [led, _] = sync(&client, &server);
    assert_eq!(led.received.commits, 4);
    assert_eq!(client.get("n").unwrap(), Some(29));
    assert_eq!(client.log("").unwrap().count(), 4);
    check_equal(&client, &server);
}
