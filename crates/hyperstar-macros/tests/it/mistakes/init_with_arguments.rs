use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[init]
    fn begin(&mut self, count: u32) {
        self.count = count;
    }
}

fn main() {}
