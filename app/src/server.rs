//! The listening socket, from bind to the last request.

mod arriving;
mod connection;
mod crowd;

use std::fmt;
use std::io;
use std::net::{self, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::failure::Failure;
use crate::lock::Lock;
use crate::log;
use crate::stop::{Stop, asked};
use crate::web::{Door, Pages, Site};
use crowd::Crowd;

/// How long requests under way may take once somebody asked to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// How long the store may take to close after that.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// Where a connection cannot be accepted for want of something, before it is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes the address, or says who to ask for another one.
pub(crate) fn bind(address: SocketAddr) -> Result<net::TcpListener, Failure> {
    net::TcpListener::bind(address).map_err(|error| cannot_listen(address, &error))
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Failure {
    let shown = address.to_string();
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let next = address.port().checked_add(1).unwrap_or(8080);
            Failure::serving(&shown, format!("{shown} is in use by another process"))
                .remedy(format!("stop that one, or choose another port: PORT={next}"))
        }
        io::ErrorKind::PermissionDenied => {
            Failure::serving(&shown, format!("not allowed to listen on {shown}"))
                .remedy("choose a port above 1023, for example: PORT=8080")
        }
        _ => Failure::serving(&shown, format!("cannot listen on {shown}: {error}"))
            .remedy("check LISTEN and PORT"),
    }
}

/// What is served once the database is ready.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) site: Site,
    /// Held as long as it is served.
    #[expect(dead_code, reason = "held, and let go of when it is dropped")]
    pub(crate) lock: Option<Lock>,
}

/// Answers "back in a moment" while `prepare` runs; then serves what it gives until somebody asks to stop, ends the requests
/// under way and leaves no WAL behind. What `prepare` refuses is never served.
pub(crate) fn run(
    listener: net::TcpListener,
    stop: Stop,
    prepare: impl FnOnce() -> Result<Ready, Failure> + Send + 'static,
) -> Result<(), Failure> {
    let runtime = Runtime::new().map_err(|error| failed(&error))?;
    let _behind = log::behind();
    let ended = runtime.block_on(async {
        let (listener, address) = listening(listener).map_err(|error| failed(&error))?;
        let crowd = Crowd::new(crowd::most().map_err(|error| too_few_files(&error))?);
        info!("listening on http://{address}");
        let door = Door::default();
        let serving = answer(listener, &crowd, &door, stop, DRAIN_LIMIT);
        let preparing = async {
            let ready = task::spawn_blocking(prepare).await.map_err(|panic| failed(&panic))??;
            door.open(Pages::of(ready.site.clone()));
            info!("serving on http://{address}");
            Ok(ready)
        };
        let ready = served_while(serving, preparing).await?;
        close(&ready.site).await;
        Ok(())
    });
    // A request that outlived both limits must not hold the process.
    runtime.shutdown_background();
    ended
}

fn listening(listener: net::TcpListener) -> io::Result<(TcpListener, SocketAddr)> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Runs both: a failed preparation ends the serving at once, and serving ends only after the preparation did.
async fn served_while(
    serving: impl Future<Output = ()>,
    preparing: impl Future<Output = Result<Ready, Failure>>,
) -> Result<Ready, Failure> {
    tokio::pin!(serving, preparing);
    tokio::select! {
        ready = &mut preparing => {
            let ready = ready?;
            serving.await;
            Ok(ready)
        }
        () = &mut serving => preparing.await,
    }
}

async fn close(site: &Site) {
    match timeout(CLOSE_LIMIT, site.store().close()).await {
        Ok(Ok(())) => info!("stopped"),
        Ok(Err(error)) => warn!("stopped, and the WAL is left to the next start: {error}"),
        Err(_) => {
            warn!("stopped in the middle of a request: the WAL is left to the next start");
        }
    }
}

fn failed(error: &impl fmt::Display) -> Failure {
    Failure::serving("", format!("cannot serve: {error}"))
}

fn too_few_files(error: &io::Error) -> Failure {
    Failure::serving("", format!("cannot serve: {error}")).remedy("allow more open files: ulimit -n 1088")
}

/// Until somebody asks to stop; then until all requests under way were answered, or the limit is over.
async fn answer(listener: TcpListener, crowd: &Crowd, door: &Door, stop: Stop, limit: Duration) {
    tokio::select! {
        () = accept(&listener, crowd, door, &stop) => {}
        () = asked(stop.clone()) => {}
    }
    drop(listener);
    info!("stopping: requests under way may end");
    if timeout(limit, crowd.left()).await.is_err() {
        warn!("requests still under way after {} s are cut off", limit.as_secs());
    }
}

/// Each connection gets a place and a task of its own.
async fn accept(listener: &TcpListener, crowd: &Crowd, door: &Door, stop: &Stop) {
    loop {
        let (stream, peer) = next(listener).await;
        let place = crowd.place().await;
        task::spawn(connection::serve(stream, peer, door.clone(), place, stop.clone()));
    }
}

async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // It was gone before it was accepted: nothing to wait for.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                warn!("a connection cannot be accepted: {error}");
                sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::future;
    use std::io::Write;
    use std::sync::Arc;

    use axum::Router;
    use axum::routing::get;
    use insta::assert_snapshot;
    use tokio::sync::{Notify, watch};

    use super::*;
    use crate::web::tests::pages;

    #[tokio::test]
    async fn a_request_that_never_ends_is_cut_off_at_the_limit() {
        let (listener, address) = listening(bind("127.0.0.1:0".parse().unwrap()).unwrap()).unwrap();
        let mut visitor = net::TcpStream::connect(address).unwrap();
        let arrived = Arc::new(Notify::new());
        let notify = Arc::clone(&arrived);
        let endless = get(async move || {
            notify.notify_one();
            future::pending::<()>().await;
        });
        let (sender, stop) = watch::channel(false);
        let door = Door::default();
        let (_folder, pages) = pages(Router::new().route("/", endless));
        door.open(pages);
        let server = tokio::spawn(async move {
            answer(listener, &Crowd::new(1), &door, stop, Duration::from_millis(10)).await;
        });
        visitor.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        arrived.notified().await;
        sender.send_replace(true);
        timeout(Duration::from_secs(30), server).await.unwrap().unwrap();
    }

    #[test]
    fn an_address_that_cannot_be_taken_is_explained() {
        let error = |address: &str, kind: io::ErrorKind| {
            cannot_listen(address.parse().unwrap(), &kind.into()).to_string()
        };
        assert_snapshot!(error("127.0.0.1:8080", io::ErrorKind::AddrInUse), @r#"
        error: 127.0.0.1:8080 is in use by another process
        stop that one, or choose another port: PORT=8081
        "#);
        assert_snapshot!(error("0.0.0.0:80", io::ErrorKind::PermissionDenied), @r#"
        error: not allowed to listen on 0.0.0.0:80
        choose a port above 1023, for example: PORT=8080
        "#);
        assert_snapshot!(error("192.0.2.1:8080", io::ErrorKind::AddrNotAvailable), @r#"
        error: cannot listen on 192.0.2.1:8080: address not available
        check LISTEN and PORT
        "#);
    }
}
