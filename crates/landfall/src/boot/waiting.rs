//! "Back in a moment": what is answered to everybody until the service is there.

use std::convert::Infallible;
use std::io;
use std::net;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SERVER,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::failure::Failure;

/// As many are answered at once; others wait.
const MOST: u32 = 256;
/// A visitor has this long from the connection to the last byte of the answer.
const LIMIT: Duration = Duration::from_secs(5);
/// Of a request's head and of its body, in bytes: what comes after that is not read.
const SIZE: usize = 64 * 1024;
/// How long those under way may take once the database is ready: no answer is worth a longer downtime.
const DRAIN: Duration = Duration::from_millis(500);
/// Before a connection is accepted again, where the system refused one.
const PAUSE: Duration = Duration::from_millis(100);

const PAGE: &str = include_str!("moment.html");
const LINE: &str = "not ready: the database is being migrated\n";

/// A thread that answers, until [`Waiting::end`].
pub(super) struct Waiting {
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Waiting {
    pub(super) fn on(listener: net::TcpListener) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
        let listener = {
            let _entered = runtime.enter();
            listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener))
        };
        let listener = listener.map_err(|error| failed(&error))?;
        let (end, ended) = oneshot::channel();
        let thread = thread::spawn(move || answer(&runtime, listener, ended));
        Ok(Self { end, thread })
    }

    /// Frees the address; whoever was about to be answered still is.
    pub(super) fn end(self) {
        drop(self.end);
        // A panic of that thread has said what it was; the database is ready all the same.
        let _ = self.thread.join();
    }
}

fn failed(error: &io::Error) -> Failure {
    Failure::serving("", format!("cannot answer requests: {error}"))
}

fn answer(runtime: &Runtime, listener: TcpListener, ended: oneshot::Receiver<()>) {
    runtime.block_on(async {
        let places = Arc::new(Semaphore::new(MOST as usize));
        tokio::select! {
            () = accept(&listener, &places) => {}
            // An error means that there is nobody any more who could end it.
            _ = ended => {}
        }
        drop(listener);
        let _ = timeout(DRAIN, places.acquire_many(MOST)).await;
    });
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) {
    while let Ok(place) = Arc::clone(places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(async move {
                    let _place = place;
                    // Whoever takes too long, or goes away, needs no answer.
                    let _ = timeout(LIMIT, connection(stream)).await;
                });
            }
            Err(error) => {
                warn!("a connection cannot be accepted: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream) -> hyper::Result<()> {
    let service = service_fn(|request: Request<Incoming>| async {
        let response = moment(&request);
        // What nobody reads would make the system throw the answer away with the connection.
        let _ = Limited::new(request.into_body(), SIZE).collect().await;
        Ok::<_, Infallible>(response)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LIMIT)
        .keep_alive(false)
        .max_buf_size(SIZE)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// A page for a browser, a line for every other program.
fn moment(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let accepts = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let (kind, text) = if accepts.contains("text/html") {
        ("text/html; charset=utf-8", PAGE)
    } else {
        ("text/plain; charset=utf-8", LINE)
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (SERVER, "landfall"),
        (RETRY_AFTER, "5"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
