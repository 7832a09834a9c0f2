//! Several stores that write, sync in pairs and merge: in the end all have everything.

use std::collections::BTreeSet;

use hyperstar_store::Store;

use super::pipe::{options, sync_as};
use super::random::{all, check_equal, check_whole, merge};
use super::seeds;
use crate::support::Random;

const STORES: usize = 4;

#[test]
fn stores_that_gossip_come_to_have_the_same() {
    for seed in seeds(3) {
        let mut random = Random::new(seed);
        let stores: Vec<Store> = (0..STORES).map(|_| Store::memory_with(all())).collect();
        let mut written = BTreeSet::new();
        for step in 0..80_u64 {
            let index = random.below(STORES as u64) as usize;
            let store = &stores[index];
            match random.below(6) {
                0..=2 => {
                    // One that nobody else writes, and one that all do.
                    let own = format!("own/{index}/{step:03}");
                    let shared = format!("shared/{}", random.below(5));
                    let value = super::random::value(&mut random);
                    let wrote = store.transaction(|tx| {
                        tx.set_bytes(&own, value.clone())?;
                        tx.set_bytes(&shared, value)
                    });
                    wrote.unwrap();
                    written.insert(own);
                }
                3 | 4 => gossip(&stores, index, random.below(STORES as u64) as usize),
                _ => merge_all(store),
            }
        }
        let mut rounds = 0;
        while stores
            .windows(2)
            .any(|pair| pair[0].head_id() != pair[1].head_id())
        {
            rounds += 1;
            assert!(rounds < 12, "seed {seed}: they do not come to an end");
            // Who merges last tells the others.
            for index in 1..STORES {
                gossip(&stores, 0, index);
                merge_all(&stores[0]);
            }
            for index in 1..STORES {
                gossip(&stores, 0, index);
            }
        }
        let found: BTreeSet<String> = stores[0].list("own").unwrap().into_iter().collect();
        assert_eq!(found, written, "seed {seed}");
        for store in &stores[1..] {
            check_equal(&stores[0], store);
        }
    }
}

fn gossip(stores: &[Store], one: usize, other: usize) {
    if one != other {
        let [ours, theirs] = [one, other].map(|index| options(&format!("store-{index}")));
        sync_as(&stores[one], &stores[other], [&theirs, &ours]);
        check_whole(&stores[one]);
    }
}

/// Merges what is known of all others.
fn merge_all(store: &Store) {
    for (name, tip) in store.branches().unwrap() {
        if name.starts_with('@') {
            merge(store, tip);
        }
    }
}
