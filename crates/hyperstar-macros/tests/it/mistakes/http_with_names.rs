use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[http(method = "GET", path = "/count")]
    fn get(&self) -> u32 {
        self.count
    }
}

fn main() {}
