//! One value of a query as its field understands it: statuses by name or number, times, durations, numbers, flags.

use super::lexer::{Token, Word};
use super::{Error, moment};
use crate::attribute::{Type, tokens};
use crate::plan::sql::Literal;
use crate::record::Status;
use crate::schema::{Field, System};

pub(super) fn of(field: &Field, word: &Word) -> Result<Literal, Error> {
    let found = match field {
        Field::System(System::ExecutionStatus) => return status(word),
        Field::System(System::ExecutionDuration) => duration(&word.token),
        Field::System(_) | Field::Attribute { .. } => plain(field.kind(), &word.token),
    };
    found.ok_or_else(|| {
        let problem = format!("{} is not {} for search attribute `{}`", word.token, wanted(field), field.name());
        Error::at(word.position, problem)
    })
}

fn plain(kind: Type, token: &Token) -> Option<Literal> {
    match (kind, token) {
        (Type::Keyword | Type::KeywordList, Token::Text(text)) => Some(Literal::Text(text.clone())),
        (Type::Text, Token::Text(text)) => (!tokens(text).is_empty()).then(|| Literal::Text(text.clone())),
        (Type::Int | Type::Double, Token::Number(text)) => number(text),
        (Type::Bool, Token::Name(name)) => Some(Literal::Int(i64::from(name.eq_ignore_ascii_case("true")))),
        (Type::Bool, Token::Text(text)) if matches!(text.as_str(), "true" | "false") => {
            Some(Literal::Int(i64::from(text == "true")))
        }
        (Type::Datetime, Token::Text(text)) => moment::time(text).map(Literal::Int),
        (Type::Datetime, Token::Number(text)) => text.parse().ok().map(Literal::Int),
        _ => None,
    }
}

fn number(text: &str) -> Option<Literal> {
    text.parse().map(Literal::Int).or_else(|_| text.parse().map(Literal::Real)).ok()
}

fn duration(token: &Token) -> Option<Literal> {
    match token {
        Token::Number(text) => text.parse().ok().map(Literal::Int),
        Token::Text(text) => moment::duration(text).map(Literal::Int),
        Token::Name(_) | Token::Quoted(_) | Token::Sign(_) | Token::Open | Token::Close | Token::Comma | Token::End => {
            None
        }
    }
}

fn status(word: &Word) -> Result<Literal, Error> {
    let found = match &word.token {
        Token::Text(name) => Status::from_name(name),
        Token::Number(text) => text.parse().ok().and_then(Status::from_number),
        Token::Name(_) | Token::Quoted(_) | Token::Sign(_) | Token::Open | Token::Close | Token::Comma | Token::End => {
            None
        }
    };
    found.map(|status| Literal::Int(status.number())).ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.iter().map(|status| status.name()).collect();
        Error::at(word.position, format!("{} is not an execution status", word.token)).hint(format!(
            "there are {} and the numbers 1 to {}",
            names.join(", "),
            names.len()
        ))
    })
}

fn wanted(field: &Field) -> &'static str {
    if *field == Field::System(System::ExecutionDuration) {
        return "a duration ('1h30m', '90s' or nanoseconds)";
    }
    match field.kind() {
        Type::Keyword | Type::KeywordList => "a string in quotes",
        Type::Text => "a string with words in it",
        Type::Int | Type::Double => "a number",
        Type::Bool => "true or false",
        Type::Datetime => "a time ('2026-01-31T12:00:00Z' or Unix nanoseconds)",
    }
}
