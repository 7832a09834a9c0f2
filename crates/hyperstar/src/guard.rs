//! What keeps other sites out and the browser careful.

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Admits a request unless another site made somebody's browser send it.
///
/// Browsers say by `Sec-Fetch-Site` where a request comes from, and no page can change that; where it
/// is missing (plain http other than localhost), `Origin` is compared with `Host`. A request with
/// neither was not made by a browser, so it carries nobody's cookies.
///
/// Source: the reasoning of Go's `http.CrossOriginProtection` and of the OWASP cheat sheet on
/// cross-site request forgery.
pub(crate) fn admit(
    method: &Method,
    headers: &HeaderMap,
    https: bool,
    trusted: &[String],
) -> Result<(), String> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let origin = headers.get(ORIGIN).and_then(|value| value.to_str().ok());
    if origin.is_some_and(|origin| trusted.iter().any(|trusted| trusted == origin)) {
        return Ok(());
    }
    match headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes) {
        Some(b"same-origin" | b"none") => Ok(()),
        Some(site) => Err(format!(
            "This request was made by another site ({}), so it was refused. If that site is yours, name it with `App::trust_origin`.",
            String::from_utf8_lossy(site)
        )),
        None => match origin {
            None if headers.contains_key(ORIGIN) => {
                Err("The header `Origin` cannot be read.".to_owned())
            }
            None => Ok(()),
            Some(origin) if is_own(origin, headers, https) => Ok(()),
            Some(origin) => Err(format!(
                "This request was made by a page of {origin}, which is not this site, so it was refused. If that site is yours, name it with `App::trust_origin`."
            )),
        },
    }
}

fn is_own(origin: &str, headers: &HeaderMap, https: bool) -> bool {
    let Some(host) = headers.get(HOST).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    match origin.split_once("://") {
        // A page of the same host over plain http is another origin once we are on TLS.
        Some(("https", authority)) => authority.eq_ignore_ascii_case(host),
        Some(("http", authority)) => !https && authority.eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// The policy of a page: scripts only with its nonce, nothing from elsewhere.
pub(crate) fn page_policy(nonce: &str, extra: &[(String, String)]) -> String {
    let mut directives: Vec<(&str, String)> = [
        ("default-src", "'self'"),
        ("script-src", ""),
        ("style-src", "'self'"),
        ("style-src-attr", "'unsafe-inline'"),
        ("img-src", "'self' data: blob:"),
        ("media-src", "'self' data: blob:"),
        ("object-src", "'none'"),
        ("base-uri", "'none'"),
        ("form-action", "'self'"),
        ("frame-ancestors", "'self'"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec();
    directives[1].1 = format!("'nonce-{nonce}'");
    for (name, source) in extra {
        match directives.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => {
                value.push(' ');
                value.push_str(source);
            }
            None => directives.push((name, format!("'self' {source}"))),
        }
    }
    let joined: Vec<String> = directives
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    joined.join("; ")
}

/// Headers that every response has unless its handler said otherwise.
pub(crate) fn headers(headers: &mut HeaderMap) {
    let is_html = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let mut set = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(http::header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(http::header::REFERRER_POLICY, "same-origin");
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    if is_html {
        set(http::header::X_FRAME_OPTIONS, "SAMEORIGIN");
        set(
            CONTENT_SECURITY_POLICY,
            "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sites_change_nothing() {
        let check = |https: bool, pairs: &[(&str, &str)], admitted: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(
                    HeaderName::from_bytes(name.as_bytes()).expect("a name"),
                    HeaderValue::from_str(value).expect("a value"),
                );
            }
            let trusted = ["https://friend.example".to_owned()];
            let got = admit(&Method::POST, &headers, https, &trusted);
            assert_eq!(got.is_ok(), admitted, "{pairs:?}: {got:?}");
            assert!(admit(&Method::GET, &headers, https, &trusted).is_ok());
        };
        check(false, &[("sec-fetch-site", "same-origin")], true);
        check(false, &[("sec-fetch-site", "none")], true);
        check(false, &[("sec-fetch-site", "same-site")], false);
        check(false, &[("sec-fetch-site", "cross-site")], false);
        check(
            false,
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://friend.example"),
            ],
            true,
        );
        check(
            false,
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "http://a:1"),
                ("host", "a:1"),
            ],
            false,
        );
        check(false, &[], true);
        check(false, &[("origin", "http://a:1"), ("host", "a:1")], true);
        check(false, &[("origin", "http://a:2"), ("host", "a:1")], false);
        check(false, &[("origin", "null"), ("host", "a:1")], false);
        check(false, &[("origin", "https://a"), ("host", "a")], true);
        check(true, &[("origin", "http://a"), ("host", "a")], false);
        check(false, &[("origin", "http://a")], false);
    }

    #[test]
    fn sources_can_be_added_to_the_policy() {
        let extra = [
            ("img-src".to_owned(), "https://i.example".to_owned()),
            ("font-src".to_owned(), "https://f.example".to_owned()),
        ];
        let policy = page_policy("n", &extra);
        assert!(policy.contains("script-src 'nonce-n';"), "{policy}");
        assert!(
            policy.contains("img-src 'self' data: blob: https://i.example;"),
            "{policy}"
        );
        assert!(
            policy.ends_with("font-src 'self' https://f.example"),
            "{policy}"
        );
    }
}
