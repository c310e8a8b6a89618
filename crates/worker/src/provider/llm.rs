//! The provider that is a language model: Anthropic's messages or OpenAI's chat completions, and whatever speaks either.
//!
//! A patch is a loop: the model answers with calls of tools, the tools work in the worktree, their results go back, until
//! it calls none. Every call of the model and of a tool is recorded under a name of its own ([`super::record`]), so that
//! an attempt after a crash repeats none: recorded answers are read, and recorded writes are done again in the new
//! worktree. Tools reach nothing outside the worktree.

mod anthropic;
mod http;
mod openai;
mod sse;
mod tools;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    DiagnoseTask, Error, PatchTask, Patched, PlanTask, Provider, ReviewTask, Unable,
    builtin::plan::Design,
    prompt,
    record::{Price, Record, Recorder, Standing, Tokens},
};
use crate::{
    model::{Diagnosis, Plan, Review},
    transcript::{Said, Secrets},
};
use http::{Client, Problem};
use tools::Tools;

/// Bytes of a prompt for a token, at the least.
const BYTES_PER_TOKEN: u64 = 3;

/// Which language a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    Anthropic,
    OpenAi,
}

/// How a model is reached, and how far it may go.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub name: String,
    pub dialect: Dialect,
    /// `https://api.anthropic.com`, without a path.
    pub address: String,
    pub model: String,
    /// Most tokens of one answer.
    pub output_tokens: u64,
    /// Most answers for one step.
    pub turns: u32,
    /// How often a call is made that fails for a while, and how long is waited before the second time.
    pub attempts: u32,
    pub wait: Duration,
    /// For one answer.
    pub time: Duration,
    /// Of its tokens.
    pub price: Price,
}

/// A key, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// What must not be told of it.
    fn secrets(&self) -> Secrets {
        Secrets::new([&self.0])
    }

    /// For whoever it is meant for.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// A model at work.
pub struct Llm {
    config: Config,
    key: Key,
    client: Client,
}

/// What was said so far.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Turn {
    User(String),
    Model(Reply),
    Results(Vec<ToolResult>),
}

/// A model's answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reply {
    pub text: String,
    pub calls: Vec<ToolCall>,
    pub tokens: Tokens,
    /// It was cut off at its most tokens.
    pub cut: bool,
}

impl Reply {
    fn without(self, secrets: &Secrets) -> Self {
        let hidden = |call: ToolCall| ToolCall {
            id: secrets.hide(&call.id),
            name: secrets.hide(&call.name),
            arguments: secrets.hide_in(call.arguments),
        };
        Self { text: secrets.hide(&self.text), calls: self.calls.into_iter().map(hidden).collect(), ..self }
    }
}

/// A tool that the model wants to be called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ToolCall {
    pub id: String,
    pub name: String,
    pub arguments: Value,
}

/// What a tool says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ToolResult {
    pub id: String,
    pub text: String,
    pub failed: bool,
}

impl Llm {
    /// # Errors
    ///
    /// When the machine's certificates cannot be read.
    pub fn new(config: Config, key: Key) -> Result<Self, Error> {
        let client = Client::new().map_err(|e| Error::Environment(format!("no client for {}: {e}", config.address)))?;
        Ok(Self { config, key, client })
    }

    /// One call of the model, from the record or made now.
    async fn reply(&self, turns: &[Turn], tools: bool, record: &Record, number: u32) -> Result<Reply, Error> {
        let name = format!("{}/model-{number}", record.step);
        let body = match self.config.dialect {
            Dialect::Anthropic => anthropic::request(&self.config, turns, tools),
            Dialect::OpenAi => openai::request(&self.config, turns, tools),
        };
        let input = u64::try_from(body.to_string().len()).unwrap_or(u64::MAX) / BYTES_PER_TOKEN;
        let most = Tokens { input, output: self.config.output_tokens };
        if let Standing::Settled(answer) = record.recorder.begin(&name, most).await? {
            let reply: Reply =
                serde_json::from_value(answer).map_err(|e| self.nonsense(format!("the record of {name}: {e}")))?;
            record.scribe.say(answered(&reply, true)).await;
            return Ok(reply);
        }
        let reply = self.sent(&body, (&name, most), record.recorder.as_ref()).await?;
        let answer = serde_json::to_value(&reply).map_err(|e| self.nonsense(e.to_string()))?;
        record.recorder.settle(&name, answer, reply.tokens.or(most)).await?;
        record.scribe.say(answered(&reply, false)).await;
        Ok(reply)
    }

    /// Sends a request that was begun until there is a whole answer, as often as the configuration says. Each time that
    /// may have cost something counts as spent, and the next one has a reservation of its own.
    async fn sent(&self, body: &Value, (name, most): (&str, Tokens), recorder: &dyn Recorder) -> Result<Reply, Error> {
        let mut wait = self.config.wait;
        let mut left = self.config.attempts;
        loop {
            let problem = match self.client.send(&self.config, &self.key, body, name).await {
                Ok(reply) => return Ok(reply),
                Err(problem) => problem,
            };
            left = left.saturating_sub(1);
            let Some(pause) = problem.wait(wait).filter(|_| left > 0) else {
                if problem.cost_nothing() {
                    recorder.release(name).await?;
                }
                return Err(self.failed(problem));
            };
            if !problem.cost_nothing() {
                recorder.begin(name, most).await?;
            }
            tokio::time::sleep(pause).await;
            wait *= 2;
        }
    }

    fn nonsense(&self, reason: String) -> Error {
        Error::Nonsense { provider: self.config.name.clone(), reason }
    }

    fn failed(&self, problem: Problem) -> Error {
        let said = format!("{} at {}: {problem}", self.config.name, self.config.address);
        match problem {
            Problem::Refused { .. } => Error::Refused(said),
            Problem::Nonsense(reason) => self.nonsense(reason),
            Problem::Busy { .. } | Problem::Unreachable(_) | Problem::Connection(_) | Problem::Half => {
                Error::Environment(said)
            }
        }
    }

    /// A value instead of words; one more try where the first answer holds none.
    async fn value<T: DeserializeOwned>(&self, prompt: String, record: &Record) -> Result<T, Error> {
        record.scribe.say(Said::Told { text: prompt.clone() }).await;
        let mut turns = vec![Turn::User(prompt)];
        let mut reason = String::new();
        for number in 0..2 {
            let reply = self.reply(&turns, false, record, number).await?;
            match prompt::value(&reply.text) {
                Ok(value) => return Ok(value),
                Err(why) => reason = why,
            }
            turns.push(Turn::Model(reply));
            let again = format!("That cannot be read: {reason}. Answer with the JSON object alone.");
            record.scribe.say(Said::Told { text: again.clone() }).await;
            turns.push(Turn::User(again));
        }
        Err(self.nonsense(reason))
    }

    async fn change(&self, task: PatchTask) -> Result<Patched, Error> {
        let tools = Tools::new(&task);
        let prompt = prompt::patch(&task);
        task.record.scribe.say(Said::Told { text: prompt.clone() }).await;
        let mut turns = vec![Turn::User(prompt)];
        for number in 0..self.config.turns {
            let reply = self.reply(&turns, true, &task.record, number).await?;
            if reply.calls.is_empty() {
                return Ok(self.done(&tools, &reply, number + 1));
            }
            let mut results = Vec::new();
            for (at, call) in reply.calls.iter().enumerate() {
                let name = format!("{}/tool-{number}-{at}", task.record.step);
                results.push(self.tool(&tools, call, &name, &task.record).await?);
            }
            turns.push(Turn::Model(reply));
            turns.push(Turn::Results(results));
        }
        let reason = format!("{} did not come to an end in {} answers", self.config.name, self.config.turns);
        Ok(Patched::Unable(Unable { reason, tried: self.config.turns }))
    }

    fn done(&self, tools: &Tools<'_>, reply: &Reply, tried: u32) -> Patched {
        let files = tools.written();
        let summary = reply.text.trim().to_owned();
        let reason = if reply.cut { "its answer was cut off" } else { "it changed nothing" };
        if files.is_empty() || reply.cut {
            let reason = format!("{}: {reason}: {summary}", self.config.name);
            return Patched::Unable(Unable { reason, tried });
        }
        Patched::Made { summary, files, tried }
    }

    async fn tool(&self, tools: &Tools<'_>, call: &ToolCall, name: &str, record: &Record) -> Result<ToolResult, Error> {
        record.scribe.say(Said::Called { tool: call.name.clone(), arguments: call.arguments.clone() }).await;
        if let Standing::Settled(answer) = record.recorder.begin(name, Tokens::default()).await? {
            tools.again(call);
            let result: ToolResult =
                serde_json::from_value(answer).map_err(|e| self.nonsense(format!("the record of {name}: {e}")))?;
            record.scribe.say(replied(call, &result, true)).await;
            return Ok(result);
        }
        let result = tools.call(call).await?;
        let answer = serde_json::to_value(&result).map_err(|e| self.nonsense(e.to_string()))?;
        record.recorder.settle(name, answer, Tokens::default()).await?;
        record.scribe.say(replied(call, &result, false)).await;
        Ok(result)
    }
}

fn answered(reply: &Reply, recorded: bool) -> Said {
    let (input_tokens, output_tokens) = (reply.tokens.input, reply.tokens.output);
    Said::Answered { text: reply.text.clone(), input_tokens, output_tokens, recorded }
}

fn replied(call: &ToolCall, result: &ToolResult, recorded: bool) -> Said {
    Said::Replied { tool: call.name.clone(), text: result.text.clone(), failed: result.failed, recorded }
}

impl Provider for Llm {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn price(&self) -> Price {
        self.config.price
    }

    fn design(&self, task: PlanTask) -> BoxFuture<'_, Result<Design, Error>> {
        Box::pin(async move { self.value(prompt::design(&task), &task.record).await })
    }

    fn plan(&self, task: PlanTask) -> BoxFuture<'_, Result<Plan, Error>> {
        Box::pin(async move {
            let plan: Plan = self.value(prompt::plan(&task), &task.record).await?;
            match plan.waves().map(|_| ()) {
                Ok(()) => Ok(plan),
                Err(fault) => Err(self.nonsense(fault.to_string())),
            }
        })
    }

    fn patch(&self, task: PatchTask) -> BoxFuture<'_, Result<Patched, Error>> {
        Box::pin(self.change(task))
    }

    fn diagnose(&self, task: DiagnoseTask) -> BoxFuture<'_, Result<Diagnosis, Error>> {
        Box::pin(async move {
            let said: Diagnosis = self.value(prompt::diagnose(&task), &task.record).await?;
            Ok(Diagnosis { agent: format!("{}-{}", self.config.name, task.agent), ..said })
        })
    }

    fn review(&self, task: ReviewTask) -> BoxFuture<'_, Result<Review, Error>> {
        Box::pin(async move {
            let said: Review = self.value(prompt::review(&task), &task.record).await?;
            Ok(Review { by: self.config.name.clone(), ..said })
        })
    }
}

/// A provider for the configuration.
///
/// # Errors
///
/// As [`Llm::new`].
pub fn provider(config: Config, key: Key) -> Result<Arc<dyn Provider>, Error> {
    Ok(Arc::new(Llm::new(config, key)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_of_a_reply_keeps_a_secret() {
        let said = || "a-secret-key".to_owned();
        let call = ToolCall { id: said(), name: said(), arguments: json!({ "a-secret-key": "a-secret-key" }) };
        let reply = Reply { text: said(), calls: vec![call], ..Reply::default() };
        let told = serde_json::to_string(&reply.without(&Secrets::new(["a-secret-key"]))).expect("it is JSON");
        assert!(told.contains("[hidden]") && !told.contains("secret"), "{told}");
    }
}
