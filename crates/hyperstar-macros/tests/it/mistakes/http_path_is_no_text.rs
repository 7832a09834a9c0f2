use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[http(GET, api)]
    fn count(&self) -> u32 {
        self.count
    }
}

fn main() {}
