//! By which name the service is asked.

use std::io::Write;

use crate::project::{Project, spawned};
use landfall_testkit::server::{Response, Server};

fn ask(server: &Server, method: &str, path: &str, hosts: &[&str]) -> Response {
    let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
    let mut connection = server.connect();
    write!(connection, "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n{hosts}\r\n")
        .unwrap();
    Response::read(&mut connection)
}

#[test]
fn without_a_password_only_the_names_of_this_machine_are_answered() {
    let project = Project::with_ada();
    let server = project.serve();
    for host in ["localhost", "localhost:8080", "127.0.0.1:80", "[::1]:8080"] {
        assert!(ask(&server, "GET", "/", &[host]).body.contains("Ada Lovelace"), "{host}");
    }
    for host in ["evil.example", "localhost.evil.example:8080", "192.0.2.1"] {
        for (method, path) in
            [("GET", "/"), ("GET", "/api/customers/7"), ("POST", "/customers/7/delete"), ("GET", "/nowhere")]
        {
            let refused = ask(&server, method, path, &[host]);
            assert_eq!(refused.status, 421, "{method} {path} {host}");
            assert!(
                !refused.body.contains("Ada") && refused.body.contains("APP_PASSWORD"),
                "{}",
                refused.body
            );
        }
        // What carries no data is asked for by whatever watches over it.
        assert_eq!(ask(&server, "GET", "/healthz", &[host]).status, 200);
    }
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn with_a_password_any_name_is_answered() {
    let project = Project::with_ada();
    let server = spawned(project.app().env("APP_PASSWORD", "secret"));
    assert_eq!(ask(&server, "GET", "/", &["shop.example"]).status, 401);
}

#[test]
fn no_host_and_two_hosts_are_no_request() {
    let project = Project::with_ada();
    let server = project.serve();
    for path in ["/", "/api/customers", "/healthz", "/style.css"] {
        for hosts in [&[][..], &["localhost", "localhost"], &["localhost", "evil.example"]] {
            assert_eq!(ask(&server, "GET", path, hosts).status, 400, "{path} {hosts:?}");
        }
        assert_eq!(ask(&server, "GET", &format!("http://evil.example{path}"), &["localhost"]).status, 400);
    }
}
