use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[http(GET, "/count")]
    fn get(&self) -> u32 {
        self.count
    }

    #[http(GET, "/count")]
    fn other(&self) -> u32 {
        self.count
    }
}

fn main() {}
