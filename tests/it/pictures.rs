//! Pictures as a client sees them: they appear by themselves, are served with the right types and to nobody else, fail with
//! a reason, survive a stop, and take no more room than they may.

mod corpus;

use std::time::Duration;

use anyhow::{Context, ensure};
use entities::{file_analysis, media};
use kernel::{jobs::Enqueue, objects::Objects};
use plugin_pictures::{
    jobs::{
        generate::{GeneratePictures, Scope},
        sweep::SweepPictures,
    },
    tables::{
        picture_failure,
        picture_object::{self, Role},
        picture_part, picture_set,
    },
};
use reqwest::{
    Response, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH, RANGE, VARY},
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use tests::{fixture, on_both, server::TestServer};

const FIXTURE: &str = "
    films/night.mp4   h264 320x240 3s aac:2ch chapters:2
    music/song.flac   2s
    photos/a.jpg      640x480
";

const CARDS: &str = "{ media(first: 50) { nodes { __typename id title
    thumbnail { url thumbhash srcset { url width } } thumbnailAbsence { reason code message }
    ... on Video { previewUrl sprite { url vttUrl columns rows interval tileWidth tileHeight } waveform { url dataUrl }
        files { id chapters { title thumbnail { url } } } }
    ... on Audio { waveform { url dataUrl } } } } }";

/// A server that draws by itself.
async fn automatic(backend: tests::database::Backend) -> anyhow::Result<TestServer> {
    TestServer::start_with(backend, &[("VITAGRAPH_PICTURES_AUTOMATIC", "true")]).await
}

async fn cards(server: &TestServer) -> anyhow::Result<Vec<Value>> {
    let mut data = server.viewer().query(CARDS, json!({})).await?;
    match data["media"]["nodes"].take() {
        Value::Array(nodes) => Ok(nodes),
        other => anyhow::bail!("no list: {other}"),
    }
}

fn card<'a>(cards: &'a [Value], title: &str) -> anyhow::Result<&'a Value> {
    let found = cards.iter().find(|card| card["title"] == title);
    found.with_context(|| format!("no item `{title}` in {cards:?}"))
}

/// Waits until so many items have a set or a failure.
async fn settled(server: &TestServer, n: u64) -> anyhow::Result<()> {
    let db = server.server().kernel.store.reader();
    let wait = async {
        loop {
            let drawn = picture_set::Entity::find().count(db).await?;
            let failed = picture_failure::Entity::find()
                .filter(picture_failure::Column::Code.ne("PICTURES_INCOMPLETE"))
                .count(db)
                .await?;
            if drawn + failed >= n {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(100), wait)
        .await
        .context("nothing was drawn")??;
    server.idle().await
}

/// Draws everything that is missing, to the end of the job.
async fn generate(server: &TestServer, input: Value) -> anyhow::Result<Value> {
    let document = "mutation($input: GeneratePicturesInput!) { generatePictures(input: $input) { job { id } } }";
    let started = server.editor().query(document, json!({ "input": input })).await?;
    let job = started["generatePictures"]["job"]["id"]
        .as_str()
        .context("an id")?
        .to_owned();
    let done = server.finished(&job).await?;
    ensure!(done["status"] == "SUCCEEDED", "{done:#}");
    Ok(done)
}

async fn sweep(server: &TestServer) -> anyhow::Result<()> {
    let jobs = &server.server().kernel.jobs;
    let job = jobs.start_one(&SweepPictures {}, Enqueue::default()).await?.job;
    let done = server.finished(&job.to_string()).await?;
    ensure!(done["status"] == "SUCCEEDED", "{done:#}");
    Ok(())
}

async fn get(
    server: &TestServer,
    url: &Value,
    headers: &[(reqwest::header::HeaderName, &str)],
) -> anyhow::Result<Response> {
    let url = url.as_str().with_context(|| format!("{url} is no URL"))?;
    let mut request = reqwest::Client::new().get(format!("{}{url}", server.address()));
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    Ok(request.send().await?)
}

fn header<'a>(headers: &'a HeaderMap, name: &reqwest::header::HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

async fn code(response: Response) -> anyhow::Result<(StatusCode, String)> {
    let status = response.status();
    let body: Value = response.json().await?;
    Ok((status, body["error"]["code"].as_str().unwrap_or_default().to_owned()))
}

/// An administrator's answer that takes longer than a request may, while others keep the processors busy.
pub(crate) async fn patiently(server: &TestServer, document: &str) -> anyhow::Result<Value> {
    let mut tries = 0;
    loop {
        match server.admin().query(document, json!({})).await {
            Err(error) if tries < 60 && error.to_string().contains("UNAVAILABLE") => tries += 1,
            answered => return answered,
        }
    }
}

async fn n_files(server: &TestServer) -> anyhow::Result<usize> {
    let folder = server.server().kernel.data_dir.join("pictures");
    let mut n = 0;
    for shard in std::fs::read_dir(folder)? {
        n += std::fs::read_dir(shard?.path())?.count();
    }
    Ok(n)
}

on_both! {
    async fn pictures_appear_by_themselves_and_are_served(backend: Backend) {
        let server = automatic(backend).await?;
        let library = server.library(FIXTURE).await?;
        server.scan(&library).await?;
        settled(&server, 3).await?;
        let cards = cards(&server).await?;
        let (film, song, photo) = (card(&cards, "night")?, card(&cards, "song")?, card(&cards, "a")?);

        // A poster as WebP for who names it, else as JPEG, under the same URL.
        for (item, widths) in [(film, vec![320]), (photo, vec![320, 640])] {
            let found: Vec<i64> = item["thumbnail"]["srcset"].as_array().context("sizes")?.iter().filter_map(|size| size["width"].as_i64()).collect();
            ensure!(found == widths, "{item:#}");
            ensure!(item["thumbnail"]["thumbhash"].as_str().is_some_and(|hash| hash.len() >= 8), "{item:#}");
            let url = &item["thumbnail"]["url"];
            for (accept, mime, magic) in [("image/webp,*/*", "image/webp", &b"RIFF"[..]), ("*/*", "image/jpeg", b"\xff\xd8")] {
                let response = get(&server, url, &[(ACCEPT, accept)]).await?;
                ensure!(response.status() == StatusCode::OK, "{}", response.status());
                let headers = response.headers().clone();
                ensure!(header(&headers, &CONTENT_TYPE) == mime && header(&headers, &VARY).contains("accept"), "{headers:?}");
                ensure!(header(&headers, &CACHE_CONTROL) == "private, max-age=31536000, immutable", "{headers:?}");
                let bytes = response.bytes().await?;
                ensure!(bytes.starts_with(magic) && bytes.len() > 100, "{} bytes", bytes.len());
                let tag = header(&headers, &ETAG).to_owned();
                let again = get(&server, url, &[(ACCEPT, accept), (IF_NONE_MATCH, &tag)]).await?;
                ensure!(again.status() == StatusCode::NOT_MODIFIED && again.bytes().await?.is_empty());
                let head = reqwest::Client::new().head(format!("{}{}", server.address(), url.as_str().unwrap_or_default())).header(ACCEPT, accept);
                let head = head.send().await?;
                ensure!(header(head.headers(), &reqwest::header::CONTENT_LENGTH) == bytes.len().to_string(), "{head:?}");
            }
        }
        ensure!(song["thumbnail"].is_null(), "a sound without a cover has no picture: {song:#}");
        ensure!(song["thumbnailAbsence"]["reason"] == "NOTHING_TO_SEE" && song["thumbnailAbsence"]["code"].is_null(), "{song:#}");
        ensure!(film["thumbnailAbsence"].is_null() && photo["thumbnailAbsence"].is_null(), "{film:#} {photo:#}");

        // The sheet, its cues, and the animation in parts.
        let sheet = get(&server, &film["sprite"]["url"], &[]).await?;
        ensure!(header(sheet.headers(), &CONTENT_TYPE) == "image/webp");
        let cues = get(&server, &film["sprite"]["vttUrl"], &[]).await?;
        ensure!(header(cues.headers(), &CONTENT_TYPE) == "text/vtt; charset=utf-8" && !header(cues.headers(), &CACHE_CONTROL).contains("immutable"));
        let cues = cues.text().await?;
        let n_cues = cues.matches(" --> ").count() as i64;
        let (columns, rows) = (film["sprite"]["columns"].as_i64(), film["sprite"]["rows"].as_i64());
        ensure!(columns.zip(rows).is_some_and(|(columns, rows)| n_cues > columns * (rows - 1) && n_cues <= columns * rows), "{cues}");
        let cue = cues.lines().find(|line| line.contains("#xywh=")).context("a cue")?;
        let named = get(&server, &json!(cue.split('#').next()), &[]).await?;
        ensure!(named.status() == StatusCode::OK, "the cues name a picture that opens");
        let part = get(&server, &film["previewUrl"], &[(RANGE, "bytes=4-7")]).await?;
        ensure!(part.status() == StatusCode::PARTIAL_CONTENT && header(part.headers(), &CONTENT_RANGE).starts_with("bytes 4-7/"));
        ensure!(part.bytes().await?.as_ref() == b"ftyp", "an mp4");
        let beyond = get(&server, &film["previewUrl"], &[(RANGE, "bytes=999999999-")]).await?;
        ensure!(code(beyond).await? == (StatusCode::RANGE_NOT_SATISFIABLE, "PICTURES_RANGE_UNSATISFIABLE".to_owned()));

        // Peaks in both forms.
        for item in [film, song] {
            let peaks: Value = get(&server, &item["waveform"]["url"], &[]).await?.json().await?;
            let length = peaks["length"].as_u64().context("a length")?;
            ensure!(length >= 38 && peaks["data"].as_array().is_some_and(|data| data.len() as u64 == 2 * length), "{peaks}");
            ensure!(peaks["sample_rate"].as_u64() == peaks["samples_per_pixel"].as_u64().map(|samples| samples * 20), "{peaks}");
            let binary = get(&server, &item["waveform"]["dataUrl"], &[]).await?.bytes().await?;
            ensure!(binary.len() as u64 == 24 + 2 * length, "{} bytes", binary.len());
        }

        // A chapter's picture is made when it is asked for, and once.
        let chapter = &film["files"][0]["chapters"][1]["thumbnail"]["url"];
        let (one, other) = tokio::join!(get(&server, chapter, &[]), get(&server, chapter, &[]));
        let (one, other) = (one?, other?);
        ensure!(header(one.headers(), &CONTENT_TYPE) == "image/jpeg", "{one:?}");
        ensure!(one.bytes().await? == other.bytes().await?);
        let stills = picture_object::Entity::find().filter(picture_object::Column::Role.eq(Role::Still));
        ensure!(stills.count(server.server().kernel.store.reader()).await? == 1, "two asked for one picture");

        // What was measured is there for others.
        let measured = file_analysis::Entity::find().all(server.server().kernel.store.reader()).await?;
        ensure!(measured.len() == 3 && measured.iter().filter(|row| row.phash.is_some()).count() == 2, "{measured:?}");
    }

    async fn a_url_opens_for_nobody_once_it_is_changed_or_old(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.jpg 64x48").await?;
        server.scan(&library).await?;
        generate(&server, json!({})).await?;
        let cards = cards(&server).await?;
        let url = cards[0]["thumbnail"]["url"].as_str().context("a URL")?.to_owned();
        let (path, query) = url.split_once('?').context("a signature")?;
        let refused = |code: &str| (StatusCode::FORBIDDEN, code.to_owned());
        for tampered in [
            path.to_owned(),
            format!("{}-?{query}", &path[..path.len() - 1]),
            url.replacen("e=", "e=9", 1),
            url.replacen("/poster/", "/sprite/", 1),
        ] {
            ensure!(code(get(&server, &json!(tampered), &[]).await?).await? == refused("URL_NOT_SIGNED"), "{tampered}");
        }
        ensure!(server.anonymous().error_code(CARDS, json!({})).await? == "UNAUTHENTICATED", "nobody is told a URL");
        server.server().kernel.clock.advance(Duration::from_secs(7 * 3600));
        ensure!(code(get(&server, &json!(url), &[]).await?).await? == refused("URL_EXPIRED"));
    }

    async fn what_fails_has_a_reason_and_is_tried_again_when_asked(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.jpg 64x48\nb.jpg 64x48").await?;
        server.scan(&library).await?;
        // The file goes away between the scan and the drawing.
        let path = server.media().join("a.jpg");
        let bytes = std::fs::read(&path)?;
        std::fs::remove_file(&path)?;
        let absences = async || {
            let cards = cards(&server).await?;
            anyhow::Ok([card(&cards, "a")?, card(&cards, "b")?].map(|card| card["thumbnailAbsence"].clone()))
        };
        let found = absences().await?;
        ensure!(found.iter().all(|absence| absence["reason"] == "NOT_DRAWN"), "{found:?}");
        generate(&server, json!({ "libraryId": library })).await?;
        let found = absences().await?;
        ensure!(found[0]["reason"] == "FAILED" && found[0]["code"] == "PICTURES_FILE_MISSING" && found[1].is_null(), "{found:?}");
        ensure!(found[0]["message"].as_str().is_some_and(|message| message.contains("a.jpg")), "{found:?}");
        let report = "{ system { storage { thumbnailSize } thumbnails { succeeded failed meanDuration recentErrors(first: 5) { media { id } path code message attempts at } } } }";
        let seen = server.admin().query(report, json!({})).await?["system"].take();
        ensure!(seen["thumbnails"]["succeeded"] == 1 && seen["thumbnails"]["failed"] == 1, "{seen:#}");
        let error = &seen["thumbnails"]["recentErrors"][0];
        ensure!(error["code"] == "PICTURES_FILE_MISSING" && error["path"] == "a.jpg" && error["attempts"] == 1, "{error:#}");
        ensure!(error["message"].as_str().is_some_and(|message| message.contains("a.jpg")) && error["media"]["id"].is_string());
        ensure!(seen["thumbnails"]["meanDuration"].as_f64().is_some_and(|mean| mean > 0.0));
        // It is not tried again by itself at once, and not by an ordinary request.
        generate(&server, json!({})).await?;
        fixture::write_file(&path, &bytes)?;
        server.scan(&library).await?;
        let retry = "mutation { retryPictures(input: {}) { job { id } } }";
        let started = server.editor().query(retry, json!({})).await?;
        let done = server.finished(started["retryPictures"]["job"]["id"].as_str().context("an id")?).await?;
        ensure!(done["status"] == "SUCCEEDED", "{done:#}");
        let seen = server.admin().query(report, json!({})).await?["system"].take();
        ensure!(seen["thumbnails"]["succeeded"] == 2 && seen["thumbnails"]["failed"] == 0, "{seen:#}");
        let kept: i64 = picture_object::Entity::find().all(server.server().kernel.store.reader()).await?.iter().map(|row| row.bytes).sum();
        ensure!(seen["storage"]["thumbnailSize"].as_i64() == Some(kept), "the sum is that of the rows: {kept}, {seen:#}");
        ensure!(server.viewer().error_code(retry, json!({})).await? == "FORBIDDEN");
    }

    async fn a_changed_file_is_drawn_anew_and_nothing_else_is(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.jpg 64x48\nb.jpg 64x48").await?;
        server.scan(&library).await?;
        generate(&server, json!({})).await?;
        let db = server.server().kernel.store.reader();
        let before = picture_set::Entity::find().all(db).await?;
        let done = generate(&server, json!({})).await?;
        ensure!(picture_set::Entity::find().all(db).await? == before, "a second run changed something: {done:#}");
        fixture::write(server.media(), "a.jpg 80x60 seed:9", &server.server().engine).await?;
        server.scan(&library).await?;
        generate(&server, json!({})).await?;
        let after = picture_set::Entity::find().all(db).await?;
        let changed = after.iter().filter(|row| !before.contains(row)).count();
        ensure!(after.len() == 2 && changed == 1, "{before:?} {after:?}");
        // All of them on demand.
        generate(&server, json!({ "missingOnly": false, "filter": { "title": { "eq": "b" } } })).await?;
        let again = picture_set::Entity::find().all(db).await?;
        ensure!(again.iter().filter(|row| !after.contains(row)).count() == 1, "{after:?} {again:?}");
    }

    async fn drawing_goes_on_where_it_was_ended(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let lines: Vec<String> = (0..12).map(|index| format!("f{index:02}.mp4 320x240 2s seed:{index}")).collect();
        let library = server.library(&lines.join("\n")).await?;
        server.scan(&library).await?;
        let kernel = &server.server().kernel;
        let db = kernel.store.reader();
        let job = kernel.jobs.start_one(&GeneratePictures { scope: Scope::Missing }, Enqueue::default()).await?.job;
        while picture_set::Entity::find().count(db).await? == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let pause = "mutation($input: PauseJobInput!) { pauseJob(input: $input) { job { id status } } }";
        server.admin().query(pause, json!({ "input": { "id": job.to_string() } })).await?;
        let status = "query($id: ID!) { node(id: $id) { ... on Job { status } } }";
        let mut ended = Value::Null;
        for _ in 0..400 {
            ended = server.admin().query(status, json!({ "id": job.to_string() })).await?["node"]["status"].take();
            if ended != "RUNNING" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        let first = picture_set::Entity::find().all(db).await?;
        ensure!(ended == "PAUSED" && !first.is_empty() && first.len() < 12, "{ended}, {} drawn", first.len());
        let resume = "mutation($input: ResumeJobInput!) { resumeJob(input: $input) { job { id status } } }";
        server.admin().query(resume, json!({ "input": { "id": job.to_string() } })).await?;
        let done = server.finished(&job.to_string()).await?;
        ensure!(done["status"] == "SUCCEEDED", "{done:#}");
        let all = picture_set::Entity::find().all(db).await?;
        ensure!(all.len() == 12 && first.iter().all(|row| all.contains(row)), "what was drawn before was drawn again");
    }

    async fn what_is_too_much_goes_by_role(backend: Backend) {
        let most = 40_000;
        let server = TestServer::start_with(backend, &[("VITAGRAPH_PICTURES_MAX_BYTES", "40000")]).await?;
        let library = server.library("a.mp4 320x240 6s").await?;
        server.scan(&library).await?;
        generate(&server, json!({})).await?;
        server.idle().await?;
        let objects = picture_object::Entity::find().all(server.server().kernel.store.reader()).await?;
        let has = |role: Role| objects.iter().any(|object| object.role == role);
        let bytes: i64 = objects.iter().map(|object| object.bytes).sum();
        ensure!(bytes <= most && bytes > 0 && !has(Role::Preview) && has(Role::Poster), "{objects:?}");
        ensure!(n_files(&server).await? == objects.len(), "bytes without a row");
        let found = cards(&server).await?;
        ensure!(found[0]["previewUrl"].is_null() && found[0]["thumbnail"]["url"].is_string(), "{found:#?}");
        // It is not drawn again only to be dropped again.
        let before = picture_set::Entity::find().all(server.server().kernel.store.reader()).await?;
        generate(&server, json!({})).await?;
        ensure!(picture_set::Entity::find().all(server.server().kernel.store.reader()).await? == before);
    }

    async fn an_animation_is_also_a_picture_where_that_is_wanted(backend: Backend) {
        let server = TestServer::start_with(backend, &[("VITAGRAPH_PICTURES_ANIMATED_WEBP", "true")]).await?;
        let library = server.library("a.mp4 320x240 3s").await?;
        server.scan(&library).await?;
        generate(&server, json!({})).await?;
        let document = "{ media(first: 1) { nodes { ... on Video { previewUrl previewImageUrl } } } }";
        let film = server.viewer().query(document, json!({})).await?["media"]["nodes"][0].take();
        for (field, mime, at, magic) in [("previewUrl", "video/mp4", 4, "ftyp"), ("previewImageUrl", "image/webp", 8, "WEBPVP8X")] {
            let response = get(&server, &film[field], &[]).await?;
            ensure!(response.status() == StatusCode::OK && header(response.headers(), &CONTENT_TYPE) == mime, "{film:#}");
            let bytes = response.bytes().await?;
            ensure!(bytes[at..].starts_with(magic.as_bytes()), "{field}: {:?}", &bytes[..16]);
            // The frames of an animated WebP, of which it has several.
            let n_frames = bytes.windows(4).filter(|window| window == b"ANMF").count();
            ensure!(field == "previewUrl" || n_frames > 3, "{n_frames} frames");
        }
    }

    async fn a_sweep_removes_what_no_row_knows_once_it_is_old(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.mp4 320x240 3s").await?;
        server.scan(&library).await?;
        generate(&server, json!({})).await?;
        let kernel = &server.server().kernel;
        let db = kernel.store.reader();
        let media = media::Entity::find().one(db).await?.context("an item")?;
        let count = async || anyhow::Ok(picture_part::Entity::find().filter(picture_part::Column::MediaId.eq(media.id)).count(db).await?);
        let n_parts = count().await?;
        ensure!(n_parts >= 4, "{n_parts}");
        let n_known = n_files(&server).await?;

        // Bytes without a row: young ones may be a job's.
        let store = Objects::in_folder(kernel.data_dir.join("pictures"));
        let stray = store.put(b"half a job's work".to_vec().into()).await?;
        sweep(&server).await?;
        ensure!(n_files(&server).await? == n_known + 1, "a young object was swept");
        kernel.clock.advance(Duration::from_secs(25 * 3600));
        sweep(&server).await?;
        ensure!(n_files(&server).await? == n_known, "{stray} is still there, or something else is gone");
        ensure!(count().await? == n_parts);
    }

    async fn what_the_store_lost_is_drawn_again(backend: Backend) {
        let server = automatic(backend).await?;
        let library = server.library("a.jpg 64x48").await?;
        server.scan(&library).await?;
        settled(&server, 1).await?;
        let found = cards(&server).await?;
        let url = found[0]["thumbnail"]["url"].clone();
        std::fs::remove_dir_all(server.server().kernel.data_dir.join("pictures"))?;
        ensure!(code(get(&server, &url, &[]).await?).await? == (StatusCode::NOT_FOUND, "PICTURES_GONE".to_owned()));
        settled(&server, 1).await?;
        let url = cards(&server).await?[0]["thumbnail"]["url"].clone();
        ensure!(get(&server, &url, &[]).await?.status() == StatusCode::OK);
    }

    async fn a_page_of_pictures_is_no_statement_more(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let lines: Vec<String> = (0..40).map(|index| format!("p{index:02}.png 16x16 seed:{index}")).collect();
        let library = server.library(&lines.join("\n")).await?;
        server.scan(&library).await?;
        generate(&server, json!({})).await?;
        let kernel = &server.server().kernel;
        let document = |fields: &str| format!("query($first: Int!) {{ media(first: $first) {{ nodes {{ id {fields} ... on Video {{ previewUrl sprite {{ url }} waveform {{ url }} }} }} }} }}");
        let mut costs = Vec::new();
        for first in [5, 40] {
            for fields in ["title", "title thumbnail { url srcset { url } }", "title thumbnail { url } thumbnailAbsence { message }"] {
                let (mut least, mut page) = (u64::MAX, Value::Null);
                // On a busy machine the runner looks for jobs meanwhile; the least of many tries is the page's own.
                for _ in 0..20 {
                    kernel.caches.clear();
                    server.viewer().query("{ viewer { id } }", json!({})).await?;
                    let before = kernel.store.statements().statements;
                    page = server.viewer().query(&document(fields), json!({ "first": first })).await?;
                    least = least.min(kernel.store.statements().statements - before);
                }
                costs.push(least);
                let nodes = page["media"]["nodes"].as_array().context("nodes")?;
                ensure!(nodes.len() == first && nodes.iter().all(|node| fields == "title" || node["thumbnail"]["url"].is_string()), "{nodes:?}");
            }
        }
        // They are read together with the items, and who has a picture is not asked why it has none.
        ensure!(costs.iter().all(|cost| *cost == costs[0]), "{costs:?}");
    }

    async fn the_machine_is_tried_once_and_again_when_asked(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let document = "{ system { hardware { checkedAt encoders { name codec device isWorking reason } decoders { name isWorking } } } }";
        let first = patiently(&server, document).await?["system"]["hardware"].take();
        let works = |kind: &str| first[kind].as_array().is_some_and(|all| all.iter().any(|one| one["isWorking"] == true));
        ensure!(works("encoders") && works("decoders"), "{first:#}");
        let fails_without_reason = |one: &Value| one["isWorking"] == false && one["reason"].is_null();
        ensure!(!first["encoders"].as_array().context("a list")?.iter().any(fails_without_reason), "{first:#}");
        server.server().kernel.clock.advance(Duration::from_secs(60));
        let second = server.admin().query(document, json!({})).await?["system"]["hardware"].take();
        ensure!(second == first, "it was tried again");
        let refresh = "mutation { refreshHardware { hardware { checkedAt } } }";
        // It may take longer than one waits for an answer.
        let asked = server.admin().send(refresh, json!({})).await?;
        let mut tries = 0;
        while patiently(&server, document).await?["system"]["hardware"]["checkedAt"] == first["checkedAt"] {
            tries += 1;
            ensure!(tries < 3000, "it is not tried again: {asked:#}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        ensure!(server.editor().error_code(document, json!({})).await? == "FORBIDDEN");
    }
}
