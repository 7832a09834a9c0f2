use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[every]
    fn tick(&mut self) {}
}

fn main() {}
