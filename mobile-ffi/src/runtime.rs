//! Our own threads: every call runs here, so that no app thread waits and a panic stays a value.
//!
//! The runtime lives as long as the process, or until [`end_threads`]. Never runs the app's code but its
//! secret store's.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

use crate::error::ClientError;

/// Threads that carry frames: a phone has one connection.
const WORKER_THREADS: usize = 2;
/// Threads for the disk: calls on one store take turns anyway.
const BLOCKING_THREADS: usize = 8;

/// What can go wrong on our threads, whatever the call was about.
pub(crate) trait Failed {
    /// The system gives no threads.
    fn no_threads(detail: String) -> Self;
    /// Our own mistake.
    fn panicked(detail: String) -> Self;
}

/// How long [`end_threads`] waits for calls under way: a secret store may be asking its user something.
const PATIENCE: Duration = Duration::from_secs(10);

/// Our threads, from the first call on.
static THREADS: Mutex<Threads> = Mutex::new(Threads::NotYet);

enum Threads {
    NotYet,
    Run(Runtime),
    Ended,
}

fn runtime<E: Failed>() -> Result<Handle, E> {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Threads::NotYet = *threads {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(WORKER_THREADS).max_blocking_threads(BLOCKING_THREADS).thread_name("rapport").enable_all();
        *threads = Threads::Run(builder.build().map_err(|error| E::no_threads(error.to_string()))?);
    }
    match &*threads {
        Threads::Run(runtime) => Ok(runtime.handle().clone()),
        Threads::NotYet | Threads::Ended => Err(E::no_threads("they were ended, because the process ends".to_owned())),
    }
}

/// Ends our threads, for good: calls under way are given up or, where they are in the middle of a step,
/// finish it; later ones answer with an error. For a language whose threads must not run once it has begun
/// to end, as Python, which calls this by itself. Whoever closed their clients has nothing left to lose here.
#[uniffi::export]
pub fn end_threads() {
    let before = std::mem::replace(&mut *THREADS.lock().unwrap_or_else(PoisonError::into_inner), Threads::Ended);
    if let Threads::Run(runtime) = before {
        runtime.shutdown_timeout(PATIENCE);
    }
}

/// Ends a task when whoever waits for it has gone: a cancelled coroutine stops our work too.
pub(crate) struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts a task that ends with its handle.
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Result<Task, ClientError> {
    let work: Work = Box::pin(work);
    Ok(Task(runtime::<ClientError>()?.spawn(work)))
}

/// What tasks are to tokio: all of one sort, whatever they answer. Of each sort the library would hold its own copy of all that
/// carries a task, several kilobytes for every call.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Chore = Box<dyn FnOnce() + Send>;

/// Where a task puts its answer.
struct Answer<T>(Arc<Mutex<Option<T>>>);

impl<T> Answer<T> {
    fn awaited() -> (Self, Self) {
        let place = Arc::new(Mutex::new(None));
        (Self(place.clone()), Self(place))
    }

    fn put(&self, answer: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Runs a call on our threads.
pub(crate) async fn guarded<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: Failed + Send + 'static,
{
    let (answer, place) = Answer::awaited();
    let work: Work = Box::pin(async move { place.put(work.await) });
    let mut task = Task(runtime::<E>()?.spawn(work));
    answered((&mut task.0).await, &answer)
}

/// Runs work that touches the disk or computes for long, away from the threads that carry frames.
pub(crate) async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: Failed + Send + 'static,
{
    let (answer, place) = Answer::awaited();
    let work: Chore = Box::new(move || place.put(work()));
    answered(runtime::<E>()?.spawn_blocking(work).await, &answer)
}

fn answered<T, E: Failed>(ended: Result<(), JoinError>, answer: &Answer<Result<T, E>>) -> Result<T, E> {
    match ended {
        Ok(()) => answer.take().unwrap_or_else(|| Err(E::panicked("the work has no answer".to_owned()))),
        Err(error) => Err(broken(error)),
    }
}

fn broken<E: Failed>(error: JoinError) -> E {
    let detail = match error.try_into_panic() {
        Ok(panic) => said(&panic),
        Err(_) => "the work was ended".to_owned(),
    };
    E::panicked(detail)
}

/// Runs a getter that cannot wait: a panic in it is an error too.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, ClientError>) -> Result<T, ClientError> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(ClientError::panicked(said(&panic))))
}

fn said(panic: &Box<dyn std::any::Any + Send>) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// Ends calls that were given it. Swift needs it: its own cancelling does not reach us.
#[derive(Debug, uniffi::Object)]
pub struct CancelHandle {
    cancelled: watch::Sender<bool>,
}

#[uniffi::export]
impl CancelHandle {
    /// A handle that is not cancelled.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { cancelled: watch::Sender::new(false) })
    }

    /// Ends the calls that hold it: they answer `Cancelled`. What was done is kept.
    pub fn cancel(&self) {
        self.cancelled.send_replace(true);
    }
}

impl CancelHandle {
    /// Returns when it is cancelled; never without a handle.
    pub(crate) async fn wait(handle: Option<Arc<Self>>) {
        match handle {
            // The sender lives as long as the handle, so this does not fail.
            Some(handle) => drop(handle.cancelled.subscribe().wait_for(|cancelled| *cancelled).await),
            None => std::future::pending().await,
        }
    }
}
