use hyperstar_process::{Html, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[view("/rooms")]
    fn rooms(&self, page: u32) -> Html {
        let _ = page;
        Html::text("")
    }
}

fn main() {}
