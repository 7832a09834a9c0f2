use hyperstar_process::{Cx, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    async fn count(cx: Cx<u32>) -> u32 {
        let _ = cx;
        3
    }
}

fn main() {}
