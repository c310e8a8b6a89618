//! Builds the tree of a query: OR binds weaker than AND, AND weaker than NOT. Keywords know no case.
//!
//! The recursion is as deep as parentheses and NOTs are nested, and that is limited; chains are loops.

use super::Error;
use super::ast::{Comparison, Direction, Test, Tree};
use super::lexer::{Token, Word};
use crate::limits::{QUERY_CONDITIONS_MAX, QUERY_DEPTH_MAX, QUERY_VALUES_MAX};

/// A name as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub(super) position: usize,
    pub(super) text: String,
}

/// A condition as it was written.
pub(super) type RawTree = Tree<Name, Word>;

/// A query as it was written. `filter` is none when there is none.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) filter: Option<RawTree>,
    pub(super) group_by: Option<Name>,
    pub(super) order_by: Option<(Name, Direction)>,
}

const KEYWORDS: [&str; 16] = [
    "AND",
    "OR",
    "NOT",
    "IN",
    "BETWEEN",
    "IS",
    "NULL",
    "STARTS_WITH",
    "ORDER",
    "GROUP",
    "BY",
    "ASC",
    "DESC",
    "LIKE",
    "LIMIT",
    "WHERE",
];

pub(super) fn parse(words: Vec<Word>) -> Result<Raw, Error> {
    let mut parser = Parser { words, at: 0, conditions: 0, values: 0 };
    let mut raw = Raw { filter: None, group_by: None, order_by: None };
    if !parser.at_clause() {
        raw.filter = Some(parser.any(0)?);
    }
    if parser.keyword("GROUP") {
        parser.expect_keyword("BY")?;
        raw.group_by = Some(parser.name()?);
        parser.only_one("GROUP BY")?;
    }
    if parser.keyword("ORDER") {
        parser.expect_keyword("BY")?;
        let name = parser.name()?;
        let descending = !parser.keyword("ASC") && parser.keyword("DESC");
        raw.order_by = Some((name, if descending { Direction::Descending } else { Direction::Ascending }));
        parser.only_one("ORDER BY")?;
    }
    match parser.peek() {
        Token::End => Ok(raw),
        _ if parser.is_keyword("LIMIT") => Err(parser.error("LIMIT is not supported")),
        _ => Err(parser.expected("AND, OR, GROUP BY, ORDER BY or the end of the query")),
    }
}

struct Parser {
    words: Vec<Word>,
    at: usize,
    conditions: usize,
    values: usize,
}

impl Parser {
    fn any(&mut self, depth: usize) -> Result<RawTree, Error> {
        let mut parts = vec![self.all(depth)?];
        while self.keyword("OR") {
            parts.push(self.all(depth)?);
        }
        Ok(one_or(parts, Tree::Any))
    }

    fn all(&mut self, depth: usize) -> Result<RawTree, Error> {
        let mut parts = vec![self.term(depth)?];
        while self.keyword("AND") {
            parts.push(self.term(depth)?);
        }
        Ok(one_or(parts, Tree::All))
    }

    fn term(&mut self, depth: usize) -> Result<RawTree, Error> {
        if depth > QUERY_DEPTH_MAX {
            return Err(self.error(format!("more than {QUERY_DEPTH_MAX} parentheses and NOTs inside each other")));
        }
        if self.keyword("NOT") {
            return Ok(Tree::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.take(&Token::Open) {
            let inner = self.any(depth + 1)?;
            return if self.take(&Token::Close) { Ok(inner) } else { Err(self.expected("AND, OR or `)`")) };
        }
        self.condition()
    }

    fn condition(&mut self) -> Result<RawTree, Error> {
        self.conditions += 1;
        if self.conditions > QUERY_CONDITIONS_MAX {
            return Err(self.error(format!("more than {QUERY_CONDITIONS_MAX} conditions")));
        }
        let name = self.name()?;
        if self.keyword("IS") {
            let negated = self.keyword("NOT");
            self.expect_keyword("NULL")?;
            return Ok(test(name, Test::IsNull, negated));
        }
        if let Token::Sign(sign) = *self.peek() {
            self.at += 1;
            let value = self.value()?;
            return Ok(test(name, Test::Compare(comparison(sign), value), false));
        }
        let negated = self.keyword("NOT");
        if self.keyword("IN") {
            return Ok(test(name, Test::In(self.list()?), negated));
        }
        if self.keyword("BETWEEN") {
            let low = self.value()?;
            self.expect_keyword("AND")?;
            let high = self.value()?;
            return Ok(test(name, Test::Between(low, high), negated));
        }
        if self.keyword("STARTS_WITH") {
            return Ok(test(name, Test::StartsWith(self.value()?), negated));
        }
        if self.is_keyword("LIKE") {
            return Err(self.error("LIKE is not supported").hint("use STARTS_WITH"));
        }
        Err(self.expected("an operator (=, !=, <, <=, >, >=, IN, BETWEEN, STARTS_WITH, IS)"))
    }

    fn list(&mut self) -> Result<Vec<Word>, Error> {
        if !self.take(&Token::Open) {
            return Err(self.expected("`(`"));
        }
        let mut values = vec![self.value()?];
        while self.take(&Token::Comma) {
            values.push(self.value()?);
        }
        if self.take(&Token::Close) { Ok(values) } else { Err(self.expected("`,` or `)`")) }
    }

    fn value(&mut self) -> Result<Word, Error> {
        self.values += 1;
        if self.values > QUERY_VALUES_MAX {
            return Err(self.error(format!("more than {QUERY_VALUES_MAX} values")));
        }
        let word = self.words[self.at].clone();
        match &word.token {
            Token::Text(_) | Token::Number(_) => {}
            Token::Name(name) if is_bool(name) => {}
            Token::Name(name) if !is_reserved(name) => {
                return Err(self.expected("a value").hint(format!("did you mean '{name}' in quotes?")));
            }
            Token::Name(_)
            | Token::Quoted(_)
            | Token::Sign(_)
            | Token::Open
            | Token::Close
            | Token::Comma
            | Token::End => return Err(self.expected("a value")),
        }
        self.at += 1;
        Ok(word)
    }

    fn name(&mut self) -> Result<Name, Error> {
        let word = &self.words[self.at];
        let text = match &word.token {
            Token::Name(name) if !is_reserved(name) => name.clone(),
            Token::Quoted(name) => name.clone(),
            _ => return Err(self.expected("the name of a search attribute")),
        };
        let name = Name { position: word.position, text };
        self.at += 1;
        Ok(name)
    }

    fn only_one(&self, clause: &str) -> Result<(), Error> {
        if *self.peek() == Token::Comma {
            return Err(self.error(format!("{clause} takes a single field, found `,`")));
        }
        Ok(())
    }

    fn at_clause(&self) -> bool {
        *self.peek() == Token::End || self.is_keyword("GROUP") || self.is_keyword("ORDER")
    }

    /// The last word is `End` and is never passed, so there always is one.
    fn peek(&self) -> &Token {
        &self.words[self.at].token
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == token && *token != Token::End;
        self.at += usize::from(found);
        found
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Token::Name(name) if name.eq_ignore_ascii_case(keyword))
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(keyword);
        self.at += usize::from(found);
        found
    }

    fn expect_keyword(&mut self, keyword: &str) -> Result<(), Error> {
        if self.keyword(keyword) { Ok(()) } else { Err(self.expected(keyword)) }
    }

    fn error(&self, problem: impl std::fmt::Display) -> Error {
        Error::at(self.words[self.at].position, problem)
    }

    fn expected(&self, what: &str) -> Error {
        self.error(format!("expected {what}, found {}", self.peek()))
    }
}

fn one_or(mut parts: Vec<RawTree>, many: fn(Vec<RawTree>) -> RawTree) -> RawTree {
    if parts.len() == 1 { parts.swap_remove(0) } else { many(parts) }
}

fn test(name: Name, test: Test<Word>, negated: bool) -> RawTree {
    let test = Tree::Test(name, test);
    if negated { Tree::Not(Box::new(test)) } else { test }
}

fn comparison(sign: &'static str) -> Comparison {
    match sign {
        "=" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        // The lexer makes no other sign.
        _ => Comparison::GreaterOrEqual,
    }
}

fn is_bool(name: &str) -> bool {
    name.eq_ignore_ascii_case("true") || name.eq_ignore_ascii_case("false")
}

fn is_reserved(name: &str) -> bool {
    is_bool(name) || KEYWORDS.iter().any(|keyword| name.eq_ignore_ascii_case(keyword))
}
