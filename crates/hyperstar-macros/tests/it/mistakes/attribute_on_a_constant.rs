use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    const MOST: u32 = 3;
}

fn main() {}
