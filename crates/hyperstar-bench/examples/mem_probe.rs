use std::{sync::Arc, collections::BTreeMap};
use hyperstar_node::{Engine, EngineConfig, LoadOptions};
use hyperstar_native::{Host, Options};
use hyperstar_store::Store;
fn dump(what: &str) -> BTreeMap<String, [u64; 5]> {
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut by: BTreeMap<String, [u64; 5]> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        let first = line.split_whitespace().next().unwrap();
        if !first.ends_with(':') {
            let f: Vec<&str> = line.split_whitespace().collect();
            let (a, b) = f[0].split_once('-').unwrap();
            let len = u64::from_str_radix(b, 16).unwrap() - u64::from_str_radix(a, 16).unwrap();
            name = format!("{} {} {}", f[1], f.get(5).map_or("anon", |n| n), match len { l if l < 65536 => "<64K".to_owned(), l if l <= 1<<20 => format!("{}K", l >> 10), l => format!("{}M+", (l >> 20).next_power_of_two()) });
            by.entry(name.clone()).or_default()[0] += 1;
        } else {
            let v: u64 = line.split_whitespace().nth(1).and_then(|v| v.parse().ok()).unwrap_or(0);
            let e = by.get_mut(&name).unwrap();
            match first { "Rss:" => e[1] += v, "Pss:" => e[2] += v, "Private_Dirty:" => e[3] += v, "Anonymous:" => e[4] += v, _ => {} }
        }
    }
    println!("{what}: rss {} KiB", by.values().map(|e| e[1]).sum::<u64>());
    by
}
fn main() {
    let bytes = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let engine = Engine::new(EngineConfig { cache: Some("/tmp/bench-cache".into()), ..Default::default() }).unwrap();
        let c = Arc::new(engine.load(&bytes, LoadOptions::default()).await.unwrap());
        let store = Store::memory();
        let host = Host::new("x", &store);
        let mut before = BTreeMap::new();
        for n in 0..1001 { let n2 = format!("a{n}:b:c"); host.add(&n2, c.clone(), &Options::default()).unwrap(); host.start_process(&n2).await.unwrap(); if n == 0 { before = dump("before"); } }
        let after = dump("after");
        println!("memory_bytes {}", host.memory_bytes("a5:b:c").unwrap());
        for (k, v) in &after { let b = before.get(k).copied().unwrap_or_default(); if v[1] > b[1] + 200 { println!("{k:60} n {:6} rss {:7} pss {:7} dirty {:7} anon {:7}", v[0] - b[0].min(v[0]), v[1]-b[1], v[2].saturating_sub(b[2]), v[3].saturating_sub(b[3]), v[4].saturating_sub(b[4])); } }
    });
}
