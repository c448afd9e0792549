//! Reads what the database knows of a file and makes its plan.

use std::sync::Arc;

use entities::{
    file,
    id::FileId,
    stream::{self, StreamKind},
};
use kernel::{kind, parts::Parts, store::Store};
use media_engine::engine::Engine;
use media_proto::{
    grid::{Grid, LONGEST_US, SEGMENT_MS, TimeBase, half_frame_us, to_us},
    head::{AAC_FRAME, AudioHead, VideoHead},
    rendition::{AudioRendition, Preset},
};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::{Plan, burned::Burned, carried::Place, copies, cuts::Cuts, shape, stored::stored};
use crate::{
    rendition::{FileState, Label, Rendition},
    texts::Text,
};

/// How much longer than its pictures a file may seem, for the sound of the last of them.
const TAIL_US: i64 = 500_000;

/// The plan of a file, if anything can be made of it.
pub async fn load(store: &Store, parts: &Parts, id: FileId, preset: Preset) -> Result<Option<Plan>, DbErr> {
    let db = store.reader();
    let Some(engine) = parts.get::<Engine>() else {
        return Ok(None);
    };
    let Some(file) = file::Entity::find_by_id(id).one(db).await? else {
        return Ok(None);
    };
    let streams = stream::Entity::find()
        .filter(stream::Column::FileId.eq(id))
        .order_by_asc(stream::Column::Index)
        .all(db)
        .await?;
    let state = FileState {
        id,
        size: file.size,
        mtime_ns: file.mtime_ns,
    };
    let maker = Maker {
        file: &file,
        state,
        extension: kind::extension(&file.name),
        ffmpeg: &engine.ffmpeg().ffmpeg_hash,
        preset,
        uses_devices: engine.devices().are_allowed(),
    };
    let video = shape::main_video(&streams);
    let cuts = match video {
        Some(video) => Some(Cuts::find(store, &engine, &file, video).await?),
        None => None,
    };
    let mut plan = maker.plan(&streams, video.zip(cuts));
    if let Some(plan) = &mut plan {
        let tracks = stored(store, parts, state).await;
        plan.take_stored(&tracks, &engine.ffmpeg().ffmpeg_hash);
    }
    Ok(plan)
}

struct Maker<'a> {
    file: &'a file::Model,
    state: FileState,
    extension: Option<String>,
    ffmpeg: &'a str,
    preset: Preset,
    uses_devices: bool,
}

impl Maker<'_> {
    fn plan(&self, streams: &[stream::Model], video: Option<(&stream::Model, Cuts)>) -> Option<Plan> {
        let (mut source, mut frame_rate, mut weight) = ((0, 0), None, 0);
        let mut film = None;
        if let Some((stream, cuts)) = video {
            source = (stream.width.unwrap_or(0) as u32, stream.height.unwrap_or(0) as u32);
            frame_rate = stream.frame_rate();
            weight = (cuts.keyframes.len() * size_of::<i64>() * 4) as u32;
            film = self.film(stream, cuts);
        }
        // Pictures whose length nobody knows cannot be listed; sound beside them would be half a film.
        if film.is_none() && shape::main_video(streams).is_some() {
            return None;
        }
        let grid = Grid::new(frame_rate, SEGMENT_MS);
        let Sounds {
            audio,
            encoded_audio,
            copied_audio,
        } = self.sounds(streams, grid, film.as_ref());
        let video: Vec<_> = film.as_ref().map_or_else(Vec::new, |film| self.rungs(film, grid));
        // The smallest: pictures for scrubbing are small, and each costs a thumbnail.
        let keyframes = video.last().and_then(|rung| {
            let label = Label {
                name: rung.name.clone(),
                ..Label::default()
            };
            let made = Rendition::keyframes(self.state, rung.as_video()?.clone(), rung.end_us, label, self.ffmpeg);
            Some(Arc::new(made))
        });
        let copied_video = film.as_ref().and_then(|film| {
            let rate = film
                .stream
                .bit_rate
                .or(self.file.bit_rate)
                .and_then(|rate| u64::try_from(rate).ok());
            let name = video.first().map_or_else(String::new, |rung| rung.name.clone());
            let label = Label {
                name,
                ..Label::default()
            };
            self.copies(film)?
                .pictures(film.stream, rate.unwrap_or(USUAL_BIT_RATE), label)
        });
        let start_us = film
            .as_ref()
            .map_or_else(|| self.file.start_us.unwrap_or(0), |film| film.start_us);
        (!video.is_empty() || !audio.is_empty()).then_some(Plan {
            file: self.state,
            media: self.file.media_id,
            source,
            frame_rate,
            burned: Burned::all(streams, &video, self.ffmpeg),
            video,
            audio,
            encoded_audio,
            copied_video,
            copied_audio,
            keyframes,
            texts: Text::all(self.file, streams),
            subtitles: self.file.subtitles.clone(),
            extension: self.extension.clone(),
            start_us,
            stored: Vec::new(),
            weight,
        })
    }

    fn film<'s>(&self, stream: &'s stream::Model, cuts: Cuts) -> Option<Film<'s>> {
        let time_base = (stream.time_base_num, stream.time_base_den);
        if time_base.0 <= 0 || time_base.1 <= 0 {
            return None;
        }
        let start_us = to_us(cuts.start_pts, time_base);
        let by_table = cuts
            .end_pts
            .map(|end| to_us(end.saturating_sub(cuts.start_pts), time_base));
        let by_table = by_table.filter(|us| *us > 0);
        // Other containers than these say how long the whole is, which may be longer than its pictures.
        let own_us = match self.file.container.as_deref() {
            Some("mp4" | "mov") => by_table.or(stream.duration_us),
            _ => tagged_end_us(&stream.tags).map(|end| end.saturating_sub(start_us)),
        };
        let own_us = own_us.filter(|us| *us > 0);
        let end_us = own_us
            .or(by_table)
            .or(stream.duration_us)
            .or_else(|| self.rest_us(start_us))
            .filter(|us| (1..=LONGEST_US).contains(us))?;
        // No segment is listed for what may only be the sound of the last pictures.
        let listed_us = match own_us {
            // Clocks of milliseconds round: what is less than half a frame is none.
            Some(us) => us - half_frame_us(stream.frame_rate()),
            None => end_us - TAIL_US,
        };
        let listed_us = listed_us.max(1);
        Some(Film {
            stream,
            time_base,
            start_us,
            end_us,
            listed_us,
            cuts,
        })
    }

    /// How long the file goes on from a time on its clock.
    fn rest_us(&self, from_us: i64) -> Option<i64> {
        let end_us = self.file.duration_us?.saturating_add(self.file.start_us.unwrap_or(0));
        Some(end_us.saturating_sub(from_us))
    }

    fn rungs(&self, film: &Film<'_>, grid: Grid) -> Vec<Arc<Rendition>> {
        let keyframes = Arc::new(film.cuts.keyframes.clone());
        let rung = |rendition: media_proto::rendition::VideoRendition| {
            let name = format!("{}p", rendition.width.min(rendition.height));
            let head = VideoHead {
                extension: self.extension.clone(),
                stream: film.stream.index.unsigned_abs(),
                time_base: film.time_base,
                start_pts: film.cuts.start_pts,
                reorder_depth: film.cuts.reorder_depth,
                keyframe_pts: None,
                rotation: u16::try_from(film.stream.rotation).unwrap_or(0),
                burn: None,
                rendition,
                encoder: None,
                grid,
                first: 0,
                until: 0,
                n_segments: grid.n_segments(film.listed_us, (1, 1_000_000)).max(1),
            };
            let label = Label {
                name,
                ..Label::default()
            };
            let made = Rendition::video(
                self.state,
                head,
                film.end_us,
                Arc::clone(&keyframes),
                label,
                self.ffmpeg,
            );
            Arc::new(made)
        };
        let rungs = shape::rungs(self.file, film.stream, self.preset, self.uses_devices);
        rungs.into_iter().map(rung).collect()
    }

    fn copies<'s>(&'s self, film: &'s Film<'_>) -> Option<copies::Source<'s>> {
        Some(copies::Source {
            file: self.state,
            extension: self.extension.as_deref(),
            table: film.cuts.table.as_ref()?,
            end_us: film.end_us,
            ffmpeg: self.ffmpeg,
        })
    }

    /// The tracks of sound, encoded, and each as the file has it where that goes into segments.
    fn sounds(&self, streams: &[stream::Model], grid: Grid, film: Option<&Film<'_>>) -> Sounds {
        let (begun_us, film_us) = (film.map(|film| film.start_us), film.map_or(0, |film| film.end_us));
        let mut names = Vec::new();
        let mut made: Vec<_> = shape::sounds(streams)
            .filter_map(|stream| {
                let start_us = begun_us.unwrap_or_else(|| stream.start_us.or(self.file.start_us).unwrap_or(0));
                let late_us = stream.start_us.map_or(0, |own| (own - start_us).max(0));
                let own_us = stream
                    .duration_us
                    .map(|us| us + late_us)
                    .or_else(|| self.rest_us(start_us));
                // Silence fills up to the end of the pictures, so that no player stops for sound that will not come.
                let end_us = own_us.unwrap_or(0).max(film_us);
                if !(1..=LONGEST_US).contains(&end_us) {
                    return None;
                }
                let label = label(stream, &mut names);
                let rendition = AudioRendition::of(stream.index.unsigned_abs(), stream.channels, stream.sample_rate);
                let samples = i128::from(end_us) * i128::from(rendition.sample_rate);
                let n_frames = (samples + FRAME_US - 1) / FRAME_US;
                let head = AudioHead {
                    extension: self.extension.clone(),
                    start_us,
                    rendition,
                    grid,
                    first: 0,
                    until: 0,
                    n_frames: u64::try_from(n_frames).ok()?.max(1),
                };
                let copied = film.and_then(|film| self.copies(film)?.sound(stream, own_us?, label.clone()));
                let place = Place {
                    file: self.state,
                    container: self.file.container.as_deref(),
                    extension: self.extension.as_deref(),
                    ffmpeg: self.ffmpeg,
                    grid,
                    start: film.map_or((start_us, MICROSECONDS), |film| (film.cuts.start_pts, film.time_base)),
                    end_us: own_us.unwrap_or(0),
                    late_us,
                    film_us,
                };
                let carried = place.carry(stream, label.clone());
                let encoded = Arc::new(Rendition::audio(self.state, head, label, self.ffmpeg));
                Some((carried.unwrap_or_else(|| Arc::clone(&encoded)), encoded, copied))
            })
            .collect();
        // The default stands first.
        let default = made.iter().position(|(_, track, _)| track.is_default).unwrap_or(0);
        if default < made.len() {
            let first = made.remove(default);
            made.insert(0, first);
        }
        let mut sounds = Sounds::default();
        for (audio, encoded, copied) in made {
            sounds.audio.push(audio);
            sounds.encoded_audio.push(encoded);
            sounds.copied_audio.push(copied);
        }
        sounds
    }
}

/// The tracks of sound in each of their forms, in the same order.
#[derive(Default)]
struct Sounds {
    audio: Vec<Arc<Rendition>>,
    encoded_audio: Vec<Arc<Rendition>>,
    copied_audio: Vec<Option<Arc<Rendition>>>,
}

const MICROSECONDS: TimeBase = (1, 1_000_000);
/// The bit rate that is told of pictures whose own nobody knows.
const USUAL_BIT_RATE: u64 = 8_000_000;
/// A frame of sound in samples times a million.
const FRAME_US: i128 = AAC_FRAME as i128 * 1_000_000;

struct Film<'a> {
    stream: &'a stream::Model,
    time_base: TimeBase,
    start_us: i64,
    end_us: i64,
    /// Segments begin before this.
    listed_us: i64,
    cuts: Cuts,
}

/// What Matroska files say of a stream's end in a tag that common muxers write, such as `00:01:02.345000000`.
fn tagged_end_us(tags: &str) -> Option<i64> {
    let tags: Vec<(String, String)> = serde_json::from_str(tags).ok()?;
    let (_, text) = tags.iter().find(|(name, _)| name.eq_ignore_ascii_case("DURATION"))?;
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let whole: i64 = hours.parse::<u16>().ok()?.into();
    let minutes: i64 = minutes.parse::<u8>().ok()?.into();
    let seconds: f64 = seconds.parse().ok().filter(|seconds| (0.0..60.0).contains(seconds))?;
    parts
        .next()
        .is_none()
        .then_some((whole * 60 + minutes) * 60_000_000 + (seconds * 1e6).round() as i64)
}

/// A name that no other track has, for playlists demand that.
fn label(stream: &stream::Model, names: &mut Vec<String>) -> Label {
    let language = stream.language.clone().filter(|language| language != "und");
    let wanted = stream.title.clone().or_else(|| language.clone());
    let wanted = wanted.unwrap_or_else(|| format!("Audio {}", names.len() + 1));
    let mut name = wanted.clone();
    let mut n = 2;
    while names.contains(&name) {
        name = format!("{wanted} ({n})");
        n += 1;
    }
    names.push(name.clone());
    Label {
        name,
        language,
        is_default: stream.is_default,
    }
}

/// Whether a file has anything that could be played: what a plan needs at least.
pub fn is_playable(streams: &[stream::Model]) -> bool {
    streams
        .iter()
        .any(|stream| !stream.is_cover && matches!(stream.kind, StreamKind::Video | StreamKind::Audio))
}

#[cfg(test)]
mod tests {
    use super::tagged_end_us;

    #[test]
    fn the_end_of_a_stream_is_read_from_its_tag() {
        let tags = |text: &str| format!(r#"[["title","x"],["DURATION","{text}"]]"#);
        assert_eq!(tagged_end_us(&tags("00:01:02.345000000")), Some(62_345_000));
        assert_eq!(tagged_end_us(&tags("10:00:00.000000000")), Some(36_000_000_000));
        for bad in [
            "",
            "1",
            "1:2",
            "1:2:3:4",
            "x:00:01",
            "00:00:-1",
            "00:00:61",
            "00:00:NaN",
        ] {
            assert_eq!(tagged_end_us(&tags(bad)), None, "{bad}");
        }
        assert_eq!(tagged_end_us("[]"), None);
    }
}
