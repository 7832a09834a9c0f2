use hyperstar_process::{Cx, Html, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[view("/")]
    fn page(&self, cx: &Cx) -> Html {
        let _ = cx;
        Html::text("")
    }
}

fn main() {}
