//! The listening socket, from bind to the last request.

mod arriving;
mod connection;
mod crowd;

use std::io;
use std::net::{self, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Error, Result, anyhow};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::log;
use crate::stop::{Stop, asked};
use crate::store::Store;
use crate::web::Pages;
use crowd::Crowd;

/// How long requests under way may take once somebody asked to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// How long the store may take to close after that.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// Where a connection cannot be accepted for want of something, before it is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes the address, or says who to ask for another one.
pub(crate) fn bind(address: SocketAddr) -> Result<net::TcpListener> {
    net::TcpListener::bind(address).map_err(|error| cannot_listen(address, &error))
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let next = address.port().checked_add(1).unwrap_or(8080);
            anyhow!(
                "{address} is in use by another process\nstop that one, or choose another port: PORT={next}"
            )
        }
        io::ErrorKind::PermissionDenied => {
            anyhow!("not allowed to listen on {address}\nchoose a port above 1023, for example: PORT=8080")
        }
        _ => anyhow!("cannot listen on {address}: {error}\ncheck LISTEN and PORT"),
    }
}

/// Serves until somebody asks to stop, ends the requests under way and leaves no WAL behind.
pub(crate) fn run(listener: net::TcpListener, stop: Stop, pages: &Pages) -> Result<()> {
    let runtime = Runtime::new().context("cannot serve")?;
    let _behind = log::behind();
    let ended = runtime.block_on(async {
        let (listener, address) = listening(listener).context("cannot serve")?;
        let crowd = Crowd::new(crowd::most().map_err(|error| too_few_files(&error))?);
        info!("serving on http://{address}");
        answer(listener, &crowd, pages, stop, DRAIN_LIMIT).await;
        close(pages.store()).await;
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

async fn close(store: &Store) {
    match timeout(CLOSE_LIMIT, store.close()).await {
        Ok(Ok(())) => info!("stopped"),
        Ok(Err(error)) => warn!("stopped, and the WAL is left to the next start: {error}"),
        Err(_) => {
            warn!("stopped in the middle of a request: the WAL is left to the next start");
        }
    }
}

fn too_few_files(error: &io::Error) -> Error {
    anyhow!("cannot serve: {error}\nallow more open files: ulimit -n 1088")
}

/// Until somebody asks to stop; then until all requests under way were answered, or the limit is over.
async fn answer(listener: TcpListener, crowd: &Crowd, pages: &Pages, stop: Stop, limit: Duration) {
    tokio::select! {
        () = accept(&listener, crowd, pages, &stop) => {}
        () = asked(stop.clone()) => {}
    }
    drop(listener);
    info!("stopping: requests under way may end");
    if timeout(limit, crowd.left()).await.is_err() {
        warn!("requests still under way after {} s are cut off", limit.as_secs());
    }
}

/// Each connection gets a place and a task of its own.
async fn accept(listener: &TcpListener, crowd: &Crowd, pages: &Pages, stop: &Stop) {
    loop {
        let (stream, peer) = next(listener).await;
        let place = crowd.place().await;
        task::spawn(connection::serve(stream, peer, pages.clone(), place, stop.clone()));
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
        let (_folder, pages) = pages(Router::new().route("/", endless));
        let server = tokio::spawn(async move {
            answer(listener, &Crowd::new(1), &pages, stop, Duration::from_millis(10)).await;
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
        127.0.0.1:8080 is in use by another process
        stop that one, or choose another port: PORT=8081
        "#);
        assert_snapshot!(error("0.0.0.0:80", io::ErrorKind::PermissionDenied), @r#"
        not allowed to listen on 0.0.0.0:80
        choose a port above 1023, for example: PORT=8080
        "#);
        assert_snapshot!(error("192.0.2.1:8080", io::ErrorKind::AddrNotAvailable), @r#"
        cannot listen on 192.0.2.1:8080: address not available
        check LISTEN and PORT
        "#);
    }
}
