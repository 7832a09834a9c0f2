use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[eth]
    #[local]
    fn event(&mut self, event: String) {
        let _ = event;
    }
}

fn main() {}
