//! What a refusal tells to write or to ask is exact: pasted into `schema.sql` it works, and the SELECT finds the rows that were counted.

use landfall_engine::{Error, Hazard, HazardName};

use crate::support::{Bench, MODES};

fn stopping(error: &Error) -> Vec<Hazard> {
    let report = error.report.as_ref().unwrap_or_else(|| panic!("{error}"));
    report.hazards().filter(|hazard| hazard.stops()).cloned().collect()
}

/// The schema with every line that the refusal says, the last ones first.
fn pasted(schema: &str, hazards: &[Hazard]) -> String {
    let mut lines: Vec<_> = schema.lines().map(str::to_owned).collect();
    let mut edits: Vec<_> = hazards.iter().filter_map(|hazard| hazard.edit.clone()).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.first));
    for edit in edits {
        assert_eq!(edit.file, "schema.sql");
        lines.splice(edit.first - 1..edit.last, edit.text.lines().map(str::to_owned));
    }
    lines.join("\n")
}

const OLD: &str = "CREATE TABLE customers (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, \"full name\" TEXT);
    INSERT INTO customers VALUES (1, 'a@x', 'Ada'), (7, 'g@x', NULL)";

#[test]
fn a_renamed_not_null_column_is_one_hazard_with_the_line_to_paste() {
    let new = "CREATE TABLE customers (\n  id INTEGER PRIMARY KEY,\n  email TEXT NOT NULL,\n  \"full name\" TEXT\n);";
    let bench = Bench::new(OLD);
    let error = bench.refuses(new);
    insta::assert_snapshot!(error.to_string().replace(&bench.db().display().to_string(), "[DB]"), @"
    the change of [DB] was refused; nothing was changed
      LOOKS_LIKE_RENAME: column customers.mail is not declared any more and looks renamed to email (schema.sql:3): its values would be lost
        if it was renamed, write line 3 of schema.sql like this:
            email TEXT NOT NULL, -- @renamed from=mail
        if not, write `-- @dropped mail` inside CREATE TABLE customers; then the rows need a value for email, which the next run asks for
    do what is said below each hazard, then run the command again
    ");
    let [hazard] = stopping(&error).try_into().unwrap();
    assert_eq!((hazard.name, hazard.object.as_str()), (HazardName::LooksLikeRename, "customers.mail"));
    assert_eq!(hazard.edit.unwrap().text, "  email TEXT NOT NULL, -- @renamed from=mail");
    assert_eq!(hazard.approval, None, "the rows would have no email");
}

#[test]
fn the_lines_of_a_rename_work_when_they_are_pasted() {
    let cases = [
        (
            "the last column",
            "CREATE TABLE customers (\n  id INTEGER PRIMARY KEY,\n  \"full name\" TEXT,\n  email TEXT NOT NULL\n);",
        ),
        (
            "all on one line",
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT NOT NULL, \"full name\" TEXT);",
        ),
        (
            "with rules of its own",
            "CREATE TABLE customers (\n  id INTEGER PRIMARY KEY,\n  email TEXT NOT NULL UNIQUE CHECK (email LIKE '%@%'), -- where it goes\n  \"full name\" TEXT\n);",
        ),
        (
            "on several lines",
            "CREATE TABLE customers (\n  id INTEGER PRIMARY KEY,\n  email TEXT\n    NOT NULL\n    COLLATE NOCASE,\n  \"full name\" TEXT\n);",
        ),
    ];
    for (name, new) in cases {
        for mode in MODES {
            let bench = Bench::new(OLD).with(|s| s.fast_path = mode);
            let hazards = stopping(&bench.refuses(new));
            assert_eq!(hazards.len(), 1, "{name}: {hazards:#?}");
            bench.reaches(&pasted(new, &hazards));
            assert_eq!(bench.query("SELECT id, email FROM customers"), "1|a@x\n7|g@x", "{name}");
        }
    }
}

#[test]
fn two_renamed_columns_have_a_line_each_and_a_name_in_quotes_keeps_them() {
    let new =
        "CREATE TABLE customers (\n  id INTEGER PRIMARY KEY,\n  email TEXT NOT NULL,\n  full_name TEXT\n);";
    let bench = Bench::new(OLD);
    let hazards = stopping(&bench.refuses(new));
    assert_eq!(hazards.len(), 2, "{hazards:#?}");
    let pasted = pasted(new, &hazards);
    assert!(pasted.contains("-- @renamed from=\"full name\""), "{pasted}");
    bench.reaches(&pasted);
    assert_eq!(bench.query("SELECT email, full_name FROM customers"), "a@x|Ada\ng@x|NULL");
}

#[test]
fn a_renamed_table_is_one_hazard_though_others_refer_to_it() {
    let old = format!(
        "{OLD}; CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers); INSERT INTO orders VALUES (3, 7)"
    );
    let new = "CREATE TABLE clients (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, \"full name\" TEXT);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES clients);";
    for mode in MODES {
        let bench = Bench::new(&old).with(|s| s.fast_path = mode);
        let error = bench.refuses(new);
        let hazards = stopping(&error);
        assert_eq!(hazards.len(), 1, "{error}");
        assert_eq!(hazards[0].rows, Some(2));
        let pasted = pasted(new, &hazards);
        assert!(pasted.starts_with("-- @renamed from=customers\nCREATE TABLE clients"), "{pasted}");
        bench.reaches(&pasted);
        assert_eq!(
            bench.query("SELECT mail, o.id FROM clients AS c JOIN orders AS o ON o.customer = c.id"),
            "g@x|3"
        );
        assert_eq!(bench.query("PRAGMA foreign_key_check"), "");
    }
}

#[test]
fn what_was_given_up_by_its_name_is_no_rename_and_all_at_once_gives_up_nothing_that_looks_like_one() {
    let old = "CREATE TABLE t (id INTEGER PRIMARY KEY, fax TEXT); INSERT INTO t VALUES (1, 'x')";
    let new = "CREATE TABLE t (id INTEGER PRIMARY KEY, site TEXT)";
    let allowing = |approval: &str| Bench::new(old).with(|s| s.allow = vec![approval.parse().unwrap()]);
    let [hazard] = stopping(&Bench::new(old).refuses(new)).try_into().unwrap();
    let approval = hazard.approval.unwrap().to_string();
    assert_eq!(approval, "DROPS_COLUMN:t.fax");
    assert_eq!(stopping(&allowing("DROPS_COLUMN:*").refuses(new))[0].name, HazardName::LooksLikeRename);
    assert_eq!(stopping(&allowing("LOOKS_LIKE_RENAME:t.fax").refuses(new))[0].name, HazardName::DropsColumn);
    allowing(&approval).reaches(new);
}

#[test]
fn renamed_from_what_does_not_exist_says_so_and_names_the_nearest() {
    let bench = Bench::new(OLD);
    let new = "CREATE TABLE customers (\n  id INTEGER PRIMARY KEY,\n  email TEXT NOT NULL, -- @renamed from=mial\n  \"full name\" TEXT\n);";
    insta::assert_snapshot!(bench.refuses(new), @"
    schema.sql:3: @renamed from=mial cannot act: there is neither a column customers.mial nor a column customers.email; nothing was changed
    write `-- @renamed from=mail` there, or take out the directive
    ");
    bench.reaches(&new.replace("from=mial", "from=mail"));

    let bench = Bench::new(OLD);
    let new = "-- @renamed from=custmers\nCREATE TABLE clients (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, \"full name\" TEXT);";
    insta::assert_snapshot!(bench.refuses(new), @"
    schema.sql:1: @renamed from=custmers cannot act: there is neither a table custmers nor a table clients; nothing was changed
    write `-- @renamed from=customers` there, or take out the directive
    ");
    bench.reaches(&new.replace("custmers", "customers"));
}

/// Values of every kind, and some that look like another.
const NASTY: &str = "(1, 1), (2, NULL), (3, 'abc'), (4, '007'), (5, '1.5'), (6, 1.5), (7, 2.0), (8, x'31'), (9, ''), (10, ' 12 '), \
    (11, '12abc'), (12, '1e3'), (13, 9223372036854775807), (14, '9223372036854775808'), (15, 1e300), (16, '-0'), (17, 'X'), (18, 'x')";

#[test]
fn the_select_of_a_violated_constraint_finds_the_rows_that_were_counted() {
    let old = format!(
        "CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1), (12);
         CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES {NASTY}"
    );
    let p = "CREATE TABLE p (id INTEGER PRIMARY KEY);";
    let cases = [
        "t (id INTEGER PRIMARY KEY, a NOT NULL)",
        "t (id INTEGER PRIMARY KEY, a CHECK (a > 5))",
        "t (id INTEGER PRIMARY KEY, a UNIQUE COLLATE NOCASE)",
        "t (id INTEGER PRIMARY KEY, a, b DEFAULT 5 UNIQUE)",
        "t (id INTEGER PRIMARY KEY, a, b DEFAULT 5 CHECK (b > a))",
        "t (id INTEGER PRIMARY KEY, a, b TEXT NOT NULL)",
        "t (id INTEGER PRIMARY KEY, a REFERENCES p (id))",
        "t (id INTEGER PRIMARY KEY, a INTEGER) STRICT",
        "t (id INTEGER PRIMARY KEY, a INT) STRICT",
        "t (id INTEGER PRIMARY KEY, a REAL) STRICT",
        "t (id INTEGER PRIMARY KEY, a TEXT) STRICT",
        "t (id INTEGER PRIMARY KEY, a BLOB) STRICT",
        "t (id INTEGER, a INTEGER PRIMARY KEY)",
        "t (id INTEGER PRIMARY KEY, a CHECK (typeof(a) <> 'text') REFERENCES p)",
    ];
    let approvals = ["CHANGES_VALUES:*", "RENUMBERS_ROWIDS:*"].map(|approval| approval.parse().unwrap());
    for case in cases {
        let bench = Bench::new(&old).with(|s| s.allow = approvals.to_vec());
        let error = bench.refuses(&format!("{p} CREATE TABLE {case};"));
        let hazards = stopping(&error);
        assert!(!hazards.is_empty(), "{case}: {error}");
        for hazard in hazards {
            let query = hazard.query.as_ref().unwrap_or_else(|| panic!("{case}: {error}"));
            let found = bench.query(&format!("SELECT count(*) FROM ({query})"));
            assert_eq!(Some(found), hazard.rows.map(|rows| rows.to_string()), "{case}: {query}");
            assert!(hazard.remedy.ends_with(&format!("{query};")), "{hazard:?}");
            for rowid in hazard.rowids {
                let named = bench.query(&format!("SELECT count(*) FROM ({query}) WHERE id = {rowid}"));
                assert!(named == "1" || query.contains("landfall_rowid"), "{case}: {rowid}: {query}");
            }
            for value in ["abc", "007", "1e3", "12abc"] {
                assert!(!query.contains(value), "a value of a row is in it: {query}");
            }
        }
    }
}
