//! A change of who the nodes are, while anything may go wrong: one comes, and maybe another one goes.
//!
//! Invariant: there is one change at a time, and at most one node of a cluster loses its data, so that a majority of
//! those who vote still has what was acknowledged.

use tokio::runtime::Runtime;
use weft_env::SeededIds;
use weft_rows::member::MemberState;

use super::{
    machine::{Asked, Machine},
    record::Record,
};

/// What is on its way.
pub(crate) struct Change {
    newcomer: u32,
    has_come: bool,
    leaving: Option<Leaving>,
    asked: Option<Asked>,
}

/// Who is to go.
#[derive(Clone, Copy)]
pub(crate) struct Leaving {
    pub(crate) node: u32,
    /// It has lost its data: nobody waits for the newcomer before it is removed.
    pub(crate) is_wiped: bool,
}

impl Change {
    pub(crate) fn new(newcomer: u32, leaving: Option<Leaving>) -> Self {
        Self { newcomer, has_come: false, leaving, asked: None }
    }

    /// Looks how far it is, and asks some node for the next step. Says whether it is over.
    pub(crate) fn go_on(
        &mut self,
        machines: &mut [Machine],
        clients: &Runtime,
        dice: &SeededIds,
        record: &Record,
    ) -> bool {
        let is = |node: u32, state| machines.iter().any(|machine| machine.knows(node) == Some(state));
        if !self.has_come && is(self.newcomer, MemberState::Member) {
            self.has_come = true;
            record.note(&format!("node {} is a member", self.newcomer));
            record.cover(|counts| counts.joined += 1);
        }
        let Some(leaving) = self.leaving else { return self.has_come };
        if is(leaving.node, MemberState::Removed) {
            record.note(&format!("node {} is removed", leaving.node));
            record.cover(|counts| {
                counts.removed += 1;
                counts.wiped += u64::from(leaving.is_wiped);
            });
            self.leaving = None;
        } else if self.has_come || leaving.is_wiped {
            self.ask(leaving.node, machines, clients, dice, record);
        }
        self.has_come && self.leaving.is_none()
    }

    fn ask(&mut self, node: u32, machines: &mut [Machine], clients: &Runtime, dice: &SeededIds, record: &Record) {
        if let Some(asked) = &mut self.asked {
            if !asked.is_finished() {
                return;
            }
            record.note(&format!("remove {node}: {}", told(asked, clients)));
        }
        let place = usize::try_from(dice.below(machines.len() as u64)).expect("few");
        self.asked = machines[place].remove(node);
        if let Some(machine) = machines.iter_mut().find(|machine| machine.node == node)
            && self.asked.is_some()
        {
            machine.is_leaving = true;
        }
    }
}

/// What an operator was told.
pub(crate) fn told(asked: &mut Asked, clients: &Runtime) -> String {
    match clients.block_on(asked) {
        Ok(Ok(said)) => said,
        Ok(Err(status)) => format!("{:?}: {}", status.code(), status.message()),
        Err(_) => "whoever was asked is gone".to_owned(),
    }
}
