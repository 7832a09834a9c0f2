//! Structs of this binary as processes, written as their authors write them.

use std::sync::Arc;

use hyperstar::test::Browser;
use hyperstar_native::{Ask, Host, Native, Options};
use hyperstar_process::abi::{CallError, Origin};
use hyperstar_process::{Address, Cx, Map, State, StateError, action, hyperapp};
use hyperstar_store::Store;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::scripted::{options, within};

const SHOP: &str = "shop:shop:me";
const OTHER: &str = "other:shop:me";

#[derive(Default, State)]
struct Shop {
    sold: i64,
    stock: Map<String, u32>,
    #[state(skip)]
    watching: usize,
}

#[hyperapp(name = "Shop")]
impl Shop {
    #[view("/")]
    fn page(&self) -> Result<Markup, StateError> {
        let stock: Vec<(String, u32)> = self.stock.iter().collect::<Result<_, _>>()?;
        Ok(html! {
            p #sold { (self.sold) }
            p #watching { (self.watching) }
            button #sell data-on:click=(action("sell").arg("by", 1)) { "sell" }
            @for (tea, grams) in &stock { li { (tea) " " (grams) } }
        })
    }

    #[action]
    #[local]
    fn sell(&mut self, by: i64) -> i64 {
        self.sold += by;
        self.sold
    }

    #[local]
    #[public]
    fn sold(&self) -> i64 {
        self.sold
    }

    #[local]
    fn store(&mut self, tea: String, grams: u32) -> Result<(), String> {
        let stored = self.stock.insert(&tea, &grams);
        stored.map(drop).map_err(|error| error.to_string())
    }

    #[local]
    async fn ask(cx: Cx<Self>, whom: Address) -> Result<i64, CallError> {
        let theirs = ShopClient::at(&cx, &whom).sold().await?;
        cx.sleep(1).await;
        Ok(cx.with(|shop| {
            shop.sold += theirs;
            shop.sold
        }))
    }

    #[local]
    fn fail(&mut self) {
        self.sold += 1_000;
        panic!("out of tea");
    }

    #[join]
    fn join(&mut self) {
        self.watching += 1;
    }

    #[leave]
    fn leave(&mut self) {
        self.watching = self.watching.saturating_sub(1);
    }
}

async fn ask(host: &Host, name: &str, handler: &str, arguments: Value) -> Result<Value, CallError> {
    let ask = Ask {
        origin: Origin::Owner,
        handler: handler.to_owned(),
        body: arguments.to_string().into_bytes(),
        timeout_ms: 10_000,
        key: None,
    };
    let response = within(host.ask(name, ask)).await?;
    Ok(serde_json::from_slice(&response.body).unwrap_or(Value::Null))
}

async fn start(host: &Host, name: &str) {
    let program = Arc::new(Native::<Shop>::new());
    host.add(name, program, &options()).unwrap();
    within(host.start_process(name)).await.unwrap();
}

#[tokio::test]
async fn handlers_run_and_what_they_changed_is_kept() {
    let store = Store::memory();
    let host = Host::new("me", &store);
    start(&host, SHOP).await;
    assert_eq!(
        ask(&host, SHOP, "sell", json!({ "by": 2 })).await,
        Ok(json!(2))
    );
    ask(
        &host,
        SHOP,
        "store",
        json!({ "tea": "sencha", "grams": 50 }),
    )
    .await
    .unwrap();
    let kept: u32 = store
        .get("apps/me/shop/shop/state/c/stock/sencha")
        .unwrap()
        .unwrap();
    assert_eq!(kept, 50);
    let unknown = ask(&host, SHOP, "sel", json!({})).await.unwrap_err();
    assert!(unknown.to_string().contains("`sell`"), "{unknown}");
    within(host.stop()).await;
    let host = Host::new("me", &store);
    start(&host, SHOP).await;
    assert_eq!(ask(&host, SHOP, "sold", json!({})).await, Ok(json!(2)));
}

#[tokio::test]
async fn they_call_each_other() {
    let host = Host::new("me", &Store::memory());
    start(&host, SHOP).await;
    start(&host, OTHER).await;
    ask(&host, OTHER, "sell", json!({ "by": 7 })).await.unwrap();
    let asked = ask(&host, SHOP, "ask", json!({ "whom": OTHER })).await;
    assert_eq!(asked, Ok(json!({ "Ok": 7 })));
}

#[tokio::test]
async fn a_panic_ends_the_process_and_not_the_host() {
    let host = Host::new("me", &Store::memory());
    start(&host, SHOP).await;
    ask(&host, SHOP, "sell", json!({ "by": 1 })).await.unwrap();
    assert_eq!(
        ask(&host, SHOP, "fail", json!({})).await,
        Err(CallError::Crashed)
    );
    let (lines, _) = host.logs(SHOP, 10).unwrap();
    assert!(
        lines.iter().any(|line| line.text.contains("out of tea")),
        "{lines:?}"
    );
    within(async {
        loop {
            match ask(&host, SHOP, "sold", json!({})).await {
                Ok(sold) => return assert_eq!(sold, json!(1)),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
}

#[tokio::test]
async fn pages_follow_and_know_who_looks() {
    let host = Host::new("me", &Store::memory());
    let program = Arc::new(Native::<Shop>::new());
    host.add(SHOP, program, &Options::default()).unwrap();
    within(host.start_process(SHOP)).await.unwrap();
    let ann = Browser::new(host.app(SHOP).unwrap()).unwrap();
    let mut page = ann.open("/").await.unwrap();
    page.wait_for("#watching", "1").await.unwrap();
    let bob = ann.someone_else();
    let mut his = bob.open("/").await.unwrap();
    page.wait_for("#watching", "2").await.unwrap();
    his.click("#sell").await.unwrap();
    page.wait_for("#sold", "1").await.unwrap();
    ask(&host, SHOP, "store", json!({ "tea": "assam", "grams": 20 }))
        .await
        .unwrap();
    page.wait_for("li", "assam 20").await.unwrap();
}
