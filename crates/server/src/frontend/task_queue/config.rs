//! What operators set for a task queue: its rate, the rate of each fairness key, and weights of such keys.
//!
//! Invariant: what is set is durable before the caller hears of it, and in force on this node then.

use tonic::{Response, Status};
use weft_engine::TaskRowKind;
use weft_protocol::{
    api::{
        enums::TaskQueueType,
        taskqueue::{ConfigMetadata, RateLimitConfig, TaskQueueConfig},
        workflowservice::{
            UpdateTaskQueueConfigRequest, UpdateTaskQueueConfigResponse,
            update_task_queue_config_request::RateLimitUpdate,
        },
    },
    error::Error,
    time,
};
use weft_rows::task;
use weft_shard::ChangeError;

use crate::{
    frontend::{context, validate::ids},
    node::Node,
};

const REASON_BYTES_MAX: usize = 1000;
const FAIRNESS_KEY_BYTES_MAX: usize = 64;
/// Weights that may be set in one call, and in all.
const WEIGHTS_MAX: usize = 1000;

pub(crate) async fn update(
    node: &Node,
    body: UpdateTaskQueueConfigRequest,
) -> Result<Response<UpdateTaskQueueConfigResponse>, Status> {
    let namespace = context::namespace(node, &body.namespace).await?;
    let kind = kind_of(body.task_queue_type())?;
    check(&body, kind)?;
    field("Identity", &body.identity, node.settings().limits.id_bytes)?;
    let name = ids::task_queue(&node.settings().limits, &body.task_queue)?.into();
    let queue = task::Queue { namespace: namespace.id.clone(), kind, name };
    let now = node.clock().now().0;
    let config = node.configure_queue(queue, |set| changed(set, body, now)).await.map_err(|error| match error {
        ChangeError::Refused(refused) => Status::from(refused),
        ChangeError::Unavailable => Error::unavailable("the configuration cannot be written now: try again").into(),
    })?;
    Ok(Response::new(UpdateTaskQueueConfigResponse { config: Some(TaskQueueConfig::clone(&config)) }))
}

fn kind_of(kind: TaskQueueType) -> Result<TaskRowKind, Status> {
    match kind {
        TaskQueueType::Unspecified | TaskQueueType::Workflow => Ok(TaskRowKind::Workflow),
        TaskQueueType::Activity => Ok(TaskRowKind::Activity),
        TaskQueueType::Nexus => Err(Error::unimplemented("there are no Nexus task queues").into()),
    }
}

fn check(body: &UpdateTaskQueueConfigRequest, kind: TaskRowKind) -> Result<(), Error> {
    let rates = [
        (&body.update_queue_rate_limit, "rate limit", "UpdateQueueRateLimit"),
        (&body.update_fairness_key_rate_limit_default, "fairness key rate limit", "UpdateFairnessKeyRateLimitDefault"),
    ];
    for (update, what, label) in rates {
        let Some(RateLimitUpdate { rate_limit: Some(limit), reason }) = update else { continue };
        if kind == TaskRowKind::Workflow {
            return Err(Error::invalid_argument(format!("Setting {what} on workflow task queues is not allowed.")));
        }
        if limit.requests_per_second < 0.0 {
            let problem = format!("RequestsPerSecond for {label} rate limit must be non-negative.");
            return Err(Error::invalid_argument(problem));
        }
        field(&format!("{label}.Reason"), reason, REASON_BYTES_MAX)?;
    }
    check_weights(body)
}

fn check_weights(body: &UpdateTaskQueueConfigRequest) -> Result<(), Error> {
    let (set, unset) = (&body.set_fairness_weight_overrides, &body.unset_fairness_weight_overrides);
    let total = set.len() + unset.len();
    if total > WEIGHTS_MAX {
        let problem = format!("too many fairness weight overrides in request: got {total}, maximum {WEIGHTS_MAX}");
        return Err(Error::invalid_argument(problem));
    }
    for key in set.keys().chain(unset) {
        if key.is_empty() {
            return Err(Error::invalid_argument("fairness weight override key must not be empty"));
        }
        if key.len() > FAIRNESS_KEY_BYTES_MAX {
            return Err(Error::invalid_argument("fairness key length exceeds limit"));
        }
    }
    // What is no number is not greater than zero either.
    if let Some((key, _)) = set.iter().find(|(_, weight)| weight.is_nan() || **weight <= 0.0) {
        let problem = format!("invalid fairness weight weight for key {key:?}: must be greater than zero");
        return Err(Error::invalid_argument(problem));
    }
    if let Some(key) = unset.iter().find(|key| set.contains_key(*key)) {
        let problem = format!("fairness weight override key {key:?} present in both set and unset lists");
        return Err(Error::invalid_argument(problem));
    }
    Ok(())
}

fn field(name: &str, value: &str, max: usize) -> Result<(), Error> {
    if value.len() > max {
        return Err(Error::invalid_argument(format!("{name} field too long (max {max} characters).")));
    }
    Ok(())
}

fn changed(
    mut config: TaskQueueConfig,
    body: UpdateTaskQueueConfigRequest,
    now: i64,
) -> Result<TaskQueueConfig, Error> {
    let limit = |update: RateLimitUpdate| RateLimitConfig {
        rate_limit: update.rate_limit,
        metadata: Some(ConfigMetadata {
            reason: update.reason,
            update_identity: body.identity.clone(),
            update_time: Some(time::timestamp(now)),
        }),
    };
    if let Some(update) = body.update_queue_rate_limit {
        config.queue_rate_limit = Some(limit(update));
    }
    if let Some(update) = body.update_fairness_key_rate_limit_default {
        config.fairness_keys_rate_limit_default = Some(limit(update));
    }
    let weights = &mut config.fairness_weight_overrides;
    weights.retain(|key, _| !body.unset_fairness_weight_overrides.contains(key));
    weights.extend(body.set_fairness_weight_overrides);
    if weights.len() > WEIGHTS_MAX {
        return Err(Error::invalid_argument("fairness weight overrides update rejected: exceeding maximum key size"));
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use weft_protocol::api::taskqueue::RateLimit;

    use super::*;

    fn rate(requests_per_second: f32) -> Option<RateLimitUpdate> {
        let rate_limit = Some(RateLimit { requests_per_second });
        Some(RateLimitUpdate { rate_limit, reason: "because".to_owned() })
    }

    fn weights(weights: &[(&str, f32)]) -> UpdateTaskQueueConfigRequest {
        let set = weights.iter().map(|(key, weight)| ((*key).to_owned(), *weight)).collect();
        UpdateTaskQueueConfigRequest { set_fairness_weight_overrides: set, ..Default::default() }
    }

    #[test]
    fn a_change_leaves_alone_what_it_does_not_name() {
        let first = UpdateTaskQueueConfigRequest {
            update_queue_rate_limit: rate(5.0),
            identity: "me".to_owned(),
            ..weights(&[("a", 2.0), ("b", 3.0)])
        };
        let config = changed(TaskQueueConfig::default(), first, 7).expect("it is small");
        let second = UpdateTaskQueueConfigRequest {
            update_fairness_key_rate_limit_default: rate(1.0),
            unset_fairness_weight_overrides: vec!["a".to_owned(), "unknown".to_owned()],
            ..weights(&[("c", 0.5)])
        };
        let config = changed(config, second, 8).expect("it is small");
        let metadata = config.queue_rate_limit.clone().and_then(|limit| limit.metadata).expect("it was set");
        assert_eq!((&*metadata.update_identity, &*metadata.reason), ("me", "because"));
        assert_eq!(metadata.update_time, Some(time::timestamp(7)));
        let mut keys: Vec<_> = config.fairness_weight_overrides.iter().collect();
        keys.sort_by_key(|(key, _)| *key);
        assert_eq!(keys, [(&"b".to_owned(), &3.0), (&"c".to_owned(), &0.5)]);
        let removal = RateLimitUpdate { rate_limit: None, reason: "no more".to_owned() };
        let third = UpdateTaskQueueConfigRequest { update_queue_rate_limit: Some(removal), ..Default::default() };
        let config = changed(config, third, 9).expect("it is small");
        assert_eq!(config.queue_rate_limit.and_then(|limit| limit.rate_limit), None);
        assert!(config.fairness_keys_rate_limit_default.is_some());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |body: UpdateTaskQueueConfigRequest, kind, says: &str| {
            let error = check(&body, kind).expect_err(says);
            assert!(error.message.contains(says), "{}", error.message);
        };
        let limited = |rate| UpdateTaskQueueConfigRequest { update_queue_rate_limit: rate, ..Default::default() };
        refused(limited(rate(1.0)), TaskRowKind::Workflow, "not allowed");
        refused(limited(rate(-1.0)), TaskRowKind::Activity, "non-negative");
        let long = RateLimitUpdate { rate_limit: Some(RateLimit::default()), reason: "r".repeat(1001) };
        refused(limited(Some(long)), TaskRowKind::Activity, "too long");
        refused(weights(&[("", 1.0)]), TaskRowKind::Activity, "must not be empty");
        refused(weights(&[(&"k".repeat(65), 1.0)]), TaskRowKind::Activity, "length exceeds");
        refused(weights(&[("k", 0.0)]), TaskRowKind::Activity, "greater than zero");
        refused(weights(&[("k", f32::NAN)]), TaskRowKind::Activity, "greater than zero");
        let both = UpdateTaskQueueConfigRequest {
            unset_fairness_weight_overrides: vec!["k".to_owned()],
            ..weights(&[("k", 1.0)])
        };
        refused(both, TaskRowKind::Activity, "both set and unset");
        let many: Vec<String> = (0..1001).map(|number| number.to_string()).collect();
        let many = UpdateTaskQueueConfigRequest { unset_fairness_weight_overrides: many, ..Default::default() };
        refused(many, TaskRowKind::Activity, "got 1001, maximum 1000");
        assert!(check(&weights(&[("k", 1.0)]), TaskRowKind::Workflow).is_ok());
    }
}
