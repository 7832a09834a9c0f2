use hyperstar_process::Wire;

#[derive(Wire)]
#[serde(rename_all = "Title Case")]
struct User {
    name: String,
}

fn main() {}
