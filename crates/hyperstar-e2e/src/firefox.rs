//! A real, headless Firefox, which is not driven: its pages report by themselves.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::process::end;

/// The names under which a Firefox may be on `PATH`.
const NAMES: [&str; 2] = ["firefox-esr", "firefox"];

/// It does what a page asks it to and nothing of its own, and reaches loopback only: whatever else it
/// looks for, it asks a proxy that is not there.
const PREFERENCES: &str = r#"
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.region.update.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.startup.page", 0);
user_pref("datareporting.healthreport.uploadEnabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.security.https_first", false);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", 9);
user_pref("services.settings.server", "data:,#remote-settings-dummy/v1");
user_pref("toolkit.telemetry.enabled", false);
user_pref("toolkit.telemetry.unified", false);
user_pref("trailhead.firstrun.didSeeAboutWelcome", true);
"#;

/// A Firefox with a fresh profile. Dropped, it is killed and its profile removed.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// use hyperstar_e2e::Firefox;
/// if Firefox::find()?.is_some() {
///     let _firefox = Firefox::open("http://127.0.0.1:8080/", &[]).await?;
///     // .. wait until the page has told its server what it saw.
/// }
/// # Ok(()) }
/// ```
///
/// # Design
/// [`Chrome`](crate::Chrome) is driven, and that needs it; what Firefox adds is another engine that
/// reads the same bytes, and for that a page which checks itself is enough. WebDriver BiDi would add a
/// WebSocket client.
pub struct Firefox {
    child: Child,
    profile: TempDir,
}

impl Firefox {
    /// The one that the environment variable `FIREFOX` names, or the first on `PATH`, or none.
    ///
    /// # Errors
    /// When `FIREFOX` names no file.
    pub fn find() -> Result<Option<PathBuf>> {
        if let Some(path) = std::env::var_os("FIREFOX").filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            if !path.is_file() {
                bail!("FIREFOX names `{}`, which is not a file", path.display());
            }
            return Ok(Some(path));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = |name: &&str| {
            std::env::split_paths(&path)
                .map(|folder| folder.join(name))
                .find(|file| file.is_file())
        };
        Ok(NAMES.iter().find_map(on_path))
    }

    /// Starts it with one tab, which opens `url`. `trusted` are servers that sign their own
    /// certificates: `host:port`, and the certificate's SHA-256 in hexadecimal digits.
    ///
    /// # Errors
    /// When there is none, or it does not start.
    pub async fn open(url: &str, trusted: &[(String, String)]) -> Result<Firefox> {
        let firefox = Firefox::find()?
            .with_context(|| format!("no Firefox found (looked for the environment variable FIREFOX, then on PATH for {})", NAMES.join(", ")))?;
        let profile = tempfile::Builder::new().prefix("e2e-firefox-").tempdir()?;
        tokio::fs::write(profile.path().join("user.js"), PREFERENCES).await?;
        let overrides = profile.path().join("cert_override.txt");
        tokio::fs::write(overrides, exceptions(trusted)).await?;
        let mut command = Command::new(&firefox);
        command.args(["--headless", "--no-remote", "--profile"]);
        command.arg(profile.path()).arg(url);
        // Else it writes into the folder of whoever runs the tests.
        command.env("HOME", profile.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(profile.path().join("printed"))?);
        command.process_group(0).kill_on_drop(true);
        let child = command
            .spawn()
            .with_context(|| format!("start {}", firefox.display()))?;
        Ok(Firefox { child, profile })
    }

    /// What it has printed.
    pub fn printed(&self) -> String {
        std::fs::read_to_string(self.profile.path().join("printed")).unwrap_or_default()
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        end(&mut self.child, self.profile.path());
    }
}

/// What Firefox keeps of a person who has said that a certificate is to be believed.
fn exceptions(trusted: &[(String, String)]) -> String {
    const SHA_256: &str = "OID.2.16.840.1.101.3.4.2.1";
    let lines = trusted.iter().map(|(host, digest)| {
        let digest = digest.to_ascii_uppercase();
        let pairs: Vec<&str> = (0..digest.len() / 2)
            .map(|at| &digest[2 * at..2 * at + 2])
            .collect();
        format!("{host}:\t{SHA_256}\t{}\t\n", pairs.join(":"))
    });
    lines.collect()
}
