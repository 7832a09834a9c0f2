//! What is installed becomes what runs.

use std::sync::Arc;

use hyperstar_native::instance::Program;
use hyperstar_store::Key;

use super::calls::{self, Calls};
use super::{APPS, Installed, LAST_GRANT, Node, NodeError, registered, site};
use crate::{LoadError, LoadOptions};

impl Node {
    pub(super) async fn boot(&self) -> Result<(), NodeError> {
        let host = &self.inner.host;
        let store = host.store();
        for grant in self.grants()? {
            self.give(&grant);
        }
        if let Some(last) = store.get::<u64>(LAST_GRANT)? {
            host.grants_up_to(last);
        }
        let installed = store.entries::<Installed>(APPS)?.into_iter();
        let named = installed.filter_map(|(path, installed)| {
            let name = path.rsplit('/').next().and_then(String::decode)?;
            Some((name, installed))
        });
        let to_run = self.bring_all(named.collect()).await;
        // All are known before one runs: what waits for them comes back otherwise.
        let mut starting = tokio::task::JoinSet::new();
        for name in to_run {
            let node = self.clone();
            starting.spawn(async move {
                if let Err(error) = node.start_again(&name).await {
                    tracing::error!(name, %error, "an app does not start");
                }
            });
        }
        starting.join_all().await;
        Ok(())
    }

    /// Starts a process that ran before. One whose upgrade was cut short is upgraded if it can be, and otherwise is
    /// what it was.
    pub(super) async fn start_again(&self, name: &str) -> Result<(), NodeError> {
        let host = &self.inner.host;
        let started = host.start_process(name).await;
        let installed: Option<Installed> = host.store().get(&registered(name))?;
        let Some((mut installed, before)) =
            installed.and_then(|installed| Some((installed.clone(), installed.undone()?)))
        else {
            return Ok(started?);
        };
        if let Err(error) = started {
            tracing::error!(name, %error, "an upgrade was cut short, and is taken back");
            let program = self.read(name, &before).await?;
            let options = self.options(before.stub_wasi);
            host.upgrade(name, program, &options).await?;
            host.start_process(name).await?;
            installed = before;
        }
        installed.before = None;
        Ok(host.store().set(&registered(name), &installed).map(drop)?)
    }

    /// Loads what is installed. What calls an app by its WIT is loaded after that app. The names of those that
    /// are to run.
    async fn bring_all(&self, mut left: Vec<(String, Installed)>) -> Vec<String> {
        let mut to_run = Vec::new();
        loop {
            let mut later = Vec::new();
            let before = left.len();
            for (name, installed) in left {
                match self.bring(&name, &installed).await {
                    Ok(()) if installed.runs => to_run.push(name),
                    Ok(()) => {}
                    Err(error) => later.push((name, installed, error)),
                }
            }
            // Once nothing is gained by what was loaded, it is said why.
            let is_stuck = later.len() == before;
            let (again, failed): (Vec<_>, Vec<_>) = later
                .into_iter()
                .partition(|(_, _, error)| !is_stuck && waits_for_an_app(error));
            for (name, _, error) in failed {
                tracing::error!(name, %error, "an app cannot be loaded");
                self.unloaded().insert(name, error.to_string());
            }
            if again.is_empty() {
                return to_run;
            }
            left = again
                .into_iter()
                .map(|(name, installed, _)| (name, installed))
                .collect();
        }
    }

    /// Loads an app that could not be before, if it is one.
    pub(super) async fn load_again(&self, name: &str) -> Result<(), NodeError> {
        let _changing = self.inner.changing.lock().await;
        if !self.unloaded().contains_key(name) {
            return Ok(());
        }
        let installed: Option<Installed> = self.inner.host.store().get(&registered(name))?;
        if let Some(installed) = installed {
            self.bring(name, &installed).await?;
        }
        self.unloaded().remove(name);
        self.show(name)?;
        self.inner.host.hub().notify(site::TOPIC);
        Ok(())
    }

    async fn bring(&self, name: &str, installed: &Installed) -> Result<(), NodeError> {
        let program = self.read(name, installed).await?;
        let options = self.options(installed.stub_wasi);
        Ok(self.inner.host.add(name, program, &options)?)
    }

    async fn read(&self, name: &str, installed: &Installed) -> Result<Arc<dyn Program>, NodeError> {
        let bytes = self
            .inner
            .home
            .component_bytes(&installed.component)
            .map_err(|source| NodeError::File {
                path: format!("the component {}", installed.component),
                source,
            })?;
        self.load(name, &bytes, installed.stub_wasi).await
    }

    pub(super) async fn load(
        &self,
        name: &str,
        bytes: &[u8],
        stub_wasi: bool,
    ) -> Result<Arc<dyn Program>, NodeError> {
        let options = LoadOptions {
            stub_wasi,
            calls: Some(Calls::of(&self.inner)),
            limits: self.options(stub_wasi).limits,
        };
        let loaded = self.inner.engine.load(bytes, options).await;
        let component = loaded.map_err(|source| NodeError::Load {
            name: name.to_owned(),
            source,
        })?;
        Ok(Arc::new(component))
    }
}

/// Whether it may be loaded once others are.
fn waits_for_an_app(error: &NodeError) -> bool {
    matches!(error, NodeError::Load { source: LoadError::Import { name, .. }, .. } if calls::is_of_app(name))
}
