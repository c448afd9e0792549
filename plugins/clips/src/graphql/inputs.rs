//! What clients send and get of clips and renditions, and the checks of the former.

use async_graphql::{Enum, ID, InputObject, SimpleObject};
use entities::id::{MarkerId, TagId};
use kernel::error::Failure;
use media_proto::rendition::{Preset, VideoCodec};
use schema::{
    job::types::Job,
    kit::{
        id::{parse, parse_many},
        scalar::Seconds,
    },
    media::{
        clip::{Clip, ClipFormat, ClipMode, Rendition, RenditionKind},
        inputs::MediaFilter,
        selection::{KeptFilter, MAX_IDS, Selection},
        types::Media,
    },
};

use crate::{
    delete::Fate,
    make::NewClip,
    markers::{Picked, Which},
    own::Own,
};

/// The longest clip of a marker without an end.
const LONGEST_OF_PLACE_US: i64 = 3600 * 1_000_000;

/// A part of an item.
#[derive(InputObject)]
pub struct ClipRangeInput {
    /// Where it begins. The first frame at or after it is the first of the clip.
    start: Seconds,
    /// Where it ends. The first frame at or after it is left out.
    end: Seconds,
}

/// Which clip to cut.
#[derive(InputObject)]
pub struct CreateClipInput {
    /// The item.
    pub media_id: ID,
    /// What the clip is named; after its item when omitted.
    title: Option<String>,
    /// Where it begins; with `end` instead of `ranges`.
    start: Option<Seconds>,
    /// Where it ends.
    end: Option<Seconds>,
    /// Several parts, joined in this order, at most a hundred.
    ranges: Option<Vec<ClipRangeInput>>,
    /// How pictures are cut. `SMART` when omitted.
    mode: Option<ClipMode>,
    /// What it is made into. `MP4` when omitted.
    format: Option<ClipFormat>,
}

impl CreateClipInput {
    /// What is asked for.
    ///
    /// # Errors
    /// The parts are given twice, or not at all.
    pub fn wanted(self) -> Result<NewClip, Failure> {
        let is_list = self.ranges.is_some();
        let ranges = match (self.ranges, self.start, self.end) {
            (Some(ranges), None, None) => ranges
                .into_iter()
                .map(|range| (range.start.as_us(), range.end.as_us()))
                .collect(),
            (None, Some(start), Some(end)) => vec![(start.as_us(), end.as_us())],
            _ => return Err(Failure::field("input.start", "give `start` and `end`, or `ranges`")),
        };
        Ok(NewClip {
            title: self.title,
            ranges,
            mode: self.mode.unwrap_or(ClipMode::Smart),
            format: self.format.unwrap_or(ClipFormat::Mp4),
            marker: None,
            is_list,
        })
    }
}

/// The outcome of `createClip`.
#[derive(SimpleObject)]
pub struct CreateClipPayload {
    /// The clip.
    pub clip: Clip,
    /// The work.
    pub job: Job,
}

/// Which markers to make clips of.
#[derive(InputObject)]
pub struct CreateClipsFromMarkersInput {
    /// The markers, at most 1000; not together with `filter` and `search`.
    ids: Option<Vec<ID>>,
    /// Instead of ids: all markers of the items that this finds; an empty filter is all items that are present.
    filter: Option<MediaFilter>,
    /// Only those of the filter's items that these words find.
    search: Option<String>,
    /// Only markers with this tag.
    tag_id: Option<ID>,
    /// How long clips of markers without an end are, at most an hour; they are left out when omitted.
    length: Option<Seconds>,
    /// How pictures are cut. `SMART` when omitted.
    mode: Option<ClipMode>,
    /// What they are made into. `MP4` when omitted.
    format: Option<ClipFormat>,
    /// Says how many clips would be made, and makes none.
    #[graphql(default)]
    pub dry_run: bool,
}

impl CreateClipsFromMarkersInput {
    /// Which markers.
    ///
    /// # Errors
    /// They are given twice or not at all, or an id is none.
    pub fn picked(&self) -> Result<Picked, Failure> {
        let which = match (&self.ids, &self.filter, &self.search) {
            (Some(ids), None, None) if ids.len() > MAX_IDS => {
                let message = format!("at most {MAX_IDS} ids; use a filter for more");
                return Err(Failure::field("input.ids", message));
            }
            (Some(ids), None, None) => Which::Markers(parse_many::<MarkerId>(ids, "input.ids")?),
            (Some(_), ..) => {
                let message = "give `ids`, or `filter` with `search`, not both";
                return Err(Failure::field("input.ids", message));
            }
            (None, None, None) => {
                let message = "say which markers: `ids`, or a `filter`; an empty one is all items";
                return Err(Failure::field("input.filter", message));
            }
            (None, filter, search) => Which::Items(Selection::Found {
                filter: Box::new(KeptFilter(filter.clone().unwrap_or_default())),
                search: search.clone(),
                except: Vec::new(),
            }),
        };
        let length_us = self.length.map(Seconds::as_us);
        if length_us.is_some_and(|us| !(1..=LONGEST_OF_PLACE_US).contains(&us)) {
            return Err(Failure::field("input.length", "more than 0 s, and at most an hour"));
        }
        let mode = self.mode.unwrap_or(ClipMode::Smart);
        let format = self.format.unwrap_or(ClipFormat::Mp4);
        let tag = self
            .tag_id
            .as_ref()
            .map(|id| parse::<TagId>(id, "input.tagId"))
            .transpose()?;
        Ok(Picked {
            tag,
            length_us,
            ..Picked::new(which, mode, format)
        })
    }
}

/// The outcome of `createClipsFromMarkers`.
#[derive(SimpleObject)]
pub struct CreateClipsFromMarkersPayload {
    /// How many markers the selection has.
    pub matched_count: i64,
    /// How many of them become clips: the others are clips already.
    pub clip_count: i64,
    /// The work that makes a clip of each; null if there is nothing to do, or with `dryRun`.
    pub job: Option<Job>,
}

/// What becomes of the item that a clip has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ClipMediaFate {
    /// It stays, and is an item like any other.
    Keep,
    /// Its file goes to the trash; `restoreFiles` brings it and the clip back.
    Trash,
}

impl From<ClipMediaFate> for Fate {
    fn from(fate: ClipMediaFate) -> Self {
        match fate {
            ClipMediaFate::Keep => Self::Keep,
            ClipMediaFate::Trash => Self::Trash,
        }
    }
}

/// Which clip to delete.
#[derive(InputObject)]
pub struct DeleteClipInput {
    /// The clip.
    pub id: ID,
    /// What becomes of the item that it is.
    pub media: ClipMediaFate,
}

/// The outcome of `deleteClip`.
#[derive(SimpleObject)]
pub struct DeleteClipPayload {
    /// The id of what is gone.
    pub deleted_id: ID,
    /// The item that it was cut out of; null if it was removed meanwhile.
    pub source: Option<Media>,
}

/// Which rendition to delete.
#[derive(InputObject)]
pub struct DeleteRenditionInput {
    /// The rendition.
    pub id: ID,
}

/// The outcome of `deleteRendition`.
#[derive(SimpleObject)]
pub struct DeleteRenditionPayload {
    /// The id of what is gone.
    pub deleted_id: ID,
    /// The item that it was made of; null if it was removed meanwhile.
    pub media: Option<Media>,
}

/// What to make a file into.
#[derive(InputObject)]
pub struct RenderProxyInput {
    /// The item.
    pub media_id: ID,
    /// What is made. `PROXY_720P` when omitted.
    pub kind: Option<RenditionKind>,
    /// The settings of the kind `OWN`, and of no other.
    own: Option<OwnRenditionInput>,
}

/// The outcome of `renderProxy`.
#[derive(SimpleObject)]
pub struct RenderProxyPayload {
    /// The rendition.
    pub rendition: Rendition,
    /// The work; null if there is nothing left to do.
    pub job: Option<Job>,
}

/// Settings of a rendition.
#[derive(InputObject)]
pub struct OwnRenditionInput {
    /// Lines of the shorter side, an even number from 144 to 2160, never more than the file has; none for sound alone.
    lines: Option<i32>,
    /// Bits a second of the pictures at 30 frames a second, 100,000 to 100,000,000; what the size needs when omitted.
    bit_rate: Option<i32>,
    /// Bits a second of the sound, 32,000 to 512,000.
    audio_bit_rate: Option<i32>,
    /// How pictures are encoded.
    #[graphql(default)]
    codec: RenditionCodec,
    /// How much work goes into it.
    #[graphql(default)]
    effort: RenditionEffort,
}

/// How pictures of a rendition are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
pub enum RenditionCodec {
    /// What everything plays.
    #[default]
    #[graphql(name = "H264")]
    H264,
    /// Half the size, slowly made.
    #[graphql(name = "AV1")]
    Av1,
}

/// How much work goes into a rendition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum)]
pub enum RenditionEffort {
    /// As quick as can be.
    Draft,
    /// For proxies.
    #[default]
    Quick,
    /// For what is kept.
    Careful,
}

impl RenderProxyInput {
    /// The settings that are asked for, if the kind has any of its own.
    ///
    /// # Errors
    /// They are missing, belong to another kind, or are out of bounds.
    pub fn checked(&self) -> Result<Option<Own>, Failure> {
        match (self.kind, &self.own) {
            (Some(RenditionKind::Own), Some(own)) => Ok(Some(own.checked()?)),
            (Some(RenditionKind::Own), None) => Err(Failure::field("input.own", "the kind `OWN` needs settings")),
            (_, Some(_)) => Err(Failure::field("input.own", "only the kind `OWN` has settings")),
            (_, None) => Ok(None),
        }
    }
}

impl OwnRenditionInput {
    fn checked(&self) -> Result<Own, Failure> {
        let within = |value: Option<i32>, least: i32, most: i32, field: &str| match value {
            Some(value) if !(least..=most).contains(&value) => {
                let path = format!("input.own.{field}");
                Err(Failure::field(path, format!("from {least} to {most}")))
            }
            value => Ok(value.map(i32::unsigned_abs)),
        };
        let lines = within(self.lines, 144, 2160, "lines")?;
        if lines.is_some_and(|lines| lines % 2 != 0) {
            return Err(Failure::field("input.own.lines", "an even number"));
        }
        let bit_rate = within(self.bit_rate, 100_000, 100_000_000, "bitRate")?.map(u64::from);
        if lines.is_none() && bit_rate.is_some() {
            return Err(Failure::field(
                "input.own.bitRate",
                "sound alone has none; give `audioBitRate`",
            ));
        }
        Ok(Own {
            lines,
            bit_rate,
            sound_bit_rate: within(self.audio_bit_rate, 32_000, 512_000, "audioBitRate")?.map(u64::from),
            codec: match self.codec {
                RenditionCodec::H264 => VideoCodec::H264,
                RenditionCodec::Av1 => VideoCodec::Av1,
            },
            effort: match self.effort {
                RenditionEffort::Draft => Preset::Ultrafast,
                RenditionEffort::Quick => Preset::Superfast,
                RenditionEffort::Careful => Preset::Medium,
            },
        })
    }
}
