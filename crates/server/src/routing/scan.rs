//! Finding one field in the bytes of a message, without reading the rest of it.

use weft_protocol::prost::{
    bytes::Buf,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

/// The first value of the field at this path of tags, each a string, bytes or a message; none if it is not there, or if
/// these are not the bytes of a message.
pub(crate) fn find<'m>(message: &'m [u8], path: &[u32]) -> Option<&'m [u8]> {
    let (first, rest) = path.split_first()?;
    let mut left = message;
    while left.has_remaining() {
        let (tag, wire) = decode_key(&mut left).ok()?;
        if tag != *first || wire != WireType::LengthDelimited {
            skip_field(wire, tag, &mut left, DecodeContext::default()).ok()?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut left).ok()?).ok()?;
        let value = left.get(..length)?;
        return if rest.is_empty() { Some(value) } else { find(value, rest) };
    }
    None
}

/// The same, as text.
pub(crate) fn text<'m>(message: &'m [u8], path: &[u32]) -> Option<&'m str> {
    std::str::from_utf8(find(message, path)?).ok()
}

#[cfg(test)]
mod tests {
    use weft_protocol::{
        api::{common::WorkflowExecution, workflowservice::*},
        prost::Message,
    };

    use super::*;

    #[test]
    fn a_field_is_found_behind_others_and_within_another() {
        let request = SignalWorkflowExecutionRequest {
            namespace: "ns".into(),
            workflow_execution: Some(WorkflowExecution { workflow_id: "w".into(), run_id: "r".into() }),
            identity: "i".into(),
            ..Default::default()
        };
        let bytes = request.encode_to_vec();
        assert_eq!(text(&bytes, &[1]), Some("ns"));
        assert_eq!(text(&bytes, &[2, 1]), Some("w"));
        assert_eq!(text(&bytes, &[2, 2]), Some("r"));
        assert_eq!(text(&bytes, &[99]), None);
        assert_eq!(text(&bytes, &[]), None);
    }

    #[test]
    fn of_a_repeated_field_the_first_is_found() {
        use execute_multi_operation_request::{Operation, operation::Operation as Kind};
        let start = |id: &str| Operation {
            operation: Some(Kind::StartWorkflow(StartWorkflowExecutionRequest {
                workflow_id: id.into(),
                ..Default::default()
            })),
        };
        let request = ExecuteMultiOperationRequest { operations: vec![start("a"), start("b")], ..Default::default() };
        assert_eq!(text(&request.encode_to_vec(), &[2, 1, 2]), Some("a"));
    }

    #[test]
    fn what_is_no_message_has_no_fields() {
        for bytes in [&[0x0a, 200, 1][..], &[0xff; 20], &[0x0a, 3, b'a'], &[0x0b]] {
            assert_eq!(find(bytes, &[1]), None, "{bytes:?}");
        }
    }
}
