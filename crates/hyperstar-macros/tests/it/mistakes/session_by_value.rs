use hyperstar_process::{Session, State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[action]
    fn mine(&mut self, who: Session) {
        let _ = who;
        self.count += 1;
    }
}

fn main() {}
