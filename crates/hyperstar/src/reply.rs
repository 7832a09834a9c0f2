//! What an action gives back, at once or later.

#[cfg(feature = "test")]
pub(crate) use hyperstar_process::reply::GO;
pub use hyperstar_process::reply::{ActionError, Done, IntoReply, Reply};

use crate::html::{Html, IntoHtml, Later, Now, ViewError};

/// A handler's answer, at once or later: what lets one method take sync and `async` closures.
pub trait Answer<T, M> {
    /// The answer's future.
    fn answer(self) -> impl Future<Output = T> + Send + 'static;
}

impl<R: IntoReply + Send + 'static> Answer<Result<Reply, ActionError>, Now> for R {
    fn answer(self) -> impl Future<Output = Result<Reply, ActionError>> + Send + 'static {
        std::future::ready(self.into_reply())
    }
}
impl<F> Answer<Result<Reply, ActionError>, Later> for F
where
    F: Future<Output: IntoReply> + Send + 'static,
{
    async fn answer(self) -> Result<Reply, ActionError> {
        self.await.into_reply()
    }
}
impl<R: IntoHtml> Answer<Result<Html, ViewError>, Now> for R {
    fn answer(self) -> impl Future<Output = Result<Html, ViewError>> + Send + 'static {
        std::future::ready(self.into_html())
    }
}
impl<F> Answer<Result<Html, ViewError>, Later> for F
where
    F: Future<Output: IntoHtml> + Send + 'static,
{
    async fn answer(self) -> Result<Html, ViewError> {
        self.await.into_html()
    }
}
