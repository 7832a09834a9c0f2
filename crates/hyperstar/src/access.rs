//! Who may look at what an app tells of itself.

use std::fmt;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST};
use http::request::Parts;
use sha2::{Digest, Sha256};

use crate::router::Wire;

/// Who is admitted to [`App::metrics`](crate::App::metrics) and
/// [`App::monitor`](crate::App::monitor).
///
/// Whoever is not is answered with 403 and a sentence that says the remedy.
///
/// ```
/// use hyperstar::{Access, App, Hub};
///
/// let token = std::env::var("METRICS_TOKEN").unwrap_or_default();
/// let app = App::new(&Hub::new())
///     .metrics("/metrics", Access::Token(token))
///     .monitor("/monitor", Access::Loopback);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Requests made on this machine, to this machine: the other end of the connection is a loopback
    /// address, the `Host` is one too, and no proxy says that it passes the request on.
    ///
    /// A proxy on this machine that neither keeps the `Host` nor says what it is makes every request
    /// look local; use a token behind one. Where the other end is not known, in an axum server of
    /// yours, nobody is admitted.
    Loopback,
    /// Requests with this token: `Authorization: Bearer <token>`, or `?token=<token>` for a browser,
    /// which stays in the address and sets nothing. An empty token admits nobody.
    Token(String),
    /// Anyone.
    Anyone,
}

/// Headers by which a proxy says that it passes a request on.
const FORWARDED: [&str; 6] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

impl Access {
    /// Admits a request, or says why not and what to do.
    pub(crate) fn admit(&self, request: &Parts) -> Result<(), String> {
        match self {
            Self::Anyone => Ok(()),
            Self::Token(token) if token.is_empty() => Err(
                "The token for this is empty, so nobody is admitted; set one in `Access::Token`."
                    .to_owned(),
            ),
            Self::Token(token) => {
                let given = bearer(&request.headers).or_else(|| in_query(request));
                match given {
                    Some(given) if is_same(&given, token) => Ok(()),
                    Some(_) => Err("That is not the token that the app was given.".to_owned()),
                    None => Err(
                        "This needs a token: send `Authorization: Bearer <token>`, or open it with `?token=<token>`."
                            .to_owned(),
                    ),
                }
            }
            Self::Loopback => local(request),
        }
    }
}

fn local(request: &Parts) -> Result<(), String> {
    let remedy = "open it on the machine that serves it, at `localhost`, or let the app admit a token with `Access::Token`.";
    let wire = request.extensions.get::<Wire>();
    let Some(peer) = wire.and_then(|wire| wire.peer) else {
        return Err(format!(
            "This is for requests from this machine alone, and where this one comes from is not known here; {remedy}"
        ));
    };
    if !peer.to_canonical().is_loopback() {
        return Err(format!(
            "This is for requests from this machine alone, and this one comes from {peer}; {remedy}"
        ));
    }
    let passed_on = FORWARDED
        .iter()
        .find(|name| request.headers.contains_key(**name));
    if let Some(header) = passed_on {
        return Err(format!(
            "This is for requests from this machine alone, and a proxy passed this one on (`{header}`); {remedy}"
        ));
    }
    // A page of another site can have its name point here; its host is still its own.
    let host = request
        .uri
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| request.headers.get(HOST)?.to_str().ok());
    match host {
        Some(host) if !is_loopback_host(host) => Err(format!(
            "This is for requests to this machine by its local name, and this one is for `{host}`; {remedy}"
        )),
        _ => Ok(()),
    }
}

fn is_loopback_host(host: &str) -> bool {
    let Ok(authority) = host.parse::<http::uri::Authority>() else {
        return false;
    };
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

fn in_query(request: &Parts) -> Option<String> {
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_str(request.uri.query().unwrap_or_default()).ok()?;
    pairs
        .into_iter()
        .find(|(name, _)| name == "token")
        .map(|(_, token)| token)
}

/// Takes as long whatever differs: digests are compared, and all of them.
fn is_same(given: &str, token: &str) -> bool {
    let (given, token) = (
        Sha256::digest(given.as_bytes()),
        Sha256::digest(token.as_bytes()),
    );
    let difference = given
        .iter()
        .zip(token.iter())
        .fold(0, |difference, (a, b)| difference | (a ^ b));
    std::hint::black_box(difference) == 0
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A token is a secret, and what is printed may be kept.
        f.write_str(match self {
            Self::Loopback => "Loopback",
            Self::Token(_) => "Token(..)",
            Self::Anyone => "Anyone",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, peer: Option<&str>, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).expect("a request").into_parts().0;
        parts.extensions.insert(Wire {
            peer: peer.map(|peer| peer.parse().expect("an address")),
            ..Wire::default()
        });
        parts
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        let check = |peer: Option<&str>, headers: &[(&str, &str)], refused: Option<&str>| {
            let got = Access::Loopback.admit(&request("/metrics", peer, headers));
            match refused {
                None => assert_eq!(got, Ok(()), "{peer:?} {headers:?}"),
                Some(says) => {
                    let reason = got.expect_err("it is refused");
                    assert!(
                        reason.contains(says) && reason.contains("Access::Token"),
                        "{reason}"
                    );
                }
            }
        };
        check(Some("127.0.0.1"), &[("host", "localhost:8080")], None);
        check(Some("127.9.9.9"), &[("host", "127.0.0.1:8080")], None);
        check(Some("::1"), &[("host", "[::1]:8080")], None);
        check(Some("::ffff:127.0.0.1"), &[("host", "LocalHost")], None);
        check(Some("127.0.0.1"), &[], None);
        check(None, &[("host", "localhost")], Some("not known"));
        check(
            Some("10.0.0.7"),
            &[("host", "localhost")],
            Some("from 10.0.0.7"),
        );
        check(
            Some("::ffff:10.0.0.7"),
            &[("host", "localhost")],
            Some("10.0.0.7"),
        );
        for header in FORWARDED {
            check(Some("127.0.0.1"), &[(header, "x")], Some(header));
        }
        check(
            Some("127.0.0.1"),
            &[("host", "rebound.example:8080")],
            Some("rebound.example"),
        );
        check(
            Some("127.0.0.1"),
            &[("host", "127.0.0.1.evil.example")],
            Some("evil"),
        );
        check(Some("127.0.0.1"), &[("host", "a b")], Some("a b"));
    }

    #[test]
    fn a_token_is_sent_or_stands_in_the_address() {
        let check = |uri: &str, headers: &[(&str, &str)], admitted: bool| {
            let access = Access::Token("s3 cret".to_owned());
            let got = access.admit(&request(uri, Some("127.0.0.1"), headers));
            assert_eq!(got.is_ok(), admitted, "{uri} {headers:?}: {got:?}");
        };
        check("/m", &[("authorization", "Bearer s3 cret")], true);
        check("/m", &[("authorization", "bearer s3 cret")], true);
        check("/m?a=b&token=s3+cret", &[], true);
        check("/m?token=s3%20cret", &[], true);
        check("/m", &[], false);
        check("/m", &[("authorization", "Bearer s3 cre")], false);
        check("/m", &[("authorization", "Bearer ")], false);
        check("/m", &[("authorization", "Basic s3 cret")], false);
        check("/m?token=S3+cret", &[], false);
        check("/m?token=", &[], false);
    }

    #[test]
    fn an_empty_token_admits_nobody() {
        let access = Access::Token(String::new());
        for uri in ["/m", "/m?token="] {
            assert!(access.admit(&request(uri, Some("127.0.0.1"), &[])).is_err());
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        let access = Access::Token("s3cret".to_owned());
        assert_eq!(format!("{access:?}"), "Token(..)");
    }
}
