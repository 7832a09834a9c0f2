use hyperstar_process::hyperapp;

struct App<T>(T);

#[hyperapp(name = "App")]
impl<T> App<T> {
    fn get(&self) -> &T {
        &self.0
    }
}

fn main() {}
