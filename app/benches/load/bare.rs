//! What the service is measured by: the shortest one with the same answers and the same deadlines.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, FromRequest as _, Path as Id, Query, Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use super::search::{Search, register};

const PATIENCE: Duration = Duration::from_secs(5);
/// For a head, for a body, and for an answer without a byte of it being taken.
const WAIT: Duration = Duration::from_secs(10);

type Shared = Arc<Mutex<Connection>>;

#[derive(Clone)]
struct Pool {
    writer: Shared,
    readers: Arc<[Shared]>,
    turn: Arc<AtomicUsize>,
}

#[derive(Serialize)]
struct Customer {
    id: i64,
    first_name: String,
    last_name: String,
}

#[derive(Deserialize)]
struct Names {
    first_name: String,
    last_name: String,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

#[derive(Serialize)]
struct Listed {
    customers: Vec<Customer>,
    total: u64,
}

fn customer(row: &Row<'_>) -> rusqlite::Result<Customer> {
    Ok(Customer { id: row.get(0)?, first_name: row.get(1)?, last_name: row.get(2)? })
}

async fn ask<T: Send + 'static>(
    connection: &Shared,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, StatusCode> {
    let deadline = Instant::now() + PATIENCE;
    let connection = timeout(PATIENCE, Arc::clone(connection).lock_owned()).await;
    let mut connection = connection.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let asked = tokio::task::spawn_blocking(move || {
        connection.busy_timeout(deadline.saturating_duration_since(Instant::now()))?;
        connection.progress_handler(1000, Some(move || Instant::now() >= deadline))?;
        query(&connection)
    });
    asked.await.unwrap().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

impl Pool {
    fn reader(&self) -> &Shared {
        &self.readers[self.turn.fetch_add(1, Ordering::Relaxed) % self.readers.len()]
    }
}

async fn list(State(pool): State<Pool>, Query(asked): Query<Asked>) -> Result<Json<Listed>, StatusCode> {
    let search = Search::new(&asked.q).map_err(|_| StatusCode::BAD_REQUEST)?;
    let listed = ask(pool.reader(), move |database| {
        let moment = database.unchecked_transaction()?;
        let words = search.words();
        let customers: Vec<_> = if words.is_empty() {
            let sql = "SELECT id, first_name, last_name FROM customers ORDER BY id DESC LIMIT 51";
            moment.prepare_cached(sql)?.query_map([], customer)?.collect::<Result<_, _>>()?
        } else {
            let sql = "SELECT id, first_name, last_name FROM customers WHERE finds(?1, first_name, last_name)
                       ORDER BY id DESC LIMIT 51";
            moment.prepare_cached(sql)?.query_map([words], customer)?.collect::<Result<_, _>>()?
        };
        let total = if customers.len() <= 50 {
            customers.len() as u64
        } else if words.is_empty() {
            let sql = "SELECT count(*) FROM (SELECT 1 FROM customers LIMIT 1001)";
            moment.prepare_cached(sql)?.query_row([], |row| row.get(0))?
        } else {
            let sql = "SELECT count(*) FROM (SELECT 1 FROM customers WHERE finds(?1, first_name, last_name) LIMIT 1001)";
            moment.prepare_cached(sql)?.query_row([words], |row| row.get(0))?
        };
        Ok(Listed { customers: customers.into_iter().take(50).collect(), total })
    });
    Ok(Json(listed.await?))
}

async fn one(State(pool): State<Pool>, Id(id): Id<i64>) -> Result<Json<Customer>, StatusCode> {
    let found = ask(pool.reader(), move |database| {
        let sql = "SELECT id, first_name, last_name FROM customers WHERE id = ?1";
        database.prepare_cached(sql)?.query_row([id], customer).optional()
    });
    found.await?.map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn add(State(pool): State<Pool>, request: Request) -> Result<(StatusCode, Json<Customer>), StatusCode> {
    let names = timeout(WAIT, Json::<Names>::from_request(request, &pool)).await;
    let names = names.map_err(|_| StatusCode::REQUEST_TIMEOUT)?.map_err(|_| StatusCode::BAD_REQUEST)?;
    let added = ask(&pool.writer, move |database| {
        let Names { first_name, last_name } = names.0;
        let sql = "INSERT INTO customers (first_name, last_name) VALUES (?1, ?2)";
        let id = database.prepare_cached(sql)?.insert((&first_name, &last_name))?;
        Ok(Customer { id, first_name, last_name })
    });
    Ok((StatusCode::CREATED, Json(added.await?)))
}

fn open(path: &Path, flags: OpenFlags) -> Connection {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).unwrap();
    register(&connection).unwrap();
    connection
}

/// Prints its address, and serves until it is killed.
pub(crate) fn serve(database: &Path) {
    let writer = open(database, OpenFlags::SQLITE_OPEN_READ_WRITE);
    writer.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    writer.pragma_update(None, "synchronous", "full").unwrap();
    let reader = |_| Arc::new(Mutex::new(open(database, OpenFlags::SQLITE_OPEN_READ_ONLY)));
    let pool = Pool {
        writer: Arc::new(Mutex::new(writer)),
        readers: (0..4).map(reader).collect(),
        turn: Arc::default(),
    };
    let router = Router::new()
        .route("/api/customers", get(list).post(add))
        .route("/api/customers/{id}", get(one))
        .layer(DefaultBodyLimit::max(16 * 1024))
        .with_state(pool);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(WAIT));
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let mut http = http1::Builder::new();
                http.timer(TokioTimer::new()).header_read_timeout(WAIT).max_buf_size(16 * 1024);
                let _ = http.serve_connection(TokioIo::new(Box::pin(stream)), service).await;
            });
        }
    });
}
