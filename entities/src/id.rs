//! Typed ids: 64-bit integers in the database, opaque prefixed text (`med_…`) everywhere else.

use std::{
    fmt,
    str::FromStr,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use data_encoding::BASE32HEX_NOPAD;
use sea_orm::DeriveValueType;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not the id that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdError {
    /// The text has no known prefix or does not decode.
    Malformed { text: String },
    /// The text is a good id of another type.
    WrongType {
        text: String,
        expected: &'static str,
        found: &'static str,
    },
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { text } => write!(f, "`{text}` is not an id"),
            Self::WrongType { text, expected, found } => {
                write!(
                    f,
                    "`{text}` is the id of a {found}, but this needs the id of a {expected}"
                )
            }
        }
    }
}

impl std::error::Error for IdError {}

/// Milliseconds of 2024-01-01T00:00:00Z: where the ids' clock begins.
const EPOCH_MS: u64 = 1_704_067_200_000;

/// Makes ids that grow with time and that two processes do not share: 41 bits of milliseconds, 10 bits drawn at the
/// start of the process, 12 bits of sequence. A clash across processes is refused by the primary key.
fn next() -> i64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    static NODE: OnceLock<u64> = OnceLock::new();
    let node = *NODE.get_or_init(|| {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(std::process::id()) & 0x3ff
    });
    let since_unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(EPOCH_MS, |passed| passed.as_millis() as u64);
    let floor = since_unix.saturating_sub(EPOCH_MS) << 12;
    let previous = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(floor.max(last + 1)));
    let tick = floor.max(previous.unwrap_or(0) + 1);
    (((tick >> 12) << 22) | (node << 12) | (tick & 0xfff)) as i64
}

fn encode(prefix: &str, key: i64) -> String {
    let mut digits = BASE32HEX_NOPAD.encode(&key.to_be_bytes());
    digits.make_ascii_lowercase();
    format!("{prefix}_{digits}")
}

fn decode(text: &str) -> Option<(&str, i64)> {
    let (prefix, digits) = text.rsplit_once('_')?;
    if digits.len() != 13 || digits.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let bytes = BASE32HEX_NOPAD.decode(digits.to_ascii_uppercase().as_bytes()).ok()?;
    Some((prefix, i64::from_be_bytes(bytes.try_into().ok()?)))
}

/// A typed id: what `node(id:)` needs of it.
pub trait TypedId: Copy + Into<i64> + From<i64> {
    /// Three letters before the underscore.
    const PREFIX: &'static str;
    /// The word for messages: "media".
    const NOUN: &'static str;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $variant:ident, $prefix:literal, $noun:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, DeriveValueType)]
            pub struct $name(pub i64);

            impl $name {
                /// A new id, greater than every earlier one of this process.
                #[expect(clippy::new_without_default, reason = "a default id would be a fresh one each time")]
                pub fn new() -> Self {
                    Self(next())
                }
            }

            impl TypedId for $name {
                const PREFIX: &'static str = $prefix;
                const NOUN: &'static str = $noun;
            }

            impl From<i64> for $name {
                fn from(key: i64) -> Self {
                    Self(key)
                }
            }

            impl From<$name> for i64 {
                fn from(id: $name) -> Self {
                    id.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&encode($prefix, self.0))
                }
            }

            impl FromStr for $name {
                type Err = IdError;

                fn from_str(text: &str) -> Result<Self, IdError> {
                    match text.parse::<GlobalId>()? {
                        GlobalId::$variant(id) => Ok(id),
                        other => Err(IdError::WrongType { text: text.to_owned(), expected: $noun, found: other.noun() }),
                    }
                }
            }

            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                }
            }
        )+

        /// Any id of the system, told apart by its prefix.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum GlobalId {
            $(#[doc = concat!("The id of a ", $noun, ".")] $variant($name),)+
        }

        impl GlobalId {
            /// The word for messages: "media".
            pub fn noun(self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $noun,)+
                }
            }
        }

        $(
            impl From<$name> for GlobalId {
                fn from(id: $name) -> Self {
                    Self::$variant(id)
                }
            }
        )+

        impl fmt::Display for GlobalId {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(id) => id.fmt(f),)+
                }
            }
        }

        impl FromStr for GlobalId {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let malformed = || IdError::Malformed { text: text.chars().take(64).collect() };
                let (prefix, key) = decode(text).ok_or_else(malformed)?;
                match prefix {
                    $($prefix => Ok(Self::$variant($name(key))),)+
                    _ => Err(malformed()),
                }
            }
        }
    };
}

ids! {
    /// A library: one or more folders that are scanned together.
    LibraryId, Library, "lib", "library";
    /// One folder path of a library.
    LibraryPathId, LibraryPath, "lpa", "library path";
    /// A folder below a library path.
    FolderId, Folder, "fol", "folder";
    /// A media item: a video, a sound or an image.
    MediaId, Media, "med", "media item";
    /// A file of a media item.
    FileId, File, "fil", "file";
    /// A stream of a file.
    StreamId, Stream, "str", "stream";
    /// A chapter of a file.
    ChapterId, Chapter, "cha", "chapter";
    /// A tag.
    TagId, Tag, "tag", "tag";
    /// A person.
    PersonId, Person, "prs", "person";
    /// A studio.
    StudioId, Studio, "std", "studio";
    /// An account.
    UserId, User, "usr", "user";
    /// A signed-in browser.
    SessionId, Session, "ses", "session";
    /// An API token.
    ApiTokenId, ApiToken, "tok", "API token";
    /// A clip of a media item.
    ClipId, Clip, "clp", "clip";
    /// A rendition of a whole file.
    RenditionId, Rendition, "ren", "rendition";
    /// A file on its way in.
    UploadId, Upload, "upl", "upload";
    /// A live source that can be captured.
    CaptureSourceId, CaptureSource, "cps", "capture source";
    /// A capture of a live source.
    CaptureId, Capture, "cap", "capture";
    /// A file of a capture.
    CapturePartId, CapturePart, "cpt", "recording";
    /// A time in which a capture had nothing.
    CaptureGapId, CaptureGap, "cgp", "gap in a capture";
    /// A job.
    JobId, Job, "job", "job";
    /// A group of jobs that count together.
    JobBatchId, JobBatch, "bat", "job batch";
    /// A repeated job.
    JobScheduleId, JobSchedule, "sch", "schedule";
    /// A server process.
    NodeId, Node, "nod", "node";
    /// A failure that a scan reported for a file.
    ScanFailureId, ScanFailure, "sfl", "scan failure";
    /// A merge of items that can be undone.
    SimilarMergeId, SimilarMerge, "mrg", "merge";
    /// A change that somebody made, and that can be undone.
    EditId, Edit, "edt", "edit";
    /// A collection or a gallery.
    CollectionId, Collection, "col", "collection";
    /// A marker in a video or a sound.
    MarkerId, Marker, "mrk", "marker";
    /// A saved filter.
    SavedFilterId, SavedFilter, "flt", "saved filter";
    /// A field that people defined for items.
    CustomFieldId, CustomField, "cfd", "custom field";
    /// A link that shows something to whoever has it.
    ShareLinkId, ShareLink, "shr", "share link";
    /// A setting of the server that was decided in the app.
    SettingId, Setting, "set", "setting";
    /// A key that an account signs in by.
    PasskeyId, Passkey, "pky", "passkey";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_and_names_a_wrong_type() {
        let media = MediaId::new();
        assert_eq!(media.to_string().parse::<MediaId>(), Ok(media));
        assert!(media.to_string().starts_with("med_"));
        let message = media
            .to_string()
            .parse::<TagId>()
            .expect_err("another type")
            .to_string();
        assert!(
            message.contains("is the id of a media item, but this needs the id of a tag"),
            "{message}"
        );
        for text in [
            "",
            "med_",
            "med_zzzzzzzzzzzzz",
            "12",
            "nope_0000000000000",
            "MED_0000000000000",
        ] {
            assert!(
                matches!(text.parse::<MediaId>(), Err(IdError::Malformed { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn ids_grow_and_never_repeat() {
        let ids: Vec<_> = (0..20_000).map(|_| FileId::new()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
