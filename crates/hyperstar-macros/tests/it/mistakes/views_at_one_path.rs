use hyperstar_process::{Html, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[view("/rooms/{room}")]
    fn room(&self, room: String) -> Html {
        Html::text(&room)
    }

    #[view("/rooms/{name}")]
    fn other(&self, name: String) -> Html {
        Html::text(&name)
    }
}

fn main() {}
