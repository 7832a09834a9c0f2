use hyperstar_process::State;

#[derive(Default, State)]
struct App<T> {
    value: T,
}

fn main() {}
