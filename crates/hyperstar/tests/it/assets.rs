//! Files: addresses, caching, compression, ranges.

use std::io::Read;

use hyperstar::{App, Assets, Cx, Hub, Templates};
use maud::html;

use crate::support::Served;

#[derive(rust_embed::Embed)]
#[folder = "tests/it/files/"]
struct Files;

fn app() -> App {
    App::new(&Hub::new())
        .assets(Assets::files([("movie.mp4", b"0123456789".as_slice()), ("sub dir/ü.txt", b"umlaut".as_slice())]))
        .assets(Assets::embed::<Files>())
        .stylesheet("style.css")
        .templates(Templates::embed::<Files>())
        .view("/", |cx: Cx| html! { img src=(cx.asset("sub dir/ü.txt")); video src=(cx.asset("movie.mp4")) {} })
        .view("/template", |cx: Cx| cx.template("page.html", serde_json::json!({ "name": "<you>" })))
}

async fn urls(served: &Served) -> (String, String, String) {
    let page = served.get("/").await.text();
    let find = |before: &str, ends: &str| {
        page.split('"')
            .find(|part| part.starts_with("/_hs/f/") && part.ends_with(ends))
            .unwrap_or_else(|| panic!("no {before} in {page}"))
            .to_owned()
    };
    (
        find("style", "/style.css"),
        find("movie", "/movie.mp4"),
        find("umlaut", ".txt"),
    )
}

#[tokio::test]
async fn addresses_are_of_the_content_and_kept_for_good() {
    let served = Served::start(app()).await;
    let (css, _, umlaut) = urls(&served).await;
    let answer = served.get(&css).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type").as_deref(),
        Some("text/css; charset=utf-8")
    );
    assert_eq!(
        answer.header("cache-control").as_deref(),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(served.get(&umlaut).await.text(), "umlaut");
    let old = css.replace(css.split('/').nth(3).unwrap(), "AAAAAAAAAAAAAAAA");
    let answer = served.get(&old).await;
    assert_eq!(
        (answer.status, answer.header("cache-control").as_deref()),
        (200, Some("no-cache"))
    );
    assert_eq!(
        served
            .send(format!(
                "PUT {css} HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            ))
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn text_is_compressed_and_not_sent_again() {
    let served = Served::start(app()).await;
    let (css, _, _) = urls(&served).await;
    let plain = served.get(&css).await;
    for (encoding, decode) in [
        (
            "gzip",
            (|bytes: &[u8]| {
                let mut out = Vec::new();
                flate2::read::GzDecoder::new(bytes)
                    .read_to_end(&mut out)
                    .unwrap();
                out
            }) as fn(&[u8]) -> Vec<u8>,
        ),
        ("br", |bytes| {
            let mut out = Vec::new();
            brotli::Decompressor::new(bytes, 4096)
                .read_to_end(&mut out)
                .unwrap();
            out
        }),
        ("zstd", |bytes| zstd::stream::decode_all(bytes).unwrap()),
    ] {
        let request = |more: &str| {
            format!(
                "GET {css} HTTP/1.1\r\nhost: a\r\naccept-encoding: {encoding}\r\nconnection: close\r\n{more}\r\n"
            )
        };
        let answer = served.send(request("")).await;
        assert_eq!(answer.header("content-encoding").as_deref(), Some(encoding));
        assert_eq!(answer.header("vary").as_deref(), Some("accept-encoding"));
        assert!(
            answer.body.len() < plain.body.len() / 2,
            "{encoding}: {}",
            answer.body.len()
        );
        assert_eq!(decode(&answer.body), plain.body, "{encoding}");
        let etag = answer.header("etag").unwrap();
        assert_ne!(Some(&etag), plain.header("etag").as_ref());
        let again = served
            .send(request(&format!("if-none-match: \"x\", W/{etag}\r\n")))
            .await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
}

#[tokio::test]
async fn media_is_sent_in_ranges() {
    let served = Served::start(app()).await;
    let (_, movie, _) = urls(&served).await;
    let check = async |range: &str, status: u16, body: &str, content_range: Option<&str>| {
        let answer = served
            .send(format!(
                "GET {movie} HTTP/1.1\r\nhost: a\r\nrange: {range}\r\nconnection: close\r\n\r\n"
            ))
            .await;
        assert_eq!(answer.status, status, "{range}");
        assert_eq!(answer.text(), body, "{range}");
        assert_eq!(
            answer.header("content-range").as_deref(),
            content_range,
            "{range}"
        );
    };
    check("bytes=2-4", 206, "234", Some("bytes 2-4/10")).await;
    check("bytes=-2", 206, "89", Some("bytes 8-9/10")).await;
    check("bytes=50-", 416, "", Some("bytes */10")).await;
    check("bytes=0-1,3-4", 200, "0123456789", None).await;
    assert_eq!(
        served.get(&movie).await.header("accept-ranges").as_deref(),
        Some("bytes")
    );
}

#[tokio::test]
async fn templates_render_from_the_same_folder() {
    let served = Served::start(app()).await;
    let text = served.get("/template").await.text();
    assert!(text.contains("<p>Hello &lt;you&gt;</p>"), "{text}");
}
