use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(icon = "x")]
impl App {
    #[local]
    fn count(&self) -> u32 {
        self.count
    }
}

fn main() {}
