use hyperstar_process::State;

#[derive(Default, State)]
#[state(version = 2, migrate(from_one))]
struct Counter {
    count: u32,
}

fn main() {}
