use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App", save = EveryNMessages(COUNT))]
impl App {
    #[local]
    fn count(&self) -> u32 {
        self.count
    }
}

fn main() {}
