//! Which namespace a command reaches into.

use alloc::{format, sync::Arc};

use weft_protocol::api::enums::WorkflowTaskFailedCause as Cause;

use super::{BadCommand, Decisions};
use crate::{change::Run, ids::NamespaceId};

/// A namespace by its id and its name.
pub(super) struct Place {
    pub(super) id: NamespaceId,
    pub(super) name: Arc<str>,
}

/// The run's own namespace if the command names none; another one only if the server allows that.
pub(super) fn resolve(run: &Run<'_>, decisions: &Decisions, cause: Cause, name: &str) -> Result<Place, BadCommand> {
    let own = run.at.namespace;
    if name.is_empty() || name == &*own.name {
        return Ok(Place { id: own.id.clone(), name: Arc::clone(&own.name) });
    }
    let Some(id) = decisions.namespaces.get(name) else {
        return Err(BadCommand::new(cause, format!("Namespace {name} is not found.")));
    };
    if !run.at.settings.cross_namespace_commands {
        return Err(BadCommand::new(cause, "cross namespace commands are not allowed"));
    }
    Ok(Place { id: id.clone(), name: name.into() })
}
