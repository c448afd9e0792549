//! What clients send about media: filters, sorts and edits.

use async_graphql::{Enum, ID, InputObject};
use entities::media;
use kernel::error::Failure;

use crate::{
    field::criterion::CustomFieldCriterion,
    kit::criterion::{
        BooleanCriterion, BytesCriterion, DateCriterion, DateTimeCriterion, IntCriterion, SecondsCriterion,
        TextCriterion,
    },
    media::resolution::ResolutionCriterion,
};

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "media::MediaKind")]
pub enum MediaKind {
    /// Moving pictures, with or without sound.
    Video,
    /// Sound, with or without a cover.
    Audio,
    /// A still or animated picture.
    Image,
}

/// What a list of media is sorted by. Items that lack the value come last, whatever the direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum MediaSortField {
    /// The id, which grows with time.
    Id,
    /// The title in natural order: 2 before 10.
    Title,
    /// The day it was made or published.
    Date,
    /// When the library first saw it.
    AddedAt,
    /// When its file was last changed.
    ModifiedAt,
    /// The viewer's own rating.
    Rating,
    /// The size of its primary file.
    Size,
    /// How long it plays.
    Duration,
    /// Its height in pixels.
    Height,
    /// Bits per second.
    BitRate,
    /// How often the viewer has played it; what was never played comes last.
    ViewCount,
    /// When the viewer last played it.
    LastViewedAt,
    /// The path of its primary file.
    Path,
    /// An order without meaning, the same for the same `seed`.
    Random,
    /// How well it fits the search: words in the title first, then in names, the path and the description; among equals
    /// the newest first, whatever the direction. Only with a search, and alone.
    Relevance,
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
pub enum SortDirection {
    /// Least first.
    #[default]
    Asc,
    /// Greatest first.
    Desc,
}

/// One key of an order; later ones decide between items that are equal by the earlier ones.
#[derive(Debug, Clone, InputObject)]
pub struct MediaSort {
    /// By what.
    pub field: MediaSortField,
    /// In which direction.
    #[graphql(default)]
    pub direction: SortDirection,
    /// For `RANDOM`: which of the random orders.
    pub seed: Option<i32>,
}

/// A condition on a set of linked things.
#[derive(Debug, Clone, Default, InputObject)]
pub struct RelationCriterion {
    /// At least one of these; an empty list matches nothing.
    pub any_of: Option<Vec<ID>>,
    /// Every one of these.
    pub all_of: Option<Vec<ID>>,
    /// None of these.
    pub none_of: Option<Vec<ID>>,
    /// Whether there is none at all.
    pub is_empty: Option<bool>,
}

/// A condition on tags.
#[derive(Debug, Clone, Default, InputObject)]
pub struct TagCriterion {
    /// At least one of these; an empty list matches nothing.
    pub any_of: Option<Vec<ID>>,
    /// Every one of these.
    pub all_of: Option<Vec<ID>>,
    /// None of these.
    pub none_of: Option<Vec<ID>>,
    /// Whether there is none at all.
    pub is_empty: Option<bool>,
    /// Let a tag stand for all tags below it, too.
    #[graphql(default)]
    pub include_descendants: bool,
}

impl TagCriterion {
    /// The same without the descendants.
    pub fn relations(&self) -> RelationCriterion {
        RelationCriterion {
            any_of: self.any_of.clone(),
            all_of: self.all_of.clone(),
            none_of: self.none_of.clone(),
            is_empty: self.is_empty,
        }
    }
}

/// A condition on what an item is.
#[derive(Debug, Clone, Default, InputObject)]
pub struct MediaKindCriterion {
    /// Equal to this.
    pub eq: Option<MediaKind>,
    /// Not equal to this.
    pub ne: Option<MediaKind>,
    /// One of these; an empty list is refused.
    #[graphql(name = "in")]
    pub is_in: Option<Vec<MediaKind>>,
}

impl MediaKindCriterion {
    /// Refuses what nothing can fulfill; `path` is where it stands in the input.
    pub fn check(&self, path: &str) -> Result<(), Failure> {
        let refuse = |operator: &str, message: &str| Err(Failure::field(format!("{path}.{operator}"), message));
        if self.eq.is_some() && self.eq == self.ne {
            return refuse("eq", "contradicts `ne`: nothing fulfills both");
        }
        let Some(list) = &self.is_in else { return Ok(()) };
        if list.is_empty() {
            return refuse("in", "an empty list matches nothing; leave it out to allow every value");
        }
        if self.eq.is_some_and(|kind| !list.contains(&kind)) {
            return refuse("eq", "contradicts `in`: nothing fulfills both");
        }
        if list.iter().all(|kind| self.ne == Some(*kind)) {
            return refuse("in", "the other conditions rule out every value of the list");
        }
        Ok(())
    }
}

impl MediaKindCriterion {
    /// Whether it holds for a kind.
    pub fn holds(&self, kind: MediaKind) -> bool {
        self.eq.is_none_or(|wanted| wanted == kind)
            && self.ne.is_none_or(|unwanted| unwanted != kind)
            && self.is_in.as_ref().is_none_or(|wanted| wanted.contains(&kind))
    }
}

/// Which media. All that is given holds together; `and`, `or` and `not` nest to any depth.
#[derive(Debug, Clone, Default, InputObject)]
pub struct MediaFilter {
    /// All of these; an empty list is true.
    pub and: Option<Vec<MediaFilter>>,
    /// At least one of these; an empty list is false.
    pub or: Option<Vec<MediaFilter>>,
    /// Not this.
    pub not: Option<Box<MediaFilter>>,
    /// One of these items.
    pub ids: Option<Vec<ID>>,
    /// Its tags.
    pub tags: Option<TagCriterion>,
    /// Its people.
    pub people: Option<RelationCriterion>,
    /// Its studio.
    pub studio: Option<RelationCriterion>,
    /// Its library.
    pub library: Option<RelationCriterion>,
    /// The viewer's own rating, 0 to 100.
    pub rating: Option<IntCriterion>,
    /// Whether it is one of the viewer's favorites.
    pub is_favorite: Option<BooleanCriterion>,
    /// How often the viewer has played it.
    pub view_count: Option<IntCriterion>,
    /// What it is.
    pub kind: Option<MediaKindCriterion>,
    /// How long it plays, in seconds.
    pub duration: Option<SecondsCriterion>,
    /// Its height in pixels, after rotation.
    pub height: Option<IntCriterion>,
    /// Its width in pixels, after rotation.
    pub width: Option<IntCriterion>,
    /// Its class of resolution, if it is a video.
    pub resolution: Option<ResolutionCriterion>,
    /// The size of its primary file in bytes.
    pub size: Option<BytesCriterion>,
    /// The path of its primary file, relative to the library.
    pub path: Option<TextCriterion>,
    /// Its title.
    pub title: Option<TextCriterion>,
    /// The codec of its pictures, such as `h264`.
    pub video_codec: Option<TextCriterion>,
    /// The codec of its sound, such as `aac`.
    pub audio_codec: Option<TextCriterion>,
    /// The container of its primary file, such as `matroska`.
    pub container: Option<TextCriterion>,
    /// Whether it has subtitles.
    pub has_subtitles: Option<BooleanCriterion>,
    /// When the library first saw it.
    pub added_at: Option<DateTimeCriterion>,
    /// The day it was made or published.
    pub date: Option<DateCriterion>,
    /// Conditions on custom fields, which all hold.
    pub custom_fields: Option<Vec<CustomFieldCriterion>>,
    /// Whether none of its files is present. Such items are hidden unless this criterion occurs in the filter.
    pub is_missing: Option<BooleanCriterion>,
}
