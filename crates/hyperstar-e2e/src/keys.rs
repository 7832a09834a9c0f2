//! Keys by their names, as the protocol wants them.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// `key` (as in the DOM), `code`, Windows' virtual key code, text that it types.
const NAMED: &[(&str, &str, u32, &str)] = &[
    ("Enter", "Enter", 13, "\r"),
    ("Tab", "Tab", 9, ""),
    ("Escape", "Escape", 27, ""),
    ("Backspace", "Backspace", 8, ""),
    ("Delete", "Delete", 46, ""),
    ("ArrowLeft", "ArrowLeft", 37, ""),
    ("ArrowUp", "ArrowUp", 38, ""),
    ("ArrowRight", "ArrowRight", 39, ""),
    ("ArrowDown", "ArrowDown", 40, ""),
    ("Home", "Home", 36, ""),
    ("End", "End", 35, ""),
    ("PageUp", "PageUp", 33, ""),
    ("PageDown", "PageDown", 34, ""),
    ("Space", "Space", 32, " "),
];

const MODIFIERS: &[(&str, u32)] = &[("Alt", 1), ("Control", 2), ("Meta", 4), ("Shift", 8)];

/// What to send when `name` goes down and comes up: `Enter`, `a`, `Control+a`, `Shift+Tab`.
pub(crate) fn press(name: &str) -> Result<[Value; 2]> {
    let mut parts: Vec<&str> = match name {
        "+" => vec!["+"],
        _ => name.split('+').collect(),
    };
    let key = parts
        .pop()
        .filter(|key| !key.is_empty())
        .context("no key in the name")?;
    let mut modifiers = 0;
    for part in parts {
        let Some((_, bit)) = MODIFIERS.iter().find(|(name, _)| *name == part) else {
            bail!("unknown modifier `{part}` in `{name}`; there are Alt, Control, Meta, Shift");
        };
        modifiers |= bit;
    }
    // With one of these held, a key types nothing.
    let types = modifiers & !8 == 0;
    if let Some((key, code, virtual_key, text)) = NAMED.iter().find(|(name, ..)| *name == key) {
        let key = if *key == "Space" { " " } else { key };
        return Ok(events(
            key,
            code,
            *virtual_key,
            if types { text } else { "" },
            modifiers,
        ));
    }
    let mut chars = key.chars();
    let (Some(c), None) = (chars.next(), chars.next()) else {
        let known: Vec<&str> = NAMED.iter().map(|(name, ..)| *name).collect();
        bail!(
            "unknown key `{key}`; there are single characters and {}",
            known.join(", ")
        );
    };
    Ok(character(c, modifiers, types))
}

/// What to send for a character that is typed, whatever its key is.
pub(crate) fn typed(c: char) -> Result<[Value; 2]> {
    match c {
        '\n' => press("Enter"),
        '\t' => press("Tab"),
        c => Ok(character(c, 0, true)),
    }
}

fn character(c: char, modifiers: u32, types: bool) -> [Value; 2] {
    let upper = c.to_ascii_uppercase();
    let (code, virtual_key) = match upper {
        'A'..='Z' => (format!("Key{upper}"), u32::from(upper)),
        '0'..='9' => (format!("Digit{upper}"), u32::from(upper)),
        ' ' => ("Space".to_owned(), 32),
        _ => (String::new(), 0),
    };
    let key = c.to_string();
    events(
        &key,
        &code,
        virtual_key,
        if types { &key } else { "" },
        modifiers,
    )
}

fn events(key: &str, code: &str, virtual_key: u32, text: &str, modifiers: u32) -> [Value; 2] {
    let event = |kind: &str, text: &str| {
        let mut event = json!({
            "type": kind, "key": key, "code": code, "modifiers": modifiers,
            "windowsVirtualKeyCode": virtual_key, "nativeVirtualKeyCode": virtual_key,
        });
        if !text.is_empty() {
            event["text"] = text.into();
        }
        event
    };
    [
        event(
            if text.is_empty() {
                "rawKeyDown"
            } else {
                "keyDown"
            },
            text,
        ),
        event("keyUp", ""),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_names() {
        let [down, up] = press("Control+a").unwrap();
        assert_eq!(
            (&down["type"], &down["modifiers"]),
            (&json!("rawKeyDown"), &json!(2))
        );
        assert_eq!(
            (&up["type"], &up["code"]),
            (&json!("keyUp"), &json!("KeyA"))
        );
        assert_eq!(typed('é').unwrap()[0]["text"], "é");
        assert_eq!(press("Shift+Tab").unwrap()[0]["modifiers"], 8);
        assert_eq!(press("+").unwrap()[0]["text"], "+");
        let error = press("Ctrl+a").unwrap_err().to_string();
        assert!(
            error.starts_with("unknown modifier `Ctrl` in `Ctrl+a`"),
            "{error}"
        );
        assert!(press("Enterr").is_err());
    }
}
