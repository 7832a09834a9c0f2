use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn add(&mut self, #[local] by: u32) {
        self.count += by;
    }
}

fn main() {}
