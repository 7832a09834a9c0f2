use hyperstar_process::State;

#[derive(Default, State)]
struct App {
    #[state(skp)]
    count: u32,
}

fn main() {}
