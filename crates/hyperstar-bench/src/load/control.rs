//! Short requests beside the streams.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result, ensure};

use super::{PATIENCE, Request, connect};

/// A connection for one request after the other.
pub(crate) struct Control {
    address: SocketAddr,
    socket: TcpStream,
    /// The server said that it closes after its last answer.
    is_closing: bool,
}

impl Control {
    pub(crate) fn to(address: SocketAddr) -> Result<Self> {
        Ok(Self {
            address,
            socket: open(address)?,
            is_closing: false,
        })
    }

    /// A request with nothing in it.
    pub(crate) fn request(method: &str, path: &str) -> Request {
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// Sends a request and does not wait for its answer: [`Control::receive`] does.
    pub(crate) fn send(&mut self, request: &Request) -> Result<()> {
        if self.is_closing {
            self.socket = open(self.address)?;
        }
        Ok(self
            .socket
            .write_all(request.encode(self.address).as_bytes())?)
    }

    /// The body of the answer to the last request.
    pub(crate) fn receive(&mut self) -> Result<String> {
        let mut answer = Vec::new();
        let mut buffer = [0; 4_096];
        loop {
            if let Some(body) = whole(&answer)? {
                let head = String::from_utf8_lossy(&answer);
                self.is_closing = header(&head, "connection")
                    .is_some_and(|value| value.eq_ignore_ascii_case("close"));
                return Ok(body);
            }
            let bytes = self.socket.read(&mut buffer)?;
            ensure!(
                bytes > 0,
                "the server closed the connection instead of answering"
            );
            answer.extend_from_slice(&buffer[..bytes]);
        }
    }
}

fn open(address: SocketAddr) -> Result<TcpStream> {
    let socket = connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// The body of an answer that is complete; one in chunks is given as it came.
fn whole(answer: &[u8]) -> Result<Option<String>> {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Ok(None);
    };
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(
        status.starts_with(['2', '3']),
        "the server answered {head}\n\n{}",
        body.chars().take(300).collect::<String>()
    );
    if matches!(status, "204" | "304") {
        return Ok(Some(String::new()));
    }
    if header(head, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    {
        return Ok(body.ends_with("0\r\n\r\n").then(|| body.to_owned()));
    }
    let length: usize = header(head, "content-length")
        .context("the answer has no `content-length`")?
        .parse()?;
    Ok((body.len() >= length).then(|| body.to_owned()))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let head = head.split_once("\r\n\r\n").map_or(head, |(head, _)| head);
    head.lines().skip(1).find_map(|line| {
        let (own, value) = line.split_once(':')?;
        own.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_once_all_of_it_is_there() {
        let check = |answer: &str, expected: Option<&str>| {
            assert_eq!(whole(answer.as_bytes()).unwrap().as_deref(), expected);
        };
        check("HTTP/1.1 200 OK\r\ncontent-len", None);
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", None);
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Some("{}"));
        check("HTTP/1.1 204 No Content\r\n\r\n", Some(""));
        check(
            "HTTP/1.1 303 See Other\r\ncontent-length: 0\r\n\r\n",
            Some(""),
        );
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n";
        check(chunked, None);
        check(&format!("{chunked}0\r\n\r\n"), Some("1\r\na\r\n0\r\n\r\n"));
    }

    #[test]
    fn a_refusal_is_shown() {
        let error =
            whole(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\nno cookie").unwrap_err();
        assert!(error.to_string().ends_with("no cookie"), "{error}");
    }
}
