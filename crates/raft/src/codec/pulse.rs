//! The heartbeats of a node to another one, and the answers to them, all big-endian, version first:
//!
//! ```text
//! pulse       [1] [beats u32] { [group u32] [bytes u32] [request] }
//! answer      [1] [beats u32] { 0 for none, or 1 and [bytes u32] [response] }
//! ```
//!
//! Requests and responses are those of `message`, in the same order on both sides.

use bytes::{BufMut, Bytes, BytesMut};
use weft_store::wal::GroupId;

use super::{CodecError, Input, VERSION};

const HEADER: usize = 8;

pub(crate) fn request<'a>(beats: impl ExactSizeIterator<Item = (GroupId, &'a Bytes)> + Clone) -> Bytes {
    let room: usize = beats.clone().map(|(_, message)| HEADER + message.len()).sum();
    let mut out = begin(beats.len(), room);
    for (group, message) in beats {
        out.put_u32(group.0);
        put_bytes(&mut out, message);
    }
    out.freeze()
}

pub(crate) fn read_request(bytes: Bytes) -> Result<Vec<(GroupId, Bytes)>, CodecError> {
    let mut input = Input::new("pulse", bytes)?;
    let count = input.u32()?;
    let beat = |input: &mut Input| {
        let group = GroupId(input.u32()?);
        let size = input.u32()?;
        Ok((group, input.slice(size)?))
    };
    let beats = (0..count).map(|_| beat(&mut input)).collect::<Result<_, _>>()?;
    input.end()?;
    Ok(beats)
}

pub(crate) fn response(answers: &[Option<Bytes>]) -> Bytes {
    let room: usize = answers.iter().flatten().map(|answer| HEADER + answer.len()).sum();
    let mut out = begin(answers.len(), room);
    for answer in answers {
        match answer {
            None => out.put_u8(0),
            Some(answer) => {
                out.put_u8(1);
                put_bytes(&mut out, answer);
            }
        }
    }
    out.freeze()
}

pub(crate) fn read_response(bytes: Bytes) -> Result<Vec<Option<Bytes>>, CodecError> {
    let mut input = Input::new("answer to a pulse", bytes)?;
    let count = input.u32()?;
    let answer = |input: &mut Input| {
        if !input.flag()? {
            return Ok(None);
        }
        let size = input.u32()?;
        input.slice(size).map(Some)
    };
    let answers = (0..count).map(|_| answer(&mut input)).collect::<Result<_, _>>()?;
    input.end()?;
    Ok(answers)
}

fn begin(count: usize, room: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(HEADER + room);
    out.put_u8(VERSION);
    out.put_u32(u32::try_from(count).expect("a node has far fewer than 4 billion groups"));
    out
}

fn put_bytes(out: &mut BytesMut, bytes: &Bytes) {
    out.put_u32(u32::try_from(bytes.len()).expect("a heartbeat is far smaller than 4 GiB"));
    out.put_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulses_keep_their_bytes() {
        let beats = [(GroupId(7), Bytes::from_static(b"ab")), (GroupId(8), Bytes::new())];
        let bytes = request(beats.iter().map(|(group, message)| (*group, message)));
        let golden = b"\x01\0\0\0\x02\0\0\0\x07\0\0\0\x02ab\0\0\0\x08\0\0\0\0";
        assert_eq!(&bytes[..], golden);
        assert_eq!(read_request(bytes), Ok(beats.to_vec()));

        let answers = [Some(Bytes::from_static(b"x")), None];
        let bytes = response(&answers);
        assert_eq!(&bytes[..], b"\x01\0\0\0\x02\x01\0\0\0\x01x\0");
        assert_eq!(read_response(bytes), Ok(answers.to_vec()));
    }

    #[test]
    fn what_nobody_wrote_is_an_error() {
        let bytes = request([(GroupId(7), &Bytes::from_static(b"ab"))].into_iter());
        for cut in 0..bytes.len() {
            assert!(read_request(bytes.slice(..cut)).is_err(), "{cut}");
        }
        // So many beats that nobody could hold them, and none of them there.
        assert!(read_request(Bytes::from_static(b"\x01\xff\xff\xff\xff")).is_err());
        assert!(read_response(Bytes::from_static(b"\x01\xff\xff\xff\xff")).is_err());
        assert!(read_response(Bytes::from_static(b"\x01\0\0\0\x01\x02")).is_err());
    }
}
