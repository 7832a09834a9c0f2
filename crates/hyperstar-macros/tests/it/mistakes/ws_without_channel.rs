use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[ws("/ws")]
    fn say(&mut self, text: String) {
        let _ = text;
    }
}

fn main() {}
