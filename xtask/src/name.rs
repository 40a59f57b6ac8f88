//! What others call things: text from a machine, an image, a ref, a service or Fly that became a type where it was read, by a grammar.
//!
//! None begins with `-`, so that no program takes it for an option, and none has a `:`, so that git takes none for a refspec.

use std::fmt;
use std::ops::Deref;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The mark of a commit whose work tree held something else.
const DIRTY: &str = "-dirty";
/// What an image says that was built of no commit.
const UNKNOWN: &str = "unknown";
/// As many characters of a commit are told.
const SHORT: usize = 12;

/// A type of text that holds to a grammar: `$is` says which, and `$what` what is said of other text.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $is:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub(crate) struct $name(String);

        impl $name {
            /// `None` where it is not of the grammar.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                let is: fn(&str) -> bool = $is;
                is(text).then(|| Self(text.to_owned()))
            }

            pub(crate) fn as_str(&self) -> &str {
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

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
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
    CommitId,
    "commit",
    |text| is_object(text.strip_suffix(DIRTY).unwrap_or(text))
);
text!(
    /// A ref of Landfall's: `refs/landfall/KIND/APP`.
    RefName,
    "ref of Landfall's",
    |text| {
        let parts = text.strip_prefix("refs/landfall/").and_then(|rest| rest.split_once('/'));
        parts.is_some_and(|(kind, app)| is_word(kind) && is_word(app))
    }
);
text!(
    /// An app at Fly.
    AppName,
    "name of an app",
    is_word
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

/// Reads the id of something at Fly: nothing that a command line could take for something else. Empty is none yet.
pub(crate) fn id<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() || is_word(&text) { Ok(text) } else { Err(D::Error::custom("an id that is none")) }
}

/// The same where there may be none.
pub(crate) fn maybe_id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    match text {
        Some(text) if !text.is_empty() && !is_word(&text) => Err(D::Error::custom("an id that is none")),
        text => Ok(text),
    }
}

/// As git writes the name of an object.
fn is_object(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Letters, digits, `-` and `_`, and neither of these first: a label of a host's name, or an id.
fn is_word(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() <= 63
        && text.bytes().all(is_part)
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef01234567";
    /// Text that a machine, a label, a ref or a service could hold, and that would be something else in a command line.
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
            #[serde(deserialize_with = "id")]
            id: String,
            #[serde(default, deserialize_with = "maybe_id")]
            other: Option<String>,
        }
        let read = |id: &str, other: &str| {
            let document = serde_json::json!({"id": id, "other": other});
            serde_json::from_value::<Made>(document).map(|made| (made.id, made.other))
        };
        assert_eq!(read("148e", "vol_1a2b").unwrap(), ("148e".to_owned(), Some("vol_1a2b".to_owned())));
        assert!(serde_json::from_str::<Made>(r#"{"id": ""}"#).unwrap().other.is_none());
        for hostile in HOSTILE {
            assert!(read(hostile, "a").is_err() && read("a", hostile).is_err(), "{hostile}");
        }
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
