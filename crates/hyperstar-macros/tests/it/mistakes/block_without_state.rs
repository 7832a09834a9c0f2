use hyperstar_process::hyperapp;

#[derive(Default)]
struct App;

#[hyperapp(name = "App")]
impl App {}

fn main() {}
