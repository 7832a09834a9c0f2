use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[hyperapp(name = "App", endpoints = ["api"])]
impl App {}

fn main() {}
