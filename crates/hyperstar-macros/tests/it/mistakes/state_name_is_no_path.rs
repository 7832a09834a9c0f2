use hyperstar_process::State;

#[derive(Default, State)]
struct Counter {
    #[state(rename = "a/b")]
    count: u32,
}

fn main() {}
