//! OpenAI's chat completions, as many servers speak them: what is sent, and what a stream of theirs comes to. Pure.

use serde_json::{Value, json};

use super::{Config, Reply, ToolCall, Turn, tools};

pub(super) const PATH: &str = "/v1/chat/completions";
/// What the last event of a stream is.
pub(super) const DONE: &str = "[DONE]";

pub(super) fn request(config: &Config, turns: &[Turn], with_tools: bool) -> Value {
    let mut body = json!({
        "model": config.model,
        "max_completion_tokens": config.output_tokens,
        "stream": true,
        "stream_options": {"include_usage": true},
        "messages": turns.iter().flat_map(messages).collect::<Vec<_>>(),
    });
    if with_tools {
        let tool = |it: &tools::Description| json!({"type": "function", "function": {"name": it.name, "description": it.what, "parameters": it.schema()}});
        body["tools"] = tools::DESCRIPTIONS.iter().map(tool).collect();
    }
    body
}

fn messages(turn: &Turn) -> Vec<Value> {
    match turn {
        Turn::User(text) => vec![json!({"role": "user", "content": text})],
        Turn::Model(reply) => {
            let call = |it: &ToolCall| {
                let function = json!({"name": it.name, "arguments": it.arguments.to_string()});
                json!({"id": it.id, "type": "function", "function": function})
            };
            let mut message = json!({"role": "assistant", "content": reply.text});
            if !reply.calls.is_empty() {
                message["tool_calls"] = reply.calls.iter().map(call).collect();
            }
            vec![message]
        }
        Turn::Results(results) => {
            let result = results.iter().map(|it| json!({"role": "tool", "tool_call_id": it.id, "content": it.text}));
            result.collect()
        }
    }
}

/// An answer that is still coming.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    reply: Reply,
    arguments: Vec<String>,
    ended: bool,
}

impl Incoming {
    pub(super) fn take(&mut self, event: &Value) -> Result<(), String> {
        if let Some(message) = event["error"]["message"].as_str() {
            return Err(message.to_owned());
        }
        let number = |name: &str| event["usage"][name].as_u64();
        self.reply.tokens.input = number("prompt_tokens").unwrap_or(self.reply.tokens.input);
        self.reply.tokens.output = number("completion_tokens").unwrap_or(self.reply.tokens.output);
        let choice = &event["choices"][0];
        self.reply.text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            self.call(call)?;
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.ended = true;
            self.reply.cut = reason == "length";
        }
        Ok(())
    }

    fn call(&mut self, call: &Value) -> Result<(), String> {
        let at = call["index"].as_u64().and_then(|it| usize::try_from(it).ok()).ok_or("a call without an index")?;
        if at == self.reply.calls.len() {
            let (id, name) = (&call["id"], &call["function"]["name"]);
            let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
            self.reply.calls.push(ToolCall { id: text(id), name: text(name), arguments: Value::Null });
            self.arguments.push(String::new());
        }
        let part = call["function"]["arguments"].as_str().unwrap_or_default();
        self.arguments.get_mut(at).ok_or("a call out of order")?.push_str(part);
        Ok(())
    }

    /// The whole answer, once the stream says that it is done.
    pub(super) fn done(&mut self) -> Result<Option<Reply>, String> {
        if self.ended { super::http::whole(&mut self.reply, &self.arguments).map(Some) } else { Ok(None) }
    }
}
