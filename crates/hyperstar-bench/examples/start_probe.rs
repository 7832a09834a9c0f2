use std::{sync::Arc, time::Instant};
use hyperstar_node::{Engine, EngineConfig, LoadOptions};
use hyperstar_native::instance::{HostSys, Limits, Program};
use hyperstar_process::abi::Start;
use hyperstar_process::sys::Level;
struct N;
impl HostSys for N {
    fn now_ms(&self) -> u64 { 0 }
    fn random(&self, _: &mut [u8]) -> Result<(), String> { Ok(()) }
    fn log(&self, _: Level, t: &str) { println!("{t}") }
    fn get(&self, _: &str) -> Result<Option<bytes::Bytes>, String> { Ok(None) }
    fn scan(&self, _: &str, _: &str, _: u32, _: bool) -> Result<Vec<(String, bytes::Bytes)>, String> { Ok(vec![]) }
    fn count(&self, _: &str) -> Result<u64, String> { Ok(0) }
}
fn main() {
    let bytes = std::fs::read("/tmp/target-bench/release/components/hyperstar/release/hyperstar-bench-kept.wasm").unwrap();
    let what = std::env::args().nth(1).unwrap();
    let times: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let config = EngineConfig { cache: Some("/tmp/bench-cache".into()), instances_max: 4, memory_bytes_max: 16 << 20, ..Default::default() };
        let engine = Engine::new(config).unwrap();
        let c = engine.load(&bytes, LoadOptions::default()).await.unwrap();
        let fields = match what.as_str() {
            "text" => vec![("f/text".to_owned(), format!("\"{}\"", "tea, cake & more".repeat(62_500)).into_bytes())],
            "records" => {
                let all: Vec<String> = (0..8000).map(|n| format!(r#"{{"number":{n},"name":"Shelf no. {n}","note":"tea, cake & more, and whatever else there may be","counts":[{},12,345]}}"#, n % 97)).collect();
                vec![("f/records".to_owned(), format!("[{}]", all.join(",")).into_bytes())]
            }
            _ => vec![],
        };
        let mut took = vec![];
        for _ in 0..times {
            let start = Start { process: "busy:bench:local".into(), version: 1, fields: fields.clone(), ..Default::default() };
            let began = Instant::now();
            let (i, turn) = c.start(start, Arc::new(N), Limits::default()).await.unwrap();
            took.push(began.elapsed());
            assert!(turn.changes.is_empty());
            drop(i);
        }
        took.sort();
        println!("p50 {:?} min {:?}", took[times / 2], took[0]);
    });
}
