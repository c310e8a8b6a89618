//! The operations port of a Weft server, over plain HTTP: health, names of queues, quarantine.
//!
//! Calls are few and small and nothing else runs meanwhile, so they are made on this thread with a short time limit.
//! A Temporal server has no such port; whoever only wants a hint goes without.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::exit::{Exit, Failure};

/// From the port of the API to the operations port, where nobody says otherwise: 7233 and 7280.
pub(crate) const PORTS_UP: u16 = 47;

const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operations {
    pub(crate) address: String,
}

/// What a queue is called, and whether somebody polls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) polled: bool,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    /// When the server sent it, by its own clock.
    pub(crate) date: Option<String>,
    pub(crate) body: String,
}

impl Operations {
    pub(crate) fn find(said: Option<&str>, api: &str) -> Self {
        let said =
            said.map(ToOwned::to_owned).or_else(|| std::env::var("WEFT_OPERATIONS").ok().filter(|it| !it.is_empty()));
        Self { address: said.unwrap_or_else(|| beside(api)) }
    }

    pub(crate) fn get(&self, path: &str) -> io::Result<Reply> {
        self.send("GET", path)
    }

    /// The queues that the server knows in a namespace; none where there is no such port.
    pub(crate) fn queues(&self, namespace: &str) -> Option<Vec<Queue>> {
        let reply = self.get(&format!("/admin/queues?namespace={}", encode(namespace))).ok()?;
        let value: Value = serde_json::from_str(&reply.body).ok()?;
        let queue = |it: &Value| {
            let (name, kind) = (it["name"].as_str()?.to_owned(), it["kind"].as_str()?.to_owned());
            Some(Queue { name, kind, polled: it["polled"].as_bool()? })
        };
        (reply.status == 200).then(|| value.as_array()?.iter().map(queue).collect())?
    }

    /// Sends and expects JSON; an error is a sentence.
    pub(crate) fn json(&self, method: &str, path: &str) -> Result<Value, Failure> {
        self.json_within(TIMEOUT, method, path)
    }

    /// The same for what may take longer.
    pub(crate) fn json_within(&self, timeout: Duration, method: &str, path: &str) -> Result<Value, Failure> {
        let reply = self.send_within(timeout, method, path).map_err(|error| self.unreachable(&error))?;
        let value: Option<Value> = serde_json::from_str(&reply.body).ok();
        match value {
            Some(value) if reply.status == 200 => Ok(value),
            Some(value) if value["error"].is_string() => {
                Err(Failure::refused(value["error"].as_str().unwrap_or_default().to_owned()))
            }
            _ => Err(Failure::refused(format!("{} answers {} to {path}", self.address, reply.status))),
        }
    }

    fn unreachable(&self, error: &io::Error) -> Failure {
        let says = format!(
            "no operations port answers at {} ({error}); name it with --operations or WEFT_OPERATIONS",
            self.address
        );
        Failure::new(Exit::Unreachable, says)
    }

    fn send(&self, method: &str, path: &str) -> io::Result<Reply> {
        self.send_within(TIMEOUT, method, path)
    }

    fn send_within(&self, timeout: Duration, method: &str, path: &str) -> io::Result<Reply> {
        let none = || io::Error::new(io::ErrorKind::InvalidInput, "not HOST:PORT");
        let address = self.address.to_socket_addrs()?.next().ok_or_else(none)?;
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(timeout))?;
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", self.address)?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
    }
}

pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn parse(text: &str) -> Option<Reply> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| {
        Some(line.split_once(':')?)
            .filter(|(name, _)| name.eq_ignore_ascii_case("date"))
            .map(|(_, value)| value.trim().to_owned())
    };
    Some(Reply { status, date: lines.find_map(header), body: body.to_owned() })
}

fn beside(api: &str) -> String {
    let bare = api.rsplit("://").next().unwrap_or(api).trim_end_matches('/');
    let (host, port) = bare.rsplit_once(':').unwrap_or((bare, "7233"));
    let port = port.parse::<u16>().ok().and_then(|port| port.checked_add(PORTS_UP)).unwrap_or(7280);
    format!("{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_port_is_beside_the_api() {
        assert_eq!(beside("127.0.0.1:7233"), "127.0.0.1:7280");
        assert_eq!(beside("http://[::1]:9000/"), "[::1]:9047");
        assert_eq!(beside("localhost"), "localhost:7280");
    }

    #[test]
    fn an_answer_is_taken_apart() {
        let reply =
            parse("HTTP/1.0 503 Service Unavailable\r\ndate: Sat, 01 Feb 2025 00:00:00 GMT\r\n\r\nwhy\n").unwrap();
        assert_eq!((reply.status, reply.body.as_str()), (503, "why\n"));
        assert_eq!(reply.date.as_deref(), Some("Sat, 01 Feb 2025 00:00:00 GMT"));
        assert!(parse("hello").is_none());
    }
}
