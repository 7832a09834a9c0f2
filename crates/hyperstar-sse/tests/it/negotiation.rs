//! Which encoding a client gets, and what its answer says about it.

use http::{HeaderMap, HeaderValue};
use hyperstar_sse::Encoding::{Brotli, Gzip, Identity, Zstd};
use hyperstar_sse::{Compression, StreamConfig, compress, last_event_id, negotiate, respond};

fn headers(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append("accept-encoding", HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

#[test]
fn the_documented_order_is_zstd_brotli_gzip() {
    assert_eq!(Compression::default().order, [Zstd, Brotli, Gzip]);
    assert_eq!(Compression::off().order, []);
}

#[cfg(all(feature = "zstd", feature = "brotli", feature = "gzip"))]
#[test]
fn a_client_gets_what_it_likes_best_among_what_is_offered() {
    let check = |values: &[&[u8]], expected: hyperstar_sse::Encoding| {
        assert_eq!(
            negotiate(&headers(values), &Compression::default()),
            expected,
            "{:?}",
            values
                .iter()
                .map(|value| String::from_utf8_lossy(value))
                .collect::<Vec<_>>(),
        );
    };
    // No wish.
    check(&[], Identity);
    check(&[b""], Identity);
    check(&[b"identity"], Identity);
    check(&[b"deflate, compress"], Identity);
    // Equal wishes: ours decides.
    check(&[b"gzip, deflate, br, zstd"], Zstd);
    check(&[b"gzip, deflate, br"], Brotli);
    check(&[b"gzip"], Gzip);
    check(&[b"GZip"], Gzip);
    check(&[b"gzip, identity"], Gzip);
    // Weights.
    check(&[b"gzip;q=1.0, br;q=0.8, zstd;q=0.1"], Gzip);
    check(&[b"zstd;q=0.5, br;q=0.501"], Brotli);
    check(&[b"br ; Q=0.9 , gzip;q=0.8"], Brotli);
    check(&[b"gzip;q=0.001"], Gzip);
    check(&[b"gzip;q=0.5, identity"], Identity);
    check(&[b"gzip;q=0.5, identity;q=0.4"], Gzip);
    // Refusals.
    check(&[b"zstd;q=0, br;q=0.000, gzip"], Gzip);
    check(&[b"gzip;q=0"], Identity);
    check(&[b"identity;q=0"], Identity);
    // Anything else.
    check(&[b"*"], Zstd);
    check(&[b"*;q=0"], Identity);
    check(&[b"*;q=0, gzip"], Gzip);
    check(&[b"zstd;q=0, *"], Brotli);
    check(&[b"*;q=0.5, gzip"], Gzip);
    check(&[b"gzip;q=0.5, *;q=0.5"], Zstd);
    // Several headers are one list.
    check(&[b"gzip", b"br"], Brotli);
    check(&[b"zstd;q=0", b"*"], Brotli);
    // Unreadable items are passed over, readable ones beside them count.
    check(&[b"gzip;q="], Identity);
    check(&[b"gzip;q=high"], Identity);
    check(&[b"gzip;q=NaN"], Identity);
    check(&[b"gzip;q=inf"], Identity);
    check(&[b"gzip;q=2"], Identity);
    check(&[b"gzip;q=-1"], Identity);
    check(&[b"gzip;q"], Identity);
    check(&[b";q=1"], Identity);
    check(&[b",,;,=,;;q=1,"], Identity);
    check(&[b"zstd;q=2, gzip"], Gzip);
    check(&[b"zstd\xff"], Identity);
    check(&[b"zstd\xff", b"gzip"], Gzip);
}

#[cfg(all(feature = "zstd", feature = "brotli", feature = "gzip"))]
#[test]
fn only_what_is_offered_is_taken() {
    let check =
        |order: &[hyperstar_sse::Encoding], accept: &[u8], expected: hyperstar_sse::Encoding| {
            let compression = Compression {
                order: order.to_vec(),
                ..Compression::default()
            };
            assert_eq!(
                negotiate(&headers(&[accept]), &compression),
                expected,
                "{order:?}"
            );
        };
    check(&[], b"zstd, *", Identity);
    check(&[Gzip], b"zstd, br, gzip;q=0.1", Gzip);
    check(&[Gzip, Zstd], b"zstd, gzip", Gzip);
    check(&[Brotli], b"zstd, gzip", Identity);
    check(&[Identity, Zstd], b"zstd, identity", Identity);
}

#[test]
fn what_is_not_compiled_in_is_passed_over() {
    let codecs = [
        (Zstd, cfg!(feature = "zstd")),
        (Brotli, cfg!(feature = "brotli")),
        (Gzip, cfg!(feature = "gzip")),
    ];
    for (encoding, is_compiled_in) in codecs {
        let wish = headers(&[encoding.token().as_bytes()]);
        let expected = if is_compiled_in { encoding } else { Identity };
        assert_eq!(negotiate(&wish, &Compression::default()), expected);
        assert_eq!(compress(b"text", encoding).is_some(), is_compiled_in);
    }
    let first = codecs.iter().find(|(_, is_compiled_in)| *is_compiled_in);
    let expected = first.map_or(Identity, |(encoding, _)| *encoding);
    assert_eq!(
        negotiate(&headers(&[b"*"]), &Compression::default()),
        expected
    );
    assert_eq!(compress(b"text", Identity), None);
}

#[test]
fn a_stream_says_what_it_is_and_that_nobody_may_keep_it() {
    let (_sender, response) = respond(&headers(&[b"identity"]), &StreamConfig::default());
    let check = |name: &str, expected: Option<&str>| {
        let value = response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap());
        assert_eq!(value, expected, "{name}");
    };
    check("content-type", Some("text/event-stream"));
    check("cache-control", Some("no-cache, no-transform"));
    check("x-accel-buffering", Some("no"));
    check("vary", Some("accept-encoding"));
    check("content-encoding", None);
    check("content-length", None);
}

#[test]
fn a_client_says_where_it_left_off() {
    let check = |value: Option<&[u8]>, expected: Option<&str>| {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert("last-event-id", HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(last_event_id(&headers), expected);
    };
    check(None, None);
    check(Some(b"7"), Some("7"));
    check(Some(b"\xff"), None);
}
