//! The page of one customer: what is changed and deleted there.

use crate::page::told;
use crate::project::Project;

#[test]
fn an_edited_customer_is_saved_and_the_way_leads_back() {
    let project = Project::with_ada();
    project.sql("INSERT INTO customers VALUES (8, 'Grace', 'Hopper')");
    let server = project.serve();
    let form = server.get("/customers/7?q=ada&before=9");
    assert_eq!(form.status, 200);
    assert!(form.body.contains("value=\"Ada\"") && form.body.contains("value=\"Lovelace\""));
    assert!(form.body.contains("action=\"/customers/7?q=ada&#38;before=9\""), "{}", form.body);
    let saved = server.post("/customers/7?q=ada", "first_name=Ada&last_name=King");
    assert!(saved.head.contains("location: /?q=ada\r\n"), "{}", saved.head);
    assert!(told(&server, &saved).body.contains("Ada King was saved."));
    assert_eq!(project.customers(), ["7 Ada King", "8 Grace Hopper"]);
}

#[test]
fn an_edit_that_cannot_be_stored_is_refused_beside_its_field_and_what_was_typed_stays() {
    let project = Project::with_ada();
    let page = project.serve().post("/customers/7", "first_name=Countess&last_name=+");
    assert_eq!(page.status, 422);
    assert!(page.body.contains("value=\"Countess\""), "{}", page.body);
    assert!(page.body.contains("<p class=\"error\" id=\"last_name_error\">Last name is missing</p>"));
    assert!(page.body.contains("<h1>Ada Lovelace</h1>"));
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}

#[test]
fn deleting_asks_first_without_a_script_and_deletes_only_that_customer() {
    let project = Project::with_ada();
    project.sql("INSERT INTO customers VALUES (8, 'Grace', 'Hopper')");
    let server = project.serve();
    let form = server.get("/customers/7").body;
    let details = form.split("<details>").nth(1).unwrap();
    assert!(details.contains("Ada Lovelace will be gone for good. This cannot be undone."));
    assert!(details.contains("<form method=\"post\" action=\"/customers/7/delete\">"));
    let by_hand = server.get("/customers/7/delete");
    assert_eq!(by_hand.status, 303);
    assert!(by_hand.head.contains("location: /customers/7"));
    assert_eq!(project.customers().len(), 2);
    let deleted = server.post("/customers/7/delete", "");
    assert!(deleted.head.contains("location: /\r\n"), "{}", deleted.head);
    assert!(told(&server, &deleted).body.contains("Customer No. 7 was deleted."));
    assert_eq!(project.customers(), ["8 Grace Hopper"]);
}

#[test]
fn a_customer_who_is_gone_is_a_page_that_says_so() {
    let project = Project::with_ada();
    let server = project.serve();
    let edit = "first_name=Grace&last_name=Hopper";
    for page in [
        server.get("/customers/8"),
        server.get("/customers/ada"),
        server.post("/customers/8", edit),
        server.post("/customers/8", "first_name=&last_name="),
        server.post("/customers/8/delete", ""),
        server.post("/customers/9223372036854775808/delete", ""),
    ] {
        assert_eq!(page.status, 404);
        assert!(page.body.contains("<h1>This customer is gone</h1>"), "{}", page.body);
    }
    assert_eq!(project.customers(), ["7 Ada Lovelace"]);
}
