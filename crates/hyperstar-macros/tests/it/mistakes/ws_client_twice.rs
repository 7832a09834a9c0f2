use hyperstar_process::{Channel, State, WsMessage, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[ws_client]
    fn one(&mut self, channel: Channel, message: WsMessage) {
        let _ = (channel, message);
    }

    #[ws_client]
    fn two(&mut self, channel: Channel, message: WsMessage) {
        let _ = (channel, message);
    }
}

fn main() {}
