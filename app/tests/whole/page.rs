//! What a visitor sees.

use serde_json::Value;

use crate::project::{Project, Server};

#[test]
fn a_customer_who_was_added_is_still_there_after_a_restart() {
    let project = Project::new();
    let server = project.serve("start");
    let added = server.post("/customers", "first_name=+Ada+&last_name=Lovelace");
    assert_eq!(added.status, 303);
    assert!(added.head.contains("location: /?added=1"));
    assert!(server.get("/?added=1").body.contains("Ada Lovelace was added."));
    assert_eq!(server.stop().0, 0);

    assert_eq!(project.customers(), ["1 Ada Lovelace"]);
    let page = project.serve("start").get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Ada Lovelace"));
    assert!(!page.body.contains("was added"));
}

#[test]
fn without_customers_the_page_says_so_and_has_the_form() {
    let project = Project::new();
    let page = project.serve("start").get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("There are no customers yet."));
    assert!(page.body.contains("<label for=\"first_name\">First name</label>"));
}

#[test]
fn what_cannot_be_stored_is_refused_beside_its_field_and_what_was_typed_stays() {
    let project = Project::new();
    let server = project.serve("start");
    let page = server.post("/customers", "first_name=Ada+%22the%22+&last_name=++");
    assert_eq!(page.status, 422);
    assert!(page.body.contains("value=\"Ada &#34;the&#34; \""), "{}", page.body);
    assert!(page.body.contains("aria-invalid=\"true\" aria-describedby=\"last_name_error\""));
    assert!(page.body.contains("<p class=\"error\" id=\"last_name_error\">Last name is missing</p>"));
    assert!(!page.body.contains("id=\"first_name_error\""));
    assert_eq!(project.customers(), [""; 0]);
}

#[test]
fn a_form_without_any_field_is_refused_beside_both() {
    let project = Project::new();
    let page = project.serve("start").post("/customers", "");
    assert_eq!(page.status, 422);
    assert!(page.body.contains("First name is missing"));
    assert!(page.body.contains("Last name is missing"));
}

#[test]
fn a_name_is_shown_as_it_was_typed_and_never_read_as_html() {
    let project = Project::new();
    let server = project.serve("start");
    server.post("/customers", "first_name=%3Cscript%3E&last_name=O%27Neil");
    let page = server.get("/");
    assert!(page.body.contains("&#60;script&#62; O&#39;Neil"), "{}", page.body);
    assert!(!page.body.contains("<script>"));
    assert!(page.head.contains("content-security-policy: default-src 'none'"));
    assert_eq!(project.customers(), ["1 <script> O'Neil"]);
}

#[test]
fn a_long_list_is_cut_and_counted() {
    let project = Project::with_ada();
    project.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
         INSERT INTO customers (first_name, last_name) SELECT 'Number', i FROM n",
    );
    let page = project.serve("start").get("/");
    assert_eq!(page.body.matches("<li>").count(), 50);
    assert!(page.body.contains("61 customers"));
    assert!(page.body.contains("The latest 50 of 61 are shown."));
    assert!(page.body.contains("Number 60") && !page.body.contains("Number 10<"));
}

#[test]
fn what_is_not_there_is_answered_with_a_plain_page() {
    let project = Project::new();
    let server = project.serve("start");
    let missing = server.get("/nowhere");
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("<h1>Page not found</h1>"));
    let wrong = server.post("/", "");
    assert_eq!(wrong.status, 405);
    assert!(wrong.body.contains("<h1>Not possible</h1>"));
    let home = server.get("/customers");
    assert_eq!(home.status, 303);
    assert!(home.head.contains("location: /"));
}

#[test]
fn a_form_that_is_too_large_is_refused() {
    let project = Project::new();
    let server = project.serve("start");
    let page = server.post("/customers", &format!("last_name=x&first_name={}", "x".repeat(16 * 1024)));
    assert_eq!(page.status, 413);
    assert!(page.body.contains("What was sent is too large. Nothing was saved."));
    assert_eq!(project.customers(), [""; 0]);
}

#[test]
fn the_style_comes_from_its_own_file() {
    let project = Project::new();
    let server = project.serve("start");
    assert!(server.get("/").body.contains("<link rel=\"stylesheet\" href=\"/style.css\">"));
    let style = server.get("/style.css");
    assert_eq!(style.status, 200);
    assert!(style.head.contains("content-type: text/css"));
}

#[test]
fn healthz_answers_200_once_the_database_is_migrated() {
    let project = Project::new();
    let answer = project.serve("start").get("/healthz");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
}

#[test]
fn without_its_table_the_page_and_healthz_say_so() {
    let project = Project::with_ada();
    project.sql("DROP TABLE customers");
    let server = project.serve("serve");
    let health = server.get("/healthz");
    assert_eq!((health.status, health.body.as_str()), (503, "not ready: no such table: customers\n"));
    for page in [server.get("/"), server.post("/customers", "first_name=Ada&last_name=Lovelace")] {
        assert_eq!(page.status, 503);
        assert!(page.body.contains("This page cannot be shown: no such table: customers."));
    }
}

#[test]
fn version_tells_the_declared_and_the_live_schema_apart() {
    let project = Project::new();
    let server = project.serve("start");
    let version = |server: &Server| -> Value {
        let answer = server.get("/version");
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains("content-type: application/json"));
        serde_json::from_str(&answer.body).unwrap()
    };
    let before = version(&server);
    assert_eq!(before["schema"]["declared"].as_str().unwrap().len(), 64);
    assert_eq!(before["schema"]["live"], before["schema"]["declared"]);
    assert_eq!(before["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(before["sqlite"], rusqlite::version());

    project.sql("CREATE TABLE other (x INTEGER)");
    let after = version(&server);
    assert_eq!(after["schema"]["declared"], before["schema"]["declared"]);
    assert_ne!(after["schema"]["live"], before["schema"]["live"]);
}

#[test]
fn version_has_the_commit_of_the_environment() {
    let project = Project::new();
    let mut start = project.app(&["start"]);
    let server = Server::spawn(start.env("LANDFALL_COMMIT", "0123abc"));
    let version: Value = serde_json::from_str(&server.get("/version").body).unwrap();
    let built_from = option_env!("LANDFALL_COMMIT").filter(|commit| !commit.is_empty());
    assert_eq!(version["commit"], built_from.unwrap_or("0123abc"));
}
