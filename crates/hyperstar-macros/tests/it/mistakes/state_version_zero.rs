use hyperstar_process::State;

#[derive(Default, State)]
#[state(version = 0)]
struct App {
    count: u32,
}

fn main() {}
