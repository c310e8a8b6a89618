//! Starting: policies, request ids, delays, eager first tasks.

use crate::check;

#[test]
fn a_plain_start_writes_its_start_and_schedules_a_task() {
    check("start input=a", "");
}
