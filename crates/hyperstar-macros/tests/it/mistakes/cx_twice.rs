use hyperstar_process::{Cx, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn count(&self, cx: &Cx, again: &Cx) -> u32 {
        let _ = again;
        let _ = cx;
        self.count
    }
}

fn main() {}
