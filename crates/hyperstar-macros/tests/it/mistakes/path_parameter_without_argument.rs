use hyperstar_process::{Html, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[view("/rooms/{room}")]
    fn room(&self, rom: String) -> Html {
        Html::text(&rom)
    }
}

fn main() {}
