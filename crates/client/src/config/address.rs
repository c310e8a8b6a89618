//! What people write as an address: a host and a port, or a URL.

use super::Error;

/// Temporal's well-known port, for an address that names none.
const PORT: &str = "7233";

/// An address that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Whether its scheme says TLS, if it has one.
    pub(crate) secure: Option<bool>,
    authority: String,
}

impl Address {
    pub(crate) fn url(&self, secure: bool) -> String {
        format!("{}://{}", if secure { "https" } else { "http" }, self.authority)
    }
}

pub(super) fn parse(address: &str) -> Result<Address, Error> {
    let wrong = |why: &str| Error::Address { address: address.to_owned(), why: why.to_owned() };
    let (secure, rest) = match address.split_once("://") {
        None => (None, address),
        Some((scheme @ ("http" | "https"), rest)) => (Some(scheme == "https"), rest.strip_suffix('/').unwrap_or(rest)),
        Some((scheme, _)) => return Err(wrong(&format!("the scheme {scheme} is neither http nor https"))),
    };
    if rest.is_empty() {
        return Err(wrong("it is empty"));
    }
    if rest.contains(|character: char| character.is_whitespace() || matches!(character, '/' | '?' | '#' | '@')) {
        return Err(wrong("only a host and a port belong in it"));
    }
    let (host, port) = split(rest).ok_or_else(|| wrong("an IPv6 address stands in brackets: [::1]:7233"))?;
    if host.is_empty() {
        return Err(wrong("the host is missing"));
    }
    port.parse::<u16>().map_err(|_| wrong(&format!("{port:?} is not a port")))?;
    Ok(Address { secure, authority: format!("{host}:{port}") })
}

fn split(rest: &str) -> Option<(&str, &str)> {
    if rest.starts_with('[') {
        let (host, port) = rest.split_at(rest.find(']')? + 1);
        return Some((host, port.strip_prefix(':').unwrap_or(PORT)));
    }
    match rest.split_once(':') {
        Some((_, port)) if port.contains(':') => None,
        Some(parts) => Some(parts),
        None => Some((rest, PORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: &str) {
        let url = parse(address).map(|address| address.url(address.secure == Some(true)));
        let found = url.unwrap_or_else(|error| error.to_string());
        assert!(found.contains(expected), "{address}: {found}");
    }

    #[test]
    fn hosts_ports_and_urls_are_taken() {
        check("127.0.0.1:7233", "http://127.0.0.1:7233");
        check("weft.internal", "http://weft.internal:7233");
        check("http://localhost:9/", "http://localhost:9");
        check("https://weft.internal:9", "https://weft.internal:9");
        check("[::1]:80", "http://[::1]:80");
        check("[::1]", "http://[::1]:7233");
    }

    #[test]
    fn what_is_no_address_is_refused_for_its_reason() {
        check("", "it is empty");
        check(":7233", "the host is missing");
        check("localhost:http", "\"http\" is not a port");
        check("localhost:70000", "\"70000\" is not a port");
        check("::1:7233", "brackets");
        check("http://localhost:1/path", "only a host and a port");
        check("grpc://localhost:1", "the scheme grpc");
    }
}
