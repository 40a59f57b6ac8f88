//! What a visitor sees.

use serde_json::json;

use crate::project::{Project, spawned};
use landfall_testkit::server::{Response, Server};

#[test]
fn a_customer_who_was_added_is_still_there_after_a_restart() {
    let project = Project::new();
    let server = project.serve();
    let added = server.post("/customers", "first_name=+Ada+&last_name=Lovelace");
    assert_eq!(added.status, 303);
    assert!(added.head.contains("location: /\r\n"), "{}", added.head);
    assert!(told(&server, &added).body.contains("Ada Lovelace was added."));
    assert_eq!(server.stop().0, 0);

    assert_eq!(project.customers(), ["1 Ada Lovelace"]);
    let page = project.serve().get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Ada Lovelace"));
    assert!(!page.body.contains("was added"));
}

/// The cookie that an answer sets, as a browser brings it along from then on.
pub(crate) fn cookie(answer: &Response) -> &str {
    answer.head.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap()
}

/// The page that a browser is sent to, with its cookie.
pub(crate) fn told(server: &Server, answer: &Response) -> Response {
    assert_eq!(answer.status, 303);
    let to = answer.head.split("location: ").nth(1).unwrap().split("\r\n").next().unwrap();
    server.request("GET", to, &format!("Cookie: {}\r\n", cookie(answer)), "")
}

#[test]
fn what_was_done_is_told_once_and_not_again_on_reload() {
    let project = Project::with_ada();
    let server = project.serve();
    let added = server.post("/customers", "first_name=Grace&last_name=Hopper");
    assert!(added.head.contains("httponly; samesite=strict"), "{}", added.head);
    let page = told(&server, &added);
    assert!(page.body.contains("Grace Hopper was added."));
    // The browser forgets the cookie, so what it asks for next comes without it.
    assert!(page.head.contains("set-cookie: done=; path=/; max-age=0"), "{}", page.head);
    let again = server.get("/");
    assert!(!again.body.contains("was added") && !again.head.contains("set-cookie"));
}

#[test]
fn after_adding_somebody_goes_on_typing_in_the_first_field_and_where_he_was() {
    let project = with_numbers(60);
    let server = project.serve();
    let second = server.get("/?before=11").body;
    assert!(second.contains("action=\"/customers?before=11\""), "{second}");
    assert!(!second.contains("autofocus"));
    let added = server.post("/customers?before=11", "first_name=Ada&last_name=Lovelace");
    assert!(added.head.contains("location: /?before=11\r\n"), "{}", added.head);
    let page = told(&server, &added).body;
    assert!(page.contains("Ada Lovelace was added."));
    let focused = "name=\"first_name\" value=\"\" autocomplete=\"off\" aria-required=\"true\" autofocus>";
    assert!(page.contains(focused) && page.matches("autofocus").count() == 1, "{page}");
    let refused = server.post("/customers?q=number&before=11", "first_name=&last_name=x");
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("action=\"/customers?q=number&#38;before=11\""), "{}", refused.body);
}

#[test]
fn without_customers_the_page_says_so_and_has_the_form() {
    let project = Project::new();
    let page = project.serve().get("/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("There are no customers yet."));
    assert!(page.body.contains("<label for=\"first_name\">First name</label>"));
}

#[test]
fn what_cannot_be_stored_is_refused_beside_its_field_and_what_was_typed_stays() {
    let project = Project::new();
    let server = project.serve();
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
    let page = project.serve().post("/customers", "");
    assert_eq!(page.status, 422);
    assert!(page.body.contains("First name is missing"));
    assert!(page.body.contains("Last name is missing"));
}

#[test]
fn a_name_is_shown_as_it_was_typed_and_never_read_as_html() {
    let project = Project::new();
    let server = project.serve();
    server.post("/customers", "first_name=%3Cscript%3E&last_name=O%27Neil");
    let page = server.get("/");
    assert!(page.body.contains("&#60;script&#62; O&#39;Neil"), "{}", page.body);
    assert!(!page.body.contains("<script>"));
    assert!(page.head.contains("content-security-policy: default-src 'none'"));
    assert_eq!(project.customers(), ["1 <script> O'Neil"]);
}

#[test]
fn a_long_list_is_cut_into_pages_and_counted() {
    let project = Project::with_ada();
    project.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
         INSERT INTO customers (first_name, last_name) SELECT 'Number', i FROM n",
    );
    let page = project.serve().get("/");
    assert_eq!(page.body.matches("<li>").count(), 50);
    assert!(page.body.contains("61 customers"));
    assert!(page.body.contains("Number 60") && !page.body.contains("Number 10<"));
}

/// So many customers, each with its number for a name.
fn with_numbers(number: u32) -> Project {
    let project = Project::new();
    project.sql(&format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number})
         INSERT INTO customers (first_name, last_name) SELECT 'Number', '<' || i || '>' FROM n",
    ));
    project
}

/// The customers that a page shows, without their angle brackets.
fn shown(page: &str) -> Vec<u32> {
    page.split("\">Number &#60;")
        .skip(1)
        .map(|rest| rest.split('&').next().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn fifty_customers_are_one_page_without_links_to_others() {
    let project = with_numbers(50);
    let page = project.serve().get("/").body;
    assert_eq!(shown(&page), (1..=50).rev().collect::<Vec<_>>());
    assert!(!page.contains("<nav"), "{page}");
}

#[test]
fn pages_link_to_the_newer_and_the_older_one() {
    let project = with_numbers(101);
    let server = project.serve();
    let page = |path: &str| server.get(path).body;
    let (newer, older) = ("<a rel=\"prev\" href=\"", "<a rel=\"next\" href=\"");
    let first = page("/");
    assert_eq!(shown(&first), (52..=101).rev().collect::<Vec<_>>());
    assert!(first.contains("101 customers") && first.contains(&format!("{older}/?before=52\"")), "{first}");
    assert!(!first.contains(newer));
    let second = page("/?before=52");
    assert_eq!(shown(&second), (2..=51).rev().collect::<Vec<_>>());
    assert!(
        second.contains(&format!("{newer}/?after=51\"")) && second.contains(&format!("{older}/?before=2\""))
    );
    let third = page("/?before=2");
    assert_eq!(shown(&third), [1]);
    assert!(third.contains(&format!("{newer}/?after=1\"")) && !third.contains(older));
    assert_eq!(shown(&page("/?after=1")), shown(&second));
}

#[test]
fn every_page_has_one_address() {
    let project = with_numbers(101);
    let server = project.serve();
    for (path, to) in [
        // As pages were called once.
        ("/?page=99", "/"),
        ("/?q=number&page=2", "/?q=number"),
        // Past the last one, and the first one by another name.
        ("/?before=1", "/?after=0"),
        ("/?q=number&before=-7", "/?q=number&after=0"),
        ("/?after=51", "/"),
        ("/?after=9223372036854775807", "/"),
    ] {
        let moved = server.get(path);
        assert_eq!(moved.status, 303, "{path}");
        assert!(moved.head.contains(&format!("location: {to}\r\n")), "{path}: {}", moved.head);
    }
    let last = server.get("/?after=0").body;
    assert_eq!(shown(&last), (1..=50).rev().collect::<Vec<_>>());
    assert!(!last.contains("rel=\"next\""), "{last}");
    for nonsense in ["before=", "before=two", "after=%FF", "before=1&before=2"] {
        let page = server.get(&format!("/?{nonsense}"));
        assert_eq!((page.status, shown(&page.body).first()), (200, Some(&101)), "{nonsense}");
    }
}

#[test]
fn more_than_a_thousand_are_not_counted() {
    let server = &with_numbers(1001);
    let page = server.serve().get("/").body;
    assert!(page.contains("more than 1000 customers"), "{page}");
}

#[test]
fn a_search_that_is_longer_than_any_name_is_refused() {
    let project = Project::with_ada();
    let server = project.serve();
    let page = server.get(&format!("/?q={}", "x".repeat(201)));
    assert_eq!(page.status, 400);
    assert!(page.body.contains("The search has 201 characters; 200 is the most."), "{}", page.body);
    assert_eq!(server.get(&format!("/?q={}", "x".repeat(200))).status, 200);
}

#[test]
fn a_search_finds_every_letter_case_and_keeps_what_was_typed() {
    let project = Project::with_ada();
    project.sql("INSERT INTO customers VALUES (8, 'Éva', 'Novák'), (9, 'Eva', 'Braun')");
    let server = project.serve();
    let found = server.get("/?q=+%C3%A9VA+nov%C3%81+").body;
    assert_eq!(found.matches("<li>").count(), 1);
    assert!(
        found.contains("<a class=\"name\" href=\"/customers/8?q=%C3%A9VA+nov%C3%81\">Éva Novák</a>")
            && found.contains("1 found"),
        "{found}"
    );
    assert!(found.contains("value=\"éVA novÁ\""));
    assert!(found.contains("<a href=\"/\">Show everything</a>"));
    assert_eq!(server.get("/?q=%20").body.matches("<li>").count(), 3);
    for wildcard in ["%25", "_", "*", "%27"] {
        assert!(server.get(&format!("/?q={wildcard}")).body.contains("Nothing was found"), "{wildcard}");
    }
}

#[test]
fn nothing_found_says_so_and_leads_to_everything() {
    let project = Project::with_ada();
    let page = project.serve().get("/?q=%3Cb%3E").body;
    assert!(page.contains("Nothing was found for “&#60;b&#62;”."), "{page}");
    assert!(page.contains("<a href=\"/\">Show everything</a>") && page.contains("0 found"));
    assert!(!page.contains("<b>") && !page.contains("There are no customers yet"));
}

#[test]
fn the_links_between_pages_keep_the_search() {
    let project = with_numbers(60);
    let server = project.serve();
    let page = server.get("/?q=n%C3%BA").body;
    assert!(page.contains("Nothing was found"));
    let page = server.get("/?q=number+%3C&before=11").body;
    assert!(page.contains("60 found") && page.contains("href=\"/?q=number+%3C&#38;after=10\""), "{page}");
    assert!(page.contains("href=\"/customers/1?q=number+%3C&#38;before=11\""));
}

#[test]
fn a_notice_is_only_shown_where_it_is_true() {
    let project = Project::with_ada();
    let server = project.serve();
    for cookie in ["deleted-7", "saved-8", "added-8", "added-x", "deleted-<b>", ""] {
        let page = server.request("GET", "/", &format!("Cookie: done={cookie}\r\n"), "");
        assert!(!page.body.contains("role=\"status\""), "{cookie}");
    }
}

#[test]
fn what_is_not_there_is_answered_with_a_plain_page() {
    let project = Project::new();
    let server = project.serve();
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
    let server = project.serve();
    let page = server.post("/customers", &format!("last_name=x&first_name={}", "x".repeat(16 * 1024)));
    assert_eq!(page.status, 413);
    assert!(page.body.contains("What was sent is too large. Nothing was saved."));
    let edit = server.post("/customers/1", &format!("last_name=x&first_name={}", "x".repeat(16 * 1024)));
    assert_eq!(edit.status, 413);
    assert_eq!(project.customers(), [""; 0]);
}

#[test]
fn what_is_not_a_form_is_refused() {
    let project = Project::with_ada();
    let server = project.serve();
    for path in ["/customers", "/customers/7"] {
        let page = server.request("POST", path, "Content-Type: text/plain\r\n", "first_name=A&last_name=B");
        assert_eq!(page.status, 415);
        assert!(page.body.contains("What was sent is not this page&#39;s form."), "{}", page.body);
    }
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn the_style_comes_from_its_own_file() {
    let project = Project::new();
    let server = project.serve();
    assert!(server.get("/").body.contains("<link rel=\"stylesheet\" href=\"/style.css\">"));
    let style = server.get("/style.css");
    assert_eq!(style.status, 200);
    assert!(style.head.contains("content-type: text/css"));
}

#[test]
fn healthz_answers_200_once_the_database_is_migrated() {
    let project = Project::new();
    let answer = project.serve().get("/healthz");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
}

#[test]
fn without_its_table_the_page_and_healthz_say_so() {
    let project = Project::with_ada();
    project.sql("DROP TABLE customers");
    let server = project.serve();
    let health = server.get("/healthz");
    assert_eq!((health.status, health.body.as_str()), (503, "not ready: no such table: customers\n"));
    for page in [server.get("/"), server.post("/customers", "first_name=Ada&last_name=Lovelace")] {
        assert_eq!(page.status, 503);
        assert!(page.body.contains("The database lacks what this release needs: no such table: customers."));
    }
}

#[test]
fn version_is_what_landfall_said_as_long_as_the_schema_is_the_one_that_it_saw() {
    let project = Project::new();
    let said = json!({
        "commit": "0123abc",
        "version": "1.2.3",
        "schema": { "declared": "v1-a", "live": "v1-b" },
        "sqlite": "3.54.1",
        "ready_seconds": 0.5
    });
    let server = spawned(project.app().env("LANDFALL_VERSION", said.to_string()));
    assert_eq!(server.get("/version").json(), said);
    project.sql("INSERT INTO customers VALUES (1, 'Ada', 'Lovelace')");
    assert_eq!(server.get("/version").json(), said);
    project.sql("CREATE TABLE other (x INTEGER)");
    let after = server.get("/version").json();
    assert_eq!(after["schema"], json!({ "declared": "v1-a", "live": null }));
    assert_eq!(after["commit"], said["commit"]);
}

#[test]
fn without_landfall_nothing_is_known_of_the_release() {
    let version = Project::new().serve().get("/version").json();
    assert_eq!(version["commit"], "unknown");
    assert_eq!(version["schema"], json!({ "declared": null, "live": null }));
}
