//! What was done to production, one entry an attempt: a chain of commits that no branch has, `refs/landfall/audit/APP`, here and at
//! `origin`. Each has the files that belong to it.
//!
//! What could not be pushed stays here, and a later entry takes it along: on top of what others have added meanwhile.

use std::fmt;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Result;
use landfall_engine::{Interrupt, TableRows};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identity::Identity;
use super::machine_log;
use crate::error::{Error, Kind as ErrorKind};
use crate::name::{AppName, CommitId, Image, MachineId, RefName, Revision, SnapshotId, VolumeId};
use crate::tool::fly::Volume;
use crate::tool::git::{self, Origin, Pushed, Swapped, Tree};
use crate::{plain, text};

/// How often others may be faster.
const TRIES: usize = 5;
/// The entry, among its files.
const ENTRY: &str = "entry.json";

/// What was done. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A commit was shipped.
    Deploy,
    /// An earlier image was brought back.
    Rollback,
    /// Earlier data was brought back.
    DataBack,
}

/// What production does now. Its name in JSON is the kebab-case of the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It serves the new one.
    Served,
    /// It serves the previous one.
    WentBack,
    /// It needs a person.
    Stranded,
    /// It is being changed: what comes of it is in the next entry. Where there is none, whoever did it has died.
    Shipping,
}

/// What is written down of an attempt. It is read by later versions, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// What was done.
    pub(crate) kind: Kind,
    /// What production does now.
    pub(crate) outcome: Outcome,
    /// When it ended, as in RFC 3339.
    pub(crate) time: String,
    /// Who did it.
    pub(crate) who: String,
    /// On which machine.
    pub(crate) host: String,
    /// The app on Fly.
    pub(crate) app: String,
    /// Of the image that production serves now, or that was tried; ends with `-dirty` where its work tree held something else.
    pub(crate) commit: Revision,
    /// The commit before.
    pub(crate) from: Option<Revision>,
    /// The image: `REPOSITORY@sha256:…`.
    #[serde(deserialize_with = "crate::name::maybe", serialize_with = "crate::name::or_empty")]
    pub(crate) image: Option<Image>,
    /// The tag that it was pushed under, `REPOSITORY:TAG`; none of an image that was not pushed for this attempt.
    #[serde(default, deserialize_with = "crate::name::maybe")]
    pub(crate) tag: Option<Image>,
    /// The fingerprint of the image's own schema.
    pub(crate) declared: Option<String>,
    /// The fingerprint of the schema of the database.
    pub(crate) live: Option<String>,
    /// The machine.
    #[serde(default, deserialize_with = "crate::name::maybe")]
    pub(crate) machine: Option<MachineId>,
    /// Its volume.
    #[serde(default, deserialize_with = "crate::name::maybe")]
    pub(crate) volume: Option<VolumeId>,
    /// The snapshot of the volume that was taken before.
    #[serde(default, deserialize_with = "crate::name::maybe")]
    pub(crate) snapshot: Option<SnapshotId>,
    /// The copy of the database that was pulled before.
    pub(crate) copy: Option<String>,
    /// The fingerprint of the plan.
    pub(crate) plan: Option<String>,
    /// Its steps, in short.
    pub(crate) steps: Vec<String>,
    /// The rows of every table afterwards.
    pub(crate) rows: Vec<TableRows>,
    /// Volumes that were set aside.
    pub(crate) set_aside: Vec<VolumeId>,
    /// How long it took.
    pub(crate) seconds: f64,
    /// Why it did not go as it should; empty where it did.
    pub(crate) message: String,
}

impl Entry {
    /// Of now, by whoever this is; what there is to say of it is empty yet.
    pub(crate) fn new(root: &Path, app: &AppName, kind: Kind, outcome: Outcome) -> Result<Self> {
        let Identity { who, host } = Identity::read(root, &Interrupt::default())?;
        Ok(Self {
            kind,
            outcome,
            time: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            who,
            host,
            app: app.to_string(),
            commit: Revision::default(),
            from: None,
            image: None,
            tag: None,
            declared: None,
            live: None,
            machine: None,
            volume: None,
            snapshot: None,
            copy: None,
            plan: None,
            steps: Vec::new(),
            rows: Vec::new(),
            set_aside: Vec::new(),
            seconds: 0.0,
            message: String::new(),
        })
    }
}

/// An entry in its chain.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    /// Its commit; another one where it was pushed after others.
    pub(crate) id: CommitId,
    /// From 1, the first ever.
    pub(crate) number: usize,
    /// What it says.
    pub(crate) entry: Entry,
}

/// All entries of an app.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Audit {
    /// The newest first.
    pub(crate) entries: Vec<Recorded>,
    /// Why it may not be all there is; `None` where it is.
    pub(crate) reason: Option<String>,
}

impl Audit {
    /// The image that served last of those whose tag is known, by that tag.
    pub(crate) fn newest_tag(&self) -> Option<&Image> {
        let served = self.entries.iter().filter(|recorded| recorded.entry.outcome == Outcome::Served);
        served.filter_map(|recorded| recorded.entry.tag.as_ref()).next()
    }

    /// Whether a rollback set this volume aside, by an entry or by its own mark; it waits for a person. One that a machine has was
    /// taken up again.
    pub(crate) fn has_set_aside(&self, volume: &Volume) -> bool {
        let is_named = || self.entries.iter().any(|recorded| recorded.entry.set_aside.contains(&volume.id));
        volume.attached_machine_id.is_none() && (volume.is_marked() || is_named())
    }
}

/// The chain as it is now, here and at `origin` together.
struct Chain {
    tip: Option<CommitId>,
    /// What `origin` has, or why that is not known; `None` where there is no `origin`.
    origin: Option<Result<Option<CommitId>, String>>,
}

/// Reads the entries of `app`, with those that `origin` has and this repository has not.
pub(crate) fn read(root: &Path, app: &AppName, interrupt: &Interrupt) -> Result<Audit> {
    let chain = joined(root, app, interrupt)?;
    let commits = match &chain.tip {
        Some(tip) => git::history(root, tip, interrupt)?,
        None => Vec::new(),
    };
    let count = commits.len();
    let parsed = (0..count).rev().zip(commits).filter_map(|(before, (id, message))| {
        Some(Recorded { id, number: before + 1, entry: Entry::parse(&message)? })
    });
    let entries: Vec<_> = parsed.collect();
    let unread = count - entries.len();
    let unread = (unread > 0)
        .then(|| format!("{} cannot be read by this version", text::count(unread as u64, "record")));
    let silent = chain.origin.and_then(Result::err);
    let reasons: Vec<_> = silent.into_iter().chain(unread).collect();
    Ok(Audit { entries, reason: (!reasons.is_empty()).then(|| reasons.join("; ")) })
}

/// The text of a file that belongs to an entry; `None` where it has none of that name.
pub(crate) fn file(
    root: &Path,
    recorded: &Recorded,
    name: &'static str,
    interrupt: &Interrupt,
) -> Result<Option<String>> {
    git::blob(root, &recorded.id, name, interrupt)
}

/// Writes an entry down, with its files: always in this repository, and at `origin` where that answers.
///
/// # Errors
/// When not even this repository can be written to.
pub(crate) fn append(
    root: &Path,
    app: &AppName,
    entry: &Entry,
    files: &[(&'static str, &str)],
    interrupt: &Interrupt,
) -> Result<Pushed> {
    if git::common_folder(root, interrupt)?.is_none() {
        return Ok(Pushed::Nowhere);
    }
    let entry = &entry.publishable()?;
    let text = serde_json::to_string_pretty(entry)? + "\n";
    let tree = git::tree(root, &[&[(ENTRY, text.as_str())], files].concat())?;
    for _ in 0..TRIES {
        if let Some(pushed) = try_append(root, app, entry, &tree, interrupt)? {
            return Ok(pushed);
        }
    }
    let message = format!("the audit of {app} was not written: others were faster {TRIES} times");
    Err(Error::new(ErrorKind::Failed, ref_name(app), message).into())
}

/// `None` where others were faster.
fn try_append(
    root: &Path,
    app: &AppName,
    entry: &Entry,
    tree: &Tree,
    interrupt: &Interrupt,
) -> Result<Option<Pushed>> {
    let Chain { tip, origin } = joined(root, app, interrupt)?;
    let identity = Identity { who: entry.who.clone(), host: entry.host.clone() };
    let (name, address) = identity.author();
    let commit = git::commit(root, tree, tip.as_ref(), (name, &address), &entry.to_message()?)?;
    let pushed = match origin {
        None => Pushed::NoOrigin,
        Some(Err(reason)) => Pushed::OnlyHere(reason),
        Some(Ok(there)) => match git::swap(root, &ref_name(app), there.as_ref(), Some(&commit))? {
            Swapped::Done => Pushed::Everywhere,
            Swapped::Moved(_) => return Ok(None),
            Swapped::Refused(reason) | Swapped::Silent(reason) => Pushed::OnlyHere(reason),
            Swapped::Ambiguous(other) => Pushed::OnlyHere(git::ambiguous(&other)),
        },
    };
    let is_set = git::set_ref(root, &ref_name(app), tip.as_ref(), &commit)?;
    // What is at origin is found there the next time, whatever another process has set here.
    Ok((is_set || pushed == Pushed::Everywhere).then_some(pushed))
}

/// Brings what `origin` has into this repository, and puts what it has not on top.
fn joined(root: &Path, app: &AppName, interrupt: &Interrupt) -> Result<Chain> {
    let name = ref_name(app);
    let own = git::named(root, &name, interrupt)?;
    let there = match git::origin_ref(root, &name, interrupt)? {
        Origin::Nowhere => return Ok(Chain { tip: own, origin: None }),
        Origin::Silent(reason) => return Ok(Chain { tip: own, origin: Some(Err(not_reached(&reason))) }),
        Origin::Answered(None) => return Ok(Chain { tip: own, origin: Some(Ok(None)) }),
        Origin::Answered(Some(there)) => there,
    };
    if !git::has(root, &there, interrupt)?
        && let Err(reason) = git::fetch_history(root, &name, interrupt)?
    {
        return Ok(Chain { tip: own, origin: Some(Err(not_reached(&reason))) });
    }
    if !git::has(root, &there, interrupt)? {
        let reason = not_reached("it moved the ref meanwhile");
        return Ok(Chain { tip: own, origin: Some(Err(reason)) });
    }
    let mut tip = there.clone();
    if let Some(own) = &own {
        for commit in git::commits_only_in(root, own, &there, interrupt)? {
            tip = git::reparent(root, &commit, &tip)?;
        }
    }
    if own.as_ref() != Some(&tip) {
        // Where another process was faster it has done the same.
        git::set_ref(root, &name, own.as_ref(), &tip)?;
    }
    Ok(Chain { tip: Some(tip), origin: Some(Ok(Some(there))) })
}

fn not_reached(reason: &str) -> String {
    format!("origin was not reached: {reason}")
}

/// The git ref of the chain of an app.
pub(crate) fn ref_name(app: &AppName) -> RefName {
    RefName::of("audit", app)
}

impl Entry {
    /// One line for people, and the entry in another.
    fn to_message(&self) -> Result<String> {
        Ok(format!("{self}\n\n{}\n", serde_json::to_string(self)?))
    }

    fn parse(message: &str) -> Option<Self> {
        let line = message.lines().find(|line| line.starts_with('{'))?;
        Self::plain(serde_json::from_str(line).ok()?).ok()
    }

    /// Without what a machine logged, and without what is not for showing.
    fn publishable(&self) -> Result<Self> {
        let without_log = Self { message: machine_log::without(&self.message), ..self.clone() };
        Ok(Self::plain(serde_json::to_value(without_log)?)?)
    }

    fn plain(mut document: Value) -> serde_json::Result<Self> {
        plain::json(&mut document);
        serde_json::from_value(document)
    }
}

/// `deploy of 0123456789ab to shop by ada@example.com: served`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Deploy => "deploy of",
            Kind::Rollback => "rollback to",
            Kind::DataBack => "data back with",
        };
        let came = match self.outcome {
            Outcome::Served => "served",
            Outcome::WentBack => "went back",
            Outcome::Stranded => "needs a person",
            Outcome::Shipping => "is shipped",
        };
        write!(f, "{what} {} to {} by {}: {came}", self.commit.short(), self.app, self.who)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use insta::assert_snapshot;

    use super::*;
    use crate::tool::git::sandbox::{Sandbox, git};

    fn app() -> AppName {
        AppName::parse("shop").unwrap()
    }

    const REF: &str = "refs/landfall/audit/shop";

    fn entry(message: &str) -> Entry {
        Entry {
            kind: Kind::Deploy,
            outcome: Outcome::Served,
            time: "2026-08-01T12:00:00Z".to_owned(),
            who: "ada@example.com".to_owned(),
            host: "laptop".to_owned(),
            app: app().to_string(),
            commit: Revision::parse("0123456789abcdef0123456789abcdef01234567").unwrap(),
            from: None,
            image: Image::parse("registry.fly.io/shop@sha256:12"),
            tag: Image::parse("registry.fly.io/shop:12"),
            declared: Some("a".to_owned()),
            live: Some("a".to_owned()),
            machine: MachineId::parse("148e"),
            volume: VolumeId::parse("vol_1"),
            snapshot: SnapshotId::parse("vs_1"),
            copy: None,
            plan: None,
            steps: vec!["rebuild customers".to_owned()],
            rows: vec![TableRows { table: "customers".to_owned(), rows: 3 }],
            set_aside: Vec::new(),
            seconds: 12.5,
            message: message.to_owned(),
        }
    }

    fn add(root: &Path, message: &str) -> Pushed {
        append(root, &app(), &entry(message), &[], &Interrupt::default()).unwrap()
    }

    /// Their numbers and messages, the newest first.
    fn all(root: &Path) -> Vec<(usize, String)> {
        let audit = read(root, &app(), &Interrupt::default()).unwrap();
        assert_eq!(audit.reason, None);
        audit.entries.into_iter().map(|recorded| (recorded.number, recorded.entry.message)).collect()
    }

    fn numbered(messages: &[&str]) -> Vec<(usize, String)> {
        let numbered = messages.iter().enumerate().rev();
        numbered.map(|(before, message)| (before + 1, (*message).to_owned())).collect()
    }

    #[test]
    fn a_fresh_clone_reads_what_another_one_wrote_with_its_files() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        let files = [("fly.toml", "app = 'shop'\n\n"), ("schema.sql", "")];
        let first = Entry { outcome: Outcome::WentBack, ..entry("it was\nnot well: {\"é\"}") };
        let pushed = append(&ada, &app(), &first, &files, &Interrupt::default()).unwrap();
        assert_eq!(pushed, Pushed::Everywhere);
        assert_eq!(add(&ada, ""), Pushed::Everywhere);
        for bob in [sandbox.clone("bob"), sandbox.shallow_clone("eve")] {
            let audit = read(&bob, &app(), &Interrupt::default()).unwrap();
            assert_eq!(audit.reason, None);
            let [newest, oldest] = audit.entries.as_slice() else { panic!("two") };
            assert_eq!((newest.number, &newest.entry), (2, &entry("")));
            assert_eq!((oldest.number, &oldest.entry), (1, &first));
            assert_eq!(
                file(&bob, oldest, "fly.toml", &Interrupt::default()).unwrap().as_deref(),
                Some("app = 'shop'\n\n")
            );
            assert_eq!(file(&bob, oldest, "schema.sql", &Interrupt::default()).unwrap().as_deref(), Some(""));
            assert_eq!(file(&bob, newest, "fly.toml", &Interrupt::default()).unwrap(), None);
            let json = file(&bob, oldest, ENTRY, &Interrupt::default()).unwrap().unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), first);
        }
        let log = git(&ada, &["log", "--format=%an <%ae> %s", REF]);
        assert_snapshot!(log, @"
        ada@example.com <ada@example.com> deploy of 0123456789ab to shop by ada@example.com: served
        ada@example.com <ada@example.com> deploy of 0123456789ab to shop by ada@example.com: went back
        ");
        assert!(git(&ada, &["log", "-1", "--format=%B", REF]).contains("\n\n{\"kind\":\"deploy\","));
        assert_eq!(git(&ada, &["status", "--porcelain"]), "");
    }

    #[test]
    fn nothing_that_a_machine_logged_goes_to_origin_and_no_escape_sequence() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        let log =
            machine_log::told(&Ok("Ada Lovelace, 12 Main Street\n\u{1b}[31mpassword=sesame".to_owned()));
        let entry = Entry {
            copy: Some("/data/\u{1b}]0;title\u{7}copy".to_owned()),
            ..entry(&format!("exit code 1\u{1b}[2J{log}\nproduction serves nobody"))
        };
        append(&ada, &app(), &entry, &[], &Interrupt::default()).unwrap();
        let published = git(&sandbox.origin(), &["log", "-p", REF]);
        for word in ["Lovelace", "sesame", "\u{1b}", "u001b", "title"] {
            assert!(!published.contains(word), "{word}: {published}");
        }
        assert_eq!(all(&sandbox.clone("bob")), numbered(&["exit code 1\nproduction serves nobody"]));
    }

    #[test]
    fn two_clones_that_write_at_once_lose_no_entry() {
        let sandbox = Sandbox::new();
        let roots = ["ada", "bob"].map(|name| sandbox.clone(name));
        let write = |name: &'static str, root: std::path::PathBuf| {
            thread::spawn(move || {
                (0..4)
                    .for_each(|round| assert_eq!(add(&root, &format!("{name} {round}")), Pushed::Everywhere));
            })
        };
        let [ada, bob] = roots.clone();
        let threads = [write("ada", ada), write("bob", bob)];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let mut messages: Vec<_> =
            all(&sandbox.clone("eve")).into_iter().map(|(_, message)| message).collect();
        messages.sort();
        let expected = ["ada", "bob"].map(|name| (0..4).map(move |round| format!("{name} {round}")));
        assert_eq!(messages, expected.into_iter().flatten().collect::<Vec<_>>());
        assert_eq!(all(&roots[0]), all(&roots[1]));
    }

    #[test]
    fn what_could_not_be_pushed_is_told_and_goes_along_with_a_later_one() {
        let sandbox = Sandbox::new();
        let (ada, bob) = (sandbox.clone("ada"), sandbox.clone("bob"));
        add(&ada, "one");
        sandbox.origin_goes();
        for message in ["two", "three"] {
            let Pushed::OnlyHere(reason) = add(&ada, message) else { panic!("origin is gone") };
            assert!(reason.starts_with("origin was not reached: '"), "{reason}");
        }
        let audit = read(&ada, &app(), &Interrupt::default()).unwrap();
        assert_eq!((audit.entries.len(), audit.entries[0].entry.message.as_str()), (3, "three"));
        assert!(audit.reason.unwrap().starts_with("origin was not reached: '"));

        sandbox.origin_comes_back();
        assert_eq!(all(&ada), numbered(&["one", "two", "three"]), "they are read, too");
        assert_eq!(add(&bob, "bob's"), Pushed::Everywhere);
        assert_eq!(all(&ada), numbered(&["one", "bob's", "two", "three"]));
        assert_eq!(all(&bob), numbered(&["one", "bob's"]));
        assert_eq!(add(&ada, "four"), Pushed::Everywhere);
        assert_eq!(all(&bob), numbered(&["one", "bob's", "two", "three", "four"]));
        assert_eq!(all(&ada), all(&bob));
    }

    #[test]
    fn what_origin_refuses_stays_here() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        sandbox.on_push("echo >&2 'Only robots push here.'; exit 1");
        let refused = Pushed::OnlyHere("pre-receive hook declined: Only robots push here".to_owned());
        assert_eq!(add(&ada, "one"), refused);
        sandbox.on_push("");
        assert_eq!(add(&ada, "two"), Pushed::Everywhere);
        assert_eq!(all(&sandbox.clone("bob")), numbered(&["one", "two"]));
    }

    #[test]
    fn an_interrupt_keeps_no_entry_from_being_written() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        let interrupt = Interrupt::default();
        interrupt.raise();
        let pushed = append(&ada, &app(), &entry("one"), &[], &interrupt).unwrap();
        // origin may have been faster.
        let interrupted = Pushed::OnlyHere("origin was not reached: interrupted".to_owned());
        assert!([interrupted, Pushed::Everywhere].contains(&pushed), "{pushed:?}");
        assert_eq!(all(&ada), numbered(&["one"]));
    }

    #[test]
    fn without_an_origin_it_is_kept_here_and_without_a_repository_nowhere() {
        let sandbox = Sandbox::new();
        let ada = sandbox.alone("ada");
        assert_eq!(all(&ada), []);
        assert_eq!(add(&ada, "one"), Pushed::NoOrigin);
        assert_eq!(all(&ada), numbered(&["one"]));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(add(folder.path(), "one"), Pushed::Nowhere);
        assert_eq!(all(folder.path()), []);
    }

    #[test]
    fn an_entry_of_another_version_is_counted_and_told() {
        let sandbox = Sandbox::new();
        let ada = sandbox.clone("ada");
        git(&ada, &["push", "--quiet", "origin", &format!("HEAD:{REF}")]);
        add(&ada, "mine");
        let audit = read(&ada, &app(), &Interrupt::default()).unwrap();
        assert_eq!((audit.entries.len(), audit.entries[0].number), (1, 2));
        assert_snapshot!(audit.reason.unwrap(), @"1 record cannot be read by this version");
    }
}
