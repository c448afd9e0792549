//! A plan and the headers of its tracks as what playlists and manifests are written from.

use kernel::still_sheet::StillSheet;
use media_engine::playlist::{AudioTrack, Presentation, Segments, TextTrack, TileTrack, VideoTrack};

use crate::{
    header::Facts,
    plan::Plan,
    rendition::{Rendition, Shows},
    texts::Text,
};

/// The folder of the playlist of stills.
pub const TILES: &str = "tiles";

/// A rendition with what its header says.
pub type Described<'a> = (&'a Rendition, Facts);

/// Where things lie, relative to a playlist that is one folder below the plan's.
pub struct Places<'a> {
    /// The signature: the query of every URL.
    pub query: &'a str,
}

impl Places<'_> {
    fn playlist(&self, track: &Rendition) -> String {
        format!("../{}/index.m3u8?{}", track.id, self.query)
    }

    /// The segments of a track, below `folder`: relative to the track's own playlist, or to the presentation's.
    pub fn segments(&self, track: &Rendition, folder: &str) -> Segments {
        let query = self.query;
        Segments::each(
            Some(format!("{folder}init.mp4?{query}")),
            format!("{folder}{{n}}.m4s?{query}"),
            track.lengths_us(),
        )
    }

    /// A sheet of stills of a film of that length.
    pub fn tiles(&self, sheet: StillSheet, duration_us: i64) -> TileTrack {
        let seconds = (duration_us as f64 / 1e6).max(1.0);
        TileTrack {
            uri: format!("../{TILES}/index.m3u8?{}", self.query),
            image_uri: sheet.url,
            mime: sheet.mime,
            columns: sheet.columns,
            rows: sheet.rows,
            interval_us: sheet.interval_us,
            width: sheet.tile_width,
            height: sheet.tile_height,
            bit_rate: (sheet.n_bytes as f64 * 8.0 / seconds).ceil() as u64,
        }
    }

    /// The one segment of subtitles, relative to their own playlist.
    pub fn text(&self, plan: &Plan) -> Segments {
        Segments::each(None, format!("all.vtt?{}", self.query), [plan.duration_us()])
    }
}

/// What players choose from.
pub fn presentation(plan: &Plan, tracks: Vec<Described<'_>>, texts: &[Text], places: &Places<'_>) -> Presentation {
    let mut made = Presentation {
        // Each segment that was encoded starts with an IDR frame; of copied ones nobody knows. Sound needs no frame before.
        is_independent: tracks
            .iter()
            .all(|(track, _)| track.told_codecs().is_none() || matches!(track.shows(), Shows::Sound { .. })),
        duration_us: plan.duration_us(),
        ..Presentation::default()
    };
    for (track, facts) in tracks {
        let uri = places.playlist(track);
        let segments = places.segments(track, &format!("../{}/", track.id));
        let id = track.id.to_string();
        match (track.shows(), facts.size) {
            (Shows::Pictures(range), Some((width, height))) => {
                let is_keyframes = track.is_keyframes();
                let rate = plan
                    .frame_rate
                    .or(track.as_video().map(|head| head.rendition.frame_rate));
                let pictures = VideoTrack {
                    id,
                    uri,
                    codecs: facts.codecs,
                    width,
                    height,
                    frame_rate: rate.filter(|_| !is_keyframes),
                    peak_bit_rate: track.peak_bit_rate(),
                    mean_bit_rate: Some(track.mean_bit_rate()).filter(|_| !is_keyframes),
                    range,
                    segments,
                };
                match is_keyframes {
                    true => made.keyframes.push(pictures),
                    false => made.video.push(pictures),
                }
            }
            (Shows::Sound { channels, sample_rate }, _) => made.audio.push(AudioTrack {
                id,
                uri,
                codecs: facts.codecs,
                name: track.name.clone(),
                language: track.language.clone(),
                channels,
                sample_rate,
                peak_bit_rate: track.peak_bit_rate(),
                is_default: made.audio.is_empty(),
                segments,
            }),
            (Shows::Pictures(_), None) => {}
        }
    }
    let text = |text: &Text| {
        let id = text.id();
        let place = |name: &str| format!("../{id}/{name}?{}", places.query);
        TextTrack {
            id: id.to_string(),
            uri: place("index.m3u8"),
            whole_uri: place("all.vtt"),
            name: text.label.clone(),
            language: text.language.clone(),
            is_default: text.is_default,
            is_forced: text.is_forced,
            tells_sounds: text.tells_sounds,
            segments: places.text(plan),
        }
    };
    // Without pictures there is nothing to show them over.
    if !made.video.is_empty() {
        made.text = texts.iter().map(text).collect();
    }
    made
}
