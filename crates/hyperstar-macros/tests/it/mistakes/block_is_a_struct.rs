use hyperstar_process::hyperapp;

#[hyperapp(name = "App")]
struct App {
    count: u32,
}

fn main() {}
