use hyperstar_process::State;

#[derive(Default, State)]
#[state(versions = 2)]
struct Counter {
    count: u32,
}

fn main() {}
