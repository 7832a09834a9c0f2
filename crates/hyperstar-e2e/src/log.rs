//! What a tab said while it was open: its errors, its loads, its dialogs.

use std::collections::HashSet;

use serde_json::Value;

use crate::tab::Answer;

/// Entries of each kind that are kept; of more than these, only the number is.
const ENTRIES_MAX: usize = 200;

/// Heard from the events of one tab.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) errors: Vec<String>,
    pub(crate) violations: Vec<String>,
    pub(crate) dialogs: Vec<String>,
    /// The heads of answers; of more than are kept, the first.
    pub(crate) answers: Vec<Answer>,
    /// Loaders (of one navigation each) whose page has loaded.
    pub(crate) loaded: HashSet<String>,
    /// The loader of the page that the tab shows.
    pub(crate) loader: String,
}

impl Log {
    /// Takes one event in.
    pub(crate) fn hear(&mut self, method: &str, params: &Value) {
        match method {
            "Page.lifecycleEvent" if params["name"] == "load" => {
                self.loaded.insert(text(&params["loaderId"]));
            }
            "Page.frameNavigated" if params["frame"]["parentId"].is_null() => {
                self.loader = text(&params["frame"]["loaderId"]);
            }
            "Network.responseReceived" if self.answers.len() < ENTRIES_MAX => {
                self.answers.push(answer(&params["response"]));
            }
            "Page.javascriptDialogOpening" => {
                keep(&mut self.dialogs, text(&params["message"]));
            }
            "Runtime.consoleAPICalled" if params["type"] == "error" => {
                let args = params["args"]
                    .as_array()
                    .map(Vec::as_slice)
                    .unwrap_or_default();
                let shown: Vec<String> = args.iter().map(shown).collect();
                keep(
                    &mut self.errors,
                    format!("console.error: {}", shown.join(" ")),
                );
            }
            "Runtime.exceptionThrown" => {
                keep(
                    &mut self.errors,
                    format!("uncaught: {}", exception(&params["exceptionDetails"])),
                );
            }
            "Log.entryAdded" if params["entry"]["level"] == "error" => {
                let entry = &params["entry"];
                let (source, url) = (text(&entry["source"]), text(&entry["url"]));
                keep(
                    &mut self.errors,
                    format!("{source}: {} {url}", text(&entry["text"])),
                );
            }
            "Audits.issueAdded" => {
                let issue = &params["issue"]["details"]["contentSecurityPolicyIssueDetails"];
                if !issue.is_null() {
                    let blocked = match issue["blockedURL"].as_str() {
                        Some(url) => url.to_owned(),
                        None => text(&issue["contentSecurityPolicyViolationType"]),
                    };
                    let directive = text(&issue["violatedDirective"]);
                    keep(&mut self.violations, format!("{directive}: {blocked}"));
                }
            }
            "Inspector.targetCrashed" => keep(&mut self.errors, "the tab crashed".to_owned()),
            _ => {}
        }
    }
}

fn answer(response: &Value) -> Answer {
    let headers = response["headers"].as_object();
    let encoding = headers.and_then(|headers| {
        let mut headers = headers.iter();
        let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-encoding"))?;
        value.as_str().map(str::to_owned)
    });
    Answer {
        url: text(&response["url"]),
        mime: text(&response["mimeType"]),
        protocol: text(&response["protocol"]),
        encoding,
    }
}

/// What the details of an exception say, with the first lines of the stack.
pub(crate) fn exception(details: &Value) -> String {
    match details["exception"]["description"].as_str() {
        Some(description) => description.to_owned(),
        None => format!(
            "{} {}",
            text(&details["text"]),
            details["exception"]["value"]
        ),
    }
}

fn keep(entries: &mut Vec<String>, entry: String) {
    if entries.len() < ENTRIES_MAX {
        entries.push(entry);
    } else if let Some(last) = entries.last_mut() {
        *last = "more than are kept".to_owned();
    }
}

/// A console argument as a person would see it.
fn shown(argument: &Value) -> String {
    match (&argument["value"], argument["description"].as_str()) {
        (Value::String(text), _) => text.clone(),
        (Value::Null, Some(description)) => description.to_owned(),
        (value, _) => value.to_string(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
