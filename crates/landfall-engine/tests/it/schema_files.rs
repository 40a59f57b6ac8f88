//! A schema in several files: those of a folder, or of a list. Errors name the file and its line.

use std::fs;
use std::path::{Path, PathBuf};

use landfall_engine::{Declared, Error, ErrorKind, Files, Settings};

use crate::support::Bench;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            fs::write(folder.path(name), text).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn list(&self, names: &[&str]) -> PathBuf {
        std::env::join_paths(names.iter().map(|name| self.path(name))).unwrap().into()
    }

    fn read(path: &Path) -> Result<Declared, Error> {
        Declared::read(path, &Settings::default())
    }

    /// What is said, without the name of the folder.
    fn refused(&self, path: &Path) -> String {
        let error = Self::read(path).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Schema);
        format!("[{}] {error}", error.object).replace(&format!("{}/", self.0.path().display()), "")
    }
}

const ORDERS: (&str, &str) = (
    "1-orders.sql",
    "CREATE INDEX i ON customers (name);\nCREATE TABLE orders (c REFERENCES customers (id))",
);
const CUSTOMERS: (&str, &str) = (
    "2-customers.sql",
    "-- people\nCREATE TABLE customers (\n  id INTEGER PRIMARY KEY,\n  name TEXT -- @renamed from=title\n);",
);

#[test]
fn a_folder_is_all_its_sql_files_by_name() {
    let folder = Folder::with(&[CUSTOMERS, ORDERS, ("notes.txt", "no SQL"), ("3-empty.sql", "")]);
    let declared = Folder::read(folder.0.path()).unwrap();
    let place = |object: &str| {
        declared
            .line_of(object)
            .map(|(file, line)| (file.strip_prefix(folder.0.path()).unwrap().display().to_string(), line))
    };
    assert_eq!(place("i"), Some(("1-orders.sql".to_owned(), 1)));
    assert_eq!(place("orders"), Some(("1-orders.sql".to_owned(), 2)));
    assert_eq!(place("customers.name"), Some(("2-customers.sql".to_owned(), 4)));
    let bench = Bench::new(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO customers VALUES (1, 'x')",
    );
    landfall_engine::migrate(&bench.db(), &declared, &bench.settings, &mut ()).unwrap();
    assert_eq!(bench.query("SELECT name FROM customers"), "x");
    // The same in one file, whose order is another one.
    let one = format!("{}\n{};", CUSTOMERS.1, ORDERS.1);
    assert_eq!(bench.declared(&one).unwrap().fingerprint(), declared.fingerprint());
    assert_eq!(
        landfall_engine::migrate(&bench.db(), &bench.declared(&one).unwrap(), &bench.settings, &mut ())
            .unwrap()
            .outcome,
        landfall_engine::Outcome::InSync
    );
    // A look that executes nothing reads the same text.
    let files = Files::read(folder.0.path()).unwrap();
    assert_eq!(files.text(), declared.text());
}

#[test]
fn a_list_is_its_files_and_folders() {
    let folder = Folder::with(&[CUSTOMERS, ORDERS]);
    let both = Folder::read(&folder.list(&["2-customers.sql", "1-orders.sql"])).unwrap();
    assert_eq!(both.fingerprint(), Folder::read(folder.0.path()).unwrap().fingerprint());
    fs::create_dir(folder.path("more")).unwrap();
    fs::rename(folder.path("1-orders.sql"), folder.path("more/1-orders.sql")).unwrap();
    let mixed = Folder::read(&folder.list(&["2-customers.sql", "more"])).unwrap();
    assert_eq!(both.fingerprint(), mixed.fingerprint());
    // One file whose name has a colon is no list.
    fs::write(folder.path("a:b.sql"), CUSTOMERS.1).unwrap();
    assert_eq!(Folder::read(&folder.path("a:b.sql")).unwrap().counts().tables, 1);
}

#[test]
fn errors_name_the_file_and_its_line() {
    let said = |files: &[(&str, &str)]| {
        let folder = Folder::with(files);
        folder.refused(folder.0.path())
    };
    insta::assert_snapshot!(said(&[CUSTOMERS, ("1.sql", "CREATE TABLE t (a);\n\nCREATE TABLE t2 (a,,);")]), @r#"
    [1.sql:3] 1.sql:3:20: near ",": syntax error; nothing was changed
      CREATE TABLE t2 (a,,);
    correct the statement
    "#);
    insta::assert_snapshot!(said(&[CUSTOMERS, ("3.sql", "\nCREATE TABLE Customers (a);")]), @"
    [3.sql:2] 3.sql:2:1: the name Customers is declared on 2-customers.sql:2 already; nothing was changed
      CREATE TABLE Customers (a);
    keep one of the two statements, or rename one
    ");
    insta::assert_snapshot!(said(&[("1.sql", "CREATE TABLE t (a DEFAULT 'x);"), ("2.sql", "CREATE TABLE u (a DEFAULT 'y');")]), @"
    [1.sql:1] 1.sql:1:27: this quote is never closed; nothing was changed
      CREATE TABLE t (a DEFAULT 'x);
    correct the statement
    ");
    insta::assert_snapshot!(said(&[CUSTOMERS, ("3.sql", "-- @renamed from=x")]), @"
    [3.sql:1] 3.sql:1:1: the directive @renamed stands neither on the line of a column nor on the line before a CREATE TABLE; nothing was changed
      -- @renamed from=x
    move it to the end of the line of the column that was renamed, or to the line before the table that was
    ");
    insta::assert_snapshot!(said(&[CUSTOMERS, ("3.sql", "CREATE TABLE t (\n  a, -- @renamed from=x\n  b -- @renamed from=x\n);")]), @"
    [t.a] 3.sql:2: @renamed from=x renames x, as the one on 3.sql:3 does
    keep one of the two; the other can copy it with @using
    ");
    let none = Folder::with(&[("notes.txt", "")]);
    let error = Folder::read(none.0.path()).unwrap_err();
    assert!(error.message.ends_with("is a folder without a file whose name ends in .sql"), "{error}");
    assert!(
        error.remedy.starts_with("write the CREATE statements of the database into files there"),
        "{error}"
    );
    let folder = Folder::with(&[CUSTOMERS]);
    insta::assert_snapshot!(folder.refused(&folder.list(&["2-customers.sql", "4-none.sql"])), @"
    [4-none.sql] the schema 4-none.sql cannot be read: it does not exist
    write the CREATE statements of the database there, or name another file
    ");
    fs::write(folder.path("5.sql"), b"CREATE TABLE \xff").unwrap();
    insta::assert_snapshot!(folder.refused(folder.0.path()), @"
    [5.sql:1] 5.sql:1: this is not valid UTF-8; nothing was changed
    save the file as UTF-8
    ");
}

#[test]
fn a_file_that_does_not_end_ends_with_itself() {
    let folder =
        Folder::with(&[("1.sql", "CREATE TABLE t (a) -- the end"), ("2.sql", "\u{feff}CREATE TABLE u (b)")]);
    assert_eq!(Folder::read(folder.0.path()).unwrap().counts().tables, 2);
}
