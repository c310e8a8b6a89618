//! Cuts the text of a query into words with their places. Quotes of both kinds make strings, backticks make names.

use std::fmt;

use super::Error;
use crate::limits::QUERY_BYTES_MAX;

/// One word and where its first character stands, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    pub(super) position: usize,
    pub(super) token: Token,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A bare name or keyword.
    Name(String),
    /// A name in backticks: never a keyword.
    Quoted(String),
    Text(String),
    Number(String),
    /// One of `= != < <= > >=`; `<>` is read as `!=`.
    Sign(&'static str),
    Open,
    Close,
    Comma,
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(word) | Self::Quoted(word) | Self::Number(word) => write!(f, "`{word}`"),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::Open => f.write_str("`(`"),
            Self::Close => f.write_str("`)`"),
            Self::Comma => f.write_str("`,`"),
            Self::End => f.write_str("the end of the query"),
        }
    }
}

/// The words of `text`, the last one being [`Token::End`].
pub(super) fn words(text: &str) -> Result<Vec<Word>, Error> {
    if text.len() > QUERY_BYTES_MAX {
        let message = format!("query of {} bytes is longer than {QUERY_BYTES_MAX}", text.len());
        return Err(Error { position: 1, message });
    }
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0 };
    let mut words = Vec::new();
    loop {
        let word = lexer.next()?;
        let done = word.token == Token::End;
        words.push(word);
        if done {
            return Ok(words);
        }
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
}

impl Lexer {
    fn next(&mut self) -> Result<Word, Error> {
        self.take_while(char::is_whitespace);
        let position = self.at + 1;
        let token = match self.peek() {
            None => Token::End,
            Some('(') => self.single(Token::Open),
            Some(')') => self.single(Token::Close),
            Some(',') => self.single(Token::Comma),
            Some('\'' | '"') => Token::Text(self.quoted(position)?),
            Some('`') => Token::Quoted(self.quoted(position)?),
            Some(c) if is_sign(c) => self.sign(position)?,
            Some('&') => self.doubled('&', "AND", position)?,
            Some('|') => self.doubled('|', "OR", position)?,
            Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => self.number(position)?,
            Some(c) if is_name(c) => Token::Name(self.take_while(is_name)),
            Some(c) => return Err(Error::at(position, format!("unexpected character `{c}`"))),
        };
        Ok(Word { position, token })
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn single(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let from = self.at;
        while self.peek().is_some_and(&belongs) {
            self.at += 1;
        }
        self.chars[from..self.at].iter().collect()
    }

    /// A quote is written twice, or after a backslash, to stand for itself.
    fn quoted(&mut self, position: usize) -> Result<String, Error> {
        let quote = self.chars[self.at];
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == quote {
                if self.peek() != Some(quote) {
                    return Ok(text);
                }
                self.at += 1;
                text.push(quote);
            } else if c == '\\' && quote != '`' {
                let Some(escaped) = self.peek() else { break };
                self.at += 1;
                text.push(unescape(escaped));
            } else {
                text.push(c);
            }
        }
        Err(Error::at(position, format!("the quote {quote} is never closed: it opens")))
    }

    fn sign(&mut self, position: usize) -> Result<Token, Error> {
        let text = self.take_while(is_sign);
        let sign = match text.as_str() {
            "=" | "==" => "=",
            "!=" | "<>" => "!=",
            "<" => "<",
            "<=" => "<=",
            ">" => ">",
            ">=" => ">=",
            _ => return Err(Error::at(position, format!("unknown operator `{text}`"))),
        };
        Ok(Token::Sign(sign))
    }

    /// `&&` and `||`, which stand for words.
    fn doubled(&mut self, c: char, word: &str, position: usize) -> Result<Token, Error> {
        if self.chars.get(self.at + 1) != Some(&c) {
            return Err(Error::at(position, format!("unexpected character `{c}`")));
        }
        self.at += 2;
        Ok(Token::Name(word.to_owned()))
    }

    fn number(&mut self, position: usize) -> Result<Token, Error> {
        let from = self.at;
        if matches!(self.peek(), Some('-' | '+')) {
            self.at += 1;
        }
        while let Some(c) = self.peek() {
            let exponent = matches!(c, '-' | '+') && matches!(self.chars[self.at - 1], 'e' | 'E');
            if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || exponent) {
                break;
            }
            self.at += 1;
        }
        let text: String = self.chars[from..self.at].iter().collect();
        if text.parse::<i64>().is_ok() || text.parse::<f64>().is_ok_and(f64::is_finite) {
            return Ok(Token::Number(text));
        }
        Err(Error::at(position, format!("`{text}` is not a number")).hint("strings, times and durations need quotes"))
    }
}

fn is_sign(c: char) -> bool {
    matches!(c, '=' | '!' | '<' | '>')
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$' | '@' | ':')
}

fn unescape(c: char) -> char {
    match c {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        other => other,
    }
}
