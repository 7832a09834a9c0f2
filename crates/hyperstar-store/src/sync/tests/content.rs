//! Trees that hash as they should, with content that no store has.

use std::collections::BTreeMap;

use super::super::*;
use super::{all, check_lie, signed, sync_with_liar};
use crate::Change;
use crate::engine::flush::Draft;
use crate::state::Pages;
use crate::tree;

/// A store with entries that no transaction would write.
fn forged(entries: &[(&[u8], usize)]) -> Store {
    let store = all();
    store.set("before/it", &1).unwrap();
    let entries: BTreeMap<&[u8], usize> = entries.iter().copied().collect();
    let forged = store.engine.replace_head(|backend, head| {
        let mut draft = Draft::new(head);
        let mut edits = Vec::new();
        let mut next = draft.state.next_page;
        for (key, bytes) in &entries {
            let bytes = vec![7; *bytes].into();
            let source = Pages(&*head.view);
            let (value, written) = tree::store_value(&source, &bytes, None, &mut next)?;
            draft.put_pages(written);
            edits.push((*key, Some(value)));
        }
        let edited = tree::edit(draft.shelf(), &head.tree, &edits, &mut next)?;
        draft.state.next_page = next;
        draft.put_pages(edited.written);
        draft.tree = edited.root;
        draft.commit(
            head.state.version.next(),
            &[],
            signed(edited.root.hash, Vec::new()),
        )?;
        Ok(((), draft.apply(backend, true)?, Vec::<Change>::new()))
    });
    forged.unwrap();
    store
}

#[test]
fn keys_that_are_no_paths_are_refused() {
    let long = "x".repeat(1_000);
    for key in [
        &b"a/../b"[..],
        b"a//b",
        b"/a",
        b"a/",
        b"",
        b".git/config",
        b"a\nb",
        b"\xff\xfe",
        long.as_bytes(),
    ] {
        let problem = check_lie(&forged(&[(key, 10)]), |message| message);
        assert!(
            problem.contains("path") || problem.contains("text"),
            "{problem}"
        );
    }
}

#[test]
fn a_value_that_is_a_directory_is_refused() {
    let many: Vec<Vec<u8>> = (0..3_000)
        .map(|n| format!("n/{n:05}").into_bytes())
        .collect();
    for pair in [
        ["a", "a/b"],
        ["a", "a/b/c/d"],
        ["before", "z"],
        ["before/it/x", "z"],
    ] {
        // Few enough to be checked with the others, and so many that the writers are not to wait.
        for fill in [&[][..], &many] {
            let mut entries: Vec<(&[u8], usize)> = fill.iter().map(|key| (&**key, 10)).collect();
            entries.extend(pair.map(|key| (key.as_bytes(), 10)));
            // Sorts between a directory and what is in it.
            entries.push((b"a!", 10));
            let problem = check_lie(&forged(&entries), |message| message);
            assert!(problem.contains("is a value, and so is"), "{problem}");
        }
    }
}

#[test]
fn keys_that_nest_a_thousand_deep_are_taken_in_little() {
    let keys: Vec<Vec<u8>> = (1..250).map(|n| vec![b'x'; n]).collect();
    let entries: Vec<(&[u8], usize)> = keys.iter().map(|key| (&**key, 900)).collect();
    let server = forged(&entries);
    let client = all();
    sync_with_liar(&client, &server, |message| message).unwrap();
    assert_eq!(client.list("").unwrap().len(), 250);
    assert!(client.verify(|_| ()).unwrap().is_whole());
}
