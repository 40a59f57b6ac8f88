//! Writes that another site asks for.

use std::io::Write;

use crate::project::Project;
use landfall_testkit::server::{Response, Server};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn writes(server: &Server, headers: &str) -> [u16; 5] {
    let form = "first_name=Grace&last_name=Hopper";
    let json = "{\"first_name\":\"Grace\",\"last_name\":\"Hopper\"}";
    let json_headers = format!("Content-Type: application/json\r\n{headers}");
    let form_headers = format!("{FORM}{headers}");
    [
        server.request("POST", "/customers", &form_headers, form).status,
        server.request("POST", "/customers/7", &form_headers, form).status,
        server.request("POST", "/api/customers", &json_headers, json).status,
        server.request("PUT", "/api/customers/7", &json_headers, json).status,
        server.request("DELETE", "/api/customers/1000", headers, "").status,
    ]
}

#[test]
fn a_write_from_another_site_is_refused_and_changes_nothing() {
    let project = Project::with_ada();
    let server = project.serve();
    for headers in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\nOrigin: http://localhost\r\n",
        "Origin: http://elsewhere\r\n",
        "Origin: http://test:81\r\n",
        "Origin: null\r\n",
    ] {
        assert_eq!(writes(&server, headers), [403; 5], "{headers}");
        assert_eq!(server.request("POST", "/customers/7/delete", headers, "").status, 403);
        assert_eq!(server.request("POST", "/nowhere", headers, "").status, 403);
    }
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn a_write_of_our_own_pages_of_an_older_browser_and_of_a_program_passes() {
    let project = Project::with_ada();
    let server = project.serve();
    for headers in [
        "Sec-Fetch-Site: same-origin\r\nOrigin: http://localhost\r\n",
        "Sec-Fetch-Site: none\r\n",
        "Origin: https://localhost\r\n",
        "",
    ] {
        assert_eq!(writes(&server, headers), [303, 303, 201, 200, 404], "{headers}");
    }
}

#[test]
fn another_site_may_lead_here_as_long_as_nothing_is_written() {
    let project = Project::with_ada();
    let server = project.serve();
    let headers = "Sec-Fetch-Site: cross-site\r\nOrigin: http://elsewhere\r\n";
    assert_eq!(server.request("GET", "/", headers, "").status, 200);
    assert_eq!(server.request("HEAD", "/", headers, "").status, 200);
    assert_eq!(server.request("GET", "/api/customers", headers, "").status, 200);
}

#[test]
fn a_refusal_is_a_page_or_json_and_waits_for_no_body() {
    let project = Project::with_ada();
    let server = project.serve();
    let cross = format!("{FORM}Sec-Fetch-Site: cross-site\r\n");
    let page = server.request("POST", "/customers", &cross, "first_name=A&last_name=B");
    assert!(page.body.contains("<h1>Refused</h1>"), "{}", page.body);
    let json = server.request("POST", "/api/customers", &cross, "").json();
    let said = "Another site asked for this change, so it was refused. Nothing was saved.";
    assert_eq!(json["error"]["message"], said);
    let mut unsent = server.connect();
    write!(
        unsent,
        "POST /customers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 9\r\n{cross}\r\n"
    )
    .unwrap();
    assert_eq!(Response::read(&mut unsent).status, 403);
}
