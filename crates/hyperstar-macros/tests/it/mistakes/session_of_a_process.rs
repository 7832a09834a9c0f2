use hyperstar_process::{Session, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn mine(&self, who: &Session) -> u32 {
        let _ = who;
        self.count
    }
}

fn main() {}
