//! Turns a probe into rows: everything the container says, and the summary that pages sort and filter by.

use entities::{
    chapter,
    id::{ChapterId, FileId, StreamId},
    media::MediaKind,
    page,
    stream::{self, StreamKind},
};
use media_proto::probe::{Hdr, MediaKind as ProbedKind, Probe, Stream, StreamKind as ProbedStream};

/// The parts of a file's row that come from its bytes, with the rows of its streams and chapters.
#[derive(Debug, Clone)]
pub struct FileFacts {
    /// What the item is; none when it is neither picture nor sound.
    pub kind: Option<MediaKind>,
    /// The canonical short name of the container.
    pub container: String,
    /// libav's name of the demuxer.
    pub demuxer: String,
    /// Microseconds.
    pub duration_us: Option<i64>,
    /// The first timestamp.
    pub start_us: Option<i64>,
    /// Bits per second.
    pub bit_rate: Option<i64>,
    /// A JSON list of [key, value].
    pub tags: String,
    /// Whether a picture is attached.
    pub has_cover: bool,
    /// Its streams.
    pub streams: Vec<stream::Model>,
    /// Its chapters.
    pub chapters: Vec<chapter::Model>,
    /// Of an archive, its pages.
    pub pages: Vec<page::Model>,
}

/// What an item shows of its primary file's streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Display size, after rotation.
    pub width: Option<i32>,
    /// Display size, after rotation.
    pub height: Option<i32>,
    /// Frames per second.
    pub frame_rate: Option<(i32, i32)>,
    /// Codec of the first real picture.
    pub video_codec: Option<String>,
    /// Codec of the default sound, or of the first.
    pub audio_codec: Option<String>,
    /// Whether any subtitle stream is inside.
    pub has_subtitles: bool,
}

/// The rows of a probed file.
pub fn file_facts(file: FileId, probe: &Probe) -> FileFacts {
    let chapter = |(position, chapter): (usize, &media_proto::probe::Chapter)| chapter::Model {
        id: ChapterId::new(),
        file_id: file,
        position: position as i32,
        title: chapter.title.as_deref().map(text),
        start_us: chapter.start_us,
        end_us: chapter.end_us,
    };
    let page = |(position, page): (usize, &media_proto::probe::Page)| page::Model {
        file_id: file,
        position: position as i32,
        name: text(&page.name),
        n_bytes: i64::try_from(page.n_bytes).unwrap_or(i64::MAX),
    };
    FileFacts {
        kind: match probe.kind {
            ProbedKind::Video => Some(MediaKind::Video),
            ProbedKind::Audio => Some(MediaKind::Audio),
            ProbedKind::Image => Some(MediaKind::Image),
            ProbedKind::Subtitle | ProbedKind::None => None,
        },
        container: text(&probe.container),
        demuxer: text(&probe.demuxer),
        duration_us: probe.duration_us,
        start_us: probe.start_us,
        bit_rate: probe.bit_rate,
        tags: tags(&probe.tags),
        has_cover: probe.streams.iter().any(|stream| stream.is_attached_picture),
        streams: probe.streams.iter().map(|stream| stream_row(file, stream)).collect(),
        chapters: probe.chapters.iter().enumerate().map(chapter).collect(),
        pages: probe.pages.iter().enumerate().map(page).collect(),
    }
}

/// The summary of a file's streams.
pub fn summary(streams: &[stream::Model]) -> Summary {
    let of = |kind: StreamKind| streams.iter().filter(move |stream| stream.kind == kind);
    let picture = of(StreamKind::Video).find(|stream| !stream.is_cover);
    let sound = of(StreamKind::Audio)
        .find(|stream| stream.is_default)
        .or_else(|| of(StreamKind::Audio).next());
    let is_turned = picture.is_some_and(|stream| stream.rotation % 180 == 90);
    let (width, height) = picture.map_or((None, None), |stream| (stream.width, stream.height));
    let (width, height) = if is_turned { (height, width) } else { (width, height) };
    Summary {
        width,
        height,
        frame_rate: picture.and_then(|stream| Some((stream.frame_rate_num?, stream.frame_rate_den?))),
        video_codec: picture.map(|stream| stream.codec.clone()),
        audio_codec: sound.map(|stream| stream.codec.clone()),
        has_subtitles: of(StreamKind::Subtitle).next().is_some(),
    }
}

/// A text fit for both databases: PostgreSQL refuses a zero character.
pub fn text(text: &str) -> String {
    text.replace('\0', "")
}

fn tags(tags: &[(String, String)]) -> String {
    // A JSON escape keeps a zero character without putting one into the column.
    serde_json::to_string(tags).unwrap_or_else(|_| "[]".to_owned())
}

fn stream_row(file: FileId, stream: &Stream) -> stream::Model {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let optional = |value: &Option<String>| value.as_deref().map(text);
    stream::Model {
        id: StreamId::new(),
        file_id: file,
        index: number(stream.index),
        kind: match stream.kind {
            ProbedStream::Video => StreamKind::Video,
            ProbedStream::Audio => StreamKind::Audio,
            ProbedStream::Subtitle => StreamKind::Subtitle,
            ProbedStream::Attachment => StreamKind::Attachment,
            ProbedStream::Data => StreamKind::Data,
        },
        codec: text(&stream.codec),
        codec_string: optional(&stream.codec_string),
        codec_tag: optional(&stream.codec_tag),
        profile: optional(&stream.profile),
        level: stream.level,
        language: optional(&stream.language),
        title: optional(&stream.title),
        is_default: stream.is_default,
        is_forced: stream.is_forced,
        is_cover: stream.is_attached_picture,
        bit_rate: stream.bit_rate,
        duration_us: stream.duration_us,
        start_us: stream.start_us,
        time_base_num: stream.time_base.0,
        time_base_den: stream.time_base.1,
        n_frames: stream.n_frames,
        width: stream.width.map(number),
        height: stream.height.map(number),
        sample_aspect_num: stream.sample_aspect_ratio.map(|(num, _)| num),
        sample_aspect_den: stream.sample_aspect_ratio.map(|(_, den)| den),
        frame_rate_num: stream.frame_rate.map(|(num, _)| num),
        frame_rate_den: stream.frame_rate.map(|(_, den)| den),
        pixel_format: optional(&stream.pixel_format),
        bit_depth: stream.bit_depth.map(i32::from),
        rotation: i32::from(stream.rotation),
        hdr: stream.hdr.map(|hdr| {
            match hdr {
                Hdr::Hdr10 => "HDR10",
                Hdr::Hdr10Plus => "HDR10_PLUS",
                Hdr::Hlg => "HLG",
                Hdr::DolbyVision { .. } => "DOLBY_VISION",
            }
            .to_owned()
        }),
        color_space: optional(&stream.color_space),
        color_primaries: optional(&stream.color_primaries),
        color_transfer: optional(&stream.color_transfer),
        color_range: optional(&stream.color_range),
        field_order: optional(&stream.field_order),
        channels: stream.channels.map(number),
        channel_layout: optional(&stream.channel_layout),
        sample_rate: stream.sample_rate.map(number),
        sample_format: optional(&stream.sample_format),
        bits_per_sample: stream.bits_per_sample.map(number),
        is_text: stream.is_text,
        tags: tags(&stream.tags),
    }
}
