//! `landfall start`: the database is brought to `schema.sql`, and then this process becomes the service; or nothing is served.

mod exec;
mod keep;
mod waiting;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use tracing::info;

use crate::about::About;
use crate::bring;
use crate::config::{self, Config, Service};
use crate::failure::Failure;
use crate::lock::Lock;
use crate::pull;
use crate::restore;
use crate::stop;
use crate::volume;
use waiting::Waiting;

/// A database that may be served.
struct Ready {
    lock: Lock,
    about: About,
}

/// Answers "back in a moment" at this address while the database is made ready, then becomes the service; `started` is when this
/// process was. It returns where it was asked to stop before that, or without a service.
pub(crate) fn start(
    config: &Config,
    service: Option<&(Service, SocketAddr)>,
    started: Instant,
) -> Result<(), Failure> {
    let interrupt = &config.settings.interrupt;
    stop::interrupts(interrupt)?;
    let Some((service, address)) = service else { return ready(config).map(drop) };
    // Before the migration: a port that is taken, or a program that is not there, must not be found out after it.
    let program = service.program()?;
    let listener = bind(*address)?;
    let address = listener.local_addr().map_err(|error| cannot_listen(*address, &error))?;
    let waiting = Waiting::on(listener)?;
    info!("listening on http://{address}");
    let ready = ready(config)?;
    waiting.end();
    if interrupt.is_raised() {
        info!("stopped");
        return Ok(());
    }
    let about = ready.about.ready_after(started.elapsed());
    Err(exec::service(&program, service, &exec::Given { config, address, about: &about, lock: ready.lock }))
}

/// The order matters: nothing is written before it is known where, and by whom.
fn ready(config: &Config) -> Result<Ready, Failure> {
    let declared = config.declared()?;
    volume::make_default_folder(&config.database)?;
    volume::check(config)?;
    let lock = Lock::take(&config.database, &config.settings)?;
    pull::sweep(&config.database, &config.settings);
    restore::sweep(&config.database);
    let live = match config.boot {
        config::Boot::Migrate { .. } => {
            info!("{}", bring::bring(config, &declared)?.summary());
            declared.fingerprint().to_owned()
        }
        config::Boot::Keep => keep::check(config, &declared)?,
    };
    Ok(Ready { lock, about: About::new(config, Some(&declared)).with_live(live) })
}

/// Takes the address, or says who to ask for another one.
fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| cannot_listen(address, &error))
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

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn an_address_that_cannot_be_taken_is_explained() {
        let error = |address: [u8; 4], port: u16, kind: io::ErrorKind| {
            cannot_listen((address, port).into(), &kind.into()).to_string()
        };
        assert_snapshot!(error([127, 0, 0, 1], 8080, io::ErrorKind::AddrInUse), @r#"
        error: 127.0.0.1:8080 is in use by another process
        stop that one, or choose another port: PORT=8081
        "#);
        assert_snapshot!(error([0, 0, 0, 0], 80, io::ErrorKind::PermissionDenied), @r#"
        error: not allowed to listen on 0.0.0.0:80
        choose a port above 1023, for example: PORT=8080
        "#);
        assert_snapshot!(error([192, 0, 2, 1], 8080, io::ErrorKind::AddrNotAvailable), @r#"
        error: cannot listen on 192.0.2.1:8080: address not available
        check LISTEN and PORT
        "#);
    }
}
