//! JSON values as Temporal's messages print them, which is how Go's `%v` does: `map[a:1 b:<nil>]`, `[x y]`, `1e+06`.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::Value;

/// From this exponent on a number is written with one.
const EXPONENT: i32 = 6;
/// Below this one too.
const EXPONENT_SMALL: i32 = -4;

pub(super) fn of(json: &Value) -> String {
    match json {
        Value::Null => "<nil>".to_string(),
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        // JSON knows one kind of number; Go reads it as a float where it does not know better.
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), float),
        Value::Array(items) => format!("[{}]", items.iter().map(of).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(key, value)| format!("{key}:{}", of(value))).collect();
            fields.sort();
            format!("map[{}]", fields.join(" "))
        }
    }
}

/// The fewest digits that give the number back.
fn float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let exponent = scientific.split_once('e').and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)));
    match exponent {
        Some((digits, power)) if !(EXPONENT_SMALL..EXPONENT).contains(&power) && number != 0.0 => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", power.abs())
        }
        Some(_) | None => number.to_string(),
    }
}
