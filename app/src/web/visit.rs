//! What a request comes with beside itself.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::Request;
use tokio::time::sleep;

use crate::stop::Stop;

/// What is not here so long after somebody asked to stop is not waited for.
pub(crate) const GRACE: Duration = Duration::from_millis(500);

/// Every request of a connection has it among its extensions.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Who is at the other end of the connection: perhaps a proxy.
    pub(crate) peer: SocketAddr,
    pub(crate) stop: Stop,
}

impl Visit {
    pub(super) fn of(request: &Request) -> Option<&Self> {
        request.extensions().get()
    }

    /// Until it is too late for what is not here yet.
    pub(super) async fn over(mut self) {
        // An error means that nobody can ask any more.
        let _ = self.stop.wait_for(|stop| *stop).await;
        sleep(GRACE).await;
    }
}
