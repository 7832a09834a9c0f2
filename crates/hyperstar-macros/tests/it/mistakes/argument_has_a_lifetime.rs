use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn add(&mut self, by: &'static str) {
        self.count += by.len() as u32;
    }
}

fn main() {}
