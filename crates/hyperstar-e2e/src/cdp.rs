//! The Chrome DevTools protocol over Chromium's pipe: JSON messages, each ended by a NUL.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};

/// How long Chromium may take to answer one call.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Calls that wait to be written; more of them wait for room.
const UNSENT_MAX: usize = 256;

type Answer = Result<Value, String>;
type OnEvent = Arc<dyn Fn(&str, &Value) + Send + Sync>;

/// A connection to Chromium. Clones share it.
///
/// What [`Tab`](crate::Tab) does not offer can be asked for by its name in the protocol, see
/// <https://chromedevtools.github.io/devtools-protocol/>.
#[derive(Clone)]
pub struct Cdp {
    shared: Arc<Shared>,
    unsent: mpsc::Sender<Vec<u8>>,
}

#[derive(Default)]
struct Shared {
    next_id: AtomicU64,
    closed: AtomicBool,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    /// Who hears the events of which session.
    listeners: Mutex<HashMap<String, OnEvent>>,
}

impl Cdp {
    /// Speaks the protocol over `input` and `output`, which are Chromium's. The two tasks that
    /// this starts end when Chromium closes its pipe, or when the last `Cdp` is dropped.
    pub(crate) fn connect(
        input: impl AsyncWrite + Send + Unpin + 'static,
        output: impl AsyncRead + Send + Unpin + 'static,
    ) -> Cdp {
        let (unsent, messages) = mpsc::channel(UNSENT_MAX);
        let shared = Arc::new(Shared::default());
        tokio::spawn(write(input, messages));
        tokio::spawn(read(output, shared.clone()));
        Cdp { shared, unsent }
    }

    /// Calls `method`, of the browser itself or of the tab with this session.
    ///
    /// # Errors
    /// Chromium's own error, or that it is gone, or that it did not answer in time.
    pub async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Result<Value> {
        let (id, message) = self.message(session, method, params);
        let (answer, answered) = oneshot::channel();
        lock(&self.shared.waiting).insert(id, answer);
        let exchange = async {
            let gone = || anyhow!("Chromium is gone");
            self.unsent.send(message).await.map_err(|_| gone())?;
            if self.shared.closed.load(Ordering::SeqCst) {
                return Err(gone());
            }
            answered
                .await
                .map_err(|_| gone())?
                .map_err(|error| anyhow!(error))
        };
        let result = tokio::time::timeout(ANSWER_MAX, exchange).await;
        lock(&self.shared.waiting).remove(&id);
        match result {
            Ok(result) => result.with_context(|| format!("call {method}")),
            Err(_) => bail!("call {method}: no answer in {ANSWER_MAX:?}"),
        }
    }

    /// Calls `method` and does not wait for the answer. For use where an event is heard.
    pub(crate) fn call_and_forget(&self, session: &str, method: &str, params: Value) {
        let (_, message) = self.message(Some(session), method, params);
        // With this many calls unsent, Chromium is stuck, and the next call says so.
        let _ = self.unsent.try_send(message);
    }

    /// From now on, the events of this session go to `hear`, in order. It must not block.
    pub(crate) fn listen(
        &self,
        session: &str,
        hear: impl Fn(&str, &Value) + Send + Sync + 'static,
    ) {
        lock(&self.shared.listeners).insert(session.to_owned(), Arc::new(hear));
    }

    fn message(&self, session: Option<&str>, method: &str, params: Value) -> (u64, Vec<u8>) {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed) + 1;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        (id, bytes)
    }
}

async fn write(mut input: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<Vec<u8>>) {
    while let Some(message) = messages.recv().await {
        if input.write_all(&message).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
}

async fn read(output: impl AsyncRead + Unpin, shared: Arc<Shared>) {
    let mut output = BufReader::new(output);
    let mut message = Vec::new();
    while let Ok(1..) = output.read_until(0, &mut message).await {
        if message.pop() != Some(0) {
            break;
        }
        if let Ok(message) = serde_json::from_slice::<Value>(&message) {
            shared.hear(message);
        }
        message.clear();
    }
    shared.closed.store(true, Ordering::SeqCst);
    // To drop the senders tells those who wait.
    lock(&shared.waiting).clear();
    lock(&shared.listeners).clear();
}

impl Shared {
    fn hear(&self, mut message: Value) {
        if let Some(id) = message["id"].as_u64() {
            let answer = match message.get("error") {
                Some(error) => Err(error["message"].as_str().unwrap_or("error").to_owned()),
                None => Ok(message["result"].take()),
            };
            if let Some(waiting) = lock(&self.waiting).remove(&id) {
                // Who gave up waiting does not need the answer.
                let _ = waiting.send(answer);
            }
        } else if let (Some(session), Some(method)) =
            (message["sessionId"].as_str(), message["method"].as_str())
        {
            let listener = lock(&self.listeners).get(session).cloned();
            if let Some(hear) = listener {
                hear(method, &message["params"]);
            }
        }
    }
}

/// Locks, also after a panic of another holder: a test that failed must not hide why.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
