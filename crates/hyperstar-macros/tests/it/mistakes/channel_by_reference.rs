use hyperstar_process::{Channel, State, WsMessage, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[ws("/ws")]
    fn ws(&self, channel: &Channel, message: WsMessage) {
        let _ = (channel, message);
    }
}

fn main() {}
