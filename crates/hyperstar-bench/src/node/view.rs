//! A page, rendered in a component and natively.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use hyperstar_bench_busy::Busy;
use hyperstar_native::instance::Limits;
use hyperstar_process::abi::{Audience, RenderRequest, Start};
use hyperstar_process::sys::{self, Level, Sys};
use hyperstar_process::{Guest, Runtime};

use super::apps::Apps;
use super::message::Nothing;
use super::{Plan, hosted};
use crate::figures::median;
use crate::report::Goal;
use crate::table::{Table, figure, ratio};

const RATIO_MAX: f64 = 2.0;

pub(crate) fn report(plan: &Plan, apps: &Apps, goals: &mut Vec<Goal>) -> Result<()> {
    let renders = (plan.calls / 10).max(10);
    let (mut natives, mut components) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    hosted::executor()?.block_on(async {
        let component = hosted::load(&plan.directory, &apps.busy).await?;
        let started = component.start(begin(), Arc::new(Nothing), Limits::default());
        let (mut instance, _) = started.await?;
        let reached: Rc<dyn Sys> = Rc::new(Still);
        let mut native = Runtime::<Busy>::new();
        let started = sys::enter(&reached, || native.start(begin()));
        started.map_err(|refused| anyhow!(refused))?;
        for _ in 0..plan.rounds {
            let began = Instant::now();
            for _ in 0..renders {
                let page = sys::enter(&reached, || native.render(request()));
                bytes = black_box(page.map_err(|error| anyhow!(error.message))?.html.len());
            }
            natives.push(each(began, renders));
            let began = Instant::now();
            for _ in 0..renders {
                let page = instance.render(request()).await?;
                let page = page.map_err(|error| anyhow!(error.message))?;
                ensure!(page.html.len() == bytes, "the pages differ");
            }
            components.push(each(began, renders));
        }
        anyhow::Ok(())
    })?;
    let (native, component) = (median(&natives), median(&components));
    let mut table = Table::new(&["a page of 40 rows", "µs", "/ native"]);
    for (what, time) in [("native", native), ("component", component)] {
        table.row([what.to_owned(), figure(time), ratio(time, native)]);
    }
    println!(
        "## A page\n\nOne render of a view with `maud`, {bytes} bytes; in a component with the way in and out. Medians of {} rounds of {renders} renders.\n\n{table}",
        plan.rounds
    );
    goals.push(Goal {
        what: "a page in a component / natively".to_owned(),
        at_most: RATIO_MAX,
        result: component / native,
        unit: "",
    });
    Ok(())
}

fn each(began: Instant, renders: u32) -> f64 {
    let each: Duration = began.elapsed() / renders;
    hosted::us(each)
}

fn begin() -> Start {
    Start {
        process: hosted::address("busy"),
        ..Start::default()
    }
}

fn request() -> RenderRequest {
    RenderRequest {
        view: 0,
        path: "/".to_owned(),
        params: Vec::new(),
        query: Vec::new(),
        audience: Audience::Everyone,
        base: String::new(),
    }
}

/// What the native one reaches.
struct Still;

impl Sys for Still {
    fn now_ms(&self) -> u64 {
        0
    }
    fn random(&self, _bytes: &mut [u8]) {}
    fn log(&self, _level: Level, _text: &str) {}
    fn get(&self, _path: &str) -> Option<Vec<u8>> {
        None
    }
    fn scan(
        &self,
        _at_or_after: &str,
        _before: &str,
        _most: u32,
        _back: bool,
    ) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }
    fn count(&self, _prefix: &str) -> u64 {
        0
    }
}
