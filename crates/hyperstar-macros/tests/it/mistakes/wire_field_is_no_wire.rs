use hyperstar_process::Wire;

pub struct Inner;

#[derive(Wire)]
pub struct Outer {
    inner: Inner,
}

fn main() {}
