//! TLS and HTTP/2.

use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyperstar::{App, Hub, Server, TlsConfig};
use maud::html;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::support::within;

struct Secure {
    address: std::net::SocketAddr,
    certificate: rcgen::CertifiedKey<rcgen::KeyPair>,
    count: hyperstar::Live<i64>,
}

async fn start() -> Secure {
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let config = TlsConfig::from_pem(
        certificate.cert.pem().as_bytes(),
        certificate.signing_key.serialize_pem().as_bytes(),
    )
    .unwrap();
    let hub = Hub::new();
    let count = hub.live(0);
    let shown = count.clone();
    let app = App::new(&hub)
        .name("secure")
        .view("/", move |_cx| html! { h1 { (shown.get()) } });
    let server = Server::bind("127.0.0.1:0").await.unwrap().tls(config);
    let address = server.local_addr().unwrap();
    tokio::spawn(server.shutdown(std::future::pending()).serve(app));
    Secure {
        address,
        certificate,
        count,
    }
}

impl Secure {
    async fn connect(&self, alpn: &[u8]) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.cert.der().clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let socket = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        within(TlsConnector::from(Arc::new(config)).connect(name, socket))
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn http_1_over_tls_has_a_host_cookie() {
    let secure = start().await;
    let mut stream = secure.connect(b"http/1.1").await;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let cookie = answer
        .lines()
        .find(|line| line.starts_with("set-cookie:"))
        .unwrap();
    assert!(
        cookie.contains("__Host-hs-secure=") && cookie.contains("; Secure"),
        "{cookie}"
    );
}

#[tokio::test]
async fn http_2_carries_many_streams_on_one_connection() {
    use http_body_util::BodyExt;
    let secure = start().await;
    let stream = secure.connect(b"h2").await;
    let (client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let mut bodies = Vec::new();
    for _ in 0..20 {
        let request = http::Request::post("https://localhost/")
            .body(String::from("{}"))
            .unwrap();
        let response = within(client.clone().send_request(request)).await.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        bodies.push((response.into_body(), String::new()));
    }
    for text in ["<h1>0</h1>", "<h1>5</h1>"] {
        for (body, read) in &mut bodies {
            while !read.contains(text) {
                let frame = within(body.frame()).await.unwrap().unwrap();
                read.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
            }
        }
        secure.count.set(5);
    }
}

#[test]
fn what_is_no_certificate_is_said() {
    let error = TlsConfig::from_pem(b"", b"").unwrap_err().to_string();
    assert!(error.contains("BEGIN CERTIFICATE"), "{error}");
}
