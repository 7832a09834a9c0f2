use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

async fn later(count: &mut u32) {
    *count += 1;
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    async fn add(&mut self) {
        let future = later(&mut self.count);
        self.count += 1;
        future.await;
    }
}

fn main() {}
