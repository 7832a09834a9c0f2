use hyperstar_process::hyperapp;

#[hyperapp(name = "App")]
fn app() {}

fn main() {}
