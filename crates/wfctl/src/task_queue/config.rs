//! `wfctl task-queue config …`

use std::collections::HashMap;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use weft_client::{
    PollersOf,
    api::{
        enums::TaskQueueType,
        taskqueue::{RateLimit, RateLimitConfig, TaskQueueConfig},
        workflowservice::{UpdateTaskQueueConfigRequest, update_task_queue_config_request::RateLimitUpdate},
    },
};
use weft_protocol::json::to_json;

use crate::{exit::Failure, render::time, session::Connected};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what is set for a task queue
    #[command(after_help = "Examples:\n  wfctl task-queue config get orders")]
    Get(GetArgs),
    /// Set how many tasks per second a queue hands out, in all or of each fairness key, and weights of fairness keys
    #[command(after_help = "Examples:\n  wfctl task-queue config set orders --rate 50 --reason 'the bank is slow'\n  \
        wfctl task-queue config set orders --rate default\n  \
        wfctl task-queue config set orders --weight big-customer=5 --weight trial=default")]
    Set(SetArgs),
}

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The task queue
    #[arg(value_name = "QUEUE")]
    queue: String,
    /// Of which tasks
    #[arg(long = "type", value_enum, default_value_t, value_name = "TASKS")]
    kind: Kind,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["rate", "key_rate", "weights"]).required(true).multiple(true))]
pub(crate) struct SetArgs {
    /// The task queue
    #[arg(value_name = "QUEUE")]
    queue: String,
    /// Of which tasks
    #[arg(long = "type", value_enum, default_value_t, value_name = "TASKS")]
    kind: Kind,
    /// Tasks per second at most, or "default" for what workers say; 0 stops the queue
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<Setting>,
    /// Tasks per second at most of each fairness key, times its weight, or "default" for no limit
    #[arg(long, value_name = "RATE", value_parser = rate)]
    key_rate: Option<Setting>,
    /// Weight of a fairness key, or "default" for what its tasks say; again for each further one
    #[arg(long = "weight", value_name = "KEY=WEIGHT", value_parser = weight)]
    weights: Vec<(String, Setting)>,
    /// Why, for those who look at it later
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Kind {
    Workflow,
    #[default]
    Activity,
}

/// A number, or what holds when nothing is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Setting {
    Number(f32),
    Default,
}

impl Setting {
    fn number(self) -> Option<f32> {
        match self {
            Self::Number(number) => Some(number),
            Self::Default => None,
        }
    }
}

fn rate(text: &str) -> Result<Setting, String> {
    if text.eq_ignore_ascii_case("default") {
        return Ok(Setting::Default);
    }
    let number = text.parse::<f32>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    number.map(Setting::Number).ok_or_else(|| "give a number that is not negative, or \"default\"".to_owned())
}

fn weight(text: &str) -> Result<(String, Setting), String> {
    let (key, weight) = text.rsplit_once('=').ok_or("give KEY=WEIGHT, or KEY=default")?;
    match rate(weight) {
        Ok(Setting::Number(number)) if number <= 0.0 => Err("a weight is greater than zero".to_owned()),
        Ok(_) if key.is_empty() => Err("give KEY=WEIGHT, or KEY=default".to_owned()),
        Ok(setting) => Ok((key.to_owned(), setting)),
        Err(problem) => Err(problem),
    }
}

pub(crate) async fn run(session: &Connected, verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Get(args) => get(session, &args).await,
        Verb::Set(args) => set(session, args).await,
    }
}

async fn get(session: &Connected, args: &GetArgs) -> anyhow::Result<()> {
    let of = match args.kind {
        Kind::Workflow => PollersOf::Workflows,
        Kind::Activity => PollersOf::Activities,
    };
    let config = session.client.task_queue(&args.queue, of).await?.config.unwrap_or_default();
    show(session, &config)
}

async fn set(session: &Connected, args: SetArgs) -> anyhow::Result<()> {
    let request = request(args)?;
    let answer = session.client.configure_task_queue(request).await?;
    show(session, &answer.config.unwrap_or_default())
}

fn request(args: SetArgs) -> Result<UpdateTaskQueueConfigRequest, Failure> {
    let SetArgs { queue, kind, rate, key_rate, weights, reason } = args;
    let kind = match kind {
        Kind::Workflow => TaskQueueType::Workflow,
        Kind::Activity => TaskQueueType::Activity,
    };
    let update = |setting: Setting| RateLimitUpdate {
        rate_limit: setting.number().map(|requests_per_second| RateLimit { requests_per_second }),
        reason: reason.clone(),
    };
    let (mut set, mut unset) = (HashMap::new(), Vec::new());
    for (key, setting) in weights {
        if set.contains_key(&key) || unset.contains(&key) {
            return Err(Failure::usage(format!("fairness key {key:?} has two weights")));
        }
        match setting {
            Setting::Number(number) => drop(set.insert(key, number)),
            Setting::Default => unset.push(key),
        }
    }
    Ok(UpdateTaskQueueConfigRequest {
        task_queue: queue,
        task_queue_type: kind.into(),
        update_queue_rate_limit: rate.map(update),
        update_fairness_key_rate_limit_default: key_rate.map(update),
        set_fairness_weight_overrides: set,
        unset_fairness_weight_overrides: unset,
        ..UpdateTaskQueueConfigRequest::default()
    })
}

fn show(session: &Connected, config: &TaskQueueConfig) -> anyhow::Result<()> {
    let output = &session.output;
    if output.is_json() {
        return Ok(output.json(&to_json(config)?)?);
    }
    let pairs = lines(config);
    if pairs.is_empty() {
        output.note("nothing is set for this task queue");
        return Ok(());
    }
    let named = pairs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    Ok(output.line(output.pairs(named))?)
}

/// What is set, line by line.
pub(super) fn lines(config: &TaskQueueConfig) -> Vec<(String, String)> {
    let limits =
        [("Rate", &config.queue_rate_limit), ("Rate of each fairness key", &config.fairness_keys_rate_limit_default)];
    let mut lines: Vec<_> =
        limits.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), limited(limit.as_ref()?)))).collect();
    let mut weights: Vec<_> = config.fairness_weight_overrides.iter().collect();
    weights.sort_by_key(|(key, _)| *key);
    lines.extend(weights.into_iter().map(|(key, weight)| (format!("Weight of {key}"), weight.to_string())));
    lines
}

fn limited(limit: &RateLimitConfig) -> String {
    let rate = limit.rate_limit.as_ref();
    let rate = rate.map_or_else(|| "default".to_owned(), |rate| format!("{} per second", rate.requests_per_second));
    let Some(metadata) = &limit.metadata else { return rate };
    let by = if metadata.update_identity.is_empty() { "somebody" } else { &metadata.update_identity };
    let at = time::seconds(metadata.update_time.as_ref());
    let why = if metadata.reason.is_empty() { String::new() } else { format!(": {}", metadata.reason) };
    format!("{rate}, set by {by} at {at}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_weights_are_numbers_or_the_default() {
        assert_eq!(rate("2.5"), Ok(Setting::Number(2.5)));
        assert_eq!((rate("0"), rate("Default")), (Ok(Setting::Number(0.0)), Ok(Setting::Default)));
        assert!(["-1", "fast", "inf", "nan", ""].iter().all(|text| rate(text).is_err()));
        assert_eq!(weight("a=b=2"), Ok(("a=b".to_owned(), Setting::Number(2.0))));
        assert_eq!(weight("a=default"), Ok(("a".to_owned(), Setting::Default)));
        assert!(["a", "=1", "a=0", "a=-1", "a="].iter().all(|text| weight(text).is_err()));
    }

    #[test]
    fn what_is_set_is_sent_and_nothing_else() {
        let args = |weights: &[&str]| SetArgs {
            queue: "q".to_owned(),
            kind: Kind::Activity,
            rate: Some(Setting::Default),
            key_rate: None,
            weights: weights.iter().map(|text| weight(text).expect("a weight")).collect(),
            reason: "why".to_owned(),
        };
        let sent = request(args(&["a=2", "b=default"])).expect("it makes sense");
        let rate = sent.update_queue_rate_limit.expect("it is changed");
        assert_eq!((rate.rate_limit, rate.reason.as_str()), (None, "why"));
        assert_eq!(sent.update_fairness_key_rate_limit_default, None);
        assert_eq!(sent.set_fairness_weight_overrides, HashMap::from([("a".to_owned(), 2.0)]));
        assert_eq!(sent.unset_fairness_weight_overrides, ["b"]);
        assert!(request(args(&["a=2", "a=default"])).is_err());
    }
}
