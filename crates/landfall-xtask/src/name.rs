//! What others call things: text from a machine, an image, a ref, a service, a person or Fly that became a type where it was read, by a
//! grammar. `tool/` takes nothing else for what is not its own.
//!
//! None begins with `-`, so that no program takes it for an option, and none that git takes has a `:`, so that none is a refspec.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The mark of a commit whose work tree held something else.
const DIRTY: &str = "-dirty";
/// What an image says that was built of no commit.
const UNKNOWN: &str = "unknown";
/// As many characters of a commit are told.
const SHORT: usize = 12;

/// A type of text that holds to a grammar: `$is` says which, and `$what` what is said of other text.
macro_rules! text {
    ($(#[$doc:meta])* $vis:vis $name:ident, $what:literal, $is:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        $vis struct $name(String);

        impl $name {
            /// `None` where it is not of the grammar.
            #[must_use]
            $vis fn parse(text: &str) -> Option<Self> {
                let is: fn(&str) -> bool = $is;
                is(text).then(|| Self(text.to_owned()))
            }

            /// As it is written.
            #[must_use]
            $vis fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text).ok_or(concat!("it has no ", $what))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl From<&$name> for String {
            fn from(name: &$name) -> Self {
                name.0.clone()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text).ok_or(concat!("it is no ", $what))
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<String> for $name {
            fn eq(&self, other: &String) -> bool {
                self.0 == *other
            }
        }

        impl PartialEq<$name> for String {
            fn eq(&self, other: &$name) -> bool {
                *self == other.0
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}

text!(
    /// A commit: 40 or 64 hexadecimal digits as git writes them, and `-dirty` where the work tree held something else.
    pub(crate) CommitId,
    "commit",
    |text| is_object(text.strip_suffix(DIRTY).unwrap_or(text))
);
text!(
    /// A ref of Landfall's: `refs/landfall/KIND/APP`.
    pub(crate) RefName,
    "ref of Landfall's",
    |text| {
        let parts = text.strip_prefix("refs/landfall/").and_then(|rest| rest.split_once('/'));
        parts.is_some_and(|(kind, app)| is_word(kind) && is_word(app))
    }
);
text!(
    /// A commit as a person types it, in whatever way git knows it by.
    pub(crate) TypedCommit,
    "commit",
    |text| is_one_line(text) && text.len() <= 256
);
text!(
    /// An app at Fly.
    pub(crate) AppName,
    "name of an app",
    is_word
);
text!(
    /// Who owns an app at Fly.
    pub(crate) Organization,
    "name of an organization",
    is_word
);
text!(
    /// A machine at Fly.
    pub(crate) MachineId,
    "id of a machine",
    is_word
);
text!(
    /// What a machine is called that is made here.
    pub(crate) MachineName,
    "name of a machine",
    is_word
);
text!(
    /// A volume at Fly.
    pub(crate) VolumeId,
    "id of a volume",
    is_word
);
text!(
    /// What a volume is called, which several may be.
    pub(crate) VolumeName,
    "name of a volume",
    is_word
);
text!(
    /// A snapshot of a volume.
    pub(crate) SnapshotId,
    "id of a snapshot",
    is_word
);
text!(
    /// Where machines of Fly's are.
    pub(crate) Region,
    "region",
    is_word
);
text!(
    /// The kind of a machine's processors: `shared`, `performance`.
    pub(crate) CpuKind,
    "kind of processors",
    is_word
);
text!(
    /// Memory as Docker takes it: `256mb`.
    pub(crate) Memory,
    "size of memory",
    |text| {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        unit.len() < text.len() && ["", "b", "k", "kb", "m", "mb", "g", "gb"].contains(&unit.to_ascii_lowercase().as_str())
    }
);
text!(
    /// An image, by tag or by digest: `registry.fly.io/shop:first`, `registry.fly.io/shop@sha256:…`.
    pub(crate) Image,
    "name of an image",
    |text| {
        let (named, digest) = text.split_once('@').map_or((text, None), |(named, digest)| (named, Some(digest)));
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        text.len() <= 1024 && begins_well(named) && named.bytes().all(is_part) && digest.is_none_or(is_digest)
    }
);
text!(
    /// What an image is tagged with: `0123456789ab-first`.
    pub(crate) Tag,
    "tag of an image",
    |text| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        text.len() <= 128 && begins_well(text) && text.bytes().all(is_part)
    }
);
text!(
    /// A file or a folder on a machine, or in a container.
    pub(crate) PathThere,
    "absolute path without a colon",
    |text| text.starts_with('/') && is_one_line(text) && !text.contains(':')
);
text!(
    /// A variable of an environment.
    pub(crate) VariableName,
    "name of a variable",
    |text| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        text.bytes().all(is_part) && text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
    }
);
text!(
    /// A package or a binary of cargo's.
    pub CrateName,
    "name of a package",
    |text| {
        let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        text.chars().all(is_part) && text.chars().next().is_some_and(|c| c != '-')
    }
);

impl CommitId {
    /// Its name in git, without the mark.
    pub(crate) fn object(&self) -> &str {
        self.strip_suffix(DIRTY).unwrap_or(self)
    }

    /// Whether the work tree held something else.
    pub(crate) fn is_dirty(&self) -> bool {
        self.ends_with(DIRTY)
    }

    /// With the mark.
    pub(crate) fn dirty(self) -> Self {
        if self.is_dirty() { self } else { Self(self.0 + DIRTY) }
    }

    /// Without the mark.
    pub(crate) fn clean(&self) -> Self {
        Self(self.object().to_owned())
    }

    /// As a person is told it: `0123456789ab-dirty`.
    pub(crate) fn short(&self) -> String {
        let mark = if self.is_dirty() { DIRTY } else { "" };
        format!("{}{mark}", &self.object()[..SHORT])
    }
}

impl MachineName {
    /// Of these words and a text of `release::unique`.
    pub(crate) fn made(begin: &'static str, unique: &str) -> Self {
        Self(format!("{begin}{unique}"))
    }
}

impl VolumeName {
    /// Of these words and a text of `release::unique`.
    pub(crate) fn made(begin: &'static str, unique: &str) -> Self {
        Self(format!("{begin}{unique}"))
    }
}

impl Tag {
    /// Of a commit.
    pub(crate) fn of(commit: &Revision) -> Self {
        Self(commit.short())
    }

    /// Of these words, a commit and a text of `release::unique`.
    pub(crate) fn made(begin: &'static str, commit: &Revision, unique: &str) -> Self {
        Self(format!("{begin}{}-{unique}", commit.short()))
    }
}

impl Image {
    /// By a tag that it has, or gets.
    pub(crate) fn tagged(repository: &AppName, tag: &Tag) -> Self {
        Self(format!("{repository}:{tag}"))
    }
}

impl PathThere {
    /// A file beside this one, whose name goes on with letters, digits, `-` and `.`.
    pub(crate) fn beside(&self, more: &str) -> Self {
        Self(format!("{self}{more}"))
    }
}

impl Default for CpuKind {
    /// Fly's own.
    fn default() -> Self {
        Self("shared".to_owned())
    }
}

/// A variable for a container, a machine or a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    name: VariableName,
    value: String,
}

impl Variable {
    /// One of our own, whose name is a word of the source.
    pub(crate) fn of(name: &'static str, value: impl Into<String>) -> Self {
        Self { name: VariableName(name.to_owned()), value: value.into() }
    }

    /// One that somebody else named.
    pub(crate) fn new(name: &VariableName, value: &str) -> Self {
        Self { name: name.clone(), value: value.to_owned() }
    }

    /// `NAME=value`.
    pub(crate) fn pair(&self) -> String {
        format!("{}={}", self.name, self.value)
    }
}

impl RefName {
    /// That of an app.
    pub(crate) fn of(kind: &'static str, app: &AppName) -> Self {
        Self(format!("refs/landfall/{kind}/{app}"))
    }

    /// The app that it belongs to.
    pub(crate) fn app(&self) -> &str {
        self.rsplit_once('/').map_or("", |(_, app)| app)
    }
}

/// What a release was built of: a commit, or nobody knows. In text the latter is `unknown`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Revision(Option<CommitId>);

impl Revision {
    /// `None` where it is neither a commit nor `unknown`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            UNKNOWN | "" => Some(Self(None)),
            text => CommitId::parse(text).map(|commit| Self(Some(commit))),
        }
    }

    /// The commit, where it is known.
    pub(crate) fn commit(&self) -> Option<&CommitId> {
        self.0.as_ref()
    }

    /// As a person is told it.
    pub(crate) fn short(&self) -> String {
        self.commit().map_or_else(|| UNKNOWN.to_owned(), CommitId::short)
    }
}

impl From<Option<CommitId>> for Revision {
    fn from(commit: Option<CommitId>) -> Self {
        Self(commit)
    }
}

impl TryFrom<String> for Revision {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("it has no commit")
    }
}

impl From<Revision> for String {
    fn from(revision: Revision) -> Self {
        revision.to_string()
    }
}

impl Deref for Revision {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_deref().unwrap_or(UNKNOWN)
    }
}

impl PartialEq<str> for Revision {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

/// Reads a name where there may be none yet, which may be an empty text.
pub(crate) fn maybe<'de, D: Deserializer<'de>, T: TryFrom<String, Error = &'static str>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(from)?.filter(|text| !text.is_empty());
    text.map(|text| T::try_from(text).map_err(D::Error::custom)).transpose()
}

/// Writes one that [`maybe`] reads; an empty text where there is none.
pub(crate) fn or_empty<S: Serializer, T: Deref<Target = str>>(
    name: &Option<T>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.serialize_str(name.as_deref().unwrap_or_default())
}

/// As git writes the name of an object.
fn is_object(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// As a registry names the configuration of an image.
fn is_digest(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    (1..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// No option, and nothing that cannot be in a line.
fn is_one_line(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && !text.contains(char::is_control)
}

fn begins_well(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Letters, digits, `-` and `_`, and neither of these first: a label of a host's name, or an id.
fn is_word(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() <= 63
        && text.bytes().all(is_part)
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

/// Text that a machine, a label, a ref or a service could hold, and that would be something else in a command line.
#[cfg(test)]
pub(crate) const HOSTILE: [&str; 12] = [
    "--upload-pack=touch x;git-upload-pack",
    "+refs/heads/evil:refs/landfall/deployed/other",
    "-c",
    "--",
    ":refs/heads/main",
    "a b",
    "a\nb",
    "a;b",
    "../x",
    "\u{202e}a",
    "a:b",
    "HEAD^{commit}",
];

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_commit_is_digits_as_git_writes_them_and_perhaps_a_mark() {
        let marked = format!("{ID}-dirty");
        let commit = CommitId::parse(&marked).unwrap();
        assert_eq!(
            (commit.object(), commit.is_dirty(), commit.short().as_str()),
            (ID, true, "0123456789ab-dirty")
        );
        assert_eq!(commit.clean(), CommitId::parse(ID).unwrap());
        assert_eq!(commit.clean().dirty(), commit);
        assert!(CommitId::parse(&"a".repeat(64)).is_some());
        let huge = "a".repeat(200_000);
        let wrong = [
            "",
            "0123",
            "unknown",
            &ID.to_uppercase(),
            &ID[1..],
            "-dirty",
            &format!("{ID}-dirty-dirty"),
            &huge,
        ];
        for text in wrong.into_iter().chain(HOSTILE) {
            assert_eq!(CommitId::parse(text), None, "{text:.40}");
        }
    }

    #[test]
    fn nothing_hostile_is_a_name() {
        for text in HOSTILE.into_iter().chain([""]) {
            assert_eq!((AppName::parse(text), RefName::parse(text)), (None, None), "{text}");
            assert_eq!(RefName::parse(&format!("refs/landfall/deployed/{text}")), None, "{text}");
            assert_eq!(Revision::parse(text).is_some(), text.is_empty(), "{text}");
        }
        let app = AppName::parse("shop").unwrap();
        let name = RefName::of("deployed", &app);
        assert_eq!((name.as_str(), name.app()), ("refs/landfall/deployed/shop", "shop"));
        assert_eq!(RefName::parse(&name).as_ref(), Some(&name));
    }

    #[test]
    fn an_id_of_fly_is_no_option_and_no_list() {
        #[derive(Deserialize)]
        struct Made {
            id: VolumeId,
            #[serde(default, deserialize_with = "maybe")]
            other: Option<MachineId>,
        }
        let read = |id: &str, other: &str| {
            let document = serde_json::json!({"id": id, "other": other});
            serde_json::from_value::<Made>(document)
                .map(|made| (made.id.to_string(), made.other.map(String::from)))
        };
        assert_eq!(read("148e", "vol_1a2b").unwrap(), ("148e".to_owned(), Some("vol_1a2b".to_owned())));
        assert_eq!(read("148e", "").unwrap().1, None);
        assert!(read("", "a").is_err());
        for hostile in HOSTILE {
            assert!(read(hostile, "a").is_err() && read("a", hostile).is_err(), "{hostile}");
        }
    }

    #[test]
    fn an_image_a_path_and_a_variable_are_no_options() {
        let digest = format!("registry.fly.io/shop@sha256:{}", "0".repeat(64));
        for image in ["shop", "shop:0123-dirty", "localhost:5000/a/b:c", &digest] {
            assert!(Image::parse(image).is_some(), "{image}");
        }
        for image in ["", "-shop", "shop@sha256:x", "shop@--all", "shop @sha256:0", "a b", "a\nb", ":a"] {
            assert_eq!(Image::parse(image), None, "{image}");
        }
        for path in ["", "data", "-/data", "/data:ro", "/da\nta"] {
            assert_eq!(PathThere::parse(path), None, "{path}");
        }
        assert!(PathThere::parse("/data/my db").is_some());
        for name in ["", "-X", "1A", "A=B", "A B"] {
            assert_eq!(VariableName::parse(name), None, "{name}");
        }
        for memory in ["", "mb", "-1mb", "1 gb", "--all", "much"] {
            assert_eq!(Memory::parse(memory), None, "{memory}");
        }
        assert!(Memory::parse("256MB").is_some() && Memory::parse("512").is_some());
        assert_eq!(Variable::of("A", "-b").pair(), "A=-b");
    }

    #[test]
    fn what_is_read_as_json_is_of_the_grammar() {
        let read = |text: &str| {
            serde_json::from_str::<Revision>(&format!("\"{text}\"")).map_err(|error| error.to_string())
        };
        assert_eq!(read(ID).unwrap().short(), "0123456789ab");
        assert_eq!(read("unknown").unwrap(), Revision::default());
        assert_eq!(read("--all").unwrap_err(), "it has no commit");
        assert_eq!(serde_json::to_string(&Revision::default()).unwrap(), "\"unknown\"");
    }
}
