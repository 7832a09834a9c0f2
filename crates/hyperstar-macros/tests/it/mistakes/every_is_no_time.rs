use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[every("5 minutes")]
    fn tick(&mut self) {}
}

fn main() {}
