use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn add(&mut self, (a, b): (u32, u32)) {
        self.count += a + b;
    }
}

fn main() {}
