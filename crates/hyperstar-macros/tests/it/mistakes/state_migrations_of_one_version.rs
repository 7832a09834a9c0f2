use hyperstar_process::State;

#[derive(Default, State)]
#[state(version = 2, migrate(1 = |_| Ok(()), 1 = |_| Ok(())))]
struct Counter {
    count: u32,
}

fn main() {}
