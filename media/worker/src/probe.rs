//! The probe: everything a container says, read from one descriptor, decoding as little as possible.

use std::os::fd::OwnedFd;

use media_av::input::Input;
use media_av::stream::{Kind, SideData, StreamView};
use media_proto::error::MediaError;
use media_proto::job::{Limits, ProbeHints};
use media_proto::probe::{Chapter, Hdr, MAX_CHAPTERS, MAX_TAGS, MAX_TEXT, MediaKind, Probe, Stream, StreamKind};

use crate::container::{self, Format};
use crate::open::{self, Opened};
use crate::{archive, codec_string, exif, heif_file};

/// Probes the file behind the descriptor. Of an archive it is what its first page says, with the list of all.
pub fn run(source: OwnedFd, hints: &ProbeHints, limits: &Limits) -> Result<Probe, MediaError> {
    let Some(archive) = archive::open(&source)? else {
        return file(source, hints, limits);
    };
    let first = archive.page(0).and_then(|(page, extension)| {
        let hints = ProbeHints {
            extension: Some(extension),
        };
        file(page, &hints, limits)
    });
    let mut warnings = archive.warnings();
    let first = first.unwrap_or_else(|error| {
        warnings.push(format!("the first page: {error}"));
        Probe::default()
    });
    Ok(Probe {
        container: "zip".to_owned(),
        demuxer: "zip".to_owned(),
        kind: MediaKind::Image,
        streams: first.streams,
        warnings,
        pages: archive.pages(),
        ..Probe::default()
    })
}

fn file(source: OwnedFd, hints: &ProbeHints, limits: &Limits) -> Result<Probe, MediaError> {
    if heif_file::name(&source) == Some("heif") {
        return heif_file::probe(&source, limits);
    }
    let Opened {
        mut input,
        format,
        head,
    } = open::open(source, hints.extension.as_deref(), limits.probe_bytes, limits)?;
    let mut warnings = Vec::new();
    if let Err(error) = input.find_stream_info() {
        match open::explain(error) {
            // The header was readable; what could not be found out is missing from the streams.
            MediaError::Corrupt { reason } => warnings.push(format!("the beginning does not decode: {reason}")),
            other => return Err(other),
        }
    }
    if let Some(error) = open::complaint(&input) {
        return Err(error);
    }
    if input.exhausted() {
        warnings.push(format!("only the first {} bytes were looked at", limits.probe_bytes));
    }
    let measured = if duration_is_absurd(&input, format) {
        measure(&mut input)
    } else {
        None
    };
    let mut probe = describe(&input, format, &head, limits, warnings)?;
    if let Some(measured) = measured {
        probe
            .warnings
            .push("the header's duration is a placeholder; it was measured from the content".to_owned());
        correct(&mut probe, &measured);
    }
    Ok(probe)
}

/// Whether an mp4's header gives the "unknown" of 32 bits, all ones (ISO/IEC 14496-12, 8.4.2.3), as a duration. libav
/// takes it for a number and adds the fragments: 40 hours for 2 seconds. A time scale of 10 MHz reaches such numbers
/// honestly in 7 minutes, so the file must also be far too short for so long a time.
fn duration_is_absurd(input: &Input, format: &Format) -> bool {
    let (Some(duration_us), Some(n_bytes)) = (input.duration_us(), input.n_bytes()) else {
        return false;
    };
    let is_placeholder = input
        .streams()
        .any(|view| view.duration_ticks() >= Some(i64::from(u32::MAX)));
    // Fewer than 25 bytes a second: no codec for pictures or sound needs so little.
    format.name == "mp4" && is_placeholder && n_bytes < duration_us / 1_000_000 * 25
}

/// Where each stream starts and ends after its packets, by index; none if nothing can be read.
fn measure(input: &mut Input) -> Option<Vec<Option<(i64, i64)>>> {
    let mut spans: Vec<Option<(i64, i64)>> = vec![None; input.n_streams()];
    let mut n_errors = 0;
    loop {
        match input.next_packet() {
            Ok(None) => break,
            Ok(Some(packet)) => {
                let Some(start) = packet.pts_us.or(packet.dts_us) else {
                    continue;
                };
                let span = spans.get_mut(packet.stream)?.get_or_insert((start, start));
                *span = (span.0.min(start), span.1.max(start.saturating_add(packet.duration_us)));
            }
            Err(_) if n_errors < 10 => n_errors += 1,
            Err(_) => break,
        }
    }
    (!input.exhausted() && spans.iter().any(Option::is_some)).then_some(spans)
}

fn correct(probe: &mut Probe, spans: &[Option<(i64, i64)>]) {
    for (stream, span) in probe.streams.iter_mut().zip(spans) {
        stream.duration_us = span.map(|(start, end)| end - start);
    }
    let start = spans.iter().flatten().map(|span| span.0).min();
    let end = spans.iter().flatten().map(|span| span.1).max();
    probe.duration_us = start
        .zip(end)
        .map(|(start, end)| end - start)
        .filter(|&duration| duration > 0);
    // Both were computed from the wrong duration.
    probe.bit_rate = None;
}

fn describe(
    input: &Input,
    format: &Format,
    head: &[u8],
    limits: &Limits,
    warnings: Vec<String>,
) -> Result<Probe, MediaError> {
    let tags = bounded_tags(input.tags(MAX_TAGS));
    let container = container::name(format, &tags, head);
    let streams: Vec<Stream> = input
        .streams()
        .enumerate()
        .map(|(index, view)| stream(index, view, format, container))
        .collect();
    if streams.is_empty() {
        return Err(MediaError::NoStream);
    }
    for stream in &streams {
        let pixels = u64::from(stream.width.unwrap_or(0)) * u64::from(stream.height.unwrap_or(0));
        if pixels > limits.max_pixels {
            let limit = format!("{pixels} pixels in a picture, at most {}", limits.max_pixels);
            return Err(MediaError::TooLarge { limit });
        }
    }
    let has = |kind: StreamKind| streams.iter().any(|s| s.kind == kind && !s.is_attached_picture);
    let kind = container::kind(
        format,
        container,
        has(StreamKind::Video),
        has(StreamKind::Audio),
        has(StreamKind::Subtitle),
    );
    let mut probe = Probe {
        container: container.to_owned(),
        demuxer: format.demuxer.to_owned(),
        kind,
        duration_us: input.duration_us().filter(|&duration| duration > 0),
        start_us: input.start_us(),
        bit_rate: input.bit_rate(),
        streams,
        chapters: chapters(input),
        tags,
        warnings,
        pages: Vec::new(),
    };
    if container == "jpeg"
        && let (Some(rotation), Some(picture)) = (exif::rotation(head), probe.streams.first_mut())
    {
        picture.rotation = rotation;
    }
    Ok(probe)
}

fn stream(index: usize, view: StreamView<'_>, format: &Format, container: &str) -> Stream {
    let tags = bounded_tags(view.tags(MAX_TAGS));
    let tag = |name: &str| {
        tags.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    };
    let codec = match view.codec() {
        name if name.is_empty() || name == "none" || name == "unknown_codec" => "unknown".to_owned(),
        name => name,
    };
    let kind = match view.kind() {
        Kind::Video => StreamKind::Video,
        Kind::Audio => StreamKind::Audio,
        Kind::Subtitle => StreamKind::Subtitle,
        Kind::Attachment => StreamKind::Attachment,
        Kind::Data => StreamKind::Data,
    };
    let common = Stream {
        index: index as u32,
        kind,
        codec_string: None,
        codec_tag: printable_tag(view.codec_tag()),
        profile: view.profile_name(),
        level: view.level(),
        language: tag("language").filter(|language| language != "und" && !language.is_empty()),
        title: tag("title"),
        is_default: view.is_default(),
        is_forced: view.is_forced(),
        is_attached_picture: view.is_attached_picture(),
        is_text: kind == StreamKind::Subtitle && view.is_text(),
        bit_rate: view.bit_rate(),
        duration_us: view
            .duration_us()
            .or_else(|| clock(&tag("duration")?))
            .filter(|&duration| duration > 0),
        start_us: view.start_us(),
        time_base: view.time_base(),
        n_frames: view.n_frames(),
        codec,
        ..Stream::default()
    };
    let described = match kind {
        StreamKind::Video => picture(common, view, format),
        StreamKind::Audio => sound(common, view),
        _ => {
            let size = view.size();
            Stream {
                width: size.map(|size| size.0),
                height: size.map(|size| size.1),
                ..common
            }
        }
    };
    Stream {
        codec_string: codec_string::of(&view, container, described.frame_rate),
        tags,
        ..described
    }
}

fn picture(common: Stream, view: StreamView<'_>, format: &Format) -> Stream {
    let size = view.size();
    let [color_space, color_primaries, color_transfer, color_range] = view.color();
    // A still has no rate; libav gives 25 for want of better.
    let is_still = view.is_attached_picture() || (format.is_still && !matches!(format.name, "gif" | "apng"));
    let frame_rate = view
        .average_frame_rate()
        .or_else(|| view.base_frame_rate())
        .filter(|_| !is_still);
    Stream {
        width: size.map(|size| size.0),
        height: size.map(|size| size.1),
        sample_aspect_ratio: view.sample_aspect_ratio(),
        frame_rate,
        pixel_format: view.format(),
        bit_depth: view.bit_depth(),
        rotation: view
            .side_data(SideData::DisplayMatrix)
            .and_then(matrix_rotation)
            .unwrap_or(0),
        hdr: hdr(view, color_transfer.as_deref()),
        color_space,
        color_primaries,
        color_transfer,
        color_range,
        field_order: view.field_order().map(str::to_owned),
        ..common
    }
}

fn sound(common: Stream, view: StreamView<'_>) -> Stream {
    Stream {
        channels: view.channels(),
        channel_layout: view.channel_layout(),
        sample_rate: view.sample_rate(),
        sample_format: view.format(),
        bits_per_sample: view.bits_per_sample(),
        ..common
    }
}

/// Dolby Vision wins over what its base layer says; PQ is HDR10 unless dynamic metadata says more.
fn hdr(view: StreamView<'_>, transfer: Option<&str>) -> Option<Hdr> {
    // The record starts with major and minor version and the profile, a byte each.
    if let Some(profile) = view
        .side_data(SideData::DolbyVision)
        .and_then(|record| record.get(2).copied())
    {
        return Some(Hdr::DolbyVision { profile });
    }
    match transfer {
        Some("smpte2084") if view.side_data(SideData::Hdr10Plus).is_some() => Some(Hdr::Hdr10Plus),
        Some("smpte2084") => Some(Hdr::Hdr10),
        Some("arib-std-b67") => Some(Hdr::Hlg),
        _ => None,
    }
}

/// Clockwise degrees of a display matrix, to the nearest quarter turn. The matrix itself turns counter-clockwise.
fn matrix_rotation(matrix: &[u8]) -> Option<u16> {
    let cell = |i: usize| -> Option<f64> {
        let bytes = matrix.get(i * 4..i * 4 + 4)?;
        Some(f64::from(i32::from_ne_bytes(bytes.try_into().ok()?)))
    };
    let (a, b, c, d) = (cell(0)?, cell(1)?, cell(3)?, cell(4)?);
    let (x, y) = (a.hypot(c), b.hypot(d));
    if x == 0.0 || y == 0.0 {
        return None;
    }
    let clockwise = (b / y).atan2(a / x).to_degrees();
    Some(((clockwise / 90.0).round().rem_euclid(4.0) * 90.0) as u16)
}

fn chapters(input: &Input) -> Vec<Chapter> {
    let found = input.chapters(MAX_CHAPTERS).into_iter().enumerate();
    let chapters = found.map(|(index, (start_us, end_us, tags))| {
        let mut tags = bounded_tags(tags);
        let title = tags
            .iter()
            .position(|(key, _)| key.eq_ignore_ascii_case("title"))
            .map(|at| tags.remove(at).1);
        Chapter {
            index: index as u32,
            title,
            start_us,
            end_us: end_us.max(start_us),
            tags,
        }
    });
    chapters.collect()
}

/// Four printable characters, or none.
fn printable_tag(tag: [u8; 4]) -> Option<String> {
    let printable = tag.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    printable.then(|| tag.iter().map(|&byte| char::from(byte)).collect())
}

fn bounded_tags(tags: Vec<(String, String)>) -> Vec<(String, String)> {
    let cut = |mut text: String| {
        let mut end = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text
    };
    tags.into_iter().map(|(key, value)| (cut(key), cut(value))).collect()
}

/// Matroska writes a track's duration as a tag: `00:01:02.345000000`.
fn clock(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next()?.parse().ok()?;
    let in_range = (0..1_000_000).contains(&hours) && (0..60).contains(&minutes) && (0.0..60.0).contains(&seconds);
    in_range.then(|| (hours * 3600 + minutes * 60) * 1_000_000 + (seconds * 1e6).round() as i64)
}
