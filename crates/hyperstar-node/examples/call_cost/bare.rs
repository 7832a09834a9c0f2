//! The limit: wasmtime alone, and a component that returns what it is given.

use std::time::{Duration, Instant};

use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, Result, Store};

const ECHO: &str = r#"(component
    (core module $module
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "echo") (param i32 i32) (result i32)
            (i32.store (i32.const 16) (local.get 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.const 16)))
    (core instance $instance (instantiate $module))
    (func (export "echo") (param "body" (list u8)) (result (list u8))
        (canon lift (core func $instance "echo")
            (memory (core memory $instance "memory"))
            (realloc (core func $instance "realloc")))))"#;

/// 32 bytes in, 32 bytes out, on a stack of its own, with epochs.
pub(crate) async fn call(calls: u32) -> Result<Duration> {
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::pooling())
        .concurrency_support(false)
        .epoch_interruption(true);
    let engine = Engine::new(&config)?;
    let component = Component::new(&engine, wat::parse_str(ECHO)?)?;
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1_000);
    let linker = Linker::new(&engine);
    let instance = linker.instantiate_async(&mut store, &component).await?;
    let echo = instance.get_typed_func::<(&[u8],), (Vec<u8>,)>(&mut store, "echo")?;
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        for _ in 0..calls {
            let (answer,) = echo.call_async(&mut store, (&[7; 32],)).await?;
            assert_eq!(answer.len(), 32);
        }
        best = best.min(began.elapsed() / calls);
    }
    Ok(best)
}
