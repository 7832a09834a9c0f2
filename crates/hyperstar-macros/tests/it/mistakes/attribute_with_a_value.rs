use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[view = "/"]
    fn page(&self) -> String {
        String::new()
    }
}

fn main() {}
