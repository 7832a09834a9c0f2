//! Datastar expressions: [`Expr`] is code, [`JsValue`] a value within code, [`Signal`] a signal.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::SignalsError;
use crate::escape::{html_attr_escape, js_string, push_js_value};

/// A piece of JavaScript for a Datastar attribute: one or more statements.
///
/// `Display` gives the JavaScript, [`to_attr`](Expr::to_attr) the same for a double-quoted HTML
/// attribute.
///
/// ```
/// use hyperstar_datastar::{js, post, signal};
///
/// let save = signal("saving").set(true).then(post("/save")).when("$valid");
/// assert_eq!(save.to_string(), "if ($valid) { $saving = true; @post('/save') }");
/// assert_eq!(js("$a && $b").to_attr(), "$a &amp;&amp; $b");
/// ```
///
/// A string that becomes an `Expr` is code; to put a value into code, use [`JsValue`] or
/// [`js_string`](crate::js_string).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expr {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    code: String,
    /// Whether it is known to be a call, which `&&` can guard without parentheses.
    call: bool,
}

/// JavaScript as written, as an [`Expr`] or a [`JsValue`].
#[must_use]
pub fn js(code: impl Into<String>) -> Expr {
    Expr::new(code, false)
}

impl Expr {
    pub(crate) fn call(code: String) -> Self {
        Self::new(code, true)
    }

    fn new(code: impl Into<String>, call: bool) -> Self {
        let code: String = code.into();
        let trimmed = code.trim_matches(|c: char| c.is_whitespace() || c == ';');
        if trimmed.is_empty() {
            return Self::default();
        }
        let code = if trimmed.len() == code.len() {
            code
        } else {
            trimmed.to_owned()
        };
        Self {
            statements: vec![Statement { code, call }],
        }
    }

    /// This, and afterwards `next`.
    #[must_use]
    pub fn then(mut self, next: impl Into<Expr>) -> Self {
        self.statements.extend(next.into().statements);
        self
    }

    /// This, only if `condition` holds.
    ///
    /// A single action becomes `condition && action`, anything else an `if`. An empty condition
    /// holds.
    #[must_use]
    pub fn when(self, condition: impl Into<Expr>) -> Self {
        let condition = condition.into().to_string();
        match self.statements.as_slice() {
            _ if condition.is_empty() => self,
            [] => self,
            [Statement { code, call: true }] if is_operand(&condition) => {
                js(format!("{condition} && {code}"))
            }
            [Statement { code, call: true }] => js(format!("({condition}) && {code}")),
            _ => js(format!("if ({condition}) {{ {self} }}")),
        }
    }

    /// The expression, escaped for a double-quoted HTML attribute.
    #[must_use]
    pub fn to_attr(&self) -> String {
        html_attr_escape(&self.to_string())
    }
}

/// Whether `code` is a signal path or its negation, and so needs no parentheses beside `&&`.
fn is_operand(code: &str) -> bool {
    let path = code.trim_start_matches('!');
    path.starts_with('$')
        && path[1..]
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, statement) in self.statements.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            f.write_str(&statement.code)?;
        }
        Ok(())
    }
}

impl From<&str> for Expr {
    fn from(code: &str) -> Self {
        js(code)
    }
}

impl From<String> for Expr {
    fn from(code: String) -> Self {
        js(code)
    }
}

/// A value within an expression: a literal of plain data, or code that computes it.
///
/// Strings, numbers, booleans and [`serde_json::Value`]s become literals, escaped; an [`Expr`] (see
/// [`js`]) and a [`Signal`] become code.
///
/// ```
/// use hyperstar_datastar::{JsValue, get, js};
///
/// assert_eq!(JsValue::from("it's").to_string(), r"'it\'s'");
/// assert_eq!(JsValue::from(serde_json::json!({"a": [1, "b"]})).to_string(), "{a: [1, 'b']}");
/// assert_eq!(get("/rows").to_string(), "@get('/rows')");
/// assert_eq!(get(js("'/rows/' + $id")).to_string(), "@get('/rows/' + $id)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsValue {
    code: String,
}

impl JsValue {
    /// A literal of anything that serializes.
    ///
    /// # Errors
    /// [`SignalsError::Serialize`] if `value` has no JSON form.
    pub fn literal<T: Serialize + ?Sized>(value: &T) -> Result<Self, SignalsError> {
        serde_json::to_value(value)
            .map(Self::from)
            .map_err(SignalsError::Serialize)
    }

    /// `Infinity`, for example as the number of retries.
    #[must_use]
    pub fn infinity() -> Self {
        Self {
            code: "Infinity".to_owned(),
        }
    }

    /// The value, escaped for a double-quoted HTML attribute.
    #[must_use]
    pub fn to_attr(&self) -> String {
        html_attr_escape(&self.code)
    }
}

impl fmt::Display for JsValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)
    }
}

impl From<Expr> for JsValue {
    fn from(expr: Expr) -> Self {
        Self {
            code: expr.to_string(),
        }
    }
}

impl From<Value> for JsValue {
    fn from(value: Value) -> Self {
        let mut code = String::new();
        push_js_value(&mut code, &value);
        Self { code }
    }
}

impl From<&str> for JsValue {
    fn from(text: &str) -> Self {
        Self {
            code: js_string(text),
        }
    }
}

impl From<String> for JsValue {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for JsValue {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

macro_rules! js_value_from_display {
    ($($number:ty),+) => {
        $(impl From<$number> for JsValue {
            fn from(value: $number) -> Self {
                Self { code: value.to_string() }
            }
        })+
    };
}
js_value_from_display!(bool, i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl From<f64> for JsValue {
    fn from(number: f64) -> Self {
        let code = match number {
            _ if number.is_nan() => "NaN".to_owned(),
            f64::INFINITY => "Infinity".to_owned(),
            f64::NEG_INFINITY => "-Infinity".to_owned(),
            _ => number.to_string(),
        };
        Self { code }
    }
}

/// A signal, by its dotted path.
///
/// ```
/// use hyperstar_datastar::signal;
///
/// assert_eq!(signal("user.name").to_string(), "$user.name");
/// assert_eq!(signal("count").set(5).to_string(), "$count = 5");
/// assert_eq!(signal("open").toggle().to_string(), "$open = !$open");
/// // A name that Datastar's `$name` syntax cannot spell.
/// assert_eq!(signal("first name").to_string(), "$['first name']");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    code: String,
}

/// The signal at a dotted `path`.
#[must_use]
pub fn signal(path: &str) -> Signal {
    if is_signal_path(path) {
        return Signal {
            code: format!("${path}"),
        };
    }
    let mut code = String::from("$");
    for name in path.split('.') {
        code.push('[');
        code.push_str(&js_string(name));
        code.push(']');
    }
    Signal { code }
}

impl Signal {
    /// Sets the signal.
    #[must_use]
    pub fn set(&self, value: impl Into<JsValue>) -> Expr {
        js(format!("{} = {}", self.code, value.into()))
    }

    /// Turns true to false and false to true.
    #[must_use]
    pub fn toggle(&self) -> Expr {
        js(format!("{0} = !{0}", self.code))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)
    }
}

impl From<Signal> for Expr {
    fn from(signal: Signal) -> Self {
        js(signal.code)
    }
}

impl From<Signal> for JsValue {
    fn from(signal: Signal) -> Self {
        Self { code: signal.code }
    }
}

/// Whether an expression can spell the signal as `$path`: dotted names of ASCII letters, digits and
/// `_`, which may be joined by single hyphens.
///
/// ```
/// use hyperstar_datastar::is_signal_path;
/// assert!(is_signal_path("user.firstName"));
/// assert!(is_signal_path("first-name"));
/// assert!(!is_signal_path("first name"));
/// assert!(!is_signal_path("a..b"));
/// ```
#[must_use]
pub fn is_signal_path(path: &str) -> bool {
    path.split(['.', '-'])
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}

/// The value of a `data-signals` attribute, which sets the page's first signals.
///
/// ```
/// use hyperstar_datastar::signals_attr;
/// let signals = signals_attr(&serde_json::json!({"count": 0, "name": "it's"}))?;
/// assert_eq!(
///     format!(r#"<body data-signals="{}">"#, signals.to_attr()),
///     r#"<body data-signals="{count: 0, name: 'it\'s'}">"#
/// );
/// # Ok::<(), hyperstar_datastar::SignalsError>(())
/// ```
///
/// # Errors
/// [`SignalsError::Serialize`] if `signals` has no JSON form, [`SignalsError::NotAnObject`] if it
/// has another one than an object.
pub fn signals_attr<T: Serialize + ?Sized>(signals: &T) -> Result<Expr, SignalsError> {
    let value = serde_json::to_value(signals).map_err(SignalsError::Serialize)?;
    if !value.is_object() {
        return Err(SignalsError::NotAnObject {
            found: value.to_string(),
        });
    }
    let mut code = String::new();
    push_js_value(&mut code, &value);
    Ok(js(code))
}
