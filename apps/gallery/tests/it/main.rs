//! The examples as their people see them, without a browser; in a real one, see `hyperstar-e2e`.

#![allow(missing_docs)]

mod examples;
mod past;

use gallery::{Example, start};
use hyperstar::App;
use hyperstar::test::Browser;
use hyperstar_native::Host;
use hyperstar_store::Store;

/// An example on this store, on a host of its own.
async fn hosted(store: &Store, example: Example) -> (Host, App) {
    let host = Host::new("test", store);
    start(&host, &[example]).await.expect("it starts");
    let app = host.app(example.process()).expect("it is there");
    (host, app)
}

/// An example that was never used before.
async fn browser(example: Example) -> Browser {
    let (_, app) = hosted(&Store::memory(), example).await;
    Browser::new(app).expect("an app")
}
