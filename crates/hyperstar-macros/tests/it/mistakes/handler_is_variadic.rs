use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    unsafe extern "C" fn add(&mut self, by: u32, ...) {
        let _ = by;
    }
}

fn main() {}
