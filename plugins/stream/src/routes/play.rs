//! `GET|HEAD /p/stream/play/{file_id}/{part}/{name}`: playlists, manifests, headers and segments of one file. One signature
//! stands for all of them; the rest of the path says what, and is the same for every viewer.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, Path, State},
    http::{HeaderMap, Method},
    response::Response,
};
use entities::id::FileId;
use futures_util::future::try_join_all;
use kernel::{error::Failure, library_file::LibraryFile, still_sheet::StillSheets};
use media_engine::playlist::{Presentation, TileTrack, dash, hls};
use media_proto::subtitle::Subtitles;
use schema::system::traffic::Traffic;

use super::answer::{self, Content};
use crate::{
    Stream, code,
    desk::{NotMade, Wanted, growing::Opened},
    header::{self, Facts},
    plan::{Plan, Sound, choice::Choice, shape::Ceiling, stored::stored},
    presentation::{Places, TILES, presentation},
    rendition::{FileState, Part, Rendition, RenditionId, Shows},
    texts::TextId,
};

const HLS: &str = "application/vnd.apple.mpegurl";
const DASH: &str = "application/dash+xml";
const VTT: &str = "text/vtt; charset=utf-8";
const FRAGMENTED: &str = "video/mp4";
const SOUND: &str = "audio/mp4";
/// Playlists carry a signature that changes with the hours, so they are asked about each time.
const ASK_AGAIN: &str = "private, no-cache";
/// What a URL names by its hash never changes.
const FOR_EVER: &str = "private, max-age=31536000, immutable";
const FOR_EVER_ANYWHERE: &str = "public, max-age=31536000, immutable";

/// What a path asks for.
enum Asked {
    Master(Choice),
    Manifest(Choice),
    Playlist(RenditionId),
    TextPlaylist,
    TilePlaylist,
    Text(TextId),
    Part(RenditionId, Part),
}

pub async fn serve(
    State(stream): State<Arc<Stream>>,
    OriginalUri(uri): OriginalUri,
    Path((id, part, name)): Path<(String, String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let query = uri.query().unwrap_or_default();
    let answer = async {
        // The signature is over the folder of the file.
        let folder = uri.path().rsplitn(3, '/').nth(2).unwrap_or_default();
        stream.kernel.signer.verify(folder, query)?;
        let asked = asked(&part, &name).ok_or_else(|| unknown(&id))?;
        let file: FileId = id.parse().map_err(|_| unknown(&id))?;
        Answerer {
            stream: &stream,
            method: &method,
            headers: &headers,
            query: &signature(query),
        }
        .answer(file, asked)
        .await
    };
    answer
        .await
        .unwrap_or_else(|failure| answer::refuse(&failure, &headers))
}

fn asked(part: &str, name: &str) -> Option<Asked> {
    Some(match name {
        "master.m3u8" => Asked::Master(part.parse().ok()?),
        "manifest.mpd" => Asked::Manifest(part.parse().ok()?),
        "index.m3u8" if part.parse::<TextId>().is_ok() => Asked::TextPlaylist,
        "index.m3u8" if part == TILES => Asked::TilePlaylist,
        "index.m3u8" => Asked::Playlist(part.parse().ok()?),
        "all.vtt" => Asked::Text(part.parse().ok()?),
        "init.mp4" => Asked::Part(part.parse().ok()?, Part::Header),
        name => {
            let number = name.strip_suffix(".m4s")?;
            let n: u32 = number.parse().ok()?;
            // One URL for each segment.
            (n.to_string() == number).then_some(())?;
            Asked::Part(part.parse().ok()?, Part::Segment(n))
        }
    })
}

/// The parts of the query that are the signature, for the URLs below.
fn signature(query: &str) -> String {
    let is_of_it = |pair: &&str| ["e=", "k=", "s="].iter().any(|name| pair.starts_with(name));
    query.split('&').filter(is_of_it).collect::<Vec<_>>().join("&")
}

fn unknown(id: &str) -> Failure {
    let message = format!("nothing like that is made of `{id}`, or its file has changed; ask the API for a new URL");
    Failure::new(&code::RENDITION_UNKNOWN, message)
}

struct Answerer<'a> {
    stream: &'a Stream,
    method: &'a Method,
    headers: &'a HeaderMap,
    query: &'a str,
}

impl Answerer<'_> {
    async fn answer(&self, file: FileId, asked: Asked) -> Result<Response, Failure> {
        match asked {
            Asked::Master(choice) => self.text(HLS, hls::master(&self.presentation(file, choice).await?)),
            Asked::Manifest(choice) => {
                let manifest = dash::manifest(&self.presentation(file, choice).await?);
                self.text(DASH, manifest.map_err(Failure::internal)?)
            }
            Asked::TextPlaylist => {
                let plan = self.current_plan(file).await?;
                let places = Places { query: self.query };
                self.text(HLS, hls::media(&places.text(&plan)))
            }
            Asked::TilePlaylist => {
                let plan = self.current_plan(file).await?;
                let tiles = self.tiles(&plan).await.ok_or_else(|| unknown(&file.to_string()))?;
                self.text(HLS, hls::tiles(&tiles, plan.duration_us()))
            }
            Asked::Text(id) => {
                let plan = self.current_plan(file).await?;
                let text = plan.texts.iter().find(|text| text.id() == id);
                let text = text.ok_or_else(|| unknown(&file.to_string()))?;
                let wanted = Subtitles {
                    extension: plan.extension.clone(),
                    streams: Vec::new(),
                    start_us: plan.start_us,
                };
                let Stream {
                    kernel, shelf, texts, ..
                } = self.stream;
                let found = texts.get(kernel, shelf, plan.file, wanted, text).await;
                let found = found.map_err(|error| refusal(NotMade::Failed(error)))?;
                let bytes = found.ok_or_else(|| unknown(&file.to_string()))?;
                self.text(VTT, String::from_utf8_lossy(&bytes).into_owned())
            }
            Asked::Playlist(id) => {
                let (_, rendition) = self.rendition(file, id).await?;
                let places = Places { query: self.query };
                let segments = places.segments(&rendition, "");
                let list = match rendition.is_keyframes() {
                    true => hls::keyframes(&segments),
                    false => hls::media(&segments),
                };
                self.text(HLS, list)
            }
            Asked::Part(id, part) => self.part(file, id, part).await,
        }
    }

    async fn part(&self, file: FileId, id: RenditionId, part: Part) -> Result<Response, Failure> {
        let (plan, rendition) = self.rendition(file, id).await?;
        let content = Content {
            mime: match rendition.shows() {
                Shows::Pictures(_) => FRAGMENTED,
                Shows::Sound { .. } => SOUND,
            },
            tag: match part {
                Part::Header => format!("{id}/init"),
                Part::Segment(n) => format!("{id}/{n}"),
            },
            cache: match self.stream.urls.has_base() {
                true => FOR_EVER_ANYWHERE,
                false => FOR_EVER,
            },
        };
        if let Some(response) = answer::not_modified(self.headers, &content)? {
            return Ok(response);
        }
        let wanted = Wanted {
            rendition,
            part,
            source: plan.source,
        };
        let underway = Traffic::of(&self.stream.kernel).stream();
        // Who asks how long it is waits for all of it.
        if self.method == Method::HEAD || part == Part::Header {
            let made = self.stream.desk.get(&wanted).await.map_err(refusal)?;
            return answer::bytes(&content, made, underway);
        }
        match self.stream.desk.open(&wanted).await.map_err(refusal)? {
            Opened::Whole(bytes) => answer::bytes(&content, bytes, underway),
            Opened::Growing(growing) => answer::growing(&content, growing, underway),
        }
    }

    fn text(&self, mime: &'static str, text: String) -> Result<Response, Failure> {
        let hash = blake3::hash(text.as_bytes()).to_hex();
        let content = Content {
            mime,
            tag: hash[..32].to_owned(),
            cache: ASK_AGAIN,
        };
        if let Some(response) = answer::not_modified(self.headers, &content)? {
            return Ok(response);
        }
        answer::text(self.headers, &content, text, self.method)
    }

    /// The plan of the file as the database has it now, and not as some seconds ago.
    async fn current_plan(&self, file: FileId) -> Result<Arc<Plan>, Failure> {
        let plans = &self.stream.plans;
        let located = LibraryFile::find(&self.stream.kernel.store, file).await?;
        let located = located.ok_or_else(|| unknown(&file.to_string()))?;
        let is_current = |plan: &Plan| {
            (plan.file.size, plan.file.mtime_ns) == (located.size, located.mtime_ns)
                && plan.subtitles == located.subtitles
        };
        if let Some(plan) = plans.get(file).await?.filter(|plan| is_current(plan)) {
            return Ok(plan);
        }
        plans.invalidate([file]);
        plans.get(file).await?.ok_or_else(|| {
            let message = format!("`{}` has no pictures or sound that could be streamed", located.path);
            Failure::new(&code::NOTHING_TO_STREAM, message)
        })
    }

    /// The current plan with what is stored now.
    async fn plan_with_stored(&self, file: FileId) -> Result<Arc<Plan>, Failure> {
        let plan = self.current_plan(file).await?;
        let kernel = &self.stream.kernel;
        let tracks = stored(&kernel.store, &kernel.parts, plan.file).await;
        if plan.has_stored(&tracks) {
            return Ok(plan);
        }
        self.stream.plans.invalidate([file]);
        self.current_plan(file).await
    }

    async fn rendition(&self, file: FileId, id: RenditionId) -> Result<(Arc<Plan>, Arc<Rendition>), Failure> {
        let plan = self.stream.plans.get(file).await?;
        let plan = plan.ok_or_else(|| unknown(&file.to_string()))?;
        let rendition = plan.find(id).cloned();
        Ok((plan, rendition.ok_or_else(|| unknown(&file.to_string()))?))
    }

    async fn presentation(&self, file: FileId, choice: Choice) -> Result<Presentation, Failure> {
        let plan = self.plan_with_stored(file).await?;
        if let Choice::Burned(_, stream) = choice
            && plan.burned(stream).is_none()
        {
            return Err(unknown(&file.to_string()));
        }
        // What cannot be copied after all is encoded.
        let tracks = match self.described(&plan, choice, Sound::AsItIs).await {
            Err(_) if matches!(choice, Choice::Copy | Choice::CopyPictures) => {
                let ladder = Choice::Ladder(Ceiling::default());
                self.described(&plan, ladder, Sound::Encoded).await?
            }
            Err(_) if plan.carries_sound() => self.described(&plan, choice, Sound::Encoded).await?,
            described => described?,
        };
        let places = Places { query: self.query };
        let mut presentation = presentation(&plan, tracks, &plan.texts, &places);
        presentation.tiles = self.tiles(&plan).await.filter(|_| !presentation.video.is_empty());
        Ok(presentation)
    }

    /// The stills for scrubbing, if they were drawn. Without them the film plays as well.
    async fn tiles(&self, plan: &Plan) -> Option<TileTrack> {
        let sheets = self.stream.kernel.parts.get::<StillSheets>()?;
        let FileState { id, size, mtime_ns } = plan.file;
        let sheet = sheets.0.of_file(plan.media, id, size, mtime_ns).await;
        let sheet =
            sheet.inspect_err(|error| tracing::warn!(file = %id, %error, "a sheet of stills could not be looked up"));
        let mut sheet = sheet.ok()??;
        sheet.url = self.stream.urls.public(&sheet.url);
        Some(Places { query: self.query }.tiles(sheet, plan.duration_us()))
    }

    /// The tracks of a choice, each with what its own header says of it.
    async fn described<'p>(
        &self,
        plan: &'p Plan,
        choice: Choice,
        sound: Sound,
    ) -> Result<Vec<(&'p Rendition, Facts)>, Failure> {
        let describe = |track: &'p Arc<Rendition>| async move {
            let wanted = Wanted {
                rendition: Arc::clone(track),
                part: Part::Header,
                source: plan.source,
            };
            let bytes = self.stream.desk.get(&wanted).await.map_err(refusal)?;
            let mut facts = header::facts(&bytes).ok_or_else(|| Failure::internal("a header of another kind"))?;
            if facts.codecs.is_empty() {
                facts.codecs = track.told_codecs().unwrap_or_default().to_owned();
            }
            Ok::<_, Failure>((track.as_ref(), facts))
        };
        try_join_all(plan.chosen(choice, sound).into_iter().map(describe)).await
    }
}

fn refusal(error: NotMade) -> Failure {
    let code = match &error {
        NotMade::Unknown => &code::RENDITION_UNKNOWN,
        NotMade::NotYet => &code::NOT_READY,
        NotMade::Failed(error) if error.blames_file() => &code::SEGMENT_BROKEN,
        // The line of the log was written where it broke off.
        NotMade::Failed(_) => &code::NOT_READY,
    };
    Failure::new(code, error.to_string())
}
