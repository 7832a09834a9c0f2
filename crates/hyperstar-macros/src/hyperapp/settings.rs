//! What `#[hyperapp(..)]` itself is given.

use hyperstar_interface::{near, quoted};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Token};

use crate::errors::Errors;

/// The app's settings, with their defaults.
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) icon: Option<LitStr>,
    pub(super) widget: bool,
    pub(super) ui: Option<LitStr>,
    /// The files of the `ui` folders: what each is called, and where it lies below `Cargo.toml`.
    pub(super) assets: Vec<(String, String)>,
    pub(super) endpoints: Vec<LitStr>,
    pub(super) save: TokenStream,
    pub(super) wit_world: Option<LitStr>,
    pub(super) features: bool,
}

const KEYS: [&str; 8] = [
    "name",
    "icon",
    "widget",
    "ui",
    "endpoints",
    "save",
    "wit_world",
    "features",
];

const POLICIES: [&str; 5] = [
    "EveryMessage",
    "Never",
    "EveryNMessages",
    "EveryNSeconds",
    "OnDiff",
];

struct Setting {
    key: Ident,
    value: Option<Expr>,
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = Ident::parse(input).map_err(|error| {
            syn::Error::new(
                error.span(),
                "settings have names; write `#[hyperapp(name = \"Counter\")]`",
            )
        })?;
        let value = match input.parse::<Option<Token![=]>>()? {
            Some(_) => Some(input.parse()?),
            None => None,
        };
        Ok(Self { key, value })
    }
}

impl Settings {
    pub(super) fn read(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut settings = Self {
            name: String::new(),
            icon: None,
            widget: false,
            ui: None,
            assets: Vec::new(),
            endpoints: Vec::new(),
            save: quote!(EveryMessage),
            wit_world: None,
            features: false,
        };
        let parser = Punctuated::<Setting, Token![,]>::parse_terminated;
        let Some(all) = errors.take(parser.parse2(tokens)) else {
            return settings;
        };
        let mut seen: Vec<String> = Vec::new();
        for setting in all {
            let key = setting.key.to_string();
            if seen.contains(&key) {
                errors.at(&setting.key, format!("`{key}` is there twice; keep one"));
                continue;
            }
            settings.set(&setting, errors);
            seen.push(key);
        }
        if !seen.iter().any(|key| key == "name") {
            errors.push(
                Span::call_site(),
                "the app needs a name; write `#[hyperapp(name = \"Counter\")]`",
            );
        }
        settings
    }

    fn set(&mut self, setting: &Setting, errors: &mut Errors) {
        let Setting { key, value } = setting;
        match key.to_string().as_str() {
            "name" => {
                if let Some(name) = text(key, value, errors) {
                    if name.value().trim().is_empty() {
                        errors.at(&name, "the name is empty; people know the app by it");
                    }
                    self.name = name.value();
                }
            }
            "icon" => self.icon = text(key, value, errors),
            "ui" => {
                for folder in folders(key, value, errors) {
                    self.assets.extend(files(&folder, errors));
                    self.ui.get_or_insert(folder);
                }
            }
            "wit_world" => self.wit_world = text(key, value, errors),
            "widget" => self.widget = flag(key, value, errors),
            "features" => self.features = flag(key, value, errors),
            "endpoints" => self.endpoints = texts(key, value, errors),
            "save" | "save_config" => {
                if key == "save_config" {
                    errors.at(key, "`save_config` is called `save` here");
                }
                if let Some(save) = policy(key, value, errors) {
                    self.save = save;
                }
            }
            other => {
                let hint = match near(other, KEYS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", quoted(KEYS)),
                };
                errors.at(key, format!("unknown setting `{other}`; {hint}"));
            }
        }
    }
}

fn text(key: &Ident, value: &Option<Expr>, errors: &mut Errors) -> Option<LitStr> {
    if let Some(text) = value.as_ref().and_then(as_text) {
        return Some(text);
    }
    let message = format!("`{key}` is a text; write `{key} = \"..\"`");
    match value {
        Some(value) => errors.at(value, message),
        None => errors.at(key, message),
    }
    None
}

fn as_text(value: &Expr) -> Option<LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.clone()),
        _ => None,
    }
}

fn flag(key: &Ident, value: &Option<Expr>, errors: &mut Errors) -> bool {
    match value {
        None => true,
        Some(Expr::Lit(ExprLit {
            lit: Lit::Bool(flag),
            ..
        })) => flag.value,
        Some(value) => {
            errors.at(
                value,
                format!("`{key}` is `true` or `false`; or write it alone"),
            );
            false
        }
    }
}

/// The folder, or the folders, of an app's files.
fn folders(key: &Ident, value: &Option<Expr>, errors: &mut Errors) -> Vec<LitStr> {
    let Some(Expr::Array(array)) = value else {
        return text(key, value, errors).into_iter().collect();
    };
    let mut folders = Vec::new();
    for item in &array.elems {
        match as_text(item) {
            Some(folder) => folders.push(folder),
            None => errors.at(item, "a folder is a text: `\"ui\"`"),
        }
    }
    folders
}

/// The files below a folder of the crate: their paths in it, and below `Cargo.toml`.
fn files(folder: &LitStr, errors: &mut Errors) -> Vec<(String, String)> {
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let root = std::path::Path::new(&root).join(folder.value());
    let mut found: Vec<String> = Vec::new();
    if let Err(error) = walk(&root, "", &mut found) {
        let text = format!(
            "the folder `{}` cannot be read: {error}; it is looked for beside `Cargo.toml`",
            folder.value()
        );
        errors.at(folder, text);
    }
    found.sort();
    let own = |name: String| {
        let path = format!("/{}/{name}", folder.value());
        (name, path)
    };
    found.into_iter().map(own).collect()
}

fn walk(folder: &std::path::Path, prefix: &str, found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let called = format!("{prefix}{name}");
        if path.is_dir() {
            walk(&path, &format!("{called}/"), found)?;
        } else {
            found.push(called);
        }
    }
    Ok(())
}

fn texts(key: &Ident, value: &Option<Expr>, errors: &mut Errors) -> Vec<LitStr> {
    let Some(Expr::Array(array)) = value else {
        let message = format!("`{key}` is a list of paths; write `{key} = [\"/api\"]`");
        match value {
            Some(value) => errors.at(value, message),
            None => errors.at(key, message),
        }
        return Vec::new();
    };
    let mut paths = Vec::new();
    for item in &array.elems {
        let Some(path) = as_text(item) else {
            errors.at(item, "a path is a text: `\"/api\"`");
            continue;
        };
        match path.value().parse::<hyperstar_interface::Path>() {
            Ok(own) if own.is_exact() => paths.push(path),
            Ok(_) => errors.at(
                &path,
                "an endpoint stands for all below it; leave the parameters out",
            ),
            Err(error) => errors.at(&path, error),
        }
    }
    paths
}

fn policy(key: &Ident, value: &Option<Expr>, errors: &mut Errors) -> Option<TokenStream> {
    const HOW: &str =
        "`EveryMessage`, `OnDiff`, `EveryNMessages(10)`, `EveryNSeconds(5)` or `Never`";
    let Some(value) = value else {
        errors.at(key, format!("when is the state kept? write `save =` {HOW}"));
        return None;
    };
    let (path, count) = match value {
        Expr::Path(path) => (&path.path, None),
        Expr::Call(call) if call.args.len() == 1 => match &*call.func {
            Expr::Path(path) => (&path.path, call.args.first()),
            other => {
                errors.at(other, format!("unknown save policy; there are {HOW}"));
                return None;
            }
        },
        other => {
            errors.at(other, format!("unknown save policy; there are {HOW}"));
            return None;
        }
    };
    let ident = &path.segments.last()?.ident;
    let name = ident.to_string();
    let takes_count = name.starts_with("EveryN");
    match (POLICIES.contains(&name.as_str()), takes_count, count) {
        (false, ..) => {
            let hint = match near(&name, POLICIES) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {HOW}"),
            };
            errors.at(path, format!("unknown save policy `{name}`; {hint}"));
            None
        }
        (true, false, None) => Some(quote!(#ident)),
        (true, false, Some(count)) => {
            errors.at(count, format!("`{name}` takes no number"));
            None
        }
        (true, true, None) => {
            errors.at(path, format!("`{name}` needs a number; write `{name}(10)`"));
            None
        }
        (
            true,
            true,
            Some(Expr::Lit(ExprLit {
                lit: Lit::Int(number),
                ..
            })),
        ) => {
            match number.base10_parse::<u32>() {
                Ok(0) => errors.at(
                    number,
                    "0 would never be reached; write `Never` or a number from 1 on",
                ),
                Ok(count) => return Some(quote!(#ident(#count))),
                Err(error) => errors.add(error),
            }
            None
        }
        (true, true, Some(other)) => {
            errors.at(
                other,
                format!("`{name}` needs a whole number; write `{name}(10)`"),
            );
            None
        }
    }
}
