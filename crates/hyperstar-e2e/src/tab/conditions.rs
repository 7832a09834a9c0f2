//! The conditions under which a tab works.

use anyhow::Result;
use serde_json::json;

use super::Tab;
use crate::wait::SECOND;

impl Tab {
    /// Takes the network away from this tab, or gives it back: new requests fail, and
    /// `navigator.onLine` says so. Chromium leaves a stream open that is open; it is
    /// [`FlakyProxy`](crate::FlakyProxy) that cuts or stalls those.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn offline(&self, offline: bool) -> Result<()> {
        self.network(offline, 0, None).await
    }

    /// Makes the network of this tab slow: each answer comes this much later, and not faster than
    /// this. `0, 0` is as fast as it can.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn slow_network(&self, latency_ms: u32, kbit_per_second: u32) -> Result<()> {
        self.network(
            false,
            latency_ms,
            (kbit_per_second > 0).then_some(kbit_per_second),
        )
        .await
    }

    /// Hides the tab, as when the person turns to another one, or shows it again.
    ///
    /// # Errors
    /// When Chromium is gone, or the page does not notice.
    pub async fn hidden(&self, hidden: bool) -> Result<()> {
        self.call(
            "Emulation.setFocusEmulationEnabled",
            json!({ "enabled": !hidden }),
        )
        .await?;
        let target = json!({ "targetId": self.target });
        let window = self
            .cdp
            .call(None, "Browser.getWindowForTarget", target)
            .await?;
        let state = if hidden { "minimized" } else { "normal" };
        let bounds = json!({ "windowId": window["windowId"], "bounds": { "windowState": state } });
        self.cdp
            .call(None, "Browser.setWindowBounds", bounds)
            .await?;
        let expected = if hidden { "hidden" } else { "visible" };
        let js = format!("document.visibilityState === '{expected}'");
        self.wait_for(&js, 5 * SECOND, &format!("the page is {expected}"))
            .await
    }

    /// Switches the page's own JavaScript off or on, from the next page on.
    ///
    /// # Errors
    /// When Chromium is gone.
    pub async fn javascript(&self, on: bool) -> Result<()> {
        self.call(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": !on }),
        )
        .await?;
        Ok(())
    }

    async fn network(&self, offline: bool, latency_ms: u32, kbit: Option<u32>) -> Result<()> {
        let throughput = kbit.map_or(-1.0, |kbit| f64::from(kbit) * 1_000.0 / 8.0);
        let params = json!({
            "offline": offline, "latency": latency_ms,
            "downloadThroughput": throughput, "uploadThroughput": throughput,
        });
        self.call("Network.emulateNetworkConditions", params)
            .await?;
        Ok(())
    }
}
