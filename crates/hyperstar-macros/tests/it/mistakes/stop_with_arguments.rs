use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[stop]
    fn end(&mut self, why: String) {
        let _ = why;
    }
}

fn main() {}
