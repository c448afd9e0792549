//! Short silent pictures that move: GIF and WebP.

use std::os::fd::OwnedFd;

use media_av::encode::{Encoder, Frame};
use media_av::graph::Graph;
use media_av::splice::Like;
use media_proto::clip::{Clip, ClipFormat, ClipMode, Clipped};
use media_proto::error::MediaError;
use media_proto::grid::TimeBase;
use media_proto::job::Limits;

use super::track::Track;
use super::whole::rescale;
use super::{Give, copy, invalid, reader};
use crate::control;
use crate::open::av_error;

/// The unit of times on the way in.
const IN: TimeBase = (1, 1_000_000);
/// Frames a second of what is made.
const RATE: i32 = 12;
/// A longer one is a film. A GIF's palette is made of all its frames at once, which have to wait in memory.
const LONGEST_US: i64 = 30_000_000;

/// Makes an animation.
pub fn make(source: OwnedFd, clip: &Clip, limits: &Limits, give: &mut Give<'_>) -> Result<Clipped, MediaError> {
    let video = clip.video.as_ref().ok_or(MediaError::NoStream)?;
    let total: i64 = clip.ranges.iter().map(|(start, end)| end - start).sum();
    if total > LONGEST_US {
        return Err(invalid(format!(
            "an animation lasts at most {} s",
            LONGEST_US / 1_000_000
        )));
    }
    let mut graph: Option<Graph> = None;
    let mut out: Option<Out> = None;
    let (mut offset, mut ranges) = (0, Vec::new());
    let mut frame = Frame::empty().map_err(av_error)?;
    for (start, end) in &clip.ranges {
        let source = copy(&source)?;
        let (_, clock) = reader::open(copy(&source)?, clip, video, limits)?;
        let (from, to) = (clock.tick(*start), clock.tick(*end));
        let (mut reader, _) = reader::decode(source, clip, video, from, limits)?;
        let (mut first, mut last) = (None, from);
        while reader.next(&mut frame)? {
            control::checkpoint()?;
            let Some(pts) = frame.best_pts().filter(|pts| *pts >= from) else {
                continue;
            };
            if pts >= to {
                break;
            }
            let first = *first.get_or_insert(pts);
            last = pts;
            let chain = match &mut graph {
                Some(graph) if graph.fits(&frame) => graph,
                Some(_) => return Err(invalid("its pictures change their size within the range")),
                None => {
                    let made = Graph::new(&frame, IN, &filters(clip));
                    graph.insert(made.map_err(|reason| MediaError::Unsupported { reason })?)
                }
            };
            let at = offset + clock.length_us(pts - first);
            frame.set_time(at);
            chain.push(Some(&frame)).map_err(av_error)?;
            pull(chain, clip, &mut out, give)?;
            control::progress(at.unsigned_abs(), total.unsigned_abs());
        }
        if let Some(first) = first {
            let rate = video.rendition.frame_rate;
            let length = rescale(1, (rate.1.max(1), rate.0.max(1)), IN).max(1);
            offset += clock.length_us(last - first) + length;
            ranges.push((clock.us(first), clock.us(last) + length));
        }
    }
    let Some(mut chain) = graph else {
        return Err(invalid("no frame begins in the range"));
    };
    chain.push(None).map_err(av_error)?;
    pull(&mut chain, clip, &mut out, give)?;
    let Some(mut out) = out else {
        return Err(invalid("no frame begins in the range"));
    };
    out.encoder.send(None).map_err(av_error)?;
    out.collect(give)?;
    Ok(Clipped {
        len: out.track.finish(give)?,
        mode: ClipMode::Exact,
        reason: None,
        ranges,
        duration_us: offset,
        n_frames: out.n_frames,
        n_copied: 0,
    })
}

/// The chain of filters, of our own words and of numbers.
fn filters(clip: &Clip) -> String {
    let (width, height, rotation, is_mapped) = match &clip.video {
        Some(video) => {
            let rendition = &video.rendition;
            (
                rendition.width,
                rendition.height,
                video.rotation,
                rendition.is_tone_mapped,
            )
        }
        None => (2, 2, 0, false),
    };
    let (wide, high) = match rotation {
        90 | 270 => (height, width),
        _ => (width, height),
    };
    let mut chain = vec![format!("fps={RATE}")];
    match is_mapped {
        true => chain.push(format!(
            "zscale=w={wide}:h={high}:filter=bilinear:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,\
             tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv444p"
        )),
        false => chain.push(format!("scale=w={wide}:h={high}:flags=lanczos")),
    }
    match rotation {
        90 => chain.push("transpose=clock".to_owned()),
        180 => chain.push("hflip,vflip".to_owned()),
        270 => chain.push("transpose=cclock".to_owned()),
        _ => {}
    }
    chain.push("setsar=1".to_owned());
    match clip.format {
        ClipFormat::Gif => chain.push(
            "split[one][two];[one]palettegen=stats_mode=diff[palette];[two][palette]paletteuse=dither=bayer:bayer_scale=3"
                .to_owned(),
        ),
        ClipFormat::Webp | ClipFormat::Mp4 => chain.push("format=yuv420p".to_owned()),
    }
    chain.join(",")
}

/// What is open once the first picture has come out.
struct Out {
    track: Track,
    encoder: Encoder,
    stream: usize,
    n_frames: u64,
}

fn pull(graph: &mut Graph, clip: &Clip, out: &mut Option<Out>, give: &mut Give<'_>) -> Result<(), MediaError> {
    let mut frame = Frame::empty().map_err(av_error)?;
    while graph.pull(&mut frame).map_err(av_error)? {
        control::checkpoint()?;
        let out = match out {
            Some(out) => out,
            None => out.insert(Out::new(&frame, clip, graph.time_base())?),
        };
        out.encoder.send(Some(&frame)).map_err(av_error)?;
        out.n_frames += 1;
        out.collect(give)?;
    }
    Ok(())
}

impl Out {
    fn new(frame: &Frame, clip: &Clip, time_base: TimeBase) -> Result<Self, MediaError> {
        let (encoder, muxer, options): (_, _, &[(&str, &str)]) = match clip.format {
            ClipFormat::Gif => ("gif", "gif", &[]),
            ClipFormat::Webp | ClipFormat::Mp4 => {
                ("libwebp_anim", "webp", &[("quality", "75"), ("compression_level", "2")])
            }
        };
        let settings = Like {
            encoder,
            frame_rate: (RATE, 1),
            time_base,
            keyframe_interval: RATE,
            n_threads: 1,
            options,
        };
        let encoder = Encoder::open_like(frame, &settings).map_err(invalid)?;
        let mut track = Track::new(muxer)?;
        let stream = track.add(&encoder)?;
        // Without end.
        track.begin(&[("loop", "0")])?;
        Ok(Self {
            track,
            encoder,
            stream,
            n_frames: 0,
        })
    }

    fn collect(&mut self, give: &mut Give<'_>) -> Result<(), MediaError> {
        while let Some(packet) = self.encoder.receive().map_err(av_error)? {
            self.track.write(self.stream, packet, give)?;
        }
        Ok(())
    }
}
