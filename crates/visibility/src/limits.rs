//! Every bound of this crate, in one place, so that no input and no backlog can make it grow without end.

/// Longest text of a query, in bytes.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;
/// Deepest nesting of parentheses and NOT in a query.
pub const QUERY_DEPTH_MAX: usize = 24;
/// Most conditions in a query. SQLite refuses expressions deeper than 1,000, and a chain of AND is as deep as it is long.
pub const QUERY_CONDITIONS_MAX: usize = 256;
/// Most values in all the IN lists of a query together.
pub const QUERY_VALUES_MAX: usize = 2_000;

/// Most records on one page.
pub const PAGE_SIZE_MAX: usize = 1_000;
/// Most groups that one count answers with; the largest are kept.
pub const GROUPS_MAX: usize = 1_000;
/// Most groups of the part of a count that one node answers another with.
pub const PART_GROUPS_MAX: usize = 100_000;
/// A part of a list that one node answers another with ends when its memos and search attributes have so many bytes.
pub const PART_BYTES_MAX: usize = 16 << 20;
/// Most index ranges that one page is merged from; a filter that needs more is answered by scanning in order.
pub const BRANCHES_MAX: usize = 64;
/// Most rows that are collected and sorted for one page; beyond it the page is read in the order of the list.
pub const SORTED_ROWS_MAX: usize = 100_000;

/// Most words of one Text search attribute that are indexed: a value of 2 KiB has no more.
pub const TOKENS_MAX: usize = 1_024;

/// Changes that are gathered before they are committed without being asked for.
pub const GATHERED_CHANGES: usize = 4_096;
/// Changes that may wait for the writer; feeding more waits for it.
pub const GATHERED_CHANGES_MAX: usize = 65_536;
/// Rows that a rebuild writes in one transaction.
pub const REBUILD_CHUNK: usize = 8_192;

/// Connections that read beside the writer.
pub const READERS: usize = 4;
