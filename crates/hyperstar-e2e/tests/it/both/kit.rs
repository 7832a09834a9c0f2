//! The test kit runs an app's component as it runs its struct, and what it records is the same.

use anyhow::{Result, anyhow, ensure};
use gallery::Example;
use hyperstar_node::test::Sandboxed;
use hyperstar_process::test::{Host, Process};
use hyperstar_process::{ActionError, Reply, record};
use serde_json::json;
use todo::Todo;

use super::stage::component;

/// Somebody's afternoon, with a crash in it.
fn play(list: &mut Process<Todo>) -> Result<()> {
    for text in ["Buy bread", "Water the plants", ""] {
        taken(list.action("add", &[], &json!({ "text": text })))?;
        list.advance_ms(1_500);
    }
    list.fail_next_turn();
    let lost = list.action("clear", &[], &json!({}));
    ensure!(lost.is_err(), "a turn that is not kept is not answered");
    list.restart();
    taken(list.action("toggle", &[("id", "1"), ("done", "true")], &json!({})))?;
    taken(list.action("clear", &[], &json!({})))?;
    let missing = list.action("edit", &[("id", "77"), ("draft", "x")], &json!({}));
    ensure!(missing.is_err(), "there is no such item");
    Ok(())
}

fn taken(answer: Result<Reply, ActionError>) -> Result<()> {
    answer.map(drop).map_err(|error| anyhow!("{error:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_does_byte_for_byte_what_the_struct_does() -> Result<()> {
    let bytes = component(Example::Todo).await?;
    tokio::task::spawn_blocking(move || {
        let sandboxed = Sandboxed::new(&bytes)?;
        let mut native = Process::<Todo>::new();
        play(&mut native)?;
        let guest = sandboxed.clone();
        let component = Process::<Todo>::run_by(Host::new(), move |sys| guest.guest(sys));
        let mut component = component.map_err(anyhow::Error::msg)?;
        play(&mut component)?;
        ensure!(
            native.recording() == component.recording(),
            "{:?}\n{:?}",
            native.recording(),
            component.recording()
        );
        // Each plays what the other one has recorded.
        Process::<Todo>::replay(component.recording())?;
        record::replay(native.recording(), |sys| sandboxed.guest(sys))?;
        let page = component
            .render("/")
            .map_err(|error| anyhow::Error::msg(error.message))?;
        ensure!(page.html.contains("Water the plants"), "{}", page.html);
        Ok(())
    })
    .await?
}
