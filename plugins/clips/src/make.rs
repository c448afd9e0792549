//! From what somebody asks for to the row of a clip, and the checks between.

use entities::{
    id::{ClipId, MarkerId, MediaId},
    media,
};
use kernel::error::{Code, Failure};
use media_proto::clip::MAX_RANGES;
use schema::media::clip::{ClipFormat, ClipMode};

use crate::{
    clip::{Row, State, format_of, mode_of},
    markers::{Marked, Picked},
    place,
    source::Subject,
};

/// The longest title.
const MAX_TITLE: usize = 300;
/// How far a part may go beyond what the file says of its length, in microseconds.
const BEYOND_US: i64 = 1_000_000;
/// The longest animation, in microseconds.
const LONGEST_ANIMATION_US: i64 = 30_000_000;

/// A clip that is asked for.
#[derive(Debug, Clone)]
pub struct NewClip {
    /// What it is named; after its item when omitted.
    pub title: Option<String>,
    /// The parts, in microseconds.
    pub ranges: Vec<(i64, i64)>,
    /// How it is cut.
    pub mode: ClipMode,
    /// What it is made into.
    pub format: ClipFormat,
    /// The marker that it is made of.
    pub marker: Option<MarkerId>,
    /// Where the parts are in the input, for messages.
    pub is_list: bool,
}

impl NewClip {
    /// What a marker becomes.
    pub fn of_marker(picked: &Picked, marked: &Marked) -> Self {
        let title: String = marked.title.chars().take(MAX_TITLE).collect();
        Self {
            title: Some(title),
            ranges: vec![(marked.start_us, marked.end_us)],
            mode: mode_of(picked.mode),
            format: format_of(picked.format),
            marker: Some(marked.id),
            is_list: false,
        }
    }

    /// Its row.
    ///
    /// # Errors
    /// What is asked for is not possible, with the field of the input.
    pub fn row(&self, item: &media::Model, subject: &Subject) -> Result<Row, Failure> {
        let ranges = self.checked(subject.duration_us())?;
        let title = self.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
        let title = title.map_or_else(|| format!("{} (clip)", item.title), str::to_owned);
        if title.chars().count() > MAX_TITLE {
            return Err(Failure::field("input.title", format!("at most {MAX_TITLE} characters")));
        }
        if self.format != ClipFormat::Mp4 && subject.video.is_none() {
            return Err(Failure::field("input.format", "the item has no pictures that move"));
        }
        let length: i64 = ranges.iter().map(|(start, end)| end - start).sum();
        if self.format != ClipFormat::Mp4 && length > LONGEST_ANIMATION_US {
            let most = LONGEST_ANIMATION_US / 1_000_000;
            return Err(Failure::field(
                "input.format",
                format!("an animation lasts at most {most} s"),
            ));
        }
        let extension = match (self.format, &subject.video) {
            (ClipFormat::Gif, _) => "gif",
            (ClipFormat::Webp, _) => "webp",
            (ClipFormat::Mp4, Some(_)) => "mp4",
            (ClipFormat::Mp4, None) => "m4a",
        };
        let id = ClipId::new();
        Ok(Row {
            id,
            source: item.id,
            library: item.library_id,
            file_name: place::file_name(&title, &id.to_string(), extension),
            title,
            ranges,
            mode: self.mode,
            format: self.format,
            status: State::Waiting as i32,
            marker: self.marker,
            result: None::<MediaId>,
            job: None,
        })
    }

    fn checked(&self, duration_us: i64) -> Result<Vec<(i64, i64)>, Failure> {
        if self.ranges.is_empty() || self.ranges.len() > MAX_RANGES {
            return Err(Failure::field("input.ranges", format!("1 to {MAX_RANGES} parts")));
        }
        let mut found = Vec::new();
        for (index, (start, end)) in self.ranges.iter().copied().enumerate() {
            let path = |side: &str| match self.is_list {
                true => format!("input.ranges[{index}].{side}"),
                false => format!("input.{side}"),
            };
            if start < 0 || start >= duration_us {
                let message = format!("between 0 and {} s, where the item ends", duration_us as f64 / 1e6);
                return Err(Failure::field(path("start"), message));
            }
            if end <= start {
                return Err(Failure::field(path("end"), "after its start"));
            }
            found.push((start, end.min(duration_us.saturating_add(BEYOND_US))));
        }
        Ok(found)
    }
}

/// Fine, unless some could not be planned.
///
/// # Errors
/// Some could not.
pub fn all_cut(n_failed: u64, code: &'static Code) -> anyhow::Result<()> {
    match n_failed {
        0 => Ok(()),
        n => Err(Failure::new(code, format!("{n} markers could not become clips; the log says why")).into()),
    }
}
