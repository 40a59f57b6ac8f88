//! What a program sees: `/api/customers`.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::project::Project;
use landfall_testkit::server::{Response, Server};

fn send(server: &Server, method: &str, path: &str, body: &str) -> Response {
    server.request(method, path, "Content-Type: application/json\r\n", body)
}

/// The message of a refusal, which must be JSON and carry no fields.
fn message(answer: &Response) -> String {
    let document = answer.json();
    assert_eq!(document["error"].as_object().unwrap().len(), 1, "{document}");
    document["error"]["message"].as_str().unwrap().to_owned()
}

fn fields(answer: &Response) -> Value {
    assert_eq!(answer.status, 422, "{}", answer.body);
    let document = answer.json();
    let said = "This customer cannot be stored; fields says why. Nothing was saved.";
    assert_eq!(document["error"]["message"], said);
    document["error"]["fields"].clone()
}

fn ada() -> Value {
    json!({ "id": 7, "first_name": "Ada", "last_name": "Lovelace" })
}

fn listed(customers: &Value, total: u64, newer: &Value, older: &Value) -> Value {
    json!({ "customers": customers, "total": total, "counted_all": true, "newer": newer, "older": older })
}

#[test]
fn what_was_added_can_be_read_changed_and_deleted() {
    let project = Project::new();
    let server = project.serve();
    let sent = json!({ "first_name": " Zoë ", "last_name": "<Novák>" }).to_string();
    let added = send(&server, "POST", "/api/customers", &sent);
    let zoe = json!({ "id": 1, "first_name": "Zoë", "last_name": "<Novák>" });
    assert_eq!((added.status, added.json()), (201, zoe.clone()));
    assert!(added.head.contains("location: /api/customers/1"), "{}", added.head);

    let read = server.get("/api/customers/1");
    assert_eq!((read.status, read.json()), (200, zoe));
    let king = json!({ "id": 1, "first_name": "Ada", "last_name": "King" });
    let sent = json!({ "first_name": "Ada", "last_name": " King" }).to_string();
    let changed = send(&server, "PUT", "/api/customers/1", &sent);
    assert_eq!((changed.status, changed.json()), (200, king.clone()));
    assert_eq!(server.get("/api/customers/1").json(), king);
    assert_eq!(project.customers(), ["1 Ada King"]);

    let deleted = send(&server, "DELETE", "/api/customers/1", "");
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    assert_eq!(server.get("/api/customers/1").status, 404);
    assert_eq!(project.customers(), [""; 0]);
}

#[test]
fn the_list_is_searched_and_the_latest_come_first() {
    let project = Project::with_ada();
    project.sql("INSERT INTO customers VALUES (8, 'Éva', 'Novák')");
    let server = project.serve();
    let eva = json!({ "id": 8, "first_name": "Éva", "last_name": "Novák" });
    let all = server.get("/api/customers");
    assert_eq!(all.status, 200);
    assert_eq!(all.json(), listed(&json!([eva, ada()]), 2, &Value::Null, &Value::Null));
    let found = server.get("/api/customers?q=%C3%A9VA");
    assert_eq!(found.json(), listed(&json!([eva]), 1, &Value::Null, &Value::Null));
}

#[test]
fn a_long_list_is_read_page_by_page_by_the_addresses_that_it_names() {
    let project = Project::with_ada();
    project.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
         INSERT INTO customers (first_name, last_name) SELECT 'É', i FROM n",
    );
    let server = project.serve();
    let first = server.get("/api/customers").json();
    assert_eq!(first["customers"].as_array().unwrap().len(), 50);
    assert_eq!((&first["total"], &first["newer"]), (&json!(51), &Value::Null));
    assert_eq!(first["older"], "/api/customers?before=8");
    let second = server.get("/api/customers?before=8").json();
    assert_eq!(second, listed(&json!([ada()]), 51, &json!("/api/customers?after=7"), &Value::Null));
    assert_eq!(server.get("/api/customers?after=7").json(), first);
    assert_eq!(
        server.get("/api/customers?before=7").json(),
        listed(&json!([]), 51, &Value::Null, &Value::Null)
    );
    project.sql("INSERT INTO customers (first_name, last_name) VALUES ('É', 'x')");
    let found = server.get("/api/customers?q=%C3%A9").json();
    assert_eq!(found["older"], "/api/customers?q=%C3%A9&before=9");
}

#[test]
fn no_more_than_a_thousand_are_counted() {
    let project = Project::with_ada();
    project.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
         INSERT INTO customers (first_name, last_name) SELECT 'Number', i FROM n",
    );
    let list = project.serve().get("/api/customers").json();
    assert_eq!((&list["total"], &list["counted_all"]), (&json!(1000), &json!(false)));
}

#[test]
fn a_query_that_is_not_understood_is_refused_and_not_guessed_at() {
    let project = Project::with_ada();
    let server = project.serve();
    for (query, reason) in [
        ("before=two", "before: invalid digit found in string"),
        ("before=1&after=2", "before and after exclude each other"),
        ("page=2", "unknown field `page`, expected one of `q`, `before`, `after`"),
        ("q=ada&q=grace", "duplicate field `q`"),
        (&format!("q={}", "x".repeat(201)), "The search has 201 characters; 200 is the most"),
    ] {
        let answer = server.get(&format!("/api/customers?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        let message = message(&answer);
        assert!(message.starts_with("The query is not understood: "), "{message}");
        assert!(message.ends_with(&format!("{reason}.")), "{message}");
    }
}

#[test]
fn every_field_that_cannot_be_stored_is_named_with_the_reason() {
    let project = Project::with_ada();
    let server = project.serve();
    for (method, path) in [("POST", "/api/customers"), ("PUT", "/api/customers/7")] {
        let refused = |body: Value| fields(&send(&server, method, path, &body.to_string()));
        let missing = json!({ "first_name": "First name is missing", "last_name": "Last name is missing" });
        assert_eq!(refused(json!({})), missing);
        assert_eq!(refused(json!({ "first_name": " ", "last_name": null })), missing);
        assert_eq!(
            refused(json!({ "first_name": 5, "last_name": "x".repeat(101) })),
            json!({
                "first_name": "first_name is not a text",
                "last_name": "Last name has 101 characters; 100 is the most that fits",
            })
        );
        assert_eq!(
            refused(json!({ "first_name": "Ada", "last_name": "King", "id": 9 })),
            json!({ "id": "id is not known: a customer has first_name and last_name" })
        );
    }
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn a_body_that_is_no_customer_at_all_is_told_from_one_that_is_no_json() {
    let project = Project::with_ada();
    let server = project.serve();
    for (method, path) in [("POST", "/api/customers"), ("PUT", "/api/customers/7")] {
        let refused = |body: &str| send(&server, method, path, body);
        for malformed in ["", "{", "{\"first_name\":}", "first_name=Ada&last_name=King", "{}{}"] {
            let answer = refused(malformed);
            assert_eq!(answer.status, 400, "{malformed}");
            assert!(message(&answer).starts_with("The body is not JSON: "), "{}", answer.body);
        }
        for other in ["5", "\"Ada\"", "null", "{\"first_name\":\"Ada\",\"first_name\":\"Grace\"}"] {
            let answer = refused(other);
            assert_eq!(answer.status, 422, "{other}");
            assert!(message(&answer).starts_with("The body is not a customer: "), "{}", answer.body);
        }
    }
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn only_json_is_taken_and_only_so_much_of_it() {
    let project = Project::with_ada();
    let server = project.serve();
    let ada = json!({ "first_name": "Grace", "last_name": "Hopper" }).to_string();
    let large = json!({ "first_name": "x".repeat(16 * 1024), "last_name": "x" }).to_string();
    for (method, path) in [("POST", "/api/customers"), ("PUT", "/api/customers/7")] {
        for headers in
            ["", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n"]
        {
            let answer = server.request(method, path, headers, &ada);
            assert_eq!(answer.status, 415, "{headers}");
            assert!(message(&answer).contains("application/json"));
        }
        let answer = send(&server, method, path, &large);
        assert_eq!(
            (answer.status, message(&answer).as_str()),
            (413, "What was sent is too large. Nothing was saved.")
        );
    }
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn a_customer_who_is_not_there_is_404() {
    let project = Project::with_ada();
    let server = project.serve();
    let names = json!({ "first_name": "Grace", "last_name": "Hopper" }).to_string();
    for id in ["8", "ada", "-7", "9223372036854775808"] {
        let path = format!("/api/customers/{id}");
        for answer in
            [server.get(&path), send(&server, "PUT", &path, &names), send(&server, "DELETE", &path, "")]
        {
            assert_eq!(answer.status, 404, "{id}");
            let said = "There is no customer of this number: it was deleted meanwhile, or it never was.";
            assert_eq!(message(&answer), said);
        }
    }
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn what_is_nowhere_below_api_and_what_it_does_not_take_is_told_as_json() {
    let project = Project::new();
    let server = project.serve();
    for path in ["/api", "/api/", "/api/nowhere", "/api/customers/", "/api/customers/1/delete"] {
        let answer = server.get(path);
        assert_eq!(
            (answer.status, message(&answer).as_str()),
            (404, "There is nothing at this address."),
            "{path}"
        );
    }
    for (method, path, allowed) in [
        ("DELETE", "/api/customers", "get,head,post"),
        ("PATCH", "/api/customers/1", "get,head,put,delete"),
        ("POST", "/api/customers/1", "get,head,put,delete"),
    ] {
        let answer = send(&server, method, path, "");
        assert_eq!(answer.status, 405, "{method} {path}");
        assert!(answer.head.contains(&format!("allow: {allowed}")), "{}", answer.head);
        assert_eq!(message(&answer), "This address does not take such a request.");
    }
}

#[test]
fn a_database_that_is_not_migrated_is_503_and_says_what_it_lacks() {
    let project = Project::with_ada();
    project.sql("DROP TABLE customers");
    let server = project.serve();
    let names = json!({ "first_name": "Grace", "last_name": "Hopper" }).to_string();
    for answer in [
        server.get("/api/customers"),
        server.get("/api/customers/7"),
        send(&server, "POST", "/api/customers", &names),
        send(&server, "DELETE", "/api/customers/7", ""),
    ] {
        assert_eq!(answer.status, 503);
        assert!(message(&answer).contains("no such table: customers."), "{}", answer.body);
    }
}

#[test]
fn a_database_that_another_program_writes_to_is_503_and_one_that_breaks_is_500() {
    let project = Project::with_ada();
    let server = project.serve();
    let other = Connection::open(project.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let busy = send(&server, "DELETE", "/api/customers/7", "");
    assert_eq!(busy.status, 503);
    assert!(message(&busy).starts_with("Another program is writing to it."));
    assert!(busy.head.contains("\r\nretry-after: 5\r\n"), "{}", busy.head);
    // Health is not behind the lock.
    assert_eq!(server.get("/healthz").status, 200);
    other.execute_batch("ROLLBACK").unwrap();

    project.sql("CREATE TRIGGER t BEFORE DELETE ON customers BEGIN SELECT RAISE(ABORT, 'secret'); END");
    let broken = send(&server, "DELETE", "/api/customers/7", "");
    assert_eq!(broken.status, 500);
    assert!(message(&broken).contains("the reason is in the log") && !broken.body.contains("secret"));
    let page = server.post("/customers/7/delete", "");
    assert_eq!(page.status, 500);
    assert!(page.body.contains("<h1>Something went wrong</h1>") && !page.body.contains("secret"));
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}
