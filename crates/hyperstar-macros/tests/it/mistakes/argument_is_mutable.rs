use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn add(&mut self, by: &mut u32) {
        self.count += *by;
    }
}

fn main() {}
