//! A call and its answer as HTTP has them, and as a link does.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header, request, response};
use http_body_util::{BodyExt, Full};
use tonic::{Status, body::Body};
use weft_protocol::internal::{LinkAnswer, LinkCall, LinkHeader};

/// What every body of a gRPC call is, and so goes without saying.
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
/// No call and no answer has so many headers; a map of them has an end too, and panics there.
const HEADERS_MAX: usize = 1024;

/// A call that has no number yet.
pub(super) fn call(parts: &request::Parts, body: Bytes) -> LinkCall {
    let (path, headers) = (parts.uri.path().to_owned(), written(&parts.headers));
    LinkCall { number: 0, path, headers, body, group: None }
}

/// A message of a Raft group that has no number yet. It is no request of HTTP: there are more of them than of all else.
pub(super) fn raft(group: u32, message: Bytes) -> LinkCall {
    LinkCall { body: message, group: Some(group), ..LinkCall::default() }
}

/// What a Raft group answers.
pub(super) fn raft_answer(number: u64, answer: Result<Bytes, Status>) -> LinkAnswer {
    match answer {
        Ok(body) => LinkAnswer { number, body, ..LinkAnswer::default() },
        Err(status) => refused(number, status),
    }
}

pub(super) fn raft_answered(answer: LinkAnswer) -> Result<Bytes, Status> {
    if answer.headers.is_empty() {
        return Ok(answer.body);
    }
    let status = Status::from_header_map(&read_plain(answer.headers)?);
    Err(status.unwrap_or_else(|| Status::unknown("a refusal without a status")))
}

/// A call as it came, and its number.
pub(super) fn request(call: LinkCall) -> Result<(u64, http::Request<Body>), Status> {
    let LinkCall { number, path, headers, body: bytes, group: _ } = call;
    let uri: Uri = path.parse().map_err(|error| Status::invalid_argument(format!("{path:?} is no path: {error}")))?;
    let mut request = http::Request::new(body(bytes));
    (*request.method_mut(), *request.uri_mut(), *request.version_mut()) = (Method::POST, uri, Version::HTTP_2);
    *request.headers_mut() = read(headers)?;
    request.headers_mut().insert(header::TE, TRAILERS);
    Ok((number, request))
}

/// The answer to the call of this number, taken whole.
pub(super) async fn answer(number: u64, response: http::Response<Body>) -> LinkAnswer {
    let (response::Parts { headers, .. }, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => {
            let trailers = body.trailers().map(written).unwrap_or_default();
            LinkAnswer { number, headers: written(&headers), body: body.to_bytes(), trailers }
        }
        Err(status) => refused(number, status),
    }
}

/// The answer to a call that cannot be made.
pub(super) fn refused(number: u64, status: Status) -> LinkAnswer {
    let headers = written(status.into_http::<Body>().headers());
    LinkAnswer { number, headers, body: Bytes::new(), trailers: Vec::new() }
}

/// An answer as it would have come alone.
pub(super) fn response(answer: LinkAnswer) -> Result<http::Response<Body>, Status> {
    let LinkAnswer { number: _, headers, body: bytes, trailers } = answer;
    let body = if trailers.is_empty() {
        body(bytes)
    } else {
        let trailers = read_plain(trailers)?;
        Body::new(Full::new(bytes).with_trailers(std::future::ready(Some(Ok(trailers)))))
    };
    let mut response = http::Response::new(body);
    *response.version_mut() = Version::HTTP_2;
    *response.headers_mut() = read(headers)?;
    Ok(response)
}

pub(super) fn body(bytes: Bytes) -> Body {
    if bytes.is_empty() { Body::empty() } else { Body::new(Full::new(bytes)) }
}

fn written(headers: &HeaderMap) -> Vec<LinkHeader> {
    let told = |(name, value): &(&HeaderName, &HeaderValue)| {
        *name != header::TE && !(*name == header::CONTENT_TYPE && *value == GRPC)
    };
    let write = |(name, value): (&HeaderName, &HeaderValue)| LinkHeader {
        name: name.as_str().to_owned(),
        value: Bytes::copy_from_slice(value.as_bytes()),
    };
    headers.iter().filter(told).map(write).collect()
}

fn read(headers: Vec<LinkHeader>) -> Result<HeaderMap, Status> {
    let mut read = read_plain(headers)?;
    read.entry(header::CONTENT_TYPE).or_insert(GRPC);
    Ok(read)
}

/// What is no header is left out, as a server leaves it out that gets it alone.
fn read_plain(headers: Vec<LinkHeader>) -> Result<HeaderMap, Status> {
    if headers.len() > HEADERS_MAX {
        let headers = headers.len();
        return Err(Status::resource_exhausted(format!("{headers} headers are more than {HEADERS_MAX}")));
    }
    let mut read = HeaderMap::with_capacity(headers.len() + 2);
    for LinkHeader { name, value } in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_maybe_shared(value))
        {
            read.append(name, value);
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
        let mut shown: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        shown.sort_unstable();
        shown
    }

    #[tokio::test]
    async fn a_call_comes_out_as_it_went_in() {
        let sent = http::Request::builder()
            .method(Method::POST)
            .uri("http://node/a.Service/Method")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", "5S")
            .header("twice-bin", "AA")
            .header("twice-bin", "BB");
        let (parts, ()) = sent.body(()).expect("a request").into_parts();
        let carried = LinkCall { number: 7, ..call(&parts, Bytes::from_static(b"\0message")) };
        assert_eq!(carried.headers.len(), 3, "what goes without saying is not said: {:?}", carried.headers);
        let (number, came) = request(carried).expect("a call");
        assert_eq!((number, came.uri().path()), (7, "/a.Service/Method"));
        assert_eq!(shown(came.headers()), shown(&parts.headers));
        let body = came.into_body().collect().await.expect("a body");
        assert_eq!(body.to_bytes(), "\0message");
    }

    #[tokio::test]
    async fn an_answer_keeps_its_trailers() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        let body = Full::new(Bytes::from_static(b"\0answer")).with_trailers(std::future::ready(Some(Ok(trailers))));
        let mut sent = http::Response::new(Body::new(body));
        sent.headers_mut().insert("content-type", GRPC);
        let came = response(answer(3, sent).await).expect("an answer");
        assert_eq!(shown(came.headers()), [("content-type", &b"application/grpc"[..])]);
        let body = came.into_body().collect().await.expect("a body");
        assert_eq!(shown(body.trailers().expect("trailers")), [("grpc-status", &b"0"[..])]);
        assert_eq!(body.to_bytes(), "\0answer");
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer_without_a_body() {
        let came = response(refused(3, Status::permission_denied("not of this cluster"))).expect("an answer");
        let status = Status::from_header_map(came.headers()).expect("a status");
        assert_eq!((status.code(), status.message()), (tonic::Code::PermissionDenied, "not of this cluster"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let call = LinkCall { path: "no path".to_owned(), ..Default::default() };
        assert_eq!(request(call).map(|_| ()).map_err(|status| status.code()), Err(tonic::Code::InvalidArgument));
    }

    #[test]
    fn more_headers_than_anybody_needs_are_refused() {
        let headers = |count| vec![LinkHeader { name: "x".to_owned(), value: Bytes::from_static(b"1") }; count];
        let called = |count| {
            let call = LinkCall { path: "/a.Service/Method".to_owned(), headers: headers(count), ..Default::default() };
            request(call).map(|_| ()).map_err(|status| status.code())
        };
        let refused = Err(tonic::Code::ResourceExhausted);
        assert_eq!([called(HEADERS_MAX), called(HEADERS_MAX + 1), called(40_000)], [Ok(()), refused, refused]);
        let answered = |headers, trailers| {
            let answer = LinkAnswer { headers, trailers, ..Default::default() };
            let raft = raft_answered(answer.clone()).map(|_| ()).map_err(|status| status.code());
            (response(answer).map(|_| ()).map_err(|status| status.code()), raft)
        };
        assert_eq!(answered(headers(40_000), vec![]), (refused, refused));
        assert_eq!(answered(vec![], headers(40_000)), (refused, Ok(())), "what a group answers has no trailers");
    }
}
