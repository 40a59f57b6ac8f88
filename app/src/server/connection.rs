//! One connection: its requests, and how long a visitor may keep it.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use super::arriving::Arriving;
use super::crowd::Place;
use crate::stop::{Stop, asked};
use crate::web::{GRACE, Pages, Visit};

/// From the end of one answer, or the beginning, to the last byte of the next request's head: also how long one may be silent.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Without a byte of an answer being taken.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// Of a request's head, in bytes.
const HEAD_SIZE: usize = 16 * 1024;
/// What is still sent after the last answer, in bytes and for how long.
const REST: u64 = 256 * 1024;
const REST_TIME: Duration = Duration::from_millis(300);

/// Answers its requests until the visitor leaves or takes too long, somebody else needs the place, or somebody asks to stop.
pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, pages: Pages, place: Place, stop: Stop) {
    let place = Arc::new(place);
    let (visit, working) = (Visit { peer, stop: stop.clone() }, Arc::clone(&place));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(visit.clone());
        let (pages, working) = (pages.clone(), Arc::clone(&working));
        let request = request.map(|body| Body::new(Arriving::new(body, Arc::clone(&working))));
        Box::pin(async move {
            let mut answer = pages.answer(request).await;
            if working.is_wanted() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            working.waits();
            Ok::<_, Infallible>(answer)
        })
    });
    // Small answers to a visitor who waits for each: none is held back for more.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(ANSWER_TIME));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_header_size(HEAD_SIZE)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let ended = tokio::select! {
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) => Some(ended),
        () = place.is_needed() => return,
        () = asked(stop) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            tokio::select! {
                ended = poll_fn(|context| connection.poll_without_shutdown(context)) => ended,
                () = waits_again(&place) => return,
            }
        }
    };
    // An error is the visitor's: whoever went away, or took too long, needs no more.
    if ended.is_ok() {
        let _ = timeout(REST_TIME, close(connection.into_parts().io.into_inner())).await;
    }
}

/// Until no request came for a while: whoever was just answered has it to take the answer.
async fn waits_again(place: &Place) {
    let mut before = place.wait();
    loop {
        // Longer than a body has, whose answer is not to be cut off.
        sleep(GRACE + GRACE / 5).await;
        let wait = place.wait();
        if wait.is_some() && wait == before {
            return;
        }
        before = wait;
    }
}

/// Ends the answers first and takes what still comes: thrown away with the connection, it would make the system tell the visitor
/// of that, and not the last answer.
async fn close(mut stream: Pin<Box<TimeoutStream<TcpStream>>>) -> io::Result<()> {
    stream.shutdown().await?;
    copy(&mut stream.take(REST), &mut sink()).await.map(drop)
}
