//! Where the browser gets Datastar from.

use hyperstar_datastar::ClientSource;

#[test]
fn sources() {
    let cdn = "https://cdn.jsdelivr.net/gh/starfederation/datastar@v";
    for (source, url) in [
        (
            ClientSource::default(),
            format!("{cdn}1.0.4/bundles/datastar.js"),
        ),
        (
            ClientSource::cdn_version("1.0.2"),
            format!("{cdn}1.0.2/bundles/datastar.js"),
        ),
        (
            ClientSource::cdn_version("v1.0.0-RC.8"),
            format!("{cdn}1.0.0-RC.8/bundles/datastar.js"),
        ),
        (
            ClientSource::cdn_version("../\"x"),
            format!("{cdn}..%2F%22x/bundles/datastar.js"),
        ),
        (ClientSource::path("/a.js?b&c"), "/a.js?b&c".to_owned()),
    ] {
        assert_eq!(source.url(), url);
        assert_eq!(source.to_string(), url);
    }
    assert_eq!(
        ClientSource::path("/a.js?b&\"").script_tag(),
        r#"<script type="module" src="/a.js?b&amp;&quot;"></script>"#
    );
    assert_eq!(
        ClientSource::path("/a.js").script_tag_with_nonce("n\""),
        r#"<script type="module" nonce="n&quot;" src="/a.js"></script>"#
    );
}

#[cfg(feature = "embed")]
#[test]
fn bundle() {
    use hyperstar_datastar::{
        BUNDLE_PATH, BUNDLE_SHA256, BUNDLE_VERSION, bundle, bundle_integrity, bundle_license,
        bundle_response,
    };
    use sha2::{Digest, Sha256};

    let digest: String = Sha256::digest(bundle())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(BUNDLE_SHA256, digest);
    assert!(bundle().starts_with(format!("// Datastar v{BUNDLE_VERSION}\n").as_bytes()));
    if BUNDLE_VERSION == "1.0.4" {
        assert_eq!(
            bundle_integrity(),
            "sha256-cnhErfyCXuZR+5PFRKKnOZhvmiGCCpRSSzXwysRwz5E="
        );
    }
    assert!(bundle_license().contains("Star Federation"));
    assert!(BUNDLE_PATH.contains(&digest[..16]));
    assert_eq!(ClientSource::Embedded.url(), BUNDLE_PATH);
    let response = bundle_response();
    assert_eq!(response.body(), bundle());
    assert_eq!(
        response.headers()["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert!(
        response.headers()["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
}
