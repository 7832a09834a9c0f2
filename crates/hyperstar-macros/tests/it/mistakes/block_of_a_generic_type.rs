use hyperstar_process::hyperapp;

struct App<T>(T);

#[hyperapp(name = "App")]
impl App<u32> {
    fn get(&self) -> u32 {
        self.0
    }
}

fn main() {}
