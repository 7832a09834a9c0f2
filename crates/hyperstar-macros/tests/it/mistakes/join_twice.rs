use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[join]
    fn one(&mut self) {}

    #[join]
    fn two(&mut self) {}
}

fn main() {}
