//! Whole answers, kept until anything is written that they may be of.
//!
//! An answer is kept under the number of writes before it was read ([`kernel::store::Store::epoch`]), for one account in
//! one role with the libraries it has, and only if all of its fields are known to come from the database alone: whoever
//! adds a type or a field adds it here, too, or its answers are not kept. What other processes write is seen once
//! they have told of it, and after [`LIFE`] at the latest.

use std::time::Duration;

use axum::body::Bytes;
use kernel::cache::{AnswerCache, Caches};
use schema::kit::access::Access;

use super::{call::Call, execute::Found};
use crate::http::Edge;

/// How long an answer is kept. It holds signed URLs that are valid for hours, of which at least half are left.
const LIFE: Duration = Duration::from_secs(5);
const CAPACITY_BYTES: u64 = 64 << 20;
/// A larger answer is not worth the place of many small ones.
const LARGEST: usize = 1 << 20;

/// The answers of the process.
pub struct Kept {
    answers: AnswerCache<Bytes>,
}

/// What was asked, by whom, and when.
pub struct Question(String);

impl Kept {
    /// Makes the cache, once per process.
    pub fn new(caches: &Caches) -> Self {
        Self {
            answers: caches.answers_for("graphql.answers", CAPACITY_BYTES, LIFE, |bytes| bytes.len() as u32),
        }
    }

    /// The answer, if nothing was written since it was read.
    pub fn find(&self, question: &Question) -> Option<Bytes> {
        Some(Bytes::clone(&*self.answers.peek(&question.0)?))
    }

    /// Keeps an answer that was read after the question was made.
    pub fn keep(&self, question: &Question, answer: Bytes) {
        if answer.len() <= LARGEST {
            self.answers.put(&question.0, answer);
        }
    }
}

/// The question of a call, if its answer may be kept.
pub fn question(edge: &Edge, found: &Found, call: &Call, access: &Access) -> Option<Question> {
    let Access::Viewer(viewer) = access else { return None };
    let name = call.operation_name.as_deref();
    if !found.document.is_keepable(name, edge.costs()) {
        return None;
    }
    let variables = serde_json::to_string(&call.variables).ok()?;
    let (epoch, user, role) = (edge.kernel.store.epoch(), viewer.user, viewer.role as i32);
    let (hash, _) = found.hash.as_chunks::<16>();
    let [high, low] = [0, 1].map(|at| hash.get(at).map_or(0, |half| u128::from_be_bytes(*half)));
    let name = name.unwrap_or_default();
    Some(Question(format!(
        "{epoch} {user} {role}{} {high:x} {low:x} {name} {variables}",
        viewer.sees.key()
    )))
}

/// Root fields that read nothing but the database.
const ROOTS: [&str; 18] = [
    "media",
    "tags",
    "tag",
    "people",
    "person",
    "studios",
    "studio",
    "collections",
    "collection",
    "galleries",
    "gallery",
    "libraries",
    "library",
    "savedFilters",
    "savedFilter",
    "customFields",
    "node",
    "nodes",
];
/// Types of which every field does; with their connections and edges.
const TYPES: [&str; 36] = [
    "Node",
    "MediaResult",
    "Tag",
    "Person",
    "Studio",
    "Library",
    "Collection",
    "CollectionItem",
    "Gallery",
    "SavedFilter",
    "Marker",
    "CustomField",
    "CustomFieldValue",
    "MediaFile",
    "Stream",
    "VideoStream",
    "AudioStream",
    "Chapter",
    "MetadataTag",
    "Thumbnail",
    "SizedPicture",
    "Sprite",
    "Waveform",
    "PageInfo",
    "MediaFacets",
    "TagFacet",
    "PersonFacet",
    "StudioFacet",
    "LibraryFacet",
    "KindFacet",
    "ResolutionFacet",
    "CodecFacet",
    "YearFacet",
    "RatingFacet",
    "MediaHighlight",
    "TextPiece",
];
/// Types of which some do.
const ITEMS: [&str; 4] = ["Media", "Video", "Audio", "Image"];
/// Fields of items that come from elsewhere: what is like them is in memory, and how they are played depends on the
/// machine.
const ELSEWHERE: [&str; 5] = ["similar", "playback", "subtitles", "clips", "renditions"];

/// Whether a field comes from the database alone.
pub fn is_of_rows(type_name: &str, field: &str) -> bool {
    if type_name == "Query" {
        return ROOTS.contains(&field);
    }
    if ITEMS.contains(&type_name) {
        return !ELSEWHERE.contains(&field);
    }
    let base = type_name.strip_suffix("Connection").or(type_name.strip_suffix("Edge"));
    let base = base.unwrap_or(type_name);
    TYPES.contains(&base) || ITEMS.contains(&base)
}
