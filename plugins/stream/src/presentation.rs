//! A plan and the headers of its tracks as what playlists and manifests are written from.

use std::sync::Arc;

use media_engine::playlist::{AudioTrack, Presentation, Segments, VideoRange, VideoTrack};

use crate::{
    header::Facts,
    plan::{Plan, shape::Ceiling},
    rendition::Rendition,
};

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
}

/// The renditions of a plan below a ceiling.
pub fn chosen(plan: &Plan, ceiling: Ceiling) -> Vec<&Arc<Rendition>> {
    let video = ceiling.among(&plan.video, |track| track.as_video().map(|head| &head.rendition));
    video.iter().chain(&plan.audio).collect()
}

/// What players choose from.
pub fn presentation(plan: &Plan, tracks: Vec<Described<'_>>, places: &Places<'_>) -> Presentation {
    let mut made = Presentation {
        // Each of our own segments starts with an IDR frame.
        is_independent: true,
        duration_us: plan.duration_us(),
        ..Presentation::default()
    };
    for (track, facts) in tracks {
        let uri = places.playlist(track);
        let segments = places.segments(track, &format!("../{}/", track.id));
        let id = track.id.to_string();
        match (track.as_video(), track.as_audio(), facts.size) {
            (Some(head), _, Some((width, height))) => made.video.push(VideoTrack {
                id,
                uri,
                codecs: facts.codecs,
                width,
                height,
                frame_rate: Some(plan.frame_rate.unwrap_or(head.rendition.frame_rate)),
                peak_bit_rate: track.peak_bit_rate(),
                mean_bit_rate: Some(track.mean_bit_rate()),
                range: VideoRange::Sdr,
                segments,
            }),
            (_, Some(head), _) => made.audio.push(AudioTrack {
                id,
                uri,
                codecs: facts.codecs,
                name: track.name.clone(),
                language: track.language.clone(),
                channels: head.rendition.channels,
                sample_rate: head.rendition.sample_rate,
                peak_bit_rate: track.peak_bit_rate(),
                is_default: track.is_default,
                segments,
            }),
            _ => {}
        }
    }
    made
}
