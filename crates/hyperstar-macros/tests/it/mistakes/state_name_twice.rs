use hyperstar_process::State;

#[derive(Default, State)]
struct App {
    count: u32,
    #[state(rename = "count")]
    other: u32,
}

fn main() {}
