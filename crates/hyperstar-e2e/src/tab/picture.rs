//! Pictures of a tab.

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Tab;

impl Tab {
    /// Takes a picture of what a person sees, at this size in CSS pixels, in the light or the dark
    /// colour scheme, and writes it as PNG. Afterwards the tab is as before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn screenshot(
        &self,
        path: impl AsRef<Path>,
        width: u32,
        height: u32,
        dark: bool,
    ) -> Result<()> {
        let path = path.as_ref();
        let scheme = if dark { "dark" } else { "light" };
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size)
            .await?;
        self.set_color_scheme(Some(scheme)).await?;
        let png = self.capture().await;
        self.call("Emulation.clearDeviceMetricsOverride", json!({}))
            .await?;
        self.set_color_scheme(None).await?;
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        tokio::fs::write(path, png?)
            .await
            .with_context(|| format!("write {}", path.display()))
    }

    async fn set_color_scheme(&self, scheme: Option<&str>) -> Result<()> {
        let value = scheme.unwrap_or_default();
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.call("Emulation.setEmulatedMedia", features).await?;
        Ok(())
    }

    pub(super) async fn capture(&self) -> Result<Vec<u8>> {
        let answer = self
            .call("Page.captureScreenshot", json!({ "format": "png" }))
            .await?;
        let data = answer["data"]
            .as_str()
            .context("a screenshot without data")?;
        Ok(STANDARD.decode(data)?)
    }
}
