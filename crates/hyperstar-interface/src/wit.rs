//! The WIT of an app: what components in other languages call it by.
//!
//! | JSON | WIT |
//! |---|---|
//! | numbers, `bool`, text | `s8` to `u64`, `f32`, `f64`, `bool`, `string`, `char` |
//! | a list | `list<t>` |
//! | an object with keys of any name | `list<tuple<k, v>>` |
//! | an object with known names | `record` |
//! | an enum's `"A"` and `{"B": ..}` | `variant`; `enum` if none carries data |
//! | `null` or a value | `option<t>` |
//! | `{"Ok": ..}` or `{"Err": ..}` | `result<t, e>` |
//! | an array of fixed length | `tuple<..>` |
//! | `null` and nothing else | no result; elsewhere `json` |
//! | anything else | `json`: its text |
//!
//! Each function takes the address of the process first, and returns a `result` with `call-error`.
//! Names are in kebab-case. Two names that would be the same get numbers, so the way back is by place: see
//! [`wit_names`].

mod words;

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::{Field, Handler, Interface, Shape, Trigger, Type};

pub use words::wit_names;
use words::{escaped, prose};

/// The names that each of these WITs has already.
const OWN_NAMES: [&str; 3] = ["json", "address", "call-error"];

/// The cases of `call-error`, as the SDK's `CallError` has them.
const CALL_ERRORS: [&str; 10] = [
    "Timeout",
    "Offline",
    "NoProcess",
    "NoHandler",
    "Denied",
    "Stopped",
    "Busy",
    "Cycle",
    "Crashed",
    "Malformed",
];

const OWN_TYPES: &str = "  /// Any JSON, as text.
  type json = string;
  /// `process:package:publisher`, or `node@process:package:publisher` for one elsewhere.
  type address = string;
  /// Why a call has no answer.
  variant call-error {
    timeout,
    offline,
    no-process(string),
    no-handler(string),
    denied(string),
    stopped,
    busy,
    cycle,
    crashed,
    malformed(string),
  }
";

/// An app's names in WIT, and its WIT.
///
/// ```
/// use hyperstar_interface::{Handler, Interface, Mode, Trigger, Type, Wit};
///
/// let mut interface = Interface::new("Counter");
/// let mut count = Handler::new("count", Mode::Read);
/// count.triggers = vec![Trigger::Local];
/// count.returns = Type::S64;
/// interface.handlers.push(count);
///
/// let wit = Wit::new(&interface);
/// assert!(wit.to_string().contains("count: func(to: address) -> result<s64, call-error>;"));
/// assert_eq!(wit.handler("count"), Some("count"));
/// ```
#[derive(Debug)]
pub struct Wit<'i> {
    interface: &'i Interface,
    package: String,
    world: String,
    /// By the name in the interface.
    types: BTreeMap<&'i str, String>,
    /// With their names in WIT.
    handlers: Vec<(String, &'i Handler)>,
}

impl<'i> Wit<'i> {
    /// Names all that other processes can ask for.
    pub fn new(interface: &'i Interface) -> Self {
        let called = || {
            interface
                .handlers
                .iter()
                .filter(|handler| is_called(handler))
        };
        let own_types = interface
            .types
            .iter()
            .filter(|(_, shape)| !is_call_error(shape));
        let types = || own_types.clone().map(|(name, _)| name.as_str());
        let handlers = called().map(|handler| handler.name.as_str());
        let names = wit_names(OWN_NAMES.into_iter().chain(handlers).chain(types()));
        let mut names = names.into_iter().skip(OWN_NAMES.len());
        let handlers = called().map(|handler| (names.next().unwrap_or_default(), handler));
        let handlers = handlers.collect();
        let own = wit_names([interface.name.as_str()]).concat();
        let world = interface.wit_world.as_deref().unwrap_or(&interface.name);
        Self {
            interface,
            package: format!("hyperstar-app:{own}"),
            world: wit_names([world]).concat(),
            handlers,
            types: types().zip(names).collect(),
        }
    }

    /// The package: `hyperstar-app:counter`. Its interface is called `api`.
    pub fn package(&self) -> &str {
        &self.package
    }

    /// The handler that a function stands for.
    pub fn handler(&self, function: &str) -> Option<&'i str> {
        let found = self.handlers.iter().find(|(name, _)| name == function);
        found.map(|(_, handler)| handler.name.as_str())
    }

    /// The named type as WIT knows it: its name there, and its shape. `None`: it has no shape that WIT can
    /// say, so it crosses as JSON.
    pub fn named(&self, name: &str) -> Option<(&str, &'i Shape)> {
        let (own, shape) = self.interface.types.iter().find(|(own, _)| own == name)?;
        let fields = match shape {
            Shape::Record(fields) | Shape::Variant(fields) => fields,
        };
        if is_call_error(shape) {
            return Some(("call-error", shape));
        }
        let wit = self.types.get(own.as_str())?;
        (!fields.is_empty()).then_some((wit, shape))
    }

    fn ty(&self, ty: &Type) -> String {
        match ty {
            Type::Unit => "json".to_owned(),
            Type::List(item) => format!("list<{}>", self.ty(item)),
            Type::Option(some) => format!("option<{}>", self.ty(some)),
            Type::Map(key, value) => {
                format!("list<tuple<{}, {}>>", self.ty(key), self.ty(value))
            }
            Type::Tuple(items) if items.is_empty() => "json".to_owned(),
            Type::Tuple(items) => {
                let items: Vec<String> = items.iter().map(|item| self.ty(item)).collect();
                format!("tuple<{}>", items.join(", "))
            }
            Type::Result(ok, error) => match (&**ok, &**error) {
                (Type::Unit, Type::Unit) => "result".to_owned(),
                (ok, Type::Unit) => format!("result<{}>", self.ty(ok)),
                (Type::Unit, error) => format!("result<_, {}>", self.ty(error)),
                (ok, error) => format!("result<{}, {}>", self.ty(ok), self.ty(error)),
            },
            Type::Named(name) => match self.named(name) {
                Some((wit, _)) => escaped(wit),
                None => "json".to_owned(),
            },
            plain => plain.to_string(),
        }
    }

    fn write_type(&self, out: &mut String, name: &str, shape: &Shape) -> std::fmt::Result {
        let (Shape::Record(fields) | Shape::Variant(fields)) = shape;
        let names = wit_names(fields.iter().map(|field| field.name.as_str()));
        let has_data = fields.iter().any(|field| field.ty != Type::Unit);
        let word = match shape {
            Shape::Record(_) => "record",
            Shape::Variant(_) if has_data => "variant",
            Shape::Variant(_) => "enum",
        };
        writeln!(out, "  {word} {} {{", escaped(name))?;
        for (Field { ty, .. }, name) in fields.iter().zip(names) {
            let name = escaped(&name);
            match (shape, ty) {
                (Shape::Record(_), ty) => writeln!(out, "    {name}: {},", self.ty(ty))?,
                (Shape::Variant(_), Type::Unit) => writeln!(out, "    {name},")?,
                (Shape::Variant(_), ty) => writeln!(out, "    {name}({}),", self.ty(ty))?,
            }
        }
        writeln!(out, "  }}")
    }

    fn write_function(&self, out: &mut String, name: &str, handler: &Handler) -> std::fmt::Result {
        for line in handler.doc.lines() {
            writeln!(out, "{}", format!("  /// {}", prose(line)).trim_end())?;
        }
        let names = handler.params.iter().map(|param| param.name.as_str());
        let mut names = wit_names(names.chain(["to"]));
        names.rotate_right(1);
        let types = handler.params.iter().map(|param| self.ty(&param.ty));
        let types = std::iter::once("address".to_owned()).chain(types);
        let params = names.iter().zip(types);
        let params: Vec<String> = params
            .map(|(name, ty)| format!("{}: {ty}", escaped(name)))
            .collect();
        let returns = match &handler.returns {
            Type::Unit => "_".to_owned(),
            ty => self.ty(ty),
        };
        let name = escaped(name);
        let params = params.join(", ");
        writeln!(
            out,
            "  {name}: func({params}) -> result<{returns}, call-error>;"
        )
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "package {};\n", self.package)?;
        writeln!(
            out,
            "/// What {} can be asked.",
            prose(&self.interface.name)
        )?;
        writeln!(out, "interface api {{\n{OWN_TYPES}")?;
        for (name, shape) in &self.interface.types {
            if let Some((name, _)) = self.named(name).filter(|_| !is_call_error(shape)) {
                self.write_type(out, name, shape)?;
            }
        }
        writeln!(out)?;
        for (name, handler) in &self.handlers {
            self.write_function(out, name, handler)?;
        }
        let world = escaped(&self.world);
        writeln!(out, "}}\n")?;
        writeln!(
            out,
            "/// For whoever asks it.\nworld {world} {{\n  import api;\n}}"
        )
    }
}

impl std::fmt::Display for Wit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.write(&mut text)?;
        f.write_str(&text)
    }
}

/// Whether it is the error that every function has: handlers that call others often return it themselves.
fn is_call_error(shape: &Shape) -> bool {
    let Shape::Variant(cases) = shape else {
        return false;
    };
    cases.iter().map(|case| case.name.as_str()).eq(CALL_ERRORS)
}

fn is_called(handler: &Handler) -> bool {
    let mut triggers = handler.triggers.iter();
    triggers.any(|trigger| matches!(trigger, Trigger::Local | Trigger::Remote))
}
