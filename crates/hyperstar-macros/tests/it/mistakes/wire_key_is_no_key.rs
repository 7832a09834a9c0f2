use hyperstar_process::Wire;

use std::collections::HashMap;

#[derive(Wire)]
pub struct Prices {
    by_weight: HashMap<(u32, u32), u32>,
}

fn main() {}
