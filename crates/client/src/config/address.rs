//! From what people write as an address to a URL.

use super::Error;

/// Temporal's well-known port, for an address that names none.
const PORT: &str = "7233";

pub(super) fn url(address: &str) -> Result<String, Error> {
    let wrong = |why: &str| Error::Address { address: address.to_owned(), why: why.to_owned() };
    let rest = match address.split_once("://") {
        None => address,
        Some(("http", rest)) => rest.strip_suffix('/').unwrap_or(rest),
        Some(("https", _)) => {
            return Err(Error::Tls { address: address.to_owned(), why: "its scheme is https".to_owned() });
        }
        Some((scheme, _)) => return Err(wrong(&format!("the scheme {scheme} is not http"))),
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
    Ok(format!("http://{host}:{port}"))
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
        let found = url(address).unwrap_or_else(|error| error.to_string());
        assert!(found.contains(expected), "{address}: {found}");
    }

    #[test]
    fn hosts_ports_and_urls_are_taken() {
        check("127.0.0.1:7233", "http://127.0.0.1:7233");
        check("weft.internal", "http://weft.internal:7233");
        check("http://localhost:9/", "http://localhost:9");
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
        check("https://localhost:1", "TLS");
    }
}
