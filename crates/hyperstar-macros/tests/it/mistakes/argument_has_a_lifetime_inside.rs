use std::borrow::Cow;

use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn add(&mut self, by: Cow<'static, str>) {
        let _ = by;
    }
}

fn main() {}
