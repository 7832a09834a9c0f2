use hyperstar_native::instance::{HostSys, Limits, Program};
use hyperstar_node::{Engine, EngineConfig, LoadOptions};
use hyperstar_process::abi::{Event, Message, Origin, Start};
use hyperstar_process::sys::Level;
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};
struct N;
impl HostSys for N {
    fn now_ms(&self) -> u64 {
        0
    }
    fn random(&self, _: &mut [u8]) -> Result<(), String> {
        Ok(())
    }
    fn log(&self, _: Level, _: &str) {}
    fn get(&self, _: &str) -> Result<Option<bytes::Bytes>, String> {
        Ok(None)
    }
    fn scan(
        &self,
        _: &str,
        _: &str,
        _: u32,
        _: bool,
    ) -> Result<Vec<(String, bytes::Bytes)>, String> {
        Ok(vec![])
    }
    fn count(&self, _: &str) -> Result<u64, String> {
        Ok(0)
    }
}
fn main() {
    let bytes = std::fs::read(std::env::args().nth(3).unwrap()).unwrap();
    let seconds: u64 = std::env::args().nth(1).map_or(5, |n| n.parse().unwrap());
    let batch: u64 = std::env::args().nth(2).map_or(1, |n| n.parse().unwrap());
    let rt = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    rt.block_on(async {
        let config = EngineConfig {
            cache: Some("/tmp/bench-cache".into()),
            instances_max: 4,
            memory_bytes_max: 16 << 20,
            ..Default::default()
        };
        let engine = Engine::new(config).unwrap();
        let c = engine.load(&bytes, LoadOptions::default()).await.unwrap();
        let start = Start {
            process: "busy:bench:local".into(),
            ..Default::default()
        };
        let (mut i, _) = c
            .start(start, Arc::new(N), Limits::default())
            .await
            .unwrap();
        let m = |task| {
            Event::Message(Message {
                task,
                origin: Origin::Owner,
                handler: "add".into(),
                deadline_ms: u64::MAX,
                body: br#"{"by":1}"#.to_vec(),
            })
        };
        if let Ok(n) = std::env::var("N") {
            for _ in 0..n.parse::<u64>().unwrap() {
                black_box(i.turn((1..=batch).map(m).collect()).await.unwrap());
            }
            return;
        }
        for _ in 0..seconds {
            let began = Instant::now();
            let mut n = 0u32;
            while began.elapsed() < Duration::from_secs(1) {
                for _ in 0..100 {
                    black_box(i.turn((1..=batch).map(m).collect()).await.unwrap());
                }
                n += 100;
            }
            println!("{:?} a turn", began.elapsed() / n);
        }
    });
}
