use hyperstar_process::{Channel, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn say(&mut self, channel: Channel) {
        let _ = channel;
    }
}

fn main() {}
