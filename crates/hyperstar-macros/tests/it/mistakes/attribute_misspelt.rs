use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[acton]
    fn increment(&mut self) {
        self.count += 1;
    }
}

fn main() {}
