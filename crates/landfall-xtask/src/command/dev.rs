//! `cargo xtask dev`: migrate the local database, then build the app and serve it.

use std::env;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use landfall_engine::Interrupt;

use crate::cli;
use crate::error::{Error, Kind};
use crate::local::{Consent, Local};
use crate::project::Project;
use crate::task::Task;
use crate::tool::run::Answer;
use crate::tool::{cargo, landfall};
use crate::ui::Ui;

/// How long the app may take until it answers; after that it is told where it has to.
const PATIENCE: Duration = Duration::from_secs(4);

impl Task for cli::Dev {
    const NAME: &'static str = "dev";

    fn run(self, project: &Project, interrupt: &Interrupt, ui: &mut Ui) -> Result<u8> {
        let binary = project.app_binary()?;
        let address = address()?;
        refuse_taken(address)?;
        let local = Local::new(project, interrupt);
        local.bring(Consent::Given, ui)?;
        ui.status("Building", format!("{} in {}", project.app, project.root.display()));
        let service = cargo::build(&project.root, &project.app, &binary, interrupt)?;
        let landfall = landfall::find(project, interrupt)?;
        serve(&landfall, &service, &local, address, interrupt, ui)
    }
}

fn serve(
    landfall: &Path,
    service: &Path,
    local: &Local,
    address: SocketAddr,
    interrupt: &Interrupt,
    ui: &Ui,
) -> Result<u8> {
    let (begun, mut told, mut late) = (Instant::now(), false, false);
    let url = format!("http://{}", reachable(address));
    let tell = || {
        if !told && answers(address) {
            told = true;
            ui.status("Serving", format!("{url} (Ctrl-C stops it)"));
        } else if !told && !late && begun.elapsed() >= PATIENCE {
            late = true;
            ui.note(format!(
                "the app runs, and nothing answers at {url} after {} s\nit has to listen on the address in LISTEN and the port in PORT: {} and {}",
                PATIENCE.as_secs(),
                address.ip(),
                address.port()
            ));
        }
    };
    let ended = landfall::start(landfall, service, local, address, interrupt, tell)?;
    let how = match ended {
        Answer::Stopped | Answer::Late => {
            ui.status("Stopped", "serving");
            return Ok(0);
        }
        Answer::Exited(output) if output.status.success() && told => {
            ui.status("Finished", "serving: it ended by itself");
            return Ok(0);
        }
        Answer::Exited(output) if output.status.success() => format!(", and never answered at {url}"),
        Answer::Exited(output) => format!(": {}", output.status),
    };
    let message = format!("the app ended by itself{how}");
    Err(Error::new(Kind::Failed, service.display().to_string(), message)
        .remedy("its output above says why")
        .into())
}

fn address() -> Result<SocketAddr> {
    let ip = from_env("LISTEN", IpAddr::V4(Ipv4Addr::LOCALHOST), "an IP address, such as 127.0.0.1")?;
    let port = from_env("PORT", 8080, "a number from 1 to 65535")?;
    Ok(SocketAddr::new(ip, port))
}

fn from_env<T: FromStr>(name: &str, default: T, allowed: &str) -> Result<T> {
    let Some(text) = env::var_os(name).filter(|text| !text.is_empty()) else {
        return Ok(default);
    };
    let value = text.to_str().and_then(|text| text.parse().ok());
    let message = || format!("the environment has {name}={}", text.display());
    value.ok_or_else(|| Error::usage(name, message()).remedy(format!("{name} is {allowed}")).into())
}

/// Before the migration and the build, which may take a while.
fn refuse_taken(address: SocketAddr) -> Result<()> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let message = format!("another program listens on {address}");
            Err(Error::new(Kind::Failed, "PORT", message)
                .unchanged()
                .remedy("stop it, or take another port: PORT=8081 cargo xtask dev")
                .into())
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

/// Whether the service answers: before it does, `landfall start` asks visitors to come back, and says who it is.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&reachable(address), Duration::from_millis(20))?;
        stream.set_read_timeout(Some(Duration::from_millis(500)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..read]).to_lowercase())
    };
    ask().is_ok_and(|answer| !answer.is_empty() && !answer.contains("\r\nserver: landfall\r\n"))
}

/// Where a browser on this machine finds it.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}
