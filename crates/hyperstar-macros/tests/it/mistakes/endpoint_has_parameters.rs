use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App", endpoints = ["/a/{x}"])]
impl App {}

fn main() {}
