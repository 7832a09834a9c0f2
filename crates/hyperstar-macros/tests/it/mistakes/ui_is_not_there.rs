use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App", ui = "nowhere")]
impl App {
    #[local]
    fn count(&self) -> u32 {
        self.count
    }
}

fn main() {}
