use std::{sync::Arc, time::{Duration, Instant}};
use hyperstar_node::{Engine, EngineConfig, LoadOptions};
use hyperstar_native::{Ask, Host, Options};
use hyperstar_process::abi::Origin;
use hyperstar_store::Store;
fn main() {
    let mut a = std::env::args().skip(1);
    let wasm = a.next().unwrap();
    let seconds: u64 = a.next().unwrap().parse().unwrap();
    let flight: usize = a.next().unwrap().parse().unwrap();
    let what = a.next().unwrap_or("ask".into());
    let bytes = std::fs::read(wasm).unwrap();
    let rt = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let engine = Engine::new(EngineConfig { cache: Some("/tmp/bench-cache".into()), instances_max: 8, memory_bytes_max: 16 << 20, ..Default::default() }).unwrap();
        let c = Arc::new(engine.load(&bytes, LoadOptions::default()).await.unwrap());
        let store = Store::memory();
        let host = Host::new("x", &store);
        for n in ["a:b:c", "d:b:c"] { host.add(n, c.clone(), &Options::default()).unwrap(); host.start_process(n).await.unwrap(); }
        let began = Instant::now();
        let mut set = tokio::task::JoinSet::new();
        for _ in 0..flight {
            let host = host.clone(); let what = what.clone();
            set.spawn(async move {
                let mut n = 0u64;
                let most: u64 = std::env::var("N").map_or(u64::MAX, |n| n.parse().unwrap());
                while n < most && began.elapsed() < Duration::from_secs(seconds) {
                    let (handler, body) = match what.as_str() { "ask" => ("add", br#"{"by":1}"#.to_vec()), _ => ("call", br#"{"to":"d:b:c","times":1000}"#.to_vec()) };
                    host.ask("a:b:c", Ask { origin: Origin::Owner, handler: handler.into(), body, timeout_ms: 30_000, key: None }).await.unwrap();
                    n += if what == "ask" { 1 } else { 1000 };
                }
                n
            });
        }
        let n: u64 = set.join_all().await.into_iter().sum();
        println!("{:.2} us each", began.elapsed().as_secs_f64() * 1e6 / n as f64);
    });
}
