use hyperstar_process::{Html, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[view("/")]
    #[view("/home")]
    fn page(&self) -> Html {
        Html::text("")
    }
}

fn main() {}
