use hyperstar_process::Wire;

#[derive(Wire)]
pub enum Nothing {}

fn main() {}
