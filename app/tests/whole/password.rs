//! Who is let in: with `APP_PASSWORD`, and on Fly without it.

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::project::{Project, spawned};
use landfall_testkit::server::{Response, Server};

const PASSWORD: &str = "pä:ss wörd";

fn locked(project: &Project) -> Server {
    spawned(project.app().env("APP_PASSWORD", PASSWORD))
}

fn on_fly(project: &Project) -> Command {
    let mut command = project.app();
    command.env("FLY_MACHINE_ID", "91857").env("FLY_APP_NAME", "shop");
    command
}

fn basic(password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("anybody:{password}")))
}

fn get(server: &Server, path: &str, headers: &str) -> Response {
    server.request("GET", path, headers, "")
}

fn retry_after(answer: &Response) -> u64 {
    assert_eq!(answer.status, 429);
    answer.head.split("\r\nretry-after: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap()
}

#[test]
fn without_the_password_nothing_is_shown_and_nothing_written() {
    let project = Project::with_ada();
    let server = locked(&project);
    for headers in ["", &basic("wrong"), &basic(""), "Authorization: Bearer x\r\n"] {
        for path in ["/", "/customers/7", "/nowhere"] {
            let page = get(&server, path, headers);
            assert_eq!(page.status, 401, "{path} {headers}");
            let asks = "www-authenticate: basic realm=\"customers\", charset=\"utf-8\"";
            assert!(page.head.contains(asks), "{}", page.head);
            assert!(page.body.contains("<h1>Password, please</h1>") && !page.body.contains("Ada"));
        }
    }
    for path in ["/customers", "/customers/7", "/customers/7/delete"] {
        assert_eq!(server.post(path, "first_name=Grace&last_name=Hopper").status, 401, "{path}");
    }
    for (method, path) in [("GET", "/api/customers"), ("DELETE", "/api/customers/7"), ("GET", "/api/nowhere")]
    {
        let answer = server.request(method, path, "", "");
        assert_eq!(answer.status, 401, "{method} {path}");
        assert!(answer.head.contains("www-authenticate: basic"));
        let said = "The password of this service is asked for; any user name will do.";
        assert_eq!(answer.json()["error"]["message"], said);
    }
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn with_the_password_everything_is_as_without_one() {
    let project = Project::with_ada();
    let server = locked(&project);
    let password = basic(PASSWORD);
    assert!(get(&server, "/", &password).body.contains("Ada Lovelace"));
    assert_eq!(get(&server, "/api/customers", &password).json()["total"], 1);
    assert_eq!(get(&server, "/nowhere", &password).status, 404);
    assert_eq!(server.request("DELETE", "/api/customers/7", &password, "").status, 204);
    assert_eq!(project.customers(), [""; 0]);
}

#[test]
fn what_deploys_and_pages_read_stays_open() {
    let project = Project::with_ada();
    let closed = spawned(&mut on_fly(&project));
    for server in [locked(&project), closed] {
        for path in ["/healthz", "/version", "/style.css", "/icon.svg"] {
            assert_eq!(server.get(path).status, 200, "{path}");
        }
    }
}

#[test]
fn an_empty_password_is_none() {
    let project = Project::with_ada();
    let server = spawned(project.app().env("APP_PASSWORD", ""));
    assert!(server.get("/").body.contains("Ada Lovelace"));
}

#[test]
fn after_ten_wrong_passwords_even_the_right_one_has_to_wait() {
    let project = Project::with_ada();
    let server = locked(&project);
    for _ in 0..10 {
        assert_eq!(get(&server, "/", "").status, 401);
        assert_eq!(get(&server, "/", &basic("wrong")).status, 401);
    }
    let page = get(&server, "/", &basic(PASSWORD));
    assert!((1..=60).contains(&retry_after(&page)), "{}", page.head);
    assert!(page.body.contains("<h1>Please wait</h1>") && !page.body.contains("Ada"));
    let answer = get(&server, "/api/customers", &basic(PASSWORD));
    assert!((1..=60).contains(&retry_after(&answer)));
    let message = answer.json()["error"]["message"].to_string();
    assert!(message.contains("Too many wrong passwords"), "{message}");
    assert_eq!(server.get("/healthz").status, 200);
    // The header of Fly's proxy is anybody's to send here.
    let elsewhere = format!("{}Fly-Client-IP: 192.0.2.7\r\n", basic(PASSWORD));
    assert_eq!(get(&server, "/", &elsewhere).status, 429);
}

#[test]
fn another_address_does_not_have_to_wait() {
    let project = Project::with_ada();
    let server = locked(&project);
    let status = |from: u8, password: &str| {
        let mut connection = server.connect_from(Ipv4Addr::new(127, 0, 0, from));
        let password = basic(password);
        write!(connection, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{password}\r\n")
            .unwrap();
        Response::read(&mut connection).status
    };
    for _ in 0..10 {
        assert_eq!(status(2, "wrong"), 401);
    }
    assert_eq!(status(2, PASSWORD), 429);
    assert_eq!(status(3, PASSWORD), 200);
}

#[test]
fn nine_wrong_passwords_do_not_lock_anybody_out() {
    let project = Project::with_ada();
    let server = locked(&project);
    for _ in 0..9 {
        assert_eq!(get(&server, "/", &basic("wrong")).status, 401);
    }
    assert_eq!(get(&server, "/", &basic(PASSWORD)).status, 200);
}

#[test]
fn on_fly_each_client_has_its_own_attempts() {
    let project = Project::with_ada();
    let server = spawned(on_fly(&project).env("APP_PASSWORD", PASSWORD));
    let from = |address: &str, password: &str| {
        let headers = format!("Fly-Client-IP: {address}\r\n{}", basic(password));
        get(&server, "/", &headers).status
    };
    for last in 0..10 {
        assert_eq!(from(&format!("2001:db8::{last}"), "wrong"), 401);
    }
    assert_eq!(from("2001:db8::ffff", PASSWORD), 429);
    assert_eq!(from("2001:db8:0:1::1", PASSWORD), 200);
    assert_eq!(from("192.0.2.7", PASSWORD), 200);
}

#[test]
fn behind_a_proxy_of_ones_own_the_right_password_gets_in_after_wrong_ones_of_others() {
    let project = Project::with_ada();
    let mut behind = project.app();
    behind.env("APP_PASSWORD", PASSWORD).env("APP_CLIENT_IP_HEADER", "X-Forwarded-For");
    let server = spawned(&mut behind);
    let from = |address: &str, password: &str| {
        let headers = format!("X-Forwarded-For: {address}\r\n{}", basic(password));
        get(&server, "/", &headers).status
    };
    for made_up in 0..10 {
        // What the client sent itself comes first.
        assert_eq!(from(&format!("198.51.100.{made_up}, 192.0.2.7"), "wrong"), 401);
    }
    assert_eq!(from("192.0.2.7", PASSWORD), 429);
    assert_eq!(from("192.0.2.8", PASSWORD), 200);
}

#[test]
fn guesses_of_any_number_of_addresses_are_bounded_and_keep_nobody_out_who_was_in() {
    let project = Project::with_ada();
    let server = spawned(on_fly(&project).env("APP_PASSWORD", PASSWORD));
    let from = |address: &str, password: &str| {
        let headers = format!("Fly-Client-IP: {address}\r\n{}", basic(password));
        get(&server, "/", &headers).status
    };
    assert_eq!(from("192.0.2.7", PASSWORD), 200);
    let guesses: Vec<_> = (0..150).map(|number| from(&format!("198.51.100.{number}"), "wrong")).collect();
    assert_eq!(guesses.iter().filter(|status| **status == 401).count(), 100);
    assert!(guesses[100..].iter().all(|status| *status == 429));
    assert_eq!(from("203.0.113.1", PASSWORD), 429);
    assert_eq!(from("192.0.2.7", PASSWORD), 200);
}

#[test]
fn another_site_is_refused_before_its_password_is_tried() {
    let project = Project::with_ada();
    let server = locked(&project);
    for password in ["wrong", PASSWORD] {
        for _ in 0..11 {
            let headers = format!("Sec-Fetch-Site: cross-site\r\n{}", basic(password));
            assert_eq!(server.request("POST", "/customers/7/delete", &headers, "").status, 403);
        }
    }
    assert_eq!(get(&server, "/", &basic(PASSWORD)).status, 200);
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn the_log_never_has_a_password() {
    let project = Project::with_ada();
    let server = locked(&project);
    get(&server, "/", &basic(PASSWORD));
    get(&server, "/", &basic("a-wrong-one"));
    let (_, log) = server.stop();
    assert!(log.contains("GET /: 401"), "{log}");
    for secret in [PASSWORD, "a-wrong-one", "anybody", basic(PASSWORD).split(' ').nth(2).unwrap().trim()] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn on_fly_without_a_password_every_page_only_says_how_to_set_one() {
    let project = Project::with_ada();
    let server = spawned(&mut on_fly(&project));
    for path in ["/", "/customers/7", "/?q=ada", "/nowhere"] {
        let page = get(&server, path, &basic(""));
        assert_eq!(page.status, 503, "{path}");
        assert!(
            page.body.contains("<pre>fly secrets import --app shop\nAPP_PASSWORD=…</pre>"),
            "{}",
            page.body
        );
        assert!(page.body.contains("<pre> fly secrets set APP_PASSWORD=… --app shop</pre>"));
        assert!(!page.body.contains("Ada") && !page.body.contains("<form"));
    }
    let answer = server.get("/api/customers");
    assert_eq!(answer.status, 503);
    assert!(answer.json()["error"]["message"].to_string().contains("fly secrets import --app shop"));
    assert!(!answer.body.contains("Ada"));
}

#[test]
fn on_fly_without_a_password_nothing_is_written() {
    let project = Project::with_ada();
    let server = spawned(on_fly(&project).env_remove("FLY_APP_NAME").env("APP_PASSWORD", ""));
    for path in ["/customers", "/customers/7", "/customers/7/delete"] {
        assert_eq!(server.post(path, "first_name=Grace&last_name=Hopper").status, 503, "{path}");
    }
    for (method, path) in
        [("POST", "/api/customers"), ("PUT", "/api/customers/7"), ("DELETE", "/api/customers/7")]
    {
        let json = "Content-Type: application/json\r\n";
        let body = "{\"first_name\":\"Grace\",\"last_name\":\"Hopper\"}";
        assert_eq!(server.request(method, path, json, body).status, 503, "{method} {path}");
    }
    assert!(server.get("/").body.contains("<pre>fly secrets import --app APP\nAPP_PASSWORD=…</pre>"));
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}
