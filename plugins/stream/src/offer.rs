//! What of a file players are offered: URLs and qualities, said without opening anything.

use std::sync::Arc;

use entities::{file, stream};
use media_proto::rendition::{Preset, VideoRendition};
use schema::{
    kit::scalar::Url,
    media::{
        contracts::{Offer, Streaming},
        playback::{PlaybackCapabilities, PlaybackVariant},
    },
};

use crate::{
    plan::{load::is_playable, shape, shape::Ceiling},
    urls::Urls,
};

/// Says what is offered.
pub struct Offers {
    /// Makes the URLs.
    pub urls: Arc<Urls>,
    /// How pictures are compressed.
    pub preset: Preset,
}

impl Streaming for Offers {
    fn offer(
        &self,
        file: &file::Model,
        streams: &[stream::Model],
        capabilities: &PlaybackCapabilities,
    ) -> Option<Offer> {
        // Without a length there is no playlist.
        if !is_playable(streams) || file.duration_us.is_none_or(|us| us <= 0) {
            return None;
        }
        let ceiling = Ceiling::of(capabilities);
        let has_sound = shape::sounds(streams).next().is_some();
        let rungs = shape::main_video(streams).map(|video| shape::rungs(file, video, self.preset));
        let rungs = rungs.unwrap_or_default();
        let offered = ceiling.among(&rungs, |rung| Some(rung));
        let mut variants: Vec<_> = offered.iter().map(|rung| variant(rung, has_sound)).collect();
        if variants.is_empty() && has_sound {
            variants.push(PlaybackVariant {
                name: "audio".to_owned(),
                width: None,
                height: None,
                bit_rate: SOUND_BIT_RATE,
                codecs: SOUND_CODEC.to_owned(),
                is_hardware_encoded: false,
            });
        }
        Some(Offer {
            hls_url: Url(self.urls.hls(file.id, ceiling)),
            dash_url: Url(self.urls.dash(file.id, ceiling)),
            variants,
            remuxes: false,
        })
    }
}

/// AAC-LC, and the rate of two channels.
const SOUND_CODEC: &str = "mp4a.40.2";
const SOUND_BIT_RATE: i64 = 160_000;

fn variant(rung: &VideoRendition, has_sound: bool) -> PlaybackVariant {
    // What x264 makes with these settings: high profile, or constrained baseline without any of its tools. Playlists say
    // what was made.
    let profile = match rung.preset {
        Preset::Ultrafast => "42c0",
        Preset::Superfast | Preset::Veryfast | Preset::Medium => "6400",
    };
    let video = format!("avc1.{profile}{:02x}", rung.level);
    PlaybackVariant {
        name: format!("{}p", rung.width.min(rung.height)),
        width: i32::try_from(rung.width).ok(),
        height: i32::try_from(rung.height).ok(),
        bit_rate: rung.bit_rate as i64 + if has_sound { SOUND_BIT_RATE } else { 0 },
        codecs: if has_sound {
            format!("{video},{SOUND_CODEC}")
        } else {
            video
        },
        is_hardware_encoded: false,
    }
}
