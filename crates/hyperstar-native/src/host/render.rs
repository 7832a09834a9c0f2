//! The pages of processes.

use std::sync::Arc;

use hyperstar_kernel::Input;
use hyperstar_process::abi::{Page, RenderError, RenderRequest};
use tokio::sync::OwnedMutexGuard;

use super::Host;
use crate::instance::unwound;
use crate::process::{Living, Process, Status};

/// A page, and what it depends on.
pub(crate) struct Rendered {
    pub(crate) page: Result<Page, RenderError>,
    /// Paths and prefixes of the store.
    pub(crate) reads: Vec<String>,
}

impl Host {
    /// Renders a page of a process. Once begun it goes on to its end, also if nobody waits any longer: an instance
    /// that is left in the midst of something is of no use.
    ///
    /// # Cancel safety
    /// What has not begun is taken back.
    pub(crate) async fn render(&self, process: &Arc<Process>, request: RenderRequest) -> Rendered {
        let (host, process) = (self.clone(), process.clone());
        let place = process.renders.clone().acquire_owned().await;
        let slot = process.slot.clone().lock_owned().await;
        let rendering = self.tasks().spawn(async move {
            let rendered = host.render_here(&process, slot, request).await;
            drop(place);
            rendered
        });
        rendering.await.unwrap_or_else(|_| Rendered {
            page: Err(why_not(&Status::Stopped)),
            reads: Vec::new(),
        })
    }

    async fn render_here(
        &self,
        process: &Process,
        mut slot: OwnedMutexGuard<Option<Living>>,
        request: RenderRequest,
    ) -> Rendered {
        let end = slot
            .as_ref()
            .and_then(|living| process.end_of(living.incarnation));
        let (Some(living), Some(end)) = (slot.as_mut(), end) else {
            return Rendered {
                page: Err(why_not(&process.status())),
                reads: Vec::new(),
            };
        };
        let incarnation = living.incarnation;
        process.reach.begin_reads();
        let rendered = tokio::select! {
            rendered = unwound(async { living.instance.render(request).await }) => Some(rendered),
            () = end.cancelled() => None,
        };
        let reads = process.reach.end_reads();
        let page = match rendered {
            Some(Ok(page)) => page,
            failed => {
                *slot = None;
                drop(slot);
                if let Some(Err(crash)) = failed {
                    self.tell(Input::Lost {
                        name: process.name().clone(),
                        incarnation,
                        reason: crash.to_string(),
                    });
                }
                Err(why_not(&process.status()))
            }
        };
        Rendered { page, reads }
    }
}

/// What a browser sees where a page would be.
fn why_not(status: &Status) -> RenderError {
    let message = match status {
        Status::Stopped | Status::Stopping => "This app is stopped.".to_owned(),
        Status::Starting | Status::Running => "This app is being started.".to_owned(),
        Status::Restarting { reason, .. } => {
            format!("This app has crashed and is being started again: {reason}")
        }
        Status::Failed { reason } => format!("This app has crashed too often: {reason}"),
    };
    RenderError {
        status: 503,
        message,
        location: None,
        internal: false,
    }
}
