use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn add<T: Into<u32>>(&mut self, by: T) {
        self.count += by.into();
    }
}

fn main() {}
