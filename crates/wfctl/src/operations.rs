//! The operations port of a Weft server, over HTTP, with TLS or plain: health, names of queues, quarantine.
//!
//! Calls are few and small and nothing else runs meanwhile, so they are made on this thread with a short time limit.
//! A Temporal server has no such port; whoever only wants a hint goes without.
//!
//! Invariant: the API key of the server goes nowhere without TLS; one that is given for this port goes where it is.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use weft_client::{ConnectOptions, Tls};

use crate::exit::{Exit, Failure};

/// From the port of the API to the operations port, where nobody says otherwise: 7233 and 7280.
pub(crate) const PORTS_UP: u16 = 47;

const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub(crate) struct Operations {
    pub(crate) address: String,
    tls: Option<Tls>,
    key: Option<String>,
}

/// A connection to the port.
pub(crate) trait Connection: Read + Write {}

impl<T: Read + Write> Connection for T {}

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
    /// Where it is said to be, or beside the API. `https://` means TLS, with what the API's has.
    ///
    /// # Errors
    /// When it is said to be something else than HTTP.
    pub(crate) fn find(said: Option<&str>, api: &ConnectOptions) -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|it| !it.is_empty());
        let said = said.map(ToOwned::to_owned).or_else(|| variable("WEFT_OPERATIONS"));
        Self::at(said.unwrap_or_else(|| beside(&api.address)), api, variable("WEFT_OPERATIONS_API_KEY"))
    }

    fn at(said: String, api: &ConnectOptions, key: Option<String>) -> Result<Self, Failure> {
        let (tls, address) = match said.split_once("://") {
            // Schemes have no case.
            Some((scheme, address)) if scheme.eq_ignore_ascii_case("https") => {
                (Some(api.tls.clone().unwrap_or_default()), address.to_owned())
            }
            Some((scheme, address)) if scheme.eq_ignore_ascii_case("http") => (None, address.to_owned()),
            Some((scheme, _)) => {
                return Err(Failure::usage(format!(
                    "the operations port is said to be at {said}, and the scheme {scheme} is neither http nor https: look \
                     at --operations and WEFT_OPERATIONS"
                )));
            }
            None => (None, said),
        };
        let key = key.or_else(|| api.api_key.clone().filter(|_| tls.is_some()));
        Ok(Self { address: address.trim_end_matches('/').to_owned(), tls, key })
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

    pub(crate) fn unreachable(&self, error: &io::Error) -> Failure {
        let says = format!(
            "no operations port answers at {} ({error}); name it with --operations or WEFT_OPERATIONS, with https:// in \
             front where it speaks TLS",
            self.address
        );
        Failure::new(Exit::Unreachable, says)
    }

    fn send(&self, method: &str, path: &str) -> io::Result<Reply> {
        self.send_within(TIMEOUT, method, path)
    }

    fn send_within(&self, timeout: Duration, method: &str, path: &str) -> io::Result<Reply> {
        let mut text = String::new();
        self.ask(timeout, method, path)?.read_to_string(&mut text)?;
        parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
    }

    /// Sends; the answer is still to be read.
    pub(crate) fn ask(&self, timeout: Duration, method: &str, path: &str) -> io::Result<Box<dyn Connection>> {
        let none = || io::Error::new(io::ErrorKind::InvalidInput, "not HOST:PORT");
        let address = self.address.to_socket_addrs()?.next().ok_or_else(none)?;
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(timeout))?;
        let mut connection: Box<dyn Connection> = match &self.tls {
            Some(tls) => {
                let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
                Box::new(tls.over(stream, host.trim_matches(['[', ']'])).map_err(io::Error::other)?)
            }
            None => Box::new(stream),
        };
        let key = self.key.as_ref().map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        write!(connection, "{method} {path} HTTP/1.0\r\nHost: {}\r\n{key}Content-Length: 0\r\n\r\n", self.address)?;
        Ok(connection)
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
    fn the_key_of_the_api_goes_nowhere_without_tls() {
        let api = ConnectOptions { api_key: Some("of-the-api".to_owned()), ..ConnectOptions::default() };
        let found = |said: &str, key: Option<&str>| {
            let operations = Operations::at(said.to_owned(), &api, key.map(ToOwned::to_owned)).expect("it is HTTP");
            (operations.address, operations.tls.is_some(), operations.key)
        };
        let key = |key: &str| Some(key.to_owned());
        assert_eq!(found("host:1", None), ("host:1".to_owned(), false, None));
        assert_eq!(found("http://host:1/", None), ("host:1".to_owned(), false, None));
        assert_eq!(found("https://host:1", None), ("host:1".to_owned(), true, key("of-the-api")));
        assert_eq!(found("https://host:1", Some("own")), ("host:1".to_owned(), true, key("own")));
        assert_eq!(found("host:1", Some("own")), ("host:1".to_owned(), false, key("own")));
    }

    #[test]
    fn only_http_goes_without_tls_and_no_other_scheme_is_guessed_at() {
        let found = |said: &str| Operations::at(said.to_owned(), &ConnectOptions::default(), None);
        let is_secured = |said: &str| found(said).expect("it is HTTP").tls.is_some();
        assert_eq!(["HTTPS://a:1", "Https://a:1", "HTTP://a:1"].map(is_secured), [true, true, false]);
        for said in ["grpc://a:1", "httpss://a:1", "://a:1"] {
            let Err(refused) = found(said) else { panic!("{said} is not HTTP") };
            assert!(refused.exit == Exit::Usage && refused.says.contains("neither http nor https"), "{refused}");
        }
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
