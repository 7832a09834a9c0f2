use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

trait Count {
    fn count(&self) -> u32;
}

#[hyperapp(name = "App")]
impl Count for App {
    fn count(&self) -> u32 {
        self.count
    }
}

fn main() {}
