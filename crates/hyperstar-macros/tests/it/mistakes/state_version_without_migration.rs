use hyperstar_process::State;

#[derive(Default, State)]
#[state(version = 3, migrate(1 = |_| Ok(())))]
struct App {
    count: u32,
}

fn main() {}
