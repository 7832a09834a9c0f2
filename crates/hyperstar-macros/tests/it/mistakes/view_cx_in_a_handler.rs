use hyperstar_process::{State, ViewCx, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[action]
    fn add(&mut self, cx: &ViewCx) {
        let _ = cx;
        self.count += 1;
    }
}

fn main() {}
