use hyperstar_bench_busy::Busy;
use hyperstar_process::abi::{Event, Message, Origin, Start};
use hyperstar_process::sys::{self, Level, Sys};
use hyperstar_process::{Guest, Runtime};
use std::{
    hint::black_box,
    rc::Rc,
    time::{Duration, Instant},
};
struct N;
impl Sys for N {
    fn now_ms(&self) -> u64 {
        0
    }
    fn random(&self, _: &mut [u8]) {}
    fn log(&self, _: Level, _: &str) {}
    fn get(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn scan(&self, _: &str, _: &str, _: u32, _: bool) -> Vec<(String, Vec<u8>)> {
        vec![]
    }
    fn count(&self, _: &str) -> u64 {
        0
    }
}
fn main() {
    let seconds: u64 = std::env::args().nth(1).map_or(5, |n| n.parse().unwrap());
    let batch: u64 = std::env::args().nth(2).map_or(1, |n| n.parse().unwrap());
    let sys: Rc<dyn Sys> = Rc::new(N);
    let start = Start {
        process: "busy:bench:local".into(),
        ..Default::default()
    };
    let mut i = Runtime::<Busy>::new();
    sys::enter(&sys, || i.start(start)).unwrap();
    let m = |task| {
        Event::Message(Message {
            task,
            origin: Origin::Owner,
            handler: "add".into(),
            deadline_ms: u64::MAX,
            body: br#"{"by":1}"#.to_vec(),
        })
    };
    for _ in 0..seconds {
        let began = Instant::now();
        let mut n = 0u32;
        while began.elapsed() < Duration::from_secs(1) {
            for _ in 0..100 {
                let e = (1..=batch).map(m).collect();
                black_box(sys::enter(&sys, || i.turn(e)));
            }
            n += 100;
        }
        println!("{:?} a turn", began.elapsed() / n);
    }
}
