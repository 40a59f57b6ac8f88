//! What the log says of requests, and what it never says.

use insta::assert_snapshot;

use crate::project::Project;

/// The lines about requests, without how long each took.
fn requests(log: &str) -> String {
    let lines = log.lines().filter(|line| line.ends_with(" ms"));
    lines.map(|line| line.trim_start().rsplit_once(" in ").unwrap().0.to_owned() + "\n").collect()
}

#[test]
fn every_answer_is_one_line_without_anything_of_the_visitors() {
    let project = Project::with_ada();
    let server = project.serve();
    server.get("/?q=secret-query");
    server.post("/customers?q=secret-query", "first_name=secret-name&last_name=x");
    server.get("/api/customers/999?secret-query");
    server.request("PATCH", "/customers/7", "X-Secret: secret-header\r\n", "");
    server.get("/style.css");
    let (_, log) = server.stop();
    assert_snapshot!(requests(&log), @"
    INFO GET /: 200
    INFO POST /customers: 303
    INFO GET /api/customers/999: 404
    INFO PATCH /customers/7: 405
    INFO GET /style.css: 200
    ");
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn what_the_service_cannot_do_is_told_louder_and_a_health_check_not_at_all() {
    let project = Project::with_ada();
    let server = project.serve();
    assert_eq!(server.get("/healthz").status, 200);
    project.sql("CREATE TRIGGER t BEFORE DELETE ON customers BEGIN SELECT RAISE(ABORT, 'broken'); END");
    assert_eq!(server.post("/customers/7/delete", "").status, 500);
    project.sql("DROP TABLE customers");
    assert_eq!(server.get("/").status, 503);
    assert_eq!(server.get("/healthz").status, 503);
    let (_, log) = server.stop();
    assert_snapshot!(requests(&log), @"
    ERROR POST /customers/7/delete: 500
    WARN GET /: 503
    ");
}

#[test]
fn a_path_cannot_write_to_the_terminal_that_shows_the_log() {
    let project = Project::new();
    let server = project.serve();
    assert_eq!(server.get("/\u{9b}31m").status, 404);
    let (_, log) = server.stop();
    assert!(log.contains("GET /\\u{9b}31m: 404"), "{log}");
    assert!(log.chars().all(|c| c == '\n' || !c.is_control()), "{log:?}");
}
