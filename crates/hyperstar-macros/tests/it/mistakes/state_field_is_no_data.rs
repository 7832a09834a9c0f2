use hyperstar_process::State;

#[derive(Default, State)]
struct App {
    job: Option<fn()>,
}

fn main() {}
