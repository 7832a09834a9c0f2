use hyperstar_process::State;

#[derive(Default, State)]
struct App(u32);

fn main() {}
