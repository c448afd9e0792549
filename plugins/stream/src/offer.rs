//! What of a file players are offered: URLs and qualities, said without opening anything.

use std::sync::Arc;

use entities::{
    file,
    stream::{self, StreamKind},
};
use kernel::parts::Parts;
use media_engine::{devices::Devices, engine::Engine};
use media_proto::rendition::{Preset, VideoRendition};
use schema::{
    kit::scalar::Url,
    media::{
        contracts::{Offer, Streaming, SubtitleSource, Subtitles},
        playback::{PlaybackCapabilities, PlaybackMethod, PlaybackVariant, accepts_sound, decide, refuse_video},
    },
};

use crate::{
    plan::{burned::is_drawn, choice::Choice, copies, load::is_playable, shape, shape::Ceiling},
    texts::{Place, Text, TextId},
    urls::Urls,
};

/// Says what is offered.
pub struct Offers {
    /// Makes the URLs.
    pub urls: Arc<Urls>,
    /// How pictures are compressed.
    pub preset: Preset,
    /// Where the engine is.
    pub parts: Parts,
}

impl Streaming for Offers {
    fn offer(
        &self,
        file: &file::Model,
        streams: &[stream::Model],
        capabilities: &PlaybackCapabilities,
        burn: Option<&stream::Model>,
    ) -> Option<Offer> {
        if burn.is_some_and(|stream| !is_drawn(stream)) {
            return None;
        }
        // Without a length there is no playlist.
        if !is_playable(streams) || file.duration_us.is_none_or(|us| us <= 0) {
            return None;
        }
        if let Some(offer) = self.copies(file, streams, capabilities).filter(|_| burn.is_none()) {
            return Some(offer);
        }
        let ceiling = Ceiling::of(capabilities);
        let has_sound = shape::sounds(streams).next().is_some();
        let engine = self.parts.get::<Engine>();
        let devices = engine.as_deref().map(Engine::devices);
        let uses_devices = devices.is_some_and(Devices::are_allowed);
        let is_on_device = burn.is_none() && devices.is_some_and(|devices| devices.choose().is_some());
        let rungs = shape::main_video(streams).map(|video| shape::rungs(file, video, self.preset, uses_devices));
        let rungs = rungs.unwrap_or_default();
        let offered = ceiling.among(&rungs, |rung| Some(rung));
        let mut variants: Vec<_> = offered
            .iter()
            .map(|rung| variant(rung, has_sound, is_on_device))
            .collect();
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
        let choice = match burn {
            Some(stream) => Choice::Burned(ceiling, stream.index.unsigned_abs()),
            None => Choice::Ladder(ceiling),
        };
        Some(Offer {
            hls_url: Url(self.urls.hls(file.id, choice)),
            dash_url: Url(self.urls.dash(file.id, choice)),
            variants,
            remuxes: false,
        })
    }

    fn subtitles(&self, file: &file::Model, streams: &[stream::Model]) -> Vec<Subtitles> {
        let texts = Text::all(file, streams).into_iter();
        let offered = |text: Text| Subtitles {
            id: format!("{}-{}", file.id, text.id()).into(),
            url: Url(self.urls.text(file.id, text.id())),
            source: match text.place {
                Place::Stream(_) => SubtitleSource::Embedded,
                Place::Beside(_) => SubtitleSource::Sidecar,
            },
            is_default: text.is_default,
            language: text.language,
            label: text.label,
            is_forced: text.is_forced,
            tells_sounds: text.tells_sounds,
        };
        texts.map(offered).collect()
    }

    fn subtitle_url(&self, stream: &stream::Model) -> Option<Url> {
        let is_text = stream.kind == StreamKind::Subtitle && stream.is_text;
        is_text.then(|| {
            Url(self
                .urls
                .text(stream.file_id, TextId::Stream(stream.index.unsigned_abs())))
        })
    }
}

impl Offers {
    /// The streams of a file in other packing: for players that cannot open it, or that take its pictures and not its
    /// sound. What they can open is offered in several qualities instead, as it is to be had whole.
    fn copies(
        &self,
        file: &file::Model,
        streams: &[stream::Model],
        capabilities: &PlaybackCapabilities,
    ) -> Option<Offer> {
        let video = shape::main_video(streams)?;
        let can_be_cut = matches!(file.container.as_deref(), Some("mp4" | "mov" | "matroska" | "webm"));
        // A turned or stretched picture would need boxes that not every player heeds.
        let is_upright = video.rotation == 0;
        if !can_be_cut || !is_upright || decide(file, streams, capabilities).0 == PlaybackMethod::Direct {
            return None;
        }
        let video_codec = copies::picture_codec(video)?;
        let rate = video.bit_rate.or(file.bit_rate);
        let is_too_fast = capabilities
            .max_bit_rate
            .zip(rate)
            .is_some_and(|(most, rate)| rate > most);
        if is_too_fast || refuse_video(video, capabilities).is_some() {
            return None;
        }
        let copied = |sound: &stream::Model| accepts_sound(sound, capabilities) && copies::sound_codec(sound).is_some();
        let copies_sound = shape::sounds(streams).all(copied);
        let choice = match copies_sound {
            true => Choice::Copy,
            false => Choice::CopyPictures,
        };
        let sound = shape::sounds(streams).next();
        let sound_codec = sound.map(|sound| match choice {
            Choice::Copy => copies::sound_codec(sound).unwrap_or_default(),
            _ => SOUND_CODEC.to_owned(),
        });
        let variant = PlaybackVariant {
            name: format!("{}p", video.width.min(video.height).unwrap_or_default()),
            width: video.width,
            height: video.height,
            bit_rate: rate.unwrap_or_default(),
            codecs: sound_codec.map_or_else(|| video_codec.clone(), |sound| format!("{video_codec},{sound}")),
            is_hardware_encoded: false,
        };
        Some(Offer {
            hls_url: Url(self.urls.hls(file.id, choice)),
            dash_url: Url(self.urls.dash(file.id, choice)),
            variants: vec![variant],
            remuxes: copies_sound,
        })
    }
}

/// AAC-LC, and the rate of two channels.
const SOUND_CODEC: &str = "mp4a.40.2";
const SOUND_BIT_RATE: i64 = 160_000;

fn variant(rung: &VideoRendition, has_sound: bool, is_on_device: bool) -> PlaybackVariant {
    // What x264 makes with these settings: high profile, or constrained baseline without any of its tools. Playlists say
    // what was made.
    let profile = match rung.preset {
        Preset::Ultrafast => "42c0",
        Preset::Superfast | Preset::Veryfast | Preset::Medium => "6400",
    };
    let kind = if rung.is_self_describing { "avc3" } else { "avc1" };
    let video = format!("{kind}.{profile}{:02x}", rung.level);
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
        is_hardware_encoded: is_on_device,
    }
}
