use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[leave]
    fn one(&mut self) {}

    #[leave]
    fn two(&mut self) {}
}

fn main() {}
