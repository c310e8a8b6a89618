//! Cancellation scopes: a tree; cancelling one cancels what began in it and in the scopes below it.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};

use crate::state::State;

/// A cancellation scope of a run. `ROOT` is the workflow's own, which a request to cancel the workflow cancels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScopeId(u64);

impl ScopeId {
    pub const ROOT: Self = Self(0);
}

#[derive(Debug, Default)]
struct Scope {
    parent: Option<ScopeId>,
    reason: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Scopes {
    known: BTreeMap<ScopeId, Scope>,
    next: u64,
}

impl Default for Scopes {
    fn default() -> Self {
        Self { known: [(ScopeId::ROOT, Scope::default())].into(), next: 1 }
    }
}

impl Scopes {
    /// A scope below another, cancelled as soon as that is; one of its own where there is no parent.
    pub(crate) fn open(&mut self, parent: Option<ScopeId>) -> ScopeId {
        let id = ScopeId(self.next);
        self.next += 1;
        let reason = parent.and_then(|parent| self.reason(parent)).map(ToString::to_string);
        self.known.insert(id, Scope { parent, reason });
        id
    }

    /// Why the scope was cancelled, if it was.
    pub(crate) fn reason(&self, id: ScopeId) -> Option<&str> {
        self.known.get(&id)?.reason.as_deref()
    }

    /// Marks the scope and those below it, and says which are newly cancelled.
    fn cancel(&mut self, id: ScopeId, reason: &str) -> Vec<ScopeId> {
        let mut newly = Vec::new();
        let mut next = Vec::from([id]);
        while let Some(id) = next.pop() {
            next.extend(self.known.iter().filter(|(_, scope)| scope.parent == Some(id)).map(|(child, _)| *child));
            if let Some(scope) = self.known.get_mut(&id).filter(|scope| scope.reason.is_none()) {
                scope.reason = Some(reason.to_string());
                newly.push(id);
            }
        }
        newly
    }

    /// Forgets a scope that nobody holds; what is below it belongs to its parent from now on, which is returned.
    pub(crate) fn close(&mut self, id: ScopeId) -> Option<ScopeId> {
        let parent = self.known.remove(&id)?.parent;
        for below in self.known.values_mut().filter(|below| below.parent == Some(id)) {
            below.parent = parent;
        }
        parent
    }
}

impl State {
    /// Cancels a scope: what began in it is cancelled, each in its own manner, in the order in which it began.
    pub(crate) fn cancel_scope(&mut self, id: ScopeId, reason: &str) {
        let scopes = self.scopes.cancel(id, reason);
        let within = self.operations.iter().filter(|(_, operation)| scopes.contains(&operation.scope));
        let ids: Vec<_> = within.map(|(id, _)| *id).collect();
        for id in ids {
            self.cancel(id);
        }
        self.wake_cancelled(&scopes);
    }
}
