use hyperstar_process::{Cx, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    async fn count(&mut self, cx: Cx<Self>) -> u32 {
        let _ = cx;
        self.count
    }
}

fn main() {}
