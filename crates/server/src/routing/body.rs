//! The body of a unary call: taken whole, looked into, and given on as it came.

use std::{borrow::Cow, io::Read};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full, Limited};
use tonic::{Status, body::Body};

/// As much as a request may have; see `frontend::serve`.
const BYTES_MAX: usize = (128 << 20) + PREFIX;
/// One byte that says whether the message is compressed, and its length.
const PREFIX: usize = 5;

/// Takes a body whole.
pub(crate) async fn take(body: Body) -> Result<Bytes, Status> {
    let taken = Limited::new(body, BYTES_MAX).collect().await;
    // Its sender has gone, or it is larger than any request may be.
    let taken = taken.map_err(|error| Status::resource_exhausted(format!("the request cannot be read: {error}")))?;
    Ok(taken.to_bytes())
}

/// A body of these bytes.
pub(crate) fn give(bytes: Bytes) -> Body {
    Body::new(Full::new(bytes))
}

/// The message in a body; none if it cannot be read, which whoever answers the call will say better.
pub(crate) fn message(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let (prefix, message) = bytes.split_at_checked(PREFIX)?;
    if prefix[0] == 0 {
        return Some(Cow::Borrowed(message));
    }
    let mut plain = Vec::new();
    GzDecoder::new(message).take(BYTES_MAX as u64).read_to_end(&mut plain).ok()?;
    Some(Cow::Owned(plain))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn framed(compressed: bool, message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).expect("a short message").to_be_bytes();
        [&[u8::from(compressed)][..], &length, message].concat()
    }

    #[test]
    fn a_message_is_read_plain_or_compressed() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"hello").expect("writing to memory");
        let zipped = encoder.finish().expect("writing to memory");
        assert_eq!(message(&framed(false, b"hello")).as_deref(), Some(&b"hello"[..]));
        assert_eq!(message(&framed(true, &zipped)).as_deref(), Some(&b"hello"[..]));
        assert_eq!(message(&framed(true, b"hello")), None);
        assert_eq!(message(&[0, 0]), None);
    }

    #[tokio::test]
    async fn a_body_is_given_on_as_it_came() {
        let bytes = Bytes::from(framed(false, b"hello"));
        assert_eq!(take(give(bytes.clone())).await.expect("it is small"), bytes);
    }
}
