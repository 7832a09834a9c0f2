//! A small interpreter for the expressions that pages have in their attributes.
//!
//! It knows what this framework's builders write and what people write by hand beside it: calls of
//! actions, assignments to signals, conditions, comparisons, text. For anything else it says so,
//! since a test that passes over an expression would prove nothing.

use serde_json::{Map, Value, json};

/// What an expression asked the server for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// `GET`, `POST`, ..
    pub(super) method: String,
    pub(super) url: String,
    pub(super) options: Value,
}

/// What an expression works on.
pub(super) struct World<'a> {
    pub(super) signals: &'a mut Value,
    /// What `evt` and `el` are.
    pub(super) names: Value,
    pub(super) calls: Vec<Call>,
}

/// The most steps of one expression's text.
const DEPTH_MAX: usize = 64;

/// Runs statements; the value of the last one.
pub(super) fn run(text: &str, world: &mut World<'_>) -> Result<Value, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        world,
        live: true,
        depth: 0,
    };
    let mut last = Value::Null;
    while parser.at < parser.tokens.len() {
        last = parser.statement()?;
    }
    Ok(last)
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Number(f64),
    Name(String),
    Signal(String),
    Verb(String),
    Sign(&'static str),
}

const SIGNS: [&str; 36] = [
    "===", "!==", "...", "&&", "||", "??", "==", "!=", "<=", ">=", "+=", "-=", "++", "--", "=>",
    "?.", "+", "-", "*", "/", "%", "<", ">", "!", "=", "?", ":", ";", ",", ".", "(", ")", "[", "]",
    "{", "}",
];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let (token, length) = if matches!(first, '\'' | '"' | '`') {
            text_literal(rest, first)?
        } else if first.is_ascii_digit() {
            let length = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(rest.len());
            let number = rest[..length]
                .parse()
                .map_err(|_| format!("`{}` is no number", &rest[..length]))?;
            (Token::Number(number), length)
        } else if first == '$' {
            let path = |c: char| !is_word(c) && c != '.' || c == '$';
            let length = 1 + rest[1..].find(path).unwrap_or(rest.len() - 1);
            let name = rest[1..length].trim_end_matches('.');
            // A method of the signal's value is no part of its path.
            let name = METHODS
                .iter()
                .find_map(|method| name.strip_suffix(method))
                .unwrap_or(name);
            (Token::Signal(name.to_owned()), 1 + name.len())
        } else if first == '@' {
            let length = 1 + rest[1..].find(|c| !is_word(c)).unwrap_or(rest.len() - 1);
            (Token::Verb(rest[1..length].to_owned()), length)
        } else if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            (Token::Name(rest[..length].to_owned()), length)
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("`{first}` is not understood"))?;
            (Token::Sign(sign), sign.len())
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

const METHODS: [&str; 8] = [
    ".trim",
    ".length",
    ".toLowerCase",
    ".toUpperCase",
    ".includes",
    ".startsWith",
    ".endsWith",
    ".toString",
];

fn text_literal(rest: &str, quote: char) -> Result<(Token, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                let (_, escaped) = chars.next().ok_or("a text ends in `\\`")?;
                match escaped {
                    'n' => text.push('\n'),
                    'r' => text.push('\r'),
                    't' => text.push('\t'),
                    '0' => text.push('\0'),
                    'u' | 'x' => {
                        let digits = if escaped == 'u' { 4 } else { 2 };
                        let code: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
                        let code = u32::from_str_radix(&code, 16)
                            .map_err(|_| "a text has a wrong escape")?;
                        text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                    }
                    '\n' => {}
                    other => text.push(other),
                }
            }
            c if c == quote => return Ok((Token::Text(text), at + c.len_utf8())),
            '$' if quote == '`' && rest[at..].starts_with("${") => {
                return Err("a template with `${..}` is not understood".to_owned());
            }
            c => text.push(c),
        }
    }
    Err("a text does not end".to_owned())
}

struct Parser<'a, 'w> {
    tokens: Vec<Token>,
    at: usize,
    world: &'a mut World<'w>,
    /// False in branches that are not taken: they are read, and do nothing.
    live: bool,
    depth: usize,
}

/// A place that can be assigned to, beside its value.
struct Operand {
    value: Value,
    signal: Option<String>,
}

impl Parser<'_, '_> {
    fn peek(&self, sign: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Sign(found)) if *found == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.peek(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) {
            return Ok(());
        }
        Err(match self.tokens.get(self.at) {
            Some(token) => format!("`{sign}` is missing before {token:?}"),
            None => format!("`{sign}` is missing at the end"),
        })
    }

    fn statement(&mut self) -> Result<Value, String> {
        if self.take(";") {
            return Ok(Value::Null);
        }
        if self.take("{") {
            let mut last = Value::Null;
            while !self.take("}") {
                last = self.statement()?;
            }
            return Ok(last);
        }
        match self.tokens.get(self.at) {
            Some(Token::Name(name)) if name == "if" => {
                self.at += 1;
                self.expect("(")?;
                let holds = truthy(&self.expression()?);
                self.expect(")")?;
                let mut value = self.branch(holds, Self::statement)?;
                if matches!(self.tokens.get(self.at), Some(Token::Name(name)) if name == "else") {
                    self.at += 1;
                    let other = self.branch(!holds, Self::statement)?;
                    value = if holds { value } else { other };
                }
                Ok(value)
            }
            Some(Token::Name(name)) if name == "return" => {
                self.at += 1;
                self.expression()
            }
            _ => {
                let value = self.expression()?;
                if self.at < self.tokens.len() && !self.peek("}") {
                    self.expect(";")?;
                }
                Ok(value)
            }
        }
    }

    fn branch(
        &mut self,
        taken: bool,
        read: impl FnOnce(&mut Self) -> Result<Value, String>,
    ) -> Result<Value, String> {
        let outer = self.live;
        self.live = outer && taken;
        let value = read(self);
        self.live = outer;
        value
    }

    fn expression(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("it is nested too deeply".to_owned());
        }
        let value = self.assignment();
        self.depth -= 1;
        value
    }

    fn assignment(&mut self) -> Result<Value, String> {
        let start = self.at;
        if let Some(Token::Signal(path)) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            for sign in ["=", "+=", "-="] {
                if self.take(sign) {
                    let right = self.expression()?;
                    let left = get(self.world.signals, &path);
                    let value = match sign {
                        "=" => right,
                        "+=" => add(&left, &right),
                        _ => number(as_number(&left) - as_number(&right)),
                    };
                    self.assign(&path, value.clone());
                    return Ok(value);
                }
            }
            self.at = start;
        }
        let condition = self.binary(0)?;
        if !self.take("?") {
            return Ok(condition);
        }
        let holds = truthy(&condition);
        let yes = self.branch(holds, Self::expression)?;
        self.expect(":")?;
        let no = self.branch(!holds, Self::expression)?;
        Ok(if holds { yes } else { no })
    }

    fn assign(&mut self, path: &str, value: Value) {
        if self.live {
            set(self.world.signals, path, value);
        }
    }

    fn binary(&mut self, level: usize) -> Result<Value, String> {
        const LEVELS: [&[&str]; 6] = [
            &["||", "??"],
            &["&&"],
            &["===", "!==", "==", "!="],
            &["<=", ">=", "<", ">"],
            &["+", "-"],
            &["*", "/", "%"],
        ];
        let Some(signs) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(sign) = signs.iter().copied().find(|sign| self.peek(sign)) {
            self.at += 1;
            // The right side is not run where the left decides.
            let needed = match sign {
                "||" => !truthy(&left),
                "&&" => truthy(&left),
                "??" => left.is_null(),
                _ => true,
            };
            let right = self.branch(needed, |parser| parser.binary(level + 1))?;
            left = match sign {
                "||" | "&&" | "??" => {
                    if needed {
                        right
                    } else {
                        left
                    }
                }
                "===" | "==" => json!(same(&left, &right)),
                "!==" | "!=" => json!(!same(&left, &right)),
                "<" => json!(as_number(&left) < as_number(&right)),
                ">" => json!(as_number(&left) > as_number(&right)),
                "<=" => json!(as_number(&left) <= as_number(&right)),
                ">=" => json!(as_number(&left) >= as_number(&right)),
                "+" => add(&left, &right),
                "-" => number(as_number(&left) - as_number(&right)),
                "*" => number(as_number(&left) * as_number(&right)),
                "/" => number(as_number(&left) / as_number(&right)),
                _ => number(as_number(&left) % as_number(&right)),
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Value, String> {
        if self.take("!") {
            return Ok(json!(!truthy(&self.unary()?)));
        }
        if self.take("-") {
            return Ok(number(-as_number(&self.unary()?)));
        }
        if self.take("+") {
            return Ok(number(as_number(&self.unary()?)));
        }
        let mut operand = self.primary()?;
        loop {
            if self.take(".") || self.take("?.") {
                let Some(Token::Name(name)) = self.tokens.get(self.at).cloned() else {
                    return Err("a name is missing after `.`".to_owned());
                };
                self.at += 1;
                operand = Operand {
                    value: self.member(&operand.value, &name)?,
                    signal: None,
                };
            } else if self.take("[") {
                let key = self.expression()?;
                self.expect("]")?;
                let value = match &key {
                    Value::String(name) => operand.value.get(name),
                    _ => operand.value.get(as_number(&key) as usize),
                };
                operand = Operand {
                    value: value.cloned().unwrap_or_default(),
                    signal: None,
                };
            } else if self.peek("++") || self.peek("--") {
                let step = if self.take("++") {
                    1.0
                } else {
                    self.at += 1;
                    -1.0
                };
                let Some(path) = operand.signal.clone() else {
                    return Err("only signals can be counted up or down".to_owned());
                };
                self.assign(&path, number(as_number(&operand.value) + step));
            } else {
                return Ok(operand.value);
            }
        }
    }

    fn member(&mut self, of: &Value, name: &str) -> Result<Value, String> {
        if !self.take("(") {
            return Ok(match (of, name) {
                (Value::String(text), "length") => json!(text.encode_utf16().count()),
                (Value::Array(items), "length") => json!(items.len()),
                _ => of.get(name).cloned().unwrap_or_default(),
            });
        }
        let arguments = self.arguments(")")?;
        let argument = arguments.first().map(as_text).unwrap_or_default();
        let text = as_text(of);
        Ok(match name {
            "trim" => json!(text.trim()),
            "toLowerCase" => json!(text.to_lowercase()),
            "toUpperCase" => json!(text.to_uppercase()),
            "toString" => json!(text),
            "startsWith" => json!(text.starts_with(&argument)),
            "endsWith" => json!(text.ends_with(&argument)),
            "includes" => match of {
                Value::Array(items) => json!(
                    arguments
                        .first()
                        .is_some_and(|wanted| items.contains(wanted))
                ),
                _ => json!(text.contains(&argument)),
            },
            "preventDefault" | "stopPropagation" | "focus" | "blur" | "hidePopover"
            | "showPopover" | "select" | "scrollIntoView" => Value::Null,
            "random" => json!(0.5),
            _ => return Err(format!("`.{name}(..)` is not understood")),
        })
    }

    fn arguments(&mut self, end: &str) -> Result<Vec<Value>, String> {
        let mut arguments = Vec::new();
        while !self.take(end) {
            arguments.push(self.expression()?);
            if !self.peek(end) {
                self.expect(",")?;
            }
        }
        Ok(arguments)
    }

    fn primary(&mut self) -> Result<Operand, String> {
        let token = self
            .tokens
            .get(self.at)
            .cloned()
            .ok_or("it ends too early")?;
        self.at += 1;
        let value = match token {
            Token::Text(text) => json!(text),
            Token::Number(n) => number(n),
            Token::Signal(path) => {
                return Ok(Operand {
                    value: get(self.world.signals, &path),
                    signal: Some(path),
                });
            }
            Token::Verb(verb) => self.call(&verb)?,
            Token::Sign("(") => {
                let mut value = self.expression()?;
                while self.take(",") {
                    value = self.expression()?;
                }
                self.expect(")")?;
                value
            }
            Token::Sign("[") => Value::Array(self.arguments("]")?),
            Token::Sign("{") => self.object()?,
            Token::Name(name) => match name.as_str() {
                "true" => json!(true),
                "false" => json!(false),
                "null" | "undefined" | "Infinity" => Value::Null,
                "evt" | "el" | "Math" => self
                    .world
                    .names
                    .get(&name)
                    .cloned()
                    .unwrap_or_else(|| json!({})),
                _ => return Err(format!("`{name}` is not understood")),
            },
            Token::Sign(sign) => return Err(format!("`{sign}` is not understood here")),
        };
        Ok(Operand {
            value,
            signal: None,
        })
    }

    fn object(&mut self) -> Result<Value, String> {
        let mut object = Map::new();
        while !self.take("}") {
            let key = match self.tokens.get(self.at).cloned() {
                Some(Token::Text(key) | Token::Name(key)) => key,
                Some(Token::Number(key)) => key.to_string(),
                other => return Err(format!("{other:?} is no key of an object")),
            };
            self.at += 1;
            self.expect(":")?;
            // A regular expression is all that a filter of signals may be, and no value of ours.
            let value = if self.peek("/") {
                self.pattern()
            } else {
                self.expression()?
            };
            object.insert(key, value);
            if !self.peek("}") {
                self.expect(",")?;
            }
        }
        Ok(Value::Object(object))
    }

    /// Passes over `/…/`, which the server never sees.
    fn pattern(&mut self) -> Value {
        while self.at < self.tokens.len() && !self.peek(",") && !self.peek("}") {
            self.at += 1;
        }
        Value::Null
    }

    fn call(&mut self, verb: &str) -> Result<Value, String> {
        self.expect("(")?;
        let mut arguments = self.arguments(")")?.into_iter();
        let url = arguments
            .next()
            .map(|url| as_text(&url))
            .ok_or("an action has no address")?;
        let method = verb.to_ascii_uppercase();
        if !["GET", "POST", "PUT", "PATCH", "DELETE", "QUERY"].contains(&method.as_str()) {
            return Err(format!("`@{verb}` is not understood"));
        }
        if self.live {
            self.world.calls.push(Call {
                method,
                url,
                options: arguments.next().unwrap_or_default(),
            });
        }
        Ok(Value::Null)
    }
}

/// A signal by its dotted path; `null` where there is none.
pub(super) fn get(signals: &Value, path: &str) -> Value {
    path.split('.')
        .try_fold(signals, |value, key| value.get(key))
        .cloned()
        .unwrap_or_default()
}

/// Sets a signal, making what its path needs.
pub(super) fn set(signals: &mut Value, path: &str, value: Value) {
    let mut place = signals;
    for key in path.split('.') {
        if !place.is_object() {
            *place = json!({});
        }
        let Value::Object(object) = place else { return };
        place = object.entry(key).or_insert(Value::Null);
    }
    *place = value;
}

/// JSON merge patch (RFC 7386); with `only_missing`, what is there stays.
pub(super) fn merge(signals: &mut Value, patch: &Value, only_missing: bool) {
    let Value::Object(patch) = patch else { return };
    if !signals.is_object() {
        *signals = json!({});
    }
    let Value::Object(object) = signals else {
        return;
    };
    for (key, value) in patch {
        match value {
            Value::Null if !only_missing => {
                object.remove(key);
            }
            Value::Object(_) => merge(object.entry(key).or_insert(json!({})), value, only_missing),
            _ if only_missing && object.contains_key(key) => {}
            _ => {
                object.insert(key.clone(), value.clone());
            }
        }
    }
}

pub(super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(holds) => *holds,
        Value::Number(n) => n.as_f64().is_some_and(|n| n != 0.0 && !n.is_nan()),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn as_number(value: &Value) -> f64 {
    match value {
        Value::Number(n) => n.as_f64().unwrap_or(f64::NAN),
        Value::Bool(holds) => f64::from(u8::from(*holds)),
        Value::String(text) => text.trim().parse().unwrap_or(f64::NAN),
        Value::Null => 0.0,
        _ => f64::NAN,
    }
}

fn number(n: f64) -> Value {
    // Whole numbers are whole in JSON too; 2^53 bounds what a float holds exactly.
    if n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0 {
        json!(n as i64)
    } else {
        json!(n)
    }
}

fn add(left: &Value, right: &Value) -> Value {
    if left.is_string() || right.is_string() {
        return json!(as_text(left) + &as_text(right));
    }
    number(as_number(left) + as_number(right))
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), _) | (_, Value::Number(_)) => as_number(left) == as_number(right),
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, signals: Value, expected: Value) {
        let mut signals = signals;
        let names =
            json!({ "evt": { "key": "Enter", "shiftKey": false }, "el": { "value": "typed" } });
        let mut world = World {
            signals: &mut signals,
            names,
            calls: Vec::new(),
        };
        let value = run(text, &mut world).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value, expected, "{text}");
    }

    #[test]
    fn values() {
        check("1 + 2 * 3", json!({}), json!(7));
        check("'a' + 1", json!({}), json!("a1"));
        check(
            "$a.b === 'x' ? 1 : 2",
            json!({ "a": { "b": "x" } }),
            json!(1),
        );
        check(
            "!$t.trim() || $t.length > 3",
            json!({ "t": "four" }),
            json!(true),
        );
        check(
            "evt.key === 'Enter' && !evt.shiftKey",
            json!({}),
            json!(true),
        );
        check(
            "['h', '-'].includes(evt.key.toLowerCase())",
            json!({}),
            json!(false),
        );
        check("el.value", json!({}), json!("typed"));
        check("({text: '', n: -1, 'a b': [1, 2]}).n", json!({}), json!(-1));
        check(r"'it\'s \u003c'", json!({}), json!("it's <"));
    }

    #[test]
    fn statements_and_calls() {
        let mut signals = json!({ "n": 1, "text": " hi " });
        let mut world = World {
            signals: &mut signals,
            names: json!({}),
            calls: Vec::new(),
        };
        let text = "if ($text.trim()) { @post('/say', {requestCancellation: 'disabled'}); $text = '' } else { @get('/no') } $n++; ($n > 1) && ($sum.all = 1, $sum.all += 1); ($n > 9) && ($n = 0, @post('/never')); $n > 5 && @put('/never')";
        run(text, &mut world).expect("it runs");
        assert_eq!(world.calls.len(), 1);
        assert_eq!(world.calls[0].url, "/say");
        assert_eq!(signals, json!({ "n": 2, "text": "", "sum": { "all": 2 } }));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for text in [
            "fetch('/x')",
            "() => 1",
            "`${x}`",
            "a b",
            "(1",
            "#",
            "'x",
            "$n.map(x)",
        ] {
            let mut signals = json!({});
            let mut world = World {
                signals: &mut signals,
                names: json!({}),
                calls: Vec::new(),
            };
            assert!(run(text, &mut world).is_err(), "{text}");
        }
    }

    #[test]
    fn merging_follows_the_rfc() {
        let mut signals = json!({ "a": 1, "b": { "c": 2, "d": 3 } });
        merge(
            &mut signals,
            &json!({ "a": null, "b": { "c": 9 }, "e": [1] }),
            false,
        );
        assert_eq!(signals, json!({ "b": { "c": 9, "d": 3 }, "e": [1] }));
        merge(&mut signals, &json!({ "b": { "c": 1, "f": 1 } }), true);
        assert_eq!(
            signals,
            json!({ "b": { "c": 9, "d": 3, "f": 1 }, "e": [1] })
        );
    }
}
