//! Signals.

use weft_engine::{Identity, RequestId, SignalBody, limits::Limits};
use weft_protocol::{
    api::{
        common::{Header, Link, Payloads},
        workflowservice::SignalWorkflowExecutionRequest,
    },
    error::{Error, text},
};

use super::{given_request_id, identity};
use crate::frontend::validate::{ids, sizes};

/// A signal as two calls bring it.
pub(crate) struct Signal {
    pub(crate) name: String,
    pub(crate) input: Option<Payloads>,
    pub(crate) header: Option<Header>,
    pub(crate) identity: Identity,
    /// None: such a signal is never a repetition.
    pub(crate) request: Option<RequestId>,
    pub(crate) links: Vec<Link>,
}

impl Signal {
    pub(crate) fn of(limits: &Limits, body: SignalWorkflowExecutionRequest) -> Result<SignalBody, Error> {
        ids::required(limits, &body.signal_name, text::SIGNAL_NAME_NOT_SET, text::SIGNAL_NAME_TOO_LONG)?;
        let signal = Self {
            identity: identity(limits, &body.identity)?,
            request: given_request_id(limits, &body.request_id)?,
            name: body.signal_name,
            input: body.input,
            header: body.header,
            links: body.links,
        };
        signal.body(limits)
    }

    /// The engine's form, once sizes are checked.
    pub(crate) fn body(self, limits: &Limits) -> Result<SignalBody, Error> {
        let Self { name, input, header, identity, request, links } = self;
        sizes::blob(limits, input.as_ref())?;
        sizes::header(limits, header.as_ref())?;
        sizes::links(&links)?;
        Ok(SignalBody { name: name.into(), input, header, identity, request, links })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: SignalWorkflowExecutionRequest, expected: Result<Option<&str>, &str>) {
        let found = Signal::of(&Limits::default(), body);
        let found = found.map(|signal| signal.request.map(|id| id.to_string())).map_err(|it| it.message);
        assert_eq!(found, expected.map(|id| id.map(str::to_owned)).map_err(str::to_owned));
    }

    #[test]
    fn a_signal_has_a_name_and_may_have_a_request_id() {
        let named = |name: &str| SignalWorkflowExecutionRequest { signal_name: name.to_owned(), ..Default::default() };
        check(named("s"), Ok(None));
        check(SignalWorkflowExecutionRequest { request_id: "r".to_owned(), ..named("s") }, Ok(Some("r")));
        check(named(""), Err("SignalName is not set on request."));
        check(named(&"n".repeat(1001)), Err("SignalName length exceeds limit."));
        let long = "r".repeat(1001);
        check(
            SignalWorkflowExecutionRequest { request_id: long.clone(), ..named("s") },
            Err("RequestId length exceeds limit."),
        );
        check(SignalWorkflowExecutionRequest { identity: long, ..named("s") }, Err("Identity length exceeds limit."));
    }
}
