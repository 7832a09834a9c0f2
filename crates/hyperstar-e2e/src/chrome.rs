//! A real, headless Chromium.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::cdp::Cdp;
use crate::process::end;
use crate::tab::Tab;

/// The names under which a Chromium may be on `PATH`; `cargo xtask browser` looks for the same.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// What Chromium is started with. It does what a page asks it to and nothing of its own.
const FLAGS: &[&str] = &[
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--disable-features=Translate,OptimizationHints,MediaRouter",
    // The servers under test sign their own certificates.
    "--ignore-certificate-errors",
    // Loopback only: no other name resolves, and no proxy is asked.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1, EXCLUDE [::1]",
    "--no-proxy-server",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-startup-window",
    "--password-store=basic",
    "--window-size=1280,800",
];

/// A Chromium with a fresh profile. Dropped, it is killed and its profile removed.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// let chrome = hyperstar_e2e::Chrome::launch().await?;
/// let tab = chrome.tab().await?;
/// tab.open("http://localhost:8080/").await?;
/// # Ok(()) }
/// ```
pub struct Chrome {
    cdp: Cdp,
    child: Child,
    profile: TempDir,
}

impl Chrome {
    /// Starts Chromium: the one that the environment variable `CHROMIUM` names, or the first on
    /// `PATH`.
    ///
    /// # Errors
    /// When there is none, naming `cargo xtask browser`; when it does not start, with what it
    /// printed.
    pub async fn launch() -> Result<Chrome> {
        let chromium = find()?;
        let profile = tempfile::Builder::new().prefix("e2e-chromium-").tempdir()?;
        let printed = std::fs::File::create(profile.path().join("printed"))?;
        // The pipe is descriptors 3 and 4; the shell moves ours there, which needs no unsafe code.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null"]);
        command.arg(&chromium).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(printed);
        command.process_group(0).kill_on_drop(true);
        let mut child = command
            .spawn()
            .with_context(|| format!("start {}", chromium.display()))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else {
            bail!("Chromium has no pipe")
        };
        let chrome = Chrome {
            cdp: Cdp::connect(input, output),
            child,
            profile,
        };
        chrome
            .cdp
            .call(None, "Browser.getVersion", json!({}))
            .await
            .with_context(|| {
                format!(
                    "{} does not answer: {}",
                    chromium.display(),
                    chrome.printed()
                )
            })?;
        Ok(chrome)
    }

    /// A new tab of the browser's own user: all such tabs share their cookies and storage.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn tab(&self) -> Result<Tab> {
        Tab::create(&self.cdp, None).await
    }

    /// Another person: with cookies and storage of their own.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn user(&self) -> Result<User> {
        let context = self
            .cdp
            .call(None, "Target.createBrowserContext", json!({}))
            .await?;
        let Value::String(context) = &context["browserContextId"] else {
            bail!("a browser context without an id: {context}")
        };
        Ok(User {
            cdp: self.cdp.clone(),
            context: context.clone(),
        })
    }

    /// The protocol, for what this harness does not offer.
    pub fn cdp(&self) -> &Cdp {
        &self.cdp
    }

    /// The id of its first process.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(self.profile.path().join("printed")).unwrap_or_default()
    }
}

/// A person at the browser, who shares no cookies with others.
pub struct User {
    cdp: Cdp,
    context: String,
}

impl User {
    /// A new tab of this person.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn tab(&self) -> Result<Tab> {
        Tab::create(&self.cdp, Some(&self.context)).await
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        end(&mut self.child, self.profile.path());
    }
}

fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!("CHROMIUM names `{}`, which is not a file", path.display());
        }
        return Ok(path);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = |name: &&str| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    };
    NAMES.iter().find_map(on_path).with_context(|| {
        format!(
            "no Chromium found (looked for the environment variable CHROMIUM, then on PATH for {}); \
             run `cargo xtask browser`",
            NAMES.join(", ")
        )
    })
}
