use hyperstar_process::State;

#[derive(State)]
struct App {
    count: u32,
}

fn main() {}
