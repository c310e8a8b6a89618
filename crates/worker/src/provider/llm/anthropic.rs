//! Anthropic's messages: what is sent, and what a stream of theirs comes to. Pure.

use serde_json::{Value, json};

use super::{Config, Reply, ToolCall, Turn, tools};

pub(super) const PATH: &str = "/v1/messages";

pub(super) fn request(config: &Config, turns: &[Turn], with_tools: bool) -> Value {
    let mut body = json!({
        "model": config.model,
        "max_tokens": config.output_tokens,
        "stream": true,
        "messages": turns.iter().map(message).collect::<Vec<_>>(),
    });
    if with_tools {
        let tool =
            |it: &tools::Description| json!({"name": it.name, "description": it.what, "input_schema": it.schema()});
        body["tools"] = tools::DESCRIPTIONS.iter().map(tool).collect();
    }
    body
}

fn message(turn: &Turn) -> Value {
    match turn {
        Turn::User(text) => json!({"role": "user", "content": text}),
        Turn::Model(reply) => {
            let mut content = Vec::new();
            if !reply.text.is_empty() {
                content.push(json!({"type": "text", "text": reply.text}));
            }
            let call = |it: &ToolCall| json!({"type": "tool_use", "id": it.id, "name": it.name, "input": it.arguments});
            content.extend(reply.calls.iter().map(call));
            json!({"role": "assistant", "content": content})
        }
        Turn::Results(results) => {
            let result = results.iter().map(
                |it| json!({"type": "tool_result", "tool_use_id": it.id, "content": it.text, "is_error": it.failed}),
            );
            json!({"role": "user", "content": result.collect::<Vec<_>>()})
        }
    }
}

/// An answer that is still coming.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    reply: Reply,
    /// Arguments of the calls so far, as text.
    arguments: Vec<String>,
}

impl Incoming {
    /// Takes one event; the whole answer once it is there.
    pub(super) fn take(&mut self, event: &Value) -> Result<Option<Reply>, String> {
        match event["type"].as_str() {
            Some("message_start") => self.reply.tokens.input = number(&event["message"]["usage"]["input_tokens"]),
            Some("content_block_start") if event["content_block"]["type"] == "tool_use" => {
                let text = |name: &str| event["content_block"][name].as_str().unwrap_or_default().to_owned();
                self.reply.calls.push(ToolCall { id: text("id"), name: text("name"), arguments: Value::Null });
                self.arguments.push(String::new());
            }
            Some("content_block_delta") => {
                self.reply.text.push_str(event["delta"]["text"].as_str().unwrap_or_default());
                if let (Some(part), Some(last)) = (event["delta"]["partial_json"].as_str(), self.arguments.last_mut()) {
                    last.push_str(part);
                }
            }
            Some("message_delta") => {
                self.reply.tokens.output = number(&event["usage"]["output_tokens"]);
                self.reply.cut = event["delta"]["stop_reason"] == "max_tokens";
            }
            Some("message_stop") => return super::http::whole(&mut self.reply, &self.arguments).map(Some),
            Some("error") => return Err(event["error"]["message"].as_str().unwrap_or("an error").to_owned()),
            Some(_) => {}
            None => return Err("an event without a type".to_owned()),
        }
        Ok(None)
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
