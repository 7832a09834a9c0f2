use hyperstar_process::{State, hyperapp};

#[derive(Default, State)]
struct App {
    count: u32,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub struct User {
    age: u32,
}

#[hyperapp(name = "App")]
impl App {
    #[local]
    fn add(&mut self, user: User) {
        self.count += user.age;
    }
}

fn main() {}
