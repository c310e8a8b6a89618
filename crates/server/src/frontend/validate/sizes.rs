//! How large a request's parts may be.

use weft_engine::limits::Limits;
use weft_protocol::{
    api::{
        common::{Header, Link, Memo, Payloads},
        sdk::UserMetadata,
    },
    error::{Error, text},
    prost::Message,
};

/// Links that one request may carry.
const LINKS_MAX: usize = 10;
/// Bytes of one link.
const LINK_BYTES_MAX: usize = 4000;

/// A blob of any kind: input, signal, query arguments, details, header.
pub(crate) fn blob(limits: &Limits, blob: Option<&Payloads>) -> Result<(), Error> {
    at_most(limits.blob_bytes_error, blob, text::BLOB_TOO_LARGE)
}

/// A text that may be long, such as a reason.
pub(crate) fn text(limits: &Limits, given: &str) -> Result<(), Error> {
    if given.len() > limits.blob_bytes_error {
        return Err(Error::invalid_argument(text::BLOB_TOO_LARGE));
    }
    Ok(())
}

pub(crate) fn header(limits: &Limits, header: Option<&Header>) -> Result<(), Error> {
    at_most(limits.blob_bytes_error, header, text::BLOB_TOO_LARGE)
}

pub(crate) fn memo(limits: &Limits, memo: Option<&Memo>) -> Result<(), Error> {
    at_most(limits.memo_bytes, memo, text::MEMO_TOO_LARGE)
}

pub(crate) fn user_metadata(limits: &Limits, given: Option<&UserMetadata>) -> Result<(), Error> {
    let Some(UserMetadata { summary, details }) = given else { return Ok(()) };
    let (summary_max, details_max) = (limits.user_metadata_summary_bytes, limits.user_metadata_details_bytes);
    at_most(summary_max, summary.as_ref(), &format!("UserMetadata.Summary exceeds the limit of {summary_max} bytes."))?;
    at_most(details_max, details.as_ref(), &format!("UserMetadata.Details exceeds the limit of {details_max} bytes."))
}

pub(crate) fn links(links: &[Link]) -> Result<(), Error> {
    let count = links.len();
    if count > LINKS_MAX {
        let message = format!("cannot attach more than {LINKS_MAX} links per request, got {count}");
        return Err(Error::invalid_argument(message));
    }
    match links.iter().map(Message::encoded_len).find(|bytes| *bytes > LINK_BYTES_MAX) {
        Some(bytes) => {
            Err(Error::invalid_argument(format!("link exceeds allowed size of {LINK_BYTES_MAX}, got {bytes}")))
        }
        None => Ok(()),
    }
}

fn at_most<M: Message>(limit: usize, part: Option<&M>, too_large: &str) -> Result<(), Error> {
    if part.is_some_and(|part| part.encoded_len() > limit) {
        return Err(Error::invalid_argument(too_large));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use weft_protocol::payload;

    use super::*;

    #[test]
    fn a_blob_at_the_limit_is_taken_and_one_above_is_refused() {
        let exact = payload::list(payload::json_plain(vec![b'1'; 100]));
        let limits = Limits { blob_bytes_error: exact.encoded_len(), ..Limits::default() };
        assert_eq!(blob(&limits, None), Ok(()));
        assert_eq!(blob(&limits, Some(&exact)), Ok(()));
        let above = payload::list(payload::json_plain(vec![b'1'; 101]));
        let refused = blob(&limits, Some(&above)).expect_err("it is refused");
        assert_eq!(refused.message, "Blob data size exceeds limit.");
    }

    #[test]
    fn a_memo_has_a_limit_and_words_of_its_own() {
        let fields = [("m".to_owned(), payload::json_plain(vec![b'1'; 100]))].into();
        let limits = Limits { memo_bytes: 100, ..Limits::default() };
        let refused = memo(&limits, Some(&Memo { fields })).expect_err("it is refused");
        assert_eq!(refused.message, "Memo size exceeds limit.");
    }

    #[test]
    fn a_summary_is_short() {
        let limits = Limits::default();
        let given = |bytes| UserMetadata { summary: Some(payload::json_plain(vec![b'1'; bytes])), details: None };
        assert_eq!(user_metadata(&limits, Some(&given(300))), Ok(()));
        assert!(user_metadata(&limits, Some(&given(401))).is_err());
    }

    #[test]
    fn links_are_few() {
        assert_eq!(links(&vec![Link::default(); 10]), Ok(()));
        let refused = links(&vec![Link::default(); 11]).expect_err("they are refused");
        assert_eq!(refused.message, "cannot attach more than 10 links per request, got 11");
    }
}
