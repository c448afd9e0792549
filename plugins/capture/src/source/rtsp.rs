//! RTSP (RFC 2326) over one TCP connection: frames come out of their packets here and go on in Matroska, which keeps their
//! times.
//!
//! The library connects by itself and takes a URL only, so it is given one that has the checked address in the place of the
//! host: there is nothing left to resolve, and with interleaved packets nothing else to connect to.

use std::{num::NonZeroU32, time::Duration};

use futures_util::StreamExt;
use kernel::egress::target::Target;
use retina::{
    client::{Credentials, Demuxed, PlayOptions, Session, SessionOptions, SetupOptions, Transport},
    codec::{CodecItem, FrameFormat, ParametersRef},
};
use tokio::time::timeout;
use url::Url;

use super::{Lost, Reach, Sink, matroska};

/// How far the clock of a source may jump, in seconds, before it counts as broken.
const MAX_JUMP: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// How many frames may come before all that is needed to decode them.
const MAX_EARLY: usize = 600;

struct Frame {
    stream: usize,
    at_us: i64,
    is_key: bool,
    bytes: Vec<u8>,
}

/// Plays a session until it ends.
pub async fn feed(reach: &Reach, target: &Target, sink: &mut Sink) -> Result<(), Lost> {
    let mut lost = Lost::now(format!("{target} does not answer"));
    for address in reach.egress.admit(target).await? {
        let text = format!("rtsp://{address}{}", target.path_and_query());
        let url = Url::parse(&text).map_err(|_| Lost::forever("the address is not a URL of RTSP"))?;
        match open(reach, target, url).await {
            Ok((session, streams)) => return play(reach, target, session, &streams, sink).await,
            Err(error) => lost = error,
        }
    }
    Err(lost)
}

/// Sets up what can be kept: the first pictures and the first sound.
async fn open(reach: &Reach, target: &Target, url: Url) -> Result<(Demuxed, Vec<usize>), Lost> {
    let account = target.account();
    let options = SessionOptions::default()
        .creds(account.map(|(username, password)| Credentials { username, password }))
        .user_agent(concat!("vitagraph/", env!("CARGO_PKG_VERSION")).to_owned());
    let mut session = within(reach.idle, target, Session::describe(url, options)).await?;
    let mut streams = Vec::new();
    for (media, known) in [
        ("video", &["h264", "h265", "jpeg"][..]),
        ("audio", &["mpeg4-generic"][..]),
    ] {
        let found = session
            .streams()
            .iter()
            .position(|stream| stream.media() == media && known.contains(&stream.encoding_name()));
        let Some(index) = found else { continue };
        let setup = SetupOptions::default()
            .transport(Transport::Tcp(Default::default()))
            .frame_format(FrameFormat::MP4);
        within(reach.idle, target, session.setup(index, setup)).await?;
        streams.push(index);
    }
    if streams.is_empty() {
        return Err(Lost::forever(format!(
            "{target} has neither pictures nor sound that can be kept"
        )));
    }
    let options = PlayOptions::default().enforce_timestamps_with_max_jump_secs(MAX_JUMP);
    let playing = within(reach.idle, target, session.play(options)).await?;
    let demuxed = playing.demuxed().map_err(|error| told(target, &error))?;
    Ok((demuxed, streams))
}

async fn within<T>(
    patience: Duration,
    target: &Target,
    work: impl Future<Output = Result<T, retina::Error>>,
) -> Result<T, Lost> {
    match timeout(patience, work).await {
        Ok(done) => done.map_err(|error| told(target, &error)),
        Err(_) => Err(Lost::now(format!(
            "{target} does not answer within {} s",
            patience.as_secs()
        ))),
    }
}

/// The library's texts quote messages, which hold the URL, so what they say is told in our words.
fn told(target: &Target, error: &retina::Error) -> Lost {
    match error.status_code() {
        Some(status @ (401 | 403)) => Lost::forever(format!("{target} refuses the account, with status {status}")),
        Some(status) => Lost::now(format!("{target} answers with status {status}")),
        None => Lost::now(format!("the connection to {target} broke")),
    }
}

async fn play(
    reach: &Reach,
    target: &Target,
    mut session: Demuxed,
    streams: &[usize],
    sink: &mut Sink,
) -> Result<(), Lost> {
    let mut early: Vec<Frame> = Vec::new();
    let mut has_begun = false;
    loop {
        let item = match timeout(reach.idle, session.next()).await {
            Ok(Some(Ok(item))) => item,
            Ok(Some(Err(error))) => return Err(told(target, &error)),
            Ok(None) => return Err(Lost::now(format!("{target} has ended the session"))),
            Err(_) => {
                return Err(Lost::now(format!(
                    "{target} sends nothing for {} s",
                    reach.idle.as_secs()
                )));
            }
        };
        let frame = match item {
            CodecItem::VideoFrame(frame) => {
                if has_begun && frame.has_new_parameters() {
                    return Err(Lost::now(format!("the pictures of {target} have another form now")));
                }
                if frame.loss() > 0 {
                    tracing::warn!(n = frame.loss(), source = %target, "packets of a live source were lost");
                }
                Frame {
                    stream: frame.stream_id(),
                    at_us: (frame.timestamp().elapsed_secs() * 1e6).round() as i64,
                    is_key: frame.is_random_access_point(),
                    bytes: frame.into_data(),
                }
            }
            CodecItem::AudioFrame(frame) => Frame {
                stream: frame.stream_id(),
                at_us: (frame.timestamp().elapsed_secs() * 1e6).round() as i64,
                is_key: true,
                bytes: frame.data().to_vec(),
            },
            _ => continue,
        };
        early.push(frame);
        if !has_begun {
            match header(&session, streams) {
                Some(header) => sink.put(&header).await?,
                None if early.len() > MAX_EARLY => {
                    return Err(Lost::forever(format!(
                        "{target} does not say how its frames are to be read"
                    )));
                }
                None => continue,
            }
            has_begun = true;
        }
        for frame in early.drain(..) {
            let Some(number) = streams.iter().position(|stream| *stream == frame.stream) else {
                continue;
            };
            sink.put(&matroska::cluster(
                number + 1,
                frame.at_us.max(0),
                frame.is_key,
                &frame.bytes,
            ))
            .await?;
        }
    }
}

/// The beginning of the file, once all streams have said what they are.
fn header(session: &Demuxed, streams: &[usize]) -> Option<Vec<u8>> {
    let tracks: Option<Vec<matroska::Track>> = streams
        .iter()
        .map(|index| {
            let stream = session.streams().get(*index)?;
            match stream.parameters()? {
                ParametersRef::Video(video) => Some(matroska::Track::Video {
                    codec: match stream.encoding_name() {
                        "h264" => "V_MPEG4/ISO/AVC",
                        "h265" => "V_MPEGH/ISO/HEVC",
                        _ => "V_MJPEG",
                    },
                    setup: video.extra_data().to_vec(),
                    size: video.pixel_dimensions(),
                }),
                ParametersRef::Audio(audio) => Some(matroska::Track::Audio {
                    codec: "A_AAC",
                    setup: audio.extra_data().to_vec(),
                    sample_rate: audio.clock_rate(),
                    channels: u32::from(audio.channels().get()),
                }),
                ParametersRef::Message(_) => None,
            }
        })
        .collect();
    tracks.map(|tracks| matroska::header(&tracks))
}
