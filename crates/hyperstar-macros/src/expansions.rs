//! What typical blocks and types expand to.

use proc_macro2::TokenStream;
use quote::quote;

fn pretty(tokens: TokenStream) -> String {
    prettyplease::unparse(&syn::parse2(tokens).expect("expansions are Rust"))
}

/// Without our attribute, a block is as it was.
fn app(settings: TokenStream, item: TokenStream) -> String {
    pretty(crate::hyperapp::run(settings, item))
}

#[test]
fn a_counter() {
    insta::assert_snapshot!(app(
        quote!(name = "Counter", icon = "🧮", save = EveryNMessages(10)),
        quote! {
            impl Counter {
                #[view("/", title = "Counter")]
                fn page(&self) -> Html { html(self.count) }

                /// One more.
                #[action]
                fn increment(&mut self) { self.count += 1; }

                /// How many.
                #[http(GET, "/api/count")] #[local] #[public]
                fn count(&self) -> i64 { self.count }

                fn helper(&self) {}
            }
        },
    ));
}

#[test]
fn awaits() {
    insta::assert_snapshot!(app(
        quote!(name = "Puller"),
        quote! {
            impl Puller {
                #[remote]
                async fn pull(cx: Cx<Self>, from: Address, note: Option<&str>) -> Result<i64, CallError> {
                    let count = CounterClient::at(&cx, from).count().await?;
                    cx.with(|puller| puller.count += count);
                    Ok(count)
                }

                #[local]
                async fn alone(&mut self, cx: &Cx, name: &str) -> Vec<Self> {
                    let answer = ask(cx, self.next()).await;
                    self.helper(self.next(), name).await;
                    self.helper(1, name).await;
                    fill(&mut self.count).await;
                    let later = async { self.other().await };
                    later.await;
                    self.queue.remove(0).deliver(self.next()).await;
                    self.queue.last_mut()?.deliver(cx).await;
                    self.count(cx).await + Ask { by: 1 }.count(cx).await
                }
            }
        },
    ));
}

#[test]
fn everything_else() {
    insta::assert_snapshot!(app(
        quote!(
            name = "Room",
            features,
            endpoints = ["/api"],
            ui = "tests/ui",
            widget = true,
            wit_world = "room"
        ),
        quote! {
            impl Room {
                #[init] fn begin(&mut self) -> Result<(), String> { Ok(()) }
                #[view("/rooms/{room}", frame_ms = 100)]
                fn room(&self, cx: &ViewCx, room: u32, who: &Viewer) -> Markup { shown() }
                #[action] #[http] #[local]
                fn say(&mut self, cx: &Cx, text: &str, to: &[String]) -> Result<Reply, Failed> { shown() }
                #[http(POST)] fn mine(&self, who: &Session, r#type: Kind) -> Response { shown() }
                #[ws("/ws/{room}")] fn ws(&mut self, channel: Channel, message: WsMessage, room: u32) {}
                #[ws_client] fn heard(&mut self, channel: Channel, message: WsMessage) {}
                #[eth] fn seen(&mut self, event: Json) {}
                #[join] #[leave] fn here(&mut self, who: &Viewer) {}
                #[every("5s")] #[cfg(feature = "ticks")] async fn tick(cx: Cx<Self>) {}
                #[stop] fn end(&mut self) {}
            }
        },
    ));
}

#[test]
fn mistakes_leave_a_stub() {
    insta::assert_snapshot!(app(
        quote!(name = "Counter"),
        quote! {
            impl Counter {
                #[every(0)] fn tick(&mut self) {}
                #[local] fn count(&self) -> i64 { self.count }
            }
        },
    ));
}

#[test]
fn a_state() {
    insta::assert_snapshot!(pretty(crate::state::run(quote! {
        #[state(version = 3, migrate(2 = |_| Ok(()), 1 = from_v1))]
        struct Counter {
            count: i64,
            #[state(rename = "people")]
            names: Map<String, u32>,
            #[state(skip)]
            cache: Cache,
        }
    })));
}

#[test]
fn types_that_cross() {
    let types = [
        quote! {
            #[serde(rename_all = "camelCase")]
            struct User<T> {
                first_name: String,
                #[serde(rename = "years")] age: u32,
                #[serde(skip)] cache: Cache,
                #[serde(skip_serializing_if = "Option::is_none")] note: Option<T>,
            }
        },
        quote!(
            struct Id(u64);
        ),
        quote!(
            struct Pair(u8, #[serde(with = "hex")] Vec<u8>);
        ),
        quote! {
            #[serde(rename_all = "snake_case")]
            enum Event {
                Joined(User),
                MovedTo { x: i32, y: i32 },
                Left,
            }
        },
        quote!(
            enum Color {
                Red,
                Blue,
            }
        ),
        quote!(
            #[serde(tag = "type")]
            enum Tagged {
                A { x: u8 },
            }
        ),
        quote!(
            struct Open {
                a: u8,
                #[serde(flatten)]
                rest: Map,
            }
        ),
        quote!(
            #[serde(try_from = "String", into = "String")]
            struct Name(String);
        ),
    ];
    let expansions: Vec<String> = types
        .into_iter()
        .map(|item| pretty(crate::wire::run(item)))
        .collect();
    insta::assert_snapshot!(expansions.join("\n"));
}
