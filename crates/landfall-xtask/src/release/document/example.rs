//! A document with everything in it that is awkward: what the tests of both forms read, and what is looked at by eye.

use landfall_engine::{
    ApprovedBy, Cost, CostClass, Difference, DifferenceKind, Disk, Evidence, Hazard, HazardName, Operation,
    Outcome, Part, Plan, Planner, Prediction, Proposal, Report, Step, Timing,
};

use super::Document;
use crate::release::check::{Check, Verdict};
use crate::release::downtime::{Basis, Downtime, Limit, Part as DowntimePart};

const BEFORE: &str = "\
-- The customers of the shop.
CREATE TABLE customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  email TEXT,
  fax TEXT,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  CHECK (length(first_name) > 0)
);

CREATE INDEX customers_by_name ON customers (last_name, first_name);

CREATE TABLE \"a|b\" (
  id INTEGER PRIMARY KEY,
  customer INTEGER NOT NULL REFERENCES customers (id),
  note TEXT
);

CREATE VIEW active AS SELECT id, first_name FROM customers;
";

const AFTER: &str = "\
-- The customers of the shop.
CREATE TABLE customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  -- Two customers with one address were two accounts of one person.
  email TEXT COLLATE NOCASE UNIQUE,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  CHECK (length(first_name) > 0)
);

CREATE INDEX customers_by_name ON customers (last_name, first_name);

CREATE TABLE \"a|b\" (
  id INTEGER PRIMARY KEY,
  customer INTEGER NOT NULL REFERENCES customers (id),
  note TEXT
);

CREATE VIEW active AS SELECT id, first_name FROM customers;

CREATE TABLE \"<script>alert(1)</script>\" (id INTEGER PRIMARY KEY, a_column_with_quite_a_long_name TEXT NOT NULL DEFAULT '', another_one_that_is_even_longer_than_that TEXT NOT NULL DEFAULT 'x') STRICT;
";

/// What a [`Document`] borrows.
pub(super) struct Example {
    pub(super) checks: Vec<Check>,
    pub(super) report: Report,
    pub(super) downtime: Downtime,
    pub(super) after: String,
}

impl Example {
    pub(super) fn new() -> Self {
        Self { checks: checks(), report: report(), downtime: downtime(), after: AFTER.to_owned() }
    }

    /// Every section.
    pub(super) fn whole(&self) -> Document<'_> {
        Document {
            title: "Rehearsal of shop: 4c1f2ab0 -> 9d0e1f2a".to_owned(),
            verdict: Verdict::Refused,
            summary: "4 differences, 1 hazard stops the plan, and the change takes longer than Fly waits"
                .to_owned(),
            facts: vec![
                ("data", "a copy of production, pulled 2026-11-24T18:00:12Z, 12.8 GB".to_owned()),
                ("where", "this machine, in the image `shop:9d0e1f2a` (2 CPUs, 512 MB)".to_owned()),
                ("deployed", "4c1f2ab0d4e5f60718293a4b5c6d7e8f90123456, from the machine's label".to_owned()),
                ("SQLite", "3.54.1".to_owned()),
            ],
            checks: &self.checks,
            schema_path: "schema.sql".to_owned(),
            before: Some(BEFORE),
            after: &self.after,
            report: Some(&self.report),
            downtime: Some(&self.downtime),
        }
    }

    /// Title, verdict and summary, and nothing else.
    pub(super) fn empty() -> Document<'static> {
        Document {
            title: "verify-sync of shop".to_owned(),
            verdict: Verdict::Fine,
            summary: "nothing to do".to_owned(),
            facts: Vec::new(),
            checks: &[],
            schema_path: "schema.sql".to_owned(),
            before: None,
            after: AFTER,
            report: None,
            downtime: None,
        }
    }

    /// A change of 5,000 steps: everything in it is long.
    pub(super) fn huge() -> Self {
        let mut huge = Self::new();
        let names: Vec<_> =
            (1..=5_000).map(|number| format!("table_{number}_of_a_very_large_shop")).collect();
        let report = &mut huge.report;
        let plan = report.plan.as_mut().expect("the example has a plan");
        plan.steps = names
            .iter()
            .map(|name| {
                let operation = Operation::CreateTable { table: name.clone() };
                step(operation, CostClass::Constant, 0, &format!("CREATE TABLE {name} (a)"))
            })
            .collect();
        plan.steps[0].sql = format!("CREATE TABLE wide ({})", "a_column TEXT, ".repeat(10_000));
        report.timings = names.iter().map(|name| timing(Part::Step, name, 0.01)).collect();
        report.differences =
            names.iter().map(|name| difference(DifferenceKind::Missing, name, "is missing")).collect();
        report.evidence = names.iter().map(|name| evidence(name, 1_000, true)).collect();
        huge.after = names.iter().map(|name| format!("CREATE TABLE {name} (a);\n")).collect();
        huge.checks[1].details = names;
        huge
    }
}

fn checks() -> Vec<Check> {
    let check = |name, verdict, evidence: &str, details: &[&str], remedy: &str| Check {
        name,
        verdict,
        evidence: evidence.to_owned(),
        details: details.iter().map(|&line| line.to_owned()).collect(),
        remedy: remedy.to_owned(),
    };
    vec![
        check(
            "deployed commit",
            Verdict::Fine,
            "4c1f2ab0, by the machine's label, the git ref and /version",
            &[],
            "",
        ),
        check(
            "local database",
            Verdict::OutOfSync,
            ".data/db has drifted from schema.sql",
            &[
                "column customers.email is TEXT, not TEXT COLLATE NOCASE",
                "table a|b is missing",
                "see @using",
            ],
            "cargo xtask migrate --allow 'DROPS_COLUMN:customers.fax'",
        ),
        check(
            "today's change",
            Verdict::Refused,
            "1 hazard stops the plan",
            &["DROPS_COLUMN customers.fax"],
            "cargo xtask rehearse",
        ),
        check(
            "production",
            Verdict::Unknown,
            "the machine did not answer within 30 s",
            &[],
            "cargo xtask status",
        ),
        check("Atlas", Verdict::NotRead, "there is no Atlas on this machine", &[], ""),
    ]
}

fn report() -> Report {
    Report {
        outcome: Outcome::Applied,
        database: "/tmp/rehearsal/db".to_owned(),
        schema: "schema.sql".to_owned(),
        live: "1f0c".to_owned(),
        declared: "9b7e".to_owned(),
        differences: vec![
            difference(DifferenceKind::Extra, "column customers.fax", "is not declared"),
            difference(DifferenceKind::Changed, "column customers.email", "is TEXT, not TEXT COLLATE NOCASE"),
            difference(DifferenceKind::Missing, "constraint UNIQUE (email) of customers", "is missing"),
            difference(DifferenceKind::Missing, "table <script>alert(1)</script>", "is missing"),
        ],
        notes: vec![
            "the directive on line 4 (customers.first_name) has nothing left to do and can be removed"
                .to_owned(),
        ],
        hazards: Vec::new(),
        idle_directives: Vec::new(),
        plan: Some(plan()),
        proposals: vec![
            Proposal {
                planner: Planner::Builtin,
                verdict: landfall_engine::Verdict::Chosen,
                reason: "the only plan that was proved".to_owned(),
            },
            Proposal {
                planner: Planner::Atlas,
                verdict: landfall_engine::Verdict::Disproved,
                reason: "would drop COLLATE NOCASE of customers.email".to_owned(),
            },
        ],
        evidence: vec![
            evidence("customers", 128_400_112, true),
            evidence("a|b", 9_007_199_254, true),
            evidence("<script>alert(1)</script>", 0, false),
        ],
        seconds: Some(312.4),
        timings: timings(),
        disk: Some(Disk { before: 12_840_402_944, peak: 31_775_000_576, after: 13_120_004_096 }),
    }
}

const REBUILD: &str = "CREATE TABLE customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  email TEXT COLLATE NOCASE UNIQUE,
  created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  CHECK (length(first_name) > 0)
)";

const COPY: &str = r#"INSERT INTO customers (id, first_name, last_name, email, created_at) SELECT id, first_name, last_name, email, created_at FROM "landfall_old_customers" ORDER BY id"#;

fn plan() -> Plan {
    use CostClass::{Constant, Rewrite, Scan};
    use Operation::{
        CopyRows, CreateIndex, CreateTable, CreateTarget, CreateView, DropLeftover, DropView, EditSequence,
        Pragma, SetAside,
    };
    let rows = 128_400_112;
    let (view, old) = (|| "active".to_owned(), || "landfall_old_customers".to_owned());
    let (table, other) = (|| "customers".to_owned(), || "a|b".to_owned());
    let script = "<script>alert(1)</script>".to_owned();
    Plan {
        planner: Planner::Builtin,
        fingerprint: "77aa".to_owned(),
        cost: Cost { class: Rewrite, rows },
        prediction: Prediction { seconds: 960.0, low: 384.0, high: 2_400.0 },
        steps: vec![
            step(Pragma, Constant, 0, "PRAGMA legacy_alter_table = ON"),
            step(DropView { view: view() }, Constant, 0, "DROP VIEW active"),
            step(
                SetAside { table: table(), aside: old() },
                Constant,
                0,
                "ALTER TABLE customers RENAME TO landfall_old_customers",
            ),
            step(CreateTarget { table: table(), target: table() }, Constant, 0, REBUILD),
            step(CopyRows { table: table(), into: table() }, Rewrite, rows, COPY),
            step(
                DropLeftover { table: table(), leftover: old() },
                Constant,
                0,
                "DROP TABLE landfall_old_customers",
            ),
            step(
                CreateIndex { index: "customers_by_name".to_owned(), table: table() },
                Scan,
                rows,
                "CREATE INDEX customers_by_name ON customers (last_name, first_name)",
            ),
            step(
                EditSequence { table: table() },
                Constant,
                0,
                "UPDATE sqlite_sequence SET seq = 5 WHERE name = 'customers'",
            ),
            step(
                CreateTable { table: script },
                Constant,
                0,
                "CREATE TABLE \"<script>alert(1)</script>\" (id INTEGER PRIMARY KEY)",
            ),
            step(
                CreateIndex { index: "a|b by ``` ticks".to_owned(), table: other() },
                Scan,
                9_007_199_254,
                "CREATE INDEX \"a|b by ``` ticks\" ON \"a|b\" (customer)",
            ),
            step(
                CreateView { view: view() },
                Constant,
                0,
                "CREATE VIEW active AS SELECT id, first_name FROM customers",
            ),
            step(Pragma, Constant, 0, "PRAGMA legacy_alter_table = OFF"),
        ],
        hazards: vec![
            hazard(
                HazardName::DropsColumn,
                "customers.fax",
                "column customers.fax would be dropped with its values",
                "write `-- @dropped fax` inside CREATE TABLE customers, or approve DROPS_COLUMN:customers.fax",
                None,
            ),
            hazard(
                HazardName::ChangesValues,
                "a|b.note",
                "2 values of a|b.note would be stored differently as TEXT (rowid 4, 7)",
                "write `-- @using EXPRESSION` on the column's line",
                Some(ApprovedBy::Schema),
            ),
            hazard(HazardName::RewritesTable, "customers", "table customers is written anew", "", None),
        ],
    }
}

fn downtime() -> Downtime {
    let part = |what, seconds, source: &str| DowntimePart { what, seconds, source: source.to_owned() };
    let limit = |what: &str, seconds, fits| Limit { what: what.to_owned(), seconds, fits };
    Downtime {
        basis: Basis::Local,
        parts: vec![
            part("the machine is replaced", 11.2, "as in its last update"),
            part("the copy that is made first", 24.0, "12.8 GB at 535.0 MB a second, measured here"),
            part("the change", 312.4, "this rehearsal"),
            part("the service starts", 0.04, "this rehearsal, in the very image"),
        ],
        seconds: 347.6,
        low: 260.0,
        high: 521.0,
        limits: vec![
            limit("--wait-timeout", 300.0, false),
            limit("grace_period of check health", 600.0, true),
            limit("kill_timeout", 5.0, false),
        ],
    }
}

fn timings() -> Vec<Timing> {
    vec![
        timing(Part::Look, "schema and hazards", 0.0041),
        timing(Part::Evidence, "rows of customers", 22.1),
        timing(Part::Evidence, "rows of a|b", 14.9),
        timing(Part::Step, "1/12 metadata", 0.0),
        timing(Part::Step, "2/12 drop active", 0.0004),
        timing(Part::Step, "3/12 rebuild customers", 0.0007),
        timing(Part::Step, "4/12 rebuild customers", 0.0005),
        timing(Part::Step, "5/12 rebuild customers", 141.8),
        timing(Part::Step, "6/12 rebuild customers", 3.2),
        timing(Part::Step, "7/12 create index customers_by_name", 64.3),
        timing(Part::Step, "8/12 metadata customers", 0.0001),
        timing(Part::Step, "9/12 create <script>alert(1)</script>", 0.0002),
        timing(Part::Step, "10/12 create a|b", 27.5),
        timing(Part::Step, "11/12 create active", 0.0001),
        timing(Part::Step, "12/12 metadata", 0.0),
        timing(Part::Evidence, "rows of customers", 21.9),
        timing(Part::Evidence, "rows of a|b", 15.1),
        timing(Part::Keys, "foreign keys and schema", 0.9),
        timing(Part::Commit, "commit", 0.7),
    ]
}

fn difference(kind: DifferenceKind, object: &str, what: &str) -> Difference {
    Difference { kind, object: object.to_owned(), message: format!("{object} {what}") }
}

fn step(operation: Operation, class: CostClass, rows: u64, sql: &str) -> Step {
    Step::new(operation, sql.to_owned(), Cost { class, rows })
}

fn hazard(
    name: HazardName,
    object: &str,
    message: &str,
    remedy: &str,
    approved: Option<ApprovedBy>,
) -> Hazard {
    Hazard { approved, ..Hazard::new(name, object, message.to_owned(), remedy.to_owned()) }
}

fn evidence(table: &str, rows: u64, is_summed: bool) -> Evidence {
    let checksum = is_summed.then(|| "5f1d36f1b4d9a0c2".to_owned());
    Evidence { table: table.to_owned(), rows_before: rows, rows_after: rows, sampled: false, checksum }
}

fn timing(part: Part, label: &str, seconds: f64) -> Timing {
    Timing { part, label: label.to_owned(), seconds }
}
