//! One file of the tracks of a rendition, and the look at it before anybody else sees it.

use std::{fs::File, os::unix::fs::FileExt, sync::Arc};

use entities::id::RenditionId;
use kernel::{error::Failure, jobs::JobCx};
use media_proto::{head::VIDEO_TICKS, transcode::Verified};

use super::{Kept, Part, RenditionStep, Track, malformed};
use crate::{
    code,
    joined::{self, Indexed},
    layout::{self, LaidTrack, Layout},
    place, rendition,
};

/// How far the end of a rendition may be from the plan's, in microseconds: a frame, and the frames of sound.
const TOLERANCE_US: i64 = 250_000;

/// Makes one file of the tracks: header, index, then segment by segment the fragments of all. Says how it lies there.
pub async fn join(
    cx: &JobCx<RenditionStep>,
    id: RenditionId,
    tracks: &[Track],
    parts: &[Part],
) -> anyhow::Result<(File, Layout)> {
    let [.., name] = rendition::work_names(id);
    let name = place::work(&name);
    let file = place::below(cx.kernel(), move |root| {
        let file = root.work_file(&name)?;
        file.set_len(0)?;
        Ok(file)
    });
    let file = file.await?;
    let mut sources = Vec::new();
    for (track, part) in tracks.iter().zip(parts) {
        sources.push(Source {
            file: Arc::clone(&part.file),
            kept: part.kept.clone(),
            settings: track.settings()?,
            is_video: track.number == 0,
            rate: track.ticks_per_second,
        });
    }
    let into = file.try_clone()?;
    let layout = tokio::task::spawn_blocking(move || write_joined(&into, &sources)).await??;
    Ok((file, layout))
}

/// A track on its way into the file.
struct Source {
    file: Arc<File>,
    kept: Vec<Kept>,
    settings: String,
    is_video: bool,
    rate: u32,
}

fn write_joined(into: &File, sources: &[Source]) -> anyhow::Result<Layout> {
    let mut headers = Vec::new();
    for source in sources {
        let mut header = vec![0; source.kept.first().map_or(0, |kept| kept.n_bytes) as usize];
        source.file.read_exact_at(&mut header, 0)?;
        headers.push(header);
    }
    let slices: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
    let mut head = joined::header(&slices).map_err(malformed)?;
    let header = head.len() as u64;
    let n_segments = sources.iter().map(|source| source.kept.len() - 1).max().unwrap_or(0);
    let of = |n: usize| sources.iter().filter_map(move |source| source.kept.get(n + 1));
    let ticks = |kept: &Kept| u32::try_from(kept.duration).unwrap_or(0);
    let indexed: Vec<Indexed> = (0..n_segments)
        .map(|n| Indexed {
            n_bytes: of(n).map(|kept| kept.n_bytes).sum::<u64>().min(u32::MAX.into()) as u32,
            duration: sources
                .first()
                .and_then(|source| source.kept.get(n + 1))
                .map_or(0, ticks),
        })
        .collect();
    let rate = sources.first().map_or(VIDEO_TICKS, |source| source.rate);
    head.extend(joined::index(rate, &indexed).map_err(malformed)?);
    into.write_all_at(&head, 0)?;
    let mut at = head.len() as u64;
    let mut places: Vec<u64> = headers.iter().map(|header| header.len() as u64).collect();
    let mut sequence = 0;
    for n in 0..n_segments {
        for (track, source) in sources.iter().enumerate() {
            let Some(kept) = source.kept.get(n + 1) else { continue };
            let mut fragment = vec![0; kept.n_bytes as usize];
            source.file.read_exact_at(&mut fragment, places[track])?;
            places[track] += kept.n_bytes;
            sequence += 1;
            joined::number(&mut fragment, track as u32 + 1, sequence).map_err(malformed)?;
            into.write_all_at(&fragment, at)?;
            at += kept.n_bytes;
        }
    }
    into.sync_all()?;
    let laid = sources.iter().zip(&headers).map(|(source, header)| {
        let segments = source.kept.iter().skip(1);
        LaidTrack {
            is_video: source.is_video,
            rate: source.rate,
            settings: source.settings.clone(),
            header: layout::kept_header(header),
            segments: segments
                .map(|kept| (kept.n_bytes.min(u32::MAX.into()) as u32, ticks(kept)))
                .collect(),
        }
    });
    Ok(Layout {
        header,
        start: head.len() as u64,
        tracks: laid.collect(),
    })
}

/// Holds what a reader found against what was made; gives how long it lasts.
pub fn hold(verified: &Verified, tracks: &[Track], parts: &[Part], duration_us: i64) -> Result<i64, Failure> {
    let wrong = |message: String| Err(Failure::new(&code::NOT_WHOLE, message));
    if verified.streams.len() != tracks.len() {
        return wrong(format!("{} tracks instead of {}", verified.streams.len(), tracks.len()));
    }
    for ((found, track), part) in verified.streams.iter().zip(tracks).zip(parts) {
        let n_samples: u64 = part.kept.iter().map(|kept| kept.n_samples).sum();
        if found.n_packets != n_samples {
            return wrong(format!("{} frames instead of {n_samples}", found.n_packets));
        }
        if found.is_video != (track.number == 0) || found.n_keyframes < u64::from(track.n_segments) {
            return wrong(format!(
                "{} keyframes in {} segments",
                found.n_keyframes, track.n_segments
            ));
        }
        // An encoder of sound may take a packet or two until it gives the first frame.
        if found.n_decoded + 2 < found.n_keyframes || found.is_video && found.n_decoded != found.n_keyframes {
            return wrong(format!("{} of {} keyframes decode", found.n_decoded, found.n_keyframes));
        }
    }
    let end = verified.streams.iter().map(|stream| stream.end_us).max().unwrap_or(0);
    if end < duration_us - TOLERANCE_US {
        return wrong(format!("it lasts {end} µs instead of {duration_us}"));
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, sync::Arc};

    use media_engine::head::HeadJob;
    use media_proto::{
        grid::Grid,
        head::AudioHead,
        rendition::AudioRendition,
        transcode::{Verified, VerifiedStream},
    };

    use super::{Kept, Part, Track, hold};

    /// A track of two segments with ten frames each, and what a reader of a whole file of it finds.
    fn made() -> (Track, Part, VerifiedStream) {
        let head = AudioHead {
            extension: None,
            start_us: 0,
            rendition: AudioRendition {
                stream: 0,
                channels: 2,
                sample_rate: 48_000,
                bit_rate: 96_000,
            },
            grid: Grid::new(None, 4000),
            first: 0,
            until: 0,
            n_frames: 20,
        };
        // Pictures, as far as the check is concerned.
        let track = Track {
            number: 0,
            head: HeadJob::Audio(head),
            n_segments: 2,
            ticks_per_second: 48_000,
        };
        let kept = |n_samples| Kept {
            n_bytes: 100,
            n_samples,
            duration: 192_000,
        };
        let part = Part {
            file: Arc::new(File::open("/dev/null").expect("a file")),
            kept: vec![kept(0), kept(10), kept(10)],
        };
        let found = VerifiedStream {
            is_video: true,
            n_packets: 20,
            n_keyframes: 2,
            n_decoded: 2,
            start_us: 0,
            end_us: 8_000_000,
        };
        (track, part, found)
    }

    #[test]
    fn only_a_whole_rendition_passes() {
        let (track, part, found) = made();
        let (tracks, parts) = ([track], [part]);
        let check = |streams: Vec<VerifiedStream>| hold(&Verified { streams }, &tracks, &parts, 8_000_000);
        assert_eq!(check(vec![found]).expect("a whole one"), 8_000_000);
        let wrong = [
            ("a frame is lost", VerifiedStream { n_packets: 19, ..found }),
            ("a keyframe does not decode", VerifiedStream { n_decoded: 1, ..found }),
            (
                "a segment begins without a keyframe",
                VerifiedStream {
                    n_keyframes: 1,
                    n_decoded: 1,
                    ..found
                },
            ),
            (
                "it is short",
                VerifiedStream {
                    end_us: 7_000_000,
                    ..found
                },
            ),
            (
                "it holds something else",
                VerifiedStream {
                    is_video: false,
                    ..found
                },
            ),
        ];
        for (what, stream) in wrong {
            assert!(check(vec![stream]).is_err(), "{what}");
        }
        assert!(
            check(Vec::new()).is_err() && check(vec![found, found]).is_err(),
            "another number of tracks"
        );
    }
}
