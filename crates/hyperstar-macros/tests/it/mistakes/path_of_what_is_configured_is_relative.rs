use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[cfg(not(test))]
    #[http(GET, "count")]
    fn count(&self) -> u32 {
        self.count
    }
}

fn main() {}
