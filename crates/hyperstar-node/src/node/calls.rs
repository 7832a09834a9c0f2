//! Calls of apps by their WIT, on this node.

use std::fmt;
use std::sync::{Arc, Weak};

use hyperstar_interface::{Interface, Wit};
use hyperstar_native::instance::BoxFuture;
use hyperstar_process::abi::CallError;

use super::Inner;
use crate::HostCalls;
use crate::apps::PACKAGE;

/// Leads to the node that holds the components that hold this.
pub(super) struct Calls(Weak<Inner>);

impl Calls {
    pub(super) fn of(node: &Arc<Inner>) -> Arc<dyn HostCalls> {
        Arc::new(Self(Arc::downgrade(node)))
    }
}

impl HostCalls for Calls {
    fn interface(&self, package: &str) -> Option<Interface> {
        let node = self.0.upgrade()?;
        let names = node.host.processes().into_iter();
        let mut interfaces = names.filter_map(|name| node.host.interface(&name).ok());
        interfaces.find(|interface| Wit::new(interface).package() == package)
    }

    fn call<'a>(
        &'a self,
        from: &'a str,
        to: String,
        handler: &'a str,
        body: Vec<u8>,
    ) -> BoxFuture<'a, Result<Vec<u8>, CallError>> {
        Box::pin(async move {
            let node = self.0.upgrade().ok_or(CallError::Stopped)?;
            node.host.ask_in_turn(from, &to, handler, body).await
        })
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Calls").finish_non_exhaustive()
    }
}

/// Whether an import is of an app.
pub(super) fn is_of_app(import: &str) -> bool {
    import.starts_with(PACKAGE)
}
