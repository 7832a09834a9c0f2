//! Where the browser gets Datastar from: [`ClientSource`], and the embedded bundle.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::escape::html_attr_escape;

/// The version that [`ClientSource::cdn`] names.
pub const CDN_VERSION: &str = "1.0.4";

/// The one place that decides where the page's `<script>` comes from.
///
/// ```
/// use hyperstar_datastar::ClientSource;
///
/// assert_eq!(
///     ClientSource::cdn().url(),
///     "https://cdn.jsdelivr.net/gh/starfederation/datastar@v1.0.4/bundles/datastar.js"
/// );
/// assert_eq!(
///     ClientSource::path("/assets/datastar.js").script_tag(),
///     r#"<script type="module" src="/assets/datastar.js"></script>"#
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientSource {
    /// The bundle in this binary, which the app serves at [`BUNDLE_PATH`].
    #[cfg(feature = "embed")]
    Embedded,
    /// A public content delivery network.
    Cdn {
        /// The version, such as `1.0.4`.
        version: String,
    },
    /// An address of the app's own: a path or a URL.
    Path(String),
}

impl Default for ClientSource {
    /// The CDN, at a pinned version: it works without a route of the app's own.
    fn default() -> Self {
        Self::cdn()
    }
}

impl ClientSource {
    /// The CDN, at the version that this crate is made for.
    #[must_use]
    pub fn cdn() -> Self {
        Self::cdn_version(CDN_VERSION)
    }

    /// The CDN, at another version.
    #[must_use]
    pub fn cdn_version(version: impl Into<String>) -> Self {
        Self::Cdn {
            version: version.into(),
        }
    }

    /// An address of the app's own.
    #[must_use]
    pub fn path(path: impl Into<String>) -> Self {
        Self::Path(path.into())
    }

    /// The address of the script.
    #[must_use]
    pub fn url(&self) -> String {
        const VERSION: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');
        match self {
            #[cfg(feature = "embed")]
            Self::Embedded => BUNDLE_PATH.to_owned(),
            Self::Cdn { version } => format!(
                "https://cdn.jsdelivr.net/gh/starfederation/datastar@v{}/bundles/datastar.js",
                utf8_percent_encode(version.trim_start_matches('v'), VERSION)
            ),
            Self::Path(path) => path.clone(),
        }
    }

    /// The `<script>` element for the page's head.
    #[must_use]
    pub fn script_tag(&self) -> String {
        format!(
            r#"<script type="module" src="{}"></script>"#,
            html_attr_escape(&self.url())
        )
    }

    /// [`script_tag`](Self::script_tag) for a page whose content security policy asks for a nonce.
    /// Datastar itself takes the nonce from a [`data-nonce`](crate::attr::nonce) attribute.
    #[must_use]
    pub fn script_tag_with_nonce(&self, nonce: &str) -> String {
        format!(
            r#"<script type="module" nonce="{}" src="{}"></script>"#,
            html_attr_escape(nonce),
            html_attr_escape(&self.url())
        )
    }
}

impl fmt::Display for ClientSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

#[cfg(feature = "embed")]
mod embedded {
    use bytes::Bytes;
    use http::{HeaderValue, Response, header};

    include!(concat!(env!("OUT_DIR"), "/bundle.rs"));

    /// The Datastar browser bundle, as its authors publish it.
    #[must_use]
    pub fn bundle() -> &'static [u8] {
        include_bytes!(concat!(env!("OUT_DIR"), "/datastar.js"))
    }

    /// The bundle's digest for an `integrity` attribute.
    #[must_use]
    pub fn bundle_integrity() -> &'static str {
        BUNDLE_INTEGRITY
    }

    /// The licence under which the bundle is passed on (MIT).
    #[must_use]
    pub fn bundle_license() -> &'static str {
        include_str!(concat!(env!("OUT_DIR"), "/datastar.LICENSE.md"))
    }

    /// The answer for a request of [`BUNDLE_PATH`], which browsers may keep for ever, since the
    /// path names the content.
    #[must_use]
    pub fn bundle_response() -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(bundle()));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/javascript; charset=utf-8"),
        );
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        );
        headers.insert(header::ETAG, HeaderValue::from_static(BUNDLE_ETAG));
        response
    }
}

#[cfg(feature = "embed")]
pub use embedded::{
    BUNDLE_PATH, BUNDLE_SHA256, BUNDLE_VERSION, bundle, bundle_integrity, bundle_license,
    bundle_response,
};
