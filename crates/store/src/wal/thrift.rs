//! How much may be written again to free the oldest segments.
//!
//! Invariant: of all that is written, no more than a part in [`SHARE`] is copies, whatever the size of the segments. Were
//! each new segment worth a fixed amount of copies, small segments (on a disk that is nearly full) would be filled by copies,
//! each of which brought more of them.

use super::front::Ticket;

/// One byte may be copied for so many that were written, copies among them.
const SHARE: u64 = 4;

pub(super) struct Thrift {
    credit: u64,
    credit_max: u64,
    /// The last copies that were handed over.
    copying: Ticket,
}

impl Thrift {
    pub(super) fn new(segment_bytes: u64) -> Self {
        Self { credit: 0, credit_max: segment_bytes / SHARE, copying: Ticket::default() }
    }

    pub(super) fn earn(&mut self, written: u64) {
        self.credit = (self.credit + written / SHARE).min(self.credit_max);
    }

    /// Whether so much may be copied; then it is paid.
    pub(super) fn spend(&mut self, bytes: u64) -> bool {
        let left = self.credit.checked_sub(bytes);
        self.credit = left.unwrap_or(self.credit);
        left.is_some()
    }

    pub(super) fn copying(&mut self, ticket: Ticket) {
        self.copying = ticket;
    }

    /// Whether no copies are under way: until they are durable, the entries would be copied twice.
    pub(super) fn is_settled(&self, durable: Ticket) -> bool {
        self.copying <= durable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_paid_for_by_what_is_written() {
        let mut thrift = Thrift::new(1000);
        assert!(!thrift.spend(1));
        thrift.earn(400);
        assert!(!thrift.spend(101));
        assert!(thrift.spend(60) && thrift.spend(40) && !thrift.spend(1));
        thrift.earn(1_000_000);
        assert!(!thrift.spend(251) && thrift.spend(250), "a quarter of a segment at most is saved up");
    }

    #[test]
    fn copies_that_bring_copies_come_to_an_end() {
        let mut thrift = Thrift::new(1 << 30);
        thrift.earn(1 << 20);
        let mut copied = 0;
        while thrift.spend(100) {
            copied += 100;
            thrift.earn(100);
        }
        assert!(copied < 1 << 19, "{copied}");
    }
}
