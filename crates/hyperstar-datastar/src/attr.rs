//! The names of Datastar's attributes, with their keys and modifiers.
//!
//! A name is written `data-plugin:key__modifier.tag.tag`. [`Attr`] builds it, and
//! [`value`](Attr::value) adds the expression:
//!
//! ```
//! use hyperstar_datastar::{attr, get, on};
//!
//! assert_eq!(
//!     on("input").debounce_ms(300).value(get("/search")),
//!     r#"data-on:input__debounce.300ms="@get('/search')""#
//! );
//! assert_eq!(attr::on_intersect().once().to_string(), "data-on-intersect__once");
//! assert_eq!(attr::bind("userName").to_string(), "data-bind:user-name");
//! ```
//!
//! # Keys
//! HTML lowers the case of attribute names, so Datastar writes a key in kebab case and turns it
//! into camel case where it names a signal. The functions here take the name of the signal, event
//! or class as it is, and write the key, with a `__case` modifier where one is needed, such that
//! Datastar arrives at that name. Characters that would end an attribute's name are left out; see
//! [`Attr::checked`].
//!
//! # Modifiers
//! Any modifier can be added to any attribute; the client ignores those that it does not know
//! there.

use std::fmt;

use crate::escape::{html_attr_escape, is_attribute_name_char};

/// The name of an attribute; `Display` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attr {
    plugin: &'static str,
    key: Option<String>,
    /// The name that the key could not express, if so.
    inexact: Option<String>,
    modifiers: Vec<Modifier>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Modifier {
    name: &'static str,
    tags: Vec<String>,
}

/// `data-on:event`: evaluates when `event` is dispatched on the element; `evt` is the event.
///
/// Modifiers: `once`, `passive`, `capture`, `prevent`, `stop`, `window`, `document`, `outside`,
/// `delay`, `debounce`, `throttle`, `view_transition`.
#[must_use]
pub fn on(event: &str) -> Attr {
    Attr::keyed("on", event, Case::Kebab)
}

/// `data-on-intersect`: evaluates when the element scrolls into view.
///
/// Modifiers: `once`, `exit`, `half`, `full`, `threshold`, `delay`, `debounce`, `throttle`,
/// `view_transition`.
#[must_use]
pub fn on_intersect() -> Attr {
    Attr::plain("on-intersect")
}

/// `data-on-interval`: evaluates every second, or every [`duration_ms`](Attr::duration_ms).
#[must_use]
pub fn on_interval() -> Attr {
    Attr::plain("on-interval")
}

/// `data-on-signal-patch`: evaluates when signals change; `patch` is the change.
///
/// Modifiers: `delay`, `debounce`, `throttle`.
#[must_use]
pub fn on_signal_patch() -> Attr {
    Attr::plain("on-signal-patch")
}

/// `data-on-signal-patch-filter`: which signals [`on_signal_patch`] is about, as a
/// [`SignalFilter`](crate::SignalFilter).
#[must_use]
pub fn on_signal_patch_filter() -> Attr {
    Attr::plain("on-signal-patch-filter")
}

/// `data-init`: evaluates once, when the element appears.
///
/// Modifiers: `delay`, `view_transition`.
#[must_use]
pub fn init() -> Attr {
    Attr::plain("init")
}

/// `data-effect`: evaluates now, and whenever a signal in it changes.
#[must_use]
pub fn effect() -> Attr {
    Attr::plain("effect")
}

/// `data-signals`: sets signals from an object, such as [`signals_attr`](crate::signals_attr)
/// gives.
///
/// Modifiers: `if_missing`.
#[must_use]
pub fn signals() -> Attr {
    Attr::plain("signals")
}

/// `data-signals:name`: sets one signal, by its dotted path.
///
/// Modifiers: `if_missing`.
#[must_use]
pub fn signals_for(path: &str) -> Attr {
    Attr::keyed("signals", path, Case::Camel)
}

/// `data-computed:name`: a signal that follows from others.
#[must_use]
pub fn computed(path: &str) -> Attr {
    Attr::keyed("computed", path, Case::Camel)
}

/// `data-bind:name`: keeps a signal and the value of a form control equal.
///
/// Modifiers: `prop`, `event`.
#[must_use]
pub fn bind(path: &str) -> Attr {
    Attr::keyed("bind", path, Case::Camel)
}

/// `data-indicator:name`: a signal that is true while a request of the element is under way.
#[must_use]
pub fn indicator(path: &str) -> Attr {
    Attr::keyed("indicator", path, Case::Camel)
}

/// `data-ref:name`: a signal that holds the element.
#[must_use]
pub fn reference(path: &str) -> Attr {
    Attr::keyed("ref", path, Case::Camel)
}

/// `data-text`: the element's text.
#[must_use]
pub fn text() -> Attr {
    Attr::plain("text")
}

/// `data-show`: whether the element is shown.
#[must_use]
pub fn show() -> Attr {
    Attr::plain("show")
}

/// `data-class`: classes from an object of names and conditions.
#[must_use]
pub fn classes() -> Attr {
    Attr::plain("class")
}

/// `data-class:name`: whether the element has a class.
#[must_use]
pub fn class(name: &str) -> Attr {
    Attr::keyed("class", name, Case::Kebab)
}

/// `data-style`: style properties from an object.
#[must_use]
pub fn styles() -> Attr {
    Attr::plain("style")
}

/// `data-style:property`: one style property.
#[must_use]
pub fn style(property: &str) -> Attr {
    Attr::keyed("style", property, Case::Fixed)
}

/// `data-attr`: attributes from an object.
#[must_use]
pub fn attrs() -> Attr {
    Attr::plain("attr")
}

/// `data-attr:name`: one attribute; `true` sets it without a value, `false` removes it.
#[must_use]
pub fn attr(name: &str) -> Attr {
    Attr::keyed("attr", name, Case::Fixed)
}

/// `data-json-signals`: shows the signals as JSON; its value may be a
/// [`SignalFilter`](crate::SignalFilter).
///
/// Modifiers: `terse`.
#[must_use]
pub fn json_signals() -> Attr {
    Attr::plain("json-signals")
}

/// `data-ignore`: Datastar reads no attribute of the element and of all inside.
///
/// Modifiers: `self_only`.
#[must_use]
pub fn ignore() -> Attr {
    Attr::plain("ignore")
}

/// `data-ignore-morph`: patches leave the element and all inside alone, if both the old and the
/// new element have it.
#[must_use]
pub fn ignore_morph() -> Attr {
    Attr::plain("ignore-morph")
}

/// `data-preserve-attr`: the names, separated by spaces, of attributes that patches leave alone.
#[must_use]
pub fn preserve_attr() -> Attr {
    Attr::plain("preserve-attr")
}

/// `data-scope-children`: the element is told, by an event, when a patch changed its inside.
#[must_use]
pub fn scope_children() -> Attr {
    Attr::plain("scope-children")
}

/// `data-nonce`: on `<html>`, the nonce with which Datastar works under a content security policy
/// without `unsafe-eval`.
#[must_use]
pub fn nonce() -> Attr {
    Attr::plain("nonce")
}

impl Attr {
    fn plain(plugin: &'static str) -> Self {
        Self {
            plugin,
            key: None,
            inexact: None,
            modifiers: Vec::new(),
        }
    }

    /// An attribute with a key that Datastar reads in `default` case unless told otherwise.
    fn keyed(plugin: &'static str, name: &str, default: Case) -> Self {
        let (key, case, exact) = key_for(name, default);
        let attr = Self {
            plugin,
            key: Some(key).filter(|key| !key.is_empty()),
            inexact: (!exact).then(|| name.to_owned()),
            modifiers: Vec::new(),
        };
        match case {
            Some(case) => attr.case(case),
            None => attr,
        }
    }

    /// The whole attribute, `name="value"`, with the value escaped.
    #[must_use]
    pub fn value(&self, value: impl fmt::Display) -> String {
        format!("{self}=\"{}\"", html_attr_escape(&value.to_string()))
    }

    /// This name, if Datastar will read exactly the key that was asked for.
    ///
    /// ```
    /// use hyperstar_datastar::on;
    /// assert!(on("click").checked().is_ok());
    /// assert!(on("two words").checked().is_err());
    /// ```
    ///
    /// # Errors
    /// [`AttrError`] if an attribute's name cannot express it.
    pub fn checked(self) -> Result<Self, AttrError> {
        match &self.inexact {
            None => Ok(self),
            Some(name) => Err(AttrError {
                name: name.clone(),
                attribute: format!("data-{}", self.plugin),
            }),
        }
    }

    /// `__case`: how Datastar turns the key into a name.
    #[must_use]
    pub fn case(self, case: Case) -> Self {
        match case.tag() {
            Some(tag) => self.modifier("case", [tag.to_owned()]),
            None => self,
        }
    }

    /// `__debounce`: waits until nothing happened for this long.
    #[must_use]
    pub fn debounce_ms(self, wait_ms: u64) -> Self {
        self.debounce(Debounce {
            wait_ms,
            ..Debounce::default()
        })
    }

    /// `__debounce` with options.
    #[must_use]
    pub fn debounce(self, debounce: Debounce) -> Self {
        let mut tags = vec![ms(debounce.wait_ms)];
        tags.extend(debounce.leading.then(|| "leading".to_owned()));
        tags.extend((!debounce.trailing).then(|| "notrailing".to_owned()));
        self.modifier("debounce", tags)
    }

    /// `__throttle`: at most once in this time.
    #[must_use]
    pub fn throttle_ms(self, wait_ms: u64) -> Self {
        self.throttle(Throttle {
            wait_ms,
            ..Throttle::default()
        })
    }

    /// `__throttle` with options.
    #[must_use]
    pub fn throttle(self, throttle: Throttle) -> Self {
        let mut tags = vec![ms(throttle.wait_ms)];
        tags.extend((!throttle.leading).then(|| "noleading".to_owned()));
        tags.extend(throttle.trailing.then(|| "trailing".to_owned()));
        self.modifier("throttle", tags)
    }

    /// `__delay`: waits this long before it evaluates.
    #[must_use]
    pub fn delay_ms(self, delay_ms: u64) -> Self {
        self.modifier("delay", [ms(delay_ms)])
    }

    /// `__duration`: the time between two evaluations of [`on_interval`].
    #[must_use]
    pub fn duration_ms(self, duration_ms: u64) -> Self {
        self.modifier("duration", [ms(duration_ms)])
    }

    /// `__duration` with `leading`: [`on_interval`] evaluates at once, too.
    #[must_use]
    pub fn duration_leading_ms(self, duration_ms: u64) -> Self {
        self.modifier("duration", [ms(duration_ms), "leading".to_owned()])
    }

    /// `__threshold`: how much of the element must be in view, in percent.
    #[must_use]
    pub fn threshold_percent(self, percent: u8) -> Self {
        self.modifier("threshold", [percent.min(100).to_string()])
    }

    /// `__prop`: the property of the element that [`bind`] keeps.
    #[must_use]
    pub fn prop(self, property: &str) -> Self {
        let (key, _, exact) = key_for(property, Case::Camel);
        self.note_inexact(property, exact && !key.contains('.'))
            .modifier("prop", [key])
    }

    /// `__event`: the events after which [`bind`] reads the element.
    #[must_use]
    pub fn event<I>(mut self, events: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut tags = Vec::new();
        for event in events {
            let (key, case, exact) = key_for(event.as_ref(), Case::Fixed);
            self = self.note_inexact(
                event.as_ref(),
                exact && case.is_none() && !key.contains('.'),
            );
            tags.push(key);
        }
        self.modifier("event", tags)
    }

    fn note_inexact(mut self, name: &str, exact: bool) -> Self {
        if !exact {
            self.inexact.get_or_insert_with(|| name.to_owned());
        }
        self
    }

    /// Sets a modifier, in place of an earlier one of the same name.
    fn modifier(mut self, name: &'static str, tags: impl IntoIterator<Item = String>) -> Self {
        let modifier = Modifier {
            name,
            tags: tags.into_iter().collect(),
        };
        match self.modifiers.iter_mut().find(|other| other.name == name) {
            Some(other) => *other = modifier,
            None => self.modifiers.push(modifier),
        }
        self
    }
}

macro_rules! flags {
    ($($(#[$doc:meta])* $method:ident = $name:literal)+) => {
        impl Attr {
            $($(#[$doc])*
            #[must_use]
            pub fn $method(self) -> Self {
                self.modifier($name, [])
            })+
        }
    };
}

flags! {
    /// `__once`: only the first time.
    once = "once"
    /// `__passive`: promises the browser not to prevent the default.
    passive = "passive"
    /// `__capture`: listens in the capturing phase.
    capture = "capture"
    /// `__prevent`: prevents the event's default.
    prevent = "prevent"
    /// `__stop`: stops the event's propagation.
    stop = "stop"
    /// `__window`: listens on the window.
    window = "window"
    /// `__document`: listens on the document.
    document = "document"
    /// `__outside`: events outside of the element.
    outside = "outside"
    /// `__viewtransition`: evaluates in a view transition.
    view_transition = "viewtransition"
    /// `__exit`: when the element leaves the view instead.
    exit = "exit"
    /// `__half`: when half of the element is in view.
    half = "half"
    /// `__full`: when all of the element is in view.
    full = "full"
    /// `__ifmissing`: only signals that do not exist.
    if_missing = "ifmissing"
    /// `__terse`: JSON without indentation.
    terse = "terse"
    /// `__self`: the element, but not its inside.
    self_only = "self"
}

impl fmt::Display for Attr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data-{}", self.plugin)?;
        if let Some(key) = &self.key {
            write!(f, ":{key}")?;
        }
        for modifier in &self.modifiers {
            write!(f, "__{}", modifier.name)?;
            for tag in &modifier.tags {
                write!(f, ".{tag}")?;
            }
        }
        Ok(())
    }
}

fn ms(ms: u64) -> String {
    format!("{ms}ms")
}

/// Options of [`Attr::debounce`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Debounce {
    /// How long nothing must happen, in milliseconds.
    pub wait_ms: u64,
    /// Whether it also evaluates at the beginning; off by default.
    pub leading: bool,
    /// Whether it evaluates at the end; on by default.
    pub trailing: bool,
}

impl Default for Debounce {
    fn default() -> Self {
        Self {
            wait_ms: 0,
            leading: false,
            trailing: true,
        }
    }
}

/// Options of [`Attr::throttle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// The shortest time between two evaluations, in milliseconds.
    pub wait_ms: u64,
    /// Whether it evaluates at the beginning; on by default.
    pub leading: bool,
    /// Whether it evaluates at the end; off by default.
    pub trailing: bool,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            wait_ms: 0,
            leading: true,
            trailing: false,
        }
    }
}

/// How Datastar turns a key into a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    /// `my-name` becomes `myName`.
    Camel,
    /// `my-name` stays.
    Kebab,
    /// `my-name` becomes `my_name`.
    Snake,
    /// `my-name` becomes `MyName`.
    Pascal,
    /// The attribute knows no `__case`, and reads the key as it is.
    Fixed,
}

impl Case {
    fn tag(self) -> Option<&'static str> {
        match self {
            Self::Camel => Some("camel"),
            Self::Kebab => Some("kebab"),
            Self::Snake => Some("snake"),
            Self::Pascal => Some("pascal"),
            Self::Fixed => None,
        }
    }

    /// The name that the client reads from a key.
    fn read(self, key: &str) -> String {
        match self {
            Self::Kebab | Self::Fixed => key.to_owned(),
            Self::Snake => key.replace('-', "_"),
            Self::Camel => camel(key),
            Self::Pascal => {
                let mut chars = key.chars();
                let first = chars.next().map(|c| c.to_ascii_uppercase());
                first.into_iter().collect::<String>() + &camel(chars.as_str())
            }
        }
    }
}

/// As the client does: only a hyphen before a lower-case ASCII letter goes.
fn camel(key: &str) -> String {
    let mut out = String::with_capacity(key.len());
    let mut chars = key.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '-' && next.is_ascii_lowercase() => {
                out.extend(chars.next().map(|next| next.to_ascii_uppercase()));
            }
            _ => out.push(c),
        }
    }
    out
}

/// The key that reads as `name`, the case to say if it is not the default, and whether it is exact.
fn key_for(name: &str, default: Case) -> (String, Option<Case>, bool) {
    let cases: &[Case] = match default {
        Case::Fixed => &[Case::Fixed],
        _ => &[default, Case::Camel, Case::Pascal, Case::Kebab],
    };
    for &case in cases {
        let key = match case {
            Case::Camel | Case::Pascal => kebab(name),
            Case::Kebab | Case::Snake | Case::Fixed => name.to_owned(),
        };
        if is_key(&key) && case.read(&key) == name {
            return (key, (case != default).then_some(case), true);
        }
    }
    (nearest_key(name), None, false)
}

/// A key that HTML and Datastar read as one key, for a name that has none.
fn nearest_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for c in kebab(name)
        .chars()
        .filter(|&c| is_attribute_name_char(c) && !c.is_uppercase())
    {
        // Two underscores would start a modifier.
        if c != '_' || !key.ends_with('_') {
            key.push(c);
        }
    }
    while key.ends_with('_') {
        key.pop();
    }
    key
}

fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (index, c) in name.char_indices() {
        if c.is_ascii_uppercase() {
            if index > 0 {
                out.push('-');
            }
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether HTML and Datastar read `key` as it is.
fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| is_attribute_name_char(c) && !c.is_uppercase())
        && !key.contains("__")
        && !key.ends_with('_')
}

/// The key of an attribute cannot express a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` cannot be part of the name of an attribute such as `{attribute}`; write it into the \
     attribute's value, or choose a name without spaces, quotes and `__`"
)]
pub struct AttrError {
    /// The name that was asked for.
    pub name: String,
    /// The attribute without its key.
    pub attribute: String,
}
