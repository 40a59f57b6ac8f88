//! The headers that every answer carries.

use crate::project::{Project, spawned};
use landfall_testkit::server::Response;

const ALWAYS: [&str; 7] = [
    "content-security-policy: default-src 'none'; style-src 'self'; img-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy: same-origin",
    "cross-origin-resource-policy: same-origin",
    "permissions-policy: camera=(), ",
    "referrer-policy: no-referrer",
    "x-content-type-options: nosniff",
    "x-frame-options: deny",
];

fn assert_carries(answer: &Response, cache: &str) {
    for header in ALWAYS {
        assert!(answer.head.contains(&format!("\r\n{header}")), "{header}: {}", answer.head);
    }
    assert!(answer.head.contains(&format!("\r\ncache-control: {cache}")), "{}", answer.head);
    assert!(!answer.head.contains("strict-transport-security"), "{}", answer.head);
}

#[test]
fn every_answer_carries_them_and_only_files_without_data_may_be_kept() {
    let project = Project::with_ada();
    let server = project.serve();
    let cross = "Sec-Fetch-Site: cross-site\r\n";
    for answer in [
        server.get("/"),
        server.get("/customers/7"),
        server.get("/customers/8"),
        server.get("/nowhere"),
        server.get("/api/customers"),
        server.get("/api/nowhere"),
        server.get("/healthz"),
        server.get("/version"),
        server.post("/", ""),
        server.post("/customers", "first_name="),
        server.post("/customers", "first_name=Ada&last_name=King"),
        server.request("DELETE", "/api/customers/8", "", ""),
        server.request("POST", "/customers", cross, ""),
        server.request("GET", "/", "X-Forwarded-Proto: https\r\n", ""),
    ] {
        assert_carries(&answer, "no-store");
    }
    assert_carries(&server.get("/style.css"), "public, max-age=300");
    assert_carries(&server.get("/icon.svg"), "public, max-age=300");
    project.sql("DROP TABLE customers");
    assert_carries(&server.get("/"), "no-store");
}

#[test]
fn only_what_came_to_fly_over_https_asks_for_https_from_then_on() {
    let project = Project::with_ada();
    let server = spawned(project.app().env("FLY_MACHINE_ID", "91857"));
    let over =
        |protocol: &str| server.request("GET", "/", &format!("X-Forwarded-Proto: {protocol}\r\n"), "").head;
    assert!(over("https").contains("\r\nstrict-transport-security: max-age=31536000"));
    assert!(!over("http").contains("strict-transport-security"));
    assert!(!server.get("/").head.contains("strict-transport-security"));
}
