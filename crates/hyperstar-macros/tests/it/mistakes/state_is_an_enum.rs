use hyperstar_process::State;

#[derive(Default, State)]
enum App {
    #[default]
    Empty,
}

fn main() {}
