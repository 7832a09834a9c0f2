//! What a tab was answered, what goes wrong in it, and how a failure shows it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, ensure};

use super::Tab;
use crate::cdp::lock;

/// How much of a page's text a failure shows.
const SHOWN_CHARS_MAX: usize = 2_000;

/// How a request of a page was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked for.
    pub url: String,
    /// The type of its content, without parameters.
    pub mime: String,
    /// What was spoken: `http/1.1`, `h2`.
    pub protocol: String,
    /// How the content was encoded, if it was.
    pub encoding: Option<String>,
}

impl Tab {
    /// The answers that the tab got, in the order in which they began: the first 200.
    pub fn answers(&self) -> Vec<Answer> {
        lock(&self.log).answers.clone()
    }

    /// Uncaught exceptions, `console.error`, and what the browser itself complained about: failed
    /// requests, refused content.
    pub fn console_errors(&self) -> Vec<String> {
        lock(&self.log).errors.clone()
    }

    /// What the Content-Security-Policy refused, as `directive: what`.
    pub fn csp_violations(&self) -> Vec<String> {
        lock(&self.log).violations.clone()
    }

    /// The texts of the dialogs (`alert`, `confirm`, ..) that the page opened.
    pub fn dialogs(&self) -> Vec<String> {
        lock(&self.log).dialogs.clone()
    }

    /// Forgets errors, violations and dialogs, for a test that has provoked some.
    pub fn forget(&self) {
        let mut log = lock(&self.log);
        log.errors.clear();
        log.violations.clear();
        log.dialogs.clear();
    }

    /// Nothing went wrong so far.
    ///
    /// # Errors
    /// When something did, with all of it.
    pub fn assert_clean(&self) -> Result<()> {
        let (errors, violations) = (self.console_errors(), self.csp_violations());
        ensure!(
            errors.is_empty() && violations.is_empty(),
            "the tab is not clean\n  errors: {errors:#?}\n  CSP violations: {violations:#?}"
        );
        Ok(())
    }

    /// What helps to understand a failure.
    pub(super) async fn report(&self) -> String {
        let mut report = String::new();
        let line = |report: &mut String, name: &str, value: &dyn std::fmt::Display| {
            // Writing to a string cannot fail.
            let _ = writeln!(report, "  {name}: {value}");
        };
        let page: Result<(String, String)> = self
            .eval("[location.href, document.body?.innerText ?? '']")
            .await;
        match page {
            Ok((url, text)) => {
                line(&mut report, "page", &url);
                let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
                line(&mut report, "its text", &format_args!("{shown:?}"));
            }
            Err(error) => line(&mut report, "page", &format_args!("unknown, {error:#}")),
        }
        line(
            &mut report,
            "its errors",
            &format_args!("{:#?}", self.console_errors()),
        );
        line(
            &mut report,
            "CSP violations",
            &format_args!("{:?}", self.csp_violations()),
        );
        match self.keep_screenshot().await {
            Ok(path) => line(&mut report, "screenshot", &path.display()),
            Err(error) => line(&mut report, "screenshot", &format_args!("none, {error:#}")),
        }
        report
    }

    async fn keep_screenshot(&self) -> Result<PathBuf> {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let number = TAKEN.fetch_add(1, Ordering::Relaxed);
        // A test's thread has its name; of the tests that run beside it, the number differs.
        let test = std::thread::current()
            .name()
            .unwrap_or("test")
            .replace("::", "-");
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(target) => PathBuf::from(target),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        };
        let folder = target.join("e2e-shots");
        tokio::fs::create_dir_all(&folder).await?;
        let path = folder.join(format!("{test}-{}-{number}.png", std::process::id()));
        tokio::fs::write(&path, self.capture().await?).await?;
        Ok(path)
    }
}
