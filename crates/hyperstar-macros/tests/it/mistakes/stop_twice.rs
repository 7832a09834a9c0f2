use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[stop]
    fn one(&mut self) {}

    #[stop]
    fn two(&mut self) {}
}

fn main() {}
