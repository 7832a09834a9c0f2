use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[http(GET, "/counts/:day")]
    fn get(&self, day: u32) -> u32 {
        let _ = day;
        self.count
    }
}

fn main() {}
