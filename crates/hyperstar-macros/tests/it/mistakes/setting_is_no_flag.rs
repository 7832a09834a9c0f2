use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App", widget = "yes")]
impl App {
    #[local]
    fn count(&self) -> u32 {
        self.count
    }
}

fn main() {}
