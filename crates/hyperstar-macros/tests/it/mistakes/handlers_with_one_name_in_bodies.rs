use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn add_user(&mut self) {}

    #[local]
    fn add__user(&mut self) {}
}

fn main() {}
