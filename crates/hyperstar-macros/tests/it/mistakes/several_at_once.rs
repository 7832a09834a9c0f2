use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App", sav = Never)]
impl App {
    #[every(0)]
    fn tick(&mut self) {}

    #[http(GTE, "/count")]
    fn count(&self) -> u32 {
        self.count
    }

    #[view("rooms")]
    async fn rooms(&mut self) -> String {
        String::new()
    }
}

fn main() {}
