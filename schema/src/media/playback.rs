//! How an item is best played: as it is, repackaged or converted, and why.

use async_graphql::{Enum, InputObject, SimpleObject};
use entities::{
    file,
    stream::{self, StreamKind},
};

use crate::kit::scalar::Url;

/// What a player can play. What is left out is taken from what today's browsers share.
#[derive(Debug, Clone, Default, InputObject)]
pub struct PlaybackCapabilities {
    /// Containers, such as `mp4` and `webm`.
    pub containers: Option<Vec<String>>,
    /// Video codecs by their usual names, such as `h264`, or after RFC 6381, such as `avc1.640028`.
    pub video_codecs: Option<Vec<String>>,
    /// Audio codecs by their usual names, such as `aac`, or after RFC 6381, such as `mp4a.40.2`.
    pub audio_codecs: Option<Vec<String>>,
    /// The greatest height in pixels.
    pub max_height: Option<i32>,
    /// The highest bit rate in bits per second.
    pub max_bit_rate: Option<i64>,
    /// Whether high dynamic range can be shown.
    pub hdr: Option<bool>,
}

/// How a file reaches the player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum PlaybackMethod {
    /// As it is.
    Direct,
    /// In another container, with the same streams.
    Remux,
    /// With at least one stream converted.
    Transcode,
}

/// One quality of a stream that adapts.
#[derive(Debug, Clone, SimpleObject)]
pub struct PlaybackVariant {
    /// Its name, such as `1080p`.
    pub name: String,
    /// Width in pixels.
    pub width: Option<i32>,
    /// Height in pixels.
    pub height: Option<i32>,
    /// Bits per second.
    pub bit_rate: i64,
    /// Its codecs after RFC 6381.
    pub codecs: String,
    /// Whether a device encodes it rather than the processor.
    pub is_hardware_encoded: bool,
}

/// How an item is best played by a player.
#[derive(Debug, Clone, SimpleObject)]
pub struct Playback {
    /// How the file reaches the player.
    pub method: PlaybackMethod,
    /// Why it cannot be played as it is; null when it can.
    pub reason: Option<String>,
    /// The HLS playlist, where a plugin makes one.
    pub hls_url: Option<Url>,
    /// The DASH manifest, where a plugin makes one.
    pub dash_url: Option<Url>,
    /// The file as it is. It is given even when the player may not manage it.
    pub direct_url: Option<Url>,
    /// The qualities that the playlists offer.
    pub variants: Vec<PlaybackVariant>,
}

/// What browsers of today share: containers, then video codecs, then audio codecs.
const CONTAINERS: &[&str] = &["mp4", "webm", "mov", "ogg", "mp3", "flac", "wav", "aac", "adts"];
const VIDEO_CODECS: &[&str] = &["h264", "vp8", "vp9", "av1"];
const AUDIO_CODECS: &[&str] = &[
    "aac",
    "mp3",
    "opus",
    "vorbis",
    "flac",
    "pcm_s16le",
    "pcm_u8",
    "pcm_f32le",
];

/// Decides how a file is played, and says why not as it is.
pub fn decide(
    file: &file::Model,
    streams: &[stream::Model],
    capabilities: &PlaybackCapabilities,
) -> (PlaybackMethod, Option<String>) {
    let first = |kind| streams.iter().find(|stream| stream.kind == kind && !stream.is_cover);
    let video = first(StreamKind::Video);
    if let Some(video) = video
        && let Some(reason) = refuse_video(video, capabilities)
    {
        return (PlaybackMethod::Transcode, Some(reason));
    }
    if let Some(audio) = first(StreamKind::Audio)
        && !accepts_sound(audio, capabilities)
    {
        return (
            PlaybackMethod::Transcode,
            Some(format!("the player does not decode {} sound", audio.codec)),
        );
    }
    if let (Some(limit), Some(rate)) = (capabilities.max_bit_rate, file.bit_rate)
        && rate > limit
    {
        return (
            PlaybackMethod::Transcode,
            Some(format!("its {rate} bits per second exceed the limit of {limit}")),
        );
    }
    let container = file.container.as_deref().unwrap_or("unknown");
    let is_accepted = match &capabilities.containers {
        Some(containers) => containers
            .iter()
            .any(|accepted| accepted.eq_ignore_ascii_case(container)),
        None => CONTAINERS.contains(&container),
    };
    if !is_accepted {
        return (
            PlaybackMethod::Remux,
            Some(format!("the player does not open {container} files")),
        );
    }
    (PlaybackMethod::Direct, None)
}

/// Why a player does not show pictures as they are, if it does not.
pub fn refuse_video(video: &stream::Model, capabilities: &PlaybackCapabilities) -> Option<String> {
    if !accepts(&capabilities.video_codecs, VIDEO_CODECS, video) {
        return Some(format!("the player does not decode {} video", video.codec));
    }
    // Browsers decode H.264 with eight bits and 4:2:0 only, and say yes to its name alone.
    let is_deep = video.bit_depth.is_some_and(|bits| bits > 8);
    if capabilities.video_codecs.is_none() && video.codec == "h264" && is_deep {
        return Some("browsers do not decode h264 video with more than 8 bits a color".to_owned());
    }
    if let (Some(limit), Some(height)) = (capabilities.max_height, video.height)
        && height > limit
    {
        return Some(format!("its {height} lines exceed the limit of {limit}"));
    }
    match (&video.hdr, capabilities.hdr) {
        (Some(hdr), Some(false)) => Some(format!("the player does not show {hdr}")),
        _ => None,
    }
}

/// Whether a player decodes sound as it is.
pub fn accepts_sound(sound: &stream::Model, capabilities: &PlaybackCapabilities) -> bool {
    accepts(&capabilities.audio_codecs, AUDIO_CODECS, sound)
}

/// Whether a list has a codec, by its usual name or by how its RFC 6381 string begins.
fn accepts(given: &Option<Vec<String>>, usual: &[&str], stream: &stream::Model) -> bool {
    let Some(given) = given else {
        return usual.contains(&stream.codec.as_str());
    };
    let family = |text: &str| text.split('.').next().unwrap_or_default().to_ascii_lowercase();
    given.iter().any(|accepted| {
        accepted.eq_ignore_ascii_case(&stream.codec)
            || stream
                .codec_string
                .as_ref()
                .is_some_and(|string| family(string) == family(accepted))
    })
}
