//! The limits: wasmtime alone, tokio alone, redb alone.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use redb::{Database, Durability, TableDefinition};
use tokio::sync::mpsc;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, Store};

use crate::figures::ms;

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

const VALUES: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("values");

/// Calls of a component that returns the 32 bytes that it is given, set up as a node sets its own up.
pub(crate) struct BareCall {
    store: Store<()>,
    echo: wasmtime::component::TypedFunc<(&'static [u8],), (Vec<u8>,)>,
}

impl BareCall {
    pub(crate) async fn new() -> Result<Self> {
        let made: wasmtime::Result<Self> = async {
            let mut config = Config::new();
            config
                .allocation_strategy(InstanceAllocationStrategy::pooling())
                .concurrency_support(false)
                .epoch_interruption(true)
                .async_stack_zeroing(true);
            let engine = Engine::new(&config)?;
            let component = Component::new(&engine, wat::parse_str(ECHO)?)?;
            let mut store = Store::new(&engine, ());
            store.set_epoch_deadline(1_000);
            let instance = Linker::new(&engine)
                .instantiate_async(&mut store, &component)
                .await?;
            let echo = instance.get_typed_func(&mut store, "echo")?;
            Ok(Self { store, echo })
        }
        .await;
        made.map_err(|error| anyhow!("{error:#}"))
    }

    /// What one call takes.
    pub(crate) async fn time(&mut self, calls: u32) -> Result<Duration> {
        let began = Instant::now();
        for _ in 0..calls {
            let called = self.echo.call_async(&mut self.store, (&[7; 32],)).await;
            called.map_err(|error| anyhow!("{error:#}"))?;
        }
        Ok(began.elapsed() / calls)
    }
}

/// There and back between two tasks over channels of tokio, in microseconds each.
pub(crate) async fn hops(calls: u32) -> Result<Vec<f64>> {
    let (there, mut inbox) = mpsc::channel::<u64>(64);
    let (back, mut answers) = mpsc::channel::<u64>(64);
    let echo = tokio::spawn(async move {
        while let Some(number) = inbox.recv().await {
            if back.send(number).await.is_err() {
                return;
            }
        }
    });
    let calling = tokio::spawn(async move {
        let mut took = Vec::with_capacity(calls as usize);
        for number in 0..u64::from(calls) {
            let began = Instant::now();
            there.send(number).await?;
            answers.recv().await.context("the other task has ended")?;
            took.push(began.elapsed().as_secs_f64() * 1e6);
        }
        anyhow::Ok(took)
    });
    let took = calling.await?;
    echo.await?;
    took
}

/// Commits of one small value to redb, as durable as those of the store, in milliseconds each.
pub(crate) fn commits(directory: &Path, commits: usize) -> Result<Vec<f64>> {
    let file = directory.join("bare.redb");
    let database = Database::create(&file)?;
    let mut took = Vec::with_capacity(commits);
    for number in 0..commits as u64 {
        let began = Instant::now();
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.set_quick_repair(true);
        transaction
            .open_table(VALUES)?
            .insert(number % 100, &[7; 32][..])?;
        transaction.commit()?;
        took.push(ms(began.elapsed()));
    }
    drop(database);
    std::fs::remove_file(file)?;
    Ok(took)
}

/// How many entries a second redb changes, `together` in each commit, of a table of `entries`.
pub(crate) fn changes(
    directory: &Path,
    entries: u64,
    together: usize,
    number: impl Fn(u64) -> u64,
    at_least: Duration,
) -> Result<f64> {
    let file = directory.join("bare.redb");
    let database = Database::create(&file)?;
    let change = |numbers: &mut dyn Iterator<Item = u64>, value: &[u8]| {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.set_quick_repair(true);
        let mut table = transaction.open_table(VALUES)?;
        for number in numbers {
            table.insert(number, value)?;
        }
        drop(table);
        transaction.commit()?;
        anyhow::Ok(())
    };
    change(&mut (0..entries), &[7; 32])?;
    let mut changed = 0;
    let began = Instant::now();
    while began.elapsed() < at_least {
        let next = changed + together as u64;
        change(&mut (changed..next).map(&number), &next.to_le_bytes())?;
        changed = next;
    }
    let rate = changed as f64 / began.elapsed().as_secs_f64();
    drop(database);
    std::fs::remove_file(file)?;
    Ok(rate)
}
