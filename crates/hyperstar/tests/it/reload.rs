//! In dev: an edited file shows in the open pages.

use std::borrow::Cow;
use std::sync::RwLock;

use hyperstar::{App, Assets, Cx, Hub, Templates};
use rust_embed::{EmbeddedFile, Metadata, RustEmbed};

use crate::support::Served;

static CSS: RwLock<&str> = RwLock::new("p { color: red }");
static PAGE: RwLock<&str> = RwLock::new("<p>{{ n }} cups</p>");

/// A folder whose files change.
struct Folder;

impl RustEmbed for Folder {
    fn get(name: &str) -> Option<EmbeddedFile> {
        let text = match name {
            "style.css" => *CSS.read().unwrap(),
            "page.html" => *PAGE.read().unwrap(),
            _ => return None,
        };
        let metadata = Metadata::__rust_embed_new([0; 32], None, None);
        Some(EmbeddedFile {
            data: Cow::Borrowed(text.as_bytes()),
            metadata,
        })
    }

    fn iter() -> impl Iterator<Item = Cow<'static, str>> + 'static {
        ["style.css", "page.html"].into_iter().map(Cow::Borrowed)
    }
}

#[tokio::test]
async fn an_edit_shows_in_the_open_pages() {
    let app = App::new(&Hub::new())
        .dev(true)
        .assets(Assets::embed::<Folder>())
        .stylesheet("style.css")
        .templates(Templates::embed::<Folder>())
        .view("/", |cx: Cx| {
            cx.template("page.html", serde_json::json!({ "n": 2 }))
        });
    let served = Served::start(app).await;
    let build = async || {
        let page = served.get("/").await.text();
        let build = page.split("data-hs-build=\"").nth(1).unwrap();
        build.split('"').next().unwrap().to_owned()
    };
    let first = build().await;
    let mut stream = served.stream("/", "").await;
    stream.event_with("<p>2 cups</p>").await;
    *PAGE.write().unwrap() = "<p>{{ n }} mugs</p>";
    stream.event_with("<p>2 mugs</p>").await;
    assert_eq!(build().await, first, "the shell is the same");
    // A mistake is shown where it is, and goes away with its cause.
    *PAGE.write().unwrap() = "<p>{{ n }</p>";
    let shown = stream.event_with("page.html").await;
    assert!(
        shown.contains("^") && shown.contains("page.html:1"),
        "{shown}"
    );
    *PAGE.write().unwrap() = "<p>{{ n }} pots</p>";
    stream.event_with("<p>2 pots</p>").await;
    // A stylesheet is part of the shell: the page is told to connect again, finds another build and
    // reloads itself.
    *CSS.write().unwrap() = "p { color: blue }";
    while stream.event().await.is_some() {}
    assert_ne!(build().await, first);
}
