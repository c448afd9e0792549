//! Files come in over tus: every extension as the protocol says, whole or not at all, once.

mod draft;
mod fetched;
mod foreign;
mod front;
mod points;
pub mod restart;
pub mod tus;

use std::{path::Path, time::Duration};

use anyhow::{Context, ensure};
use data_encoding::{BASE64, HEXLOWER};
use kernel::{sql, store::Durability};
use media_proto::synthetic::Synthetic;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use serde_json::{Value, json};
use tests::{client::Client, database::Backend, fixture, on_both, server::TestServer, shared};
use tus::{Tus, film_of};

/// A server with an empty library `films`, and a film.
async fn world(backend: Backend, settings: &[(&str, &str)]) -> anyhow::Result<(TestServer, Vec<u8>)> {
    let server = TestServer::start_with(backend, settings).await?;
    server.library_over(server.media()).await?;
    let film = fixture::synthesize(&Synthetic::clip(7), &server.server().engine).await?;
    Ok((server, film))
}

/// The upload as GraphQL shows it.
async fn shown(client: &Client, url: &str) -> anyhow::Result<Value> {
    let document =
        "query($after: String) { uploads(first: 100, after: $after) { totalCount nodes { id filename size offset
        status contentHash createdAt expiresAt library { name } media { id title files { path size } } jobId
        error { code message } } pageInfo { hasNextPage endCursor } } }";
    let id = url.rsplit('/').next().unwrap_or_default();
    let mut after = Value::Null;
    loop {
        let page = client.query(document, json!({ "after": after })).await?["uploads"].take();
        let nodes = page["nodes"].as_array().context("nodes")?;
        if let Some(node) = nodes.iter().find(|node| node["id"] == id) {
            return Ok(node.clone());
        }
        if page["pageInfo"]["hasNextPage"] != true {
            return Ok(Value::Null);
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// Waits until an upload is no longer on its way.
async fn ended(client: &Client, url: &str) -> anyhow::Result<Value> {
    let wait = async {
        loop {
            let now = shown(client, url).await?;
            if ["READY", "FAILED"].iter().any(|status| now["status"] == *status)
                || now["status"] == "DUPLICATE" && !now["media"].is_null()
            {
                return anyhow::Ok(now);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(120), wait).await {
        Ok(ended) => ended,
        Err(_) => anyhow::bail!("the upload does not end: {:#}", shown(client, url).await?),
    }
}

pub fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(blake3::hash(bytes).as_bytes())
}

/// What `Upload-Checksum` says of some bytes.
fn checksum(algorithm: &str, bytes: &[u8]) -> String {
    let sum = match algorithm {
        "sha1" => digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec(),
        "sha256" => digest(&SHA256, bytes).as_ref().to_vec(),
        _ => blake3::hash(bytes).as_bytes().to_vec(),
    };
    format!("{algorithm} {}", BASE64.encode(&sum))
}

/// All files below a folder that a scan may see.
pub fn visible(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            match entry.file_type()?.is_dir() {
                true => open.push(entry.path()),
                false => found.push(entry.path().strip_prefix(root)?.display().to_string()),
            }
        }
    }
    found.sort();
    Ok(found)
}

on_both! {
    async fn a_file_comes_in_pieces_and_becomes_an_item(backend: Backend) {
        let (server, film) = world(backend, &[]).await?;
        let tus = Tus::new(server.editor());
        let url = tus.create(film.len(), &[("filename", "../../Night Train.mp4")]).await?;
        let (first, rest) = film.split_at(film.len() / 3);
        ensure!(tus.patch(&url, 0, first).await?.offset == Some(first.len()));
        ensure!(visible(server.media())?.is_empty(), "half a file can be seen");
        let head = tus.head(&url).await?;
        ensure!(head.status == 200 && head.offset == Some(first.len()) && head.header("cache-control") == "no-store");
        ensure!(head.header("upload-length") == film.len().to_string());
        ensure!(head.header("upload-metadata").starts_with("filename "), "{head:?}");
        ensure!(head.header("upload-expires").ends_with(" GMT"), "{head:?}");
        ensure!(shown(&server.editor(), &url).await?["status"] == "RECEIVING");
        ensure!(tus.patch(&url, first.len(), rest).await?.status == 204);

        let upload = ended(&server.editor(), &url).await?;
        ensure!(upload["status"] == "READY" && upload["contentHash"] == hash(&film), "{upload:#}");
        ensure!(upload["filename"] == "../../Night Train.mp4" && upload["library"]["name"] == "films");
        let files = visible(server.media())?;
        ensure!(files.len() == 1 && files[0].starts_with("uploads/") && files[0].ends_with("/_.._Night Train.mp4"), "{files:?}");
        ensure!(upload["media"]["files"][0]["path"] == files[0].as_str(), "{upload:#}");
        ensure!(std::fs::read(server.media().join(&files[0]))? == film, "the file is another one");
        let staged = std::fs::read_dir(server.media().join(".vitagraph-uploads"))?.count();
        ensure!(staged == 0, "{staged} files are left where they were received");
        let Some(document) = shared::operation("intake.graphql") else { return Ok(()) };
        // Captures are another plugin's.
        let (start, end) = (document.find("  captureSources").context("captures")?, document.find("}\nmutation").context("mutations")?);
        let query = format!("{}{}", &document[..start], &document[end..=end]);
        let answer = server.editor().query(&query, json!({})).await?;
        ensure!(answer["uploads"]["nodes"][0]["media"]["id"] == upload["media"]["id"], "{answer:#}");
    }

    async fn the_same_bytes_are_kept_once(backend: Backend) {
        let (server, film) = world(backend, &[]).await?;
        let tus = Tus::new(server.editor());
        let other = film_of(&film, film.len() + 300_000, 1);
        let url = tus.send(&other, &[("filename", "first.mp4")]).await?;
        let first = ended(&server.editor(), &url).await?;
        let again = tus.send(&other, &[("filename", "second.mp4")]).await?;
        let again = ended(&server.editor(), &again).await?;
        ensure!(again["status"] == "DUPLICATE" && again["media"]["id"] == first["media"]["id"], "{again:#}");
        ensure!(visible(server.media())?.len() == 1);

        // Who asks before sends nothing.
        let known = "query($of: [String!]!) { mediaByFingerprint(fingerprints: $of) { id } }";
        let edges = [&(other.len() as u64).to_le_bytes()[..], &other[..65_536], &other[other.len() - 65_536..]].concat();
        let answer = server.viewer().query(known, json!({ "of": [hash(&edges), hash(b"nothing")] })).await?;
        ensure!(answer["mediaByFingerprint"] == json!([{ "id": first["media"]["id"] }, null]), "{answer:#}");
        server.idle().await?;
        let metadata = [("filename", "third.mp4"), ("hash", &hash(&other))];
        let refused = tus.try_create(Some(other.len()), &metadata, &[]).await?;
        ensure!(refused.status == 409 && refused.code() == "UPLOAD_DUPLICATE", "{refused:?}");

        // Two at once: one is kept, and both are the same item.
        let twin = film_of(&film, film.len() + 200_000, 2);
        let urls = tokio::try_join!(
            tus.send(&twin, &[("filename", "a.mp4")]),
            tus.send(&twin, &[("filename", "b.mp4")]),
        )?;
        let (a, b) = (ended(&server.editor(), &urls.0).await?, ended(&server.editor(), &urls.1).await?);
        ensure!(a["media"]["id"] == b["media"]["id"] && a["status"] != b["status"], "{a:#} {b:#}");
        ensure!(visible(server.media())?.len() == 2, "{:?}", visible(server.media())?);

        // One that became an item after items were looked at: nothing is known of the bytes then.
        server.idle().await?;
        let tx = server.server().kernel.store.begin(Durability::Normal).await?;
        sql::execute(&*tx, "update file set fingerprint = null, content_hash = null", []).await?;
        tx.commit().await?;
        let late = tus.send(&other, &[("filename", "late.mp4")]).await?;
        let late = ended(&server.editor(), &late).await?;
        ensure!(late["status"] == "DUPLICATE" && late["media"]["id"] == first["media"]["id"], "{late:#}");
        ensure!(visible(server.media())?.len() == 2, "{:?}", visible(server.media())?);
    }

    async fn names_that_are_taken_get_a_number_and_junk_gets_a_reason(backend: Backend) {
        let (server, film) = world(backend, &[("VITAGRAPH_UPLOAD_TEMPLATE", "{user}/{name}")]).await?;
        let tus = Tus::new(server.editor());
        for n in 0..2 {
            let url = tus.send(&film_of(&film, film.len() + 100 + n, n as u64), &[("filename", "a.MP4")]).await?;
            ensure!(ended(&server.editor(), &url).await?["status"] == "READY");
        }
        // Without a name that says what it is, its bytes do.
        let url = tus.send(&film_of(&film, film.len() + 500, 9), &[]).await?;
        ensure!(ended(&server.editor(), &url).await?["status"] == "READY");
        let files = visible(server.media())?;
        ensure!(files == ["editor/a (2).mp4", "editor/a.mp4", "editor/untitled.mp4"], "{files:?}");
        for (name, bytes) in [("junk.mp4", &b"no film at all"[..]), ("empty.mkv", b"")] {
            let url = tus.send(bytes, &[("filename", name)]).await?;
            let upload = ended(&server.editor(), &url).await?;
            ensure!(upload["status"] == "FAILED" && upload["error"]["code"] == "UPLOAD_NOT_MEDIA", "{upload:#}");
            ensure!(upload["contentHash"] == hash(bytes), "{upload:#}");
        }
        let refused = tus.try_create(Some(5), &[("filename", "virus.exe")], &[]).await?;
        ensure!(refused.status == 415 && refused.code() == "UPLOAD_NOT_MEDIA", "{refused:?}");
        ensure!(visible(server.media())?.len() == 3);
    }

    async fn the_core_and_every_extension_are_as_tus_says(backend: Backend) {
        let (server, film) = world(backend, &[("VITAGRAPH_UPLOAD_MAX_BYTES", "100000000")]).await?;
        let tus = Tus::new(server.editor());
        let named = [("filename", "a.mp4")];

        // Core: what the server can, its version, and what is wrong with a request.
        let options = tus.request("OPTIONS", "/uploads", &[], b"").await?;
        ensure!(options.status == 204 && options.header("tus-version") == "1.0.0" && options.header("tus-max-size") == "100000000");
        for extension in ["creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum", "termination", "concatenation"] {
            ensure!(options.header("tus-extension").split(',').any(|known| known == extension), "{options:?}");
        }
        ensure!(options.header("tus-checksum-algorithm").contains("sha1"));
        let url = tus.create(film.len(), &named).await?;
        for (what, status) in [
            (tus.raw("PATCH", &url, &[("tus-resumable", "0.2.2")], b"").await?, 412),
            (tus.raw("HEAD", &url, &[], b"").await?, 412),
            (tus.request("PATCH", &url, &[("upload-offset", "0")], b"x").await?, 415),
            (tus.patch_with(&url, &[], b"x").await?, 400),
            (tus.patch(&url, 5, b"x").await?, 409),
            (tus.patch_with(&url, &[("upload-offset", "-1")], b"x").await?, 400),
            (tus.patch(&url, 0, &vec![0; film.len() + 1]).await?, 413),
            (tus.head("/uploads/upl_0000000000000").await?, 404),
            (tus.head("/uploads/nonsense").await?, 404),
            (tus.request("GET", &url, &[], b"").await?, 405),
            (tus.try_create(None, &named, &[]).await?, 400),
            (tus.try_create(Some(5), &named, &[("upload-defer-length", "1")]).await?, 400),
            (tus.try_create(None, &named, &[("upload-length", "-5")]).await?, 400),
            (tus.try_create(Some(100_000_001), &named, &[]).await?, 413),
            (tus.try_create(Some(5), &[("library", "nowhere")], &[]).await?, 400),
        ] {
            ensure!(what.status == status, "{status} was expected, not {what:?}");
            ensure!(what.header("tus-resumable") == "1.0.0", "{what:?}");
        }
        ensure!(tus.head(&url).await?.offset == Some(0), "a refused request has left bytes");
        let overridden = tus.request("POST", &url, &[("x-http-method-override", "HEAD")], b"").await?;
        ensure!(overridden.status == 200 && overridden.offset == Some(0), "{overridden:?}");

        // Who it is.
        let nobody = Tus::new(server.anonymous());
        ensure!(nobody.try_create(Some(5), &named, &[]).await?.status == 401);
        ensure!(Tus::new(server.viewer()).try_create(Some(5), &named, &[]).await?.status == 403);
        let admins = Tus::new(server.admin()).create(film.len(), &named).await?;
        ensure!(tus.head(&admins).await?.status == 404, "an editor sees an administrator's upload");
        ensure!(shown(&server.editor(), &admins).await?.is_null() && !shown(&server.admin(), &url).await?.is_null());

        // Termination, by tus and by GraphQL.
        ensure!(tus.request("DELETE", &url, &[], b"").await?.status == 204 && tus.head(&url).await?.status == 404);
        let id = admins.rsplit('/').next().context("an id")?;
        let end = "mutation($input: AbortUploadInput!) { abortUpload(input: $input) { uploadId } }";
        let foreign = server.editor().error_code(end, json!({ "input": { "id": id } })).await?;
        ensure!(foreign == "UPLOAD_NOT_FOUND");
        server.admin().query(end, json!({ "input": { "id": id } })).await?;
        ensure!(std::fs::read_dir(server.media().join(".vitagraph-uploads"))?.count() == 0, "an ended upload leaves its bytes");

        // Creation with upload, whole and in part.
        let whole = film_of(&film, film.len() + 10, 1);
        let made = tus.try_create(Some(whole.len()), &named, &[]).await?;
        ensure!(made.offset.is_none(), "{made:?}");
        let made = tus.create_with(&whole, whole.len(), &named).await?;
        ensure!(made.status == 201 && made.offset == Some(whole.len()), "{made:?}");
        ensure!(ended(&server.editor(), made.header("location")).await?["status"] == "READY");
        let part = film_of(&film, film.len() + 20, 2);
        let made = tus.create_with(&part[..1000], part.len(), &named).await?;
        let url = made.header("location").to_owned();
        ensure!(made.offset == Some(1000) && tus.head(&url).await?.offset == Some(1000), "{made:?}");
        ensure!(tus.patch(&url, 1000, &part[1000..]).await?.status == 204);
        ensure!(ended(&server.editor(), &url).await?["contentHash"] == hash(&part));
        // Who did not hear that it was done asks again, and may not change it.
        ensure!(tus.patch(&url, part.len(), b"").await?.status == 204);
        ensure!(tus.patch(&url, part.len(), b"x").await?.status == 403);

        // The length may come later, with the last bytes or alone; never twice.
        let late = film_of(&film, film.len() + 30, 3);
        let made = tus.try_create(None, &named, &[("upload-defer-length", "1")]).await?;
        let url = made.header("location").to_owned();
        ensure!(tus.head(&url).await?.header("upload-defer-length") == "1");
        ensure!(tus.patch(&url, 0, &late).await?.status == 204);
        let length = late.len().to_string();
        let short = tus.patch_with(&url, &[("upload-offset", &length), ("upload-length", "7")], b"").await?;
        ensure!(short.status == 400, "{short:?}");
        let said = tus.patch_with(&url, &[("upload-offset", &length), ("upload-length", &length)], b"").await?;
        ensure!(said.status == 204 && ended(&server.editor(), &url).await?["contentHash"] == hash(&late), "{said:?}");

        // Checksums: bytes that are not theirs are thrown away, also when it is the last of many.
        let summed = film_of(&film, film.len() + 2_000_000, 4);
        let url = tus.create(summed.len(), &named).await?;
        let mut at = 0;
        for (algorithm, part) in ["sha1", "sha256", "blake3"].into_iter().zip(summed.chunks(summed.len() / 3 + 1)) {
            let (offset, sum) = (at.to_string(), checksum(algorithm, part));
            let headers = [("upload-offset", offset.as_str()), ("upload-checksum", &sum)];
            let (last, first) = part.split_last().context("bytes")?;
            let refused = tus.patch_with(&url, &headers, &[first, &[last ^ 1]].concat()).await?;
            ensure!(refused.status == 460 && tus.head(&url).await?.offset == Some(at), "{algorithm}: {refused:?}");
            at += part.len();
            let taken = tus.patch_with(&url, &headers, part).await?;
            ensure!(taken.status == 204 && taken.offset == Some(at), "{algorithm}: {taken:?}");
        }
        ensure!(ended(&server.editor(), &url).await?["contentHash"] == hash(&summed));
        let url = tus.create(5, &named).await?;
        for unknown in ["crc32 AAAA", "sha256", "sha1 !"] {
            let unknown = tus.patch_with(&url, &[("upload-offset", "0"), ("upload-checksum", unknown)], b"x").await?;
            ensure!(unknown.status == 400, "{unknown:?}");
        }

        // A whole of parts.
        let joined = film_of(&film, film.len() + 50, 5);
        let mut parts = Vec::new();
        for piece in joined.chunks(joined.len() / 3 + 1) {
            let made = tus.try_create(Some(piece.len()), &[], &[("upload-concat", "partial")]).await?;
            let url = made.header("location").to_owned();
            ensure!(tus.head(&url).await?.header("upload-concat") == "partial");
            parts.push((url, piece));
        }
        let concat = format!("final;{}", parts.iter().map(|(url, _)| url.as_str()).collect::<Vec<_>>().join(" "));
        let early = tus.try_create(None, &named, &[("upload-concat", &concat)]).await?;
        ensure!(early.status == 409 && early.code() == "UPLOAD_UNFINISHED", "{early:?}");
        for (url, piece) in &parts {
            ensure!(tus.patch(url, 0, piece).await?.status == 204);
            ensure!(shown(&server.editor(), url).await?["status"] == "RECEIVING", "a part is taken in alone");
        }
        let made = tus.try_create(None, &named, &[("upload-concat", &concat)]).await?;
        let url = made.header("location").to_owned();
        ensure!(made.status == 201 && tus.head(&url).await?.header("upload-concat") == concat, "{made:?}");
        ensure!(tus.patch(&url, 0, b"x").await?.status == 403);
        let upload = ended(&server.editor(), &url).await?;
        ensure!(upload["status"] == "READY" && upload["contentHash"] == hash(&joined), "{upload:#}");
        ensure!(tus.head(&url).await?.offset == Some(joined.len()));
        ensure!(tus.head(&parts[0].0).await?.status == 404, "the parts are kept beside the whole");
    }

    async fn limits_hold_and_what_was_given_up_goes(backend: Backend) {
        let settings = [
            ("VITAGRAPH_UPLOAD_MAX_OPEN", "2"),
            ("VITAGRAPH_UPLOAD_MAX_TOTAL_BYTES", "1000000"),
            ("VITAGRAPH_UPLOAD_EXPIRE_HOURS", "0"),
            ("VITAGRAPH_UPLOAD_IDLE_SECONDS", "1"),
        ];
        let (server, _) = world(backend, &settings).await?;
        let tus = Tus::new(server.editor());
        let refused = tus.try_create(Some(1_000_001), &[], &[]).await?;
        ensure!(refused.status == 507 && refused.code() == "UPLOAD_NO_ROOM", "{refused:?}");
        let url = tus.create(1000, &[]).await?;
        tus.create(1000, &[]).await?;
        let refused = tus.try_create(Some(1000), &[], &[]).await?;
        ensure!(refused.status == 429 && refused.code() == "UPLOAD_TOO_MANY", "{refused:?}");
        // Both are over at once, for they are kept for no hour.
        ensure!(tus.head(&url).await?.status == 410);
        plugin_sweep(&server).await?;
        ensure!(tus.head(&url).await?.status == 404);
        ensure!(std::fs::read_dir(server.media().join(".vitagraph-uploads"))?.count() == 0);
        ensure!(tus.try_create(Some(1000), &[], &[]).await?.status == 201, "swept uploads still count");
    }

    async fn a_client_that_stops_sending_is_cut_off_and_keeps_what_came(backend: Backend) {
        let (server, film) = world(backend, &[("VITAGRAPH_UPLOAD_IDLE_SECONDS", "1")]).await?;
        let tus = Tus::new(server.editor());
        let url = tus.create(film.len(), &[("filename", "slow.mp4")]).await?;
        let answer = tus.stall(&url, film.len(), &film[..10_000]).await?;
        ensure!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        ensure!(tus.head(&url).await?.offset == Some(10_000));
        // A connection that breaks off keeps its bytes too.
        tus.break_off(&url, 10_000, film.len() - 10_000, &film[10_000..30_000]).await?;
        // Looked at without going on with it, which would send the request away.
        let begun = std::time::Instant::now();
        while shown(&server.editor(), &url).await?["offset"] != 30_000 {
            ensure!(begun.elapsed() < Duration::from_secs(120), "{:#}", shown(&server.editor(), &url).await?);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        ensure!(tus.patch(&url, 30_000, &film[30_000..]).await?.status == 204);
        ensure!(ended(&server.editor(), &url).await?["contentHash"] == hash(&film));
    }

    async fn many_writers_of_one_upload_never_mix(backend: Backend) {
        let (server, film) = world(backend, &[]).await?;
        let tus = Tus::new(server.editor());
        let film = film_of(&film, 3_000_000, 1);
        let url = tus.create(film.len(), &[("filename", "many.mp4")]).await?;
        // Each sends the truth for its offset, but a sender that is late finds another offset, or is sent away. One lies.
        let lie = vec![0xaa; film.len()];
        let begun = std::time::Instant::now();
        loop {
            ensure!(begun.elapsed() < Duration::from_secs(120), "nothing gets through");
            // A connection on which a body was refused is closed, and the next request on it may meet that.
            let Ok(head) = tus.head(&url).await else { continue };
            let Some(offset) = head.offset.filter(|offset| *offset < film.len()) else { break };
            let end = (offset + 400_000).min(film.len());
            let senders = (0..6).map(|n| {
                let (tus, url) = (&tus, &url);
                let piece = &film[offset..(end - n * 1000).max(offset + 1)];
                async move { tus.patch(url, offset, piece).await }
            });
            let liar = tus.patch(&url, film.len(), &lie);
            let (answers, lied) = tokio::join!(futures_util::future::join_all(senders), liar);
            // Whoever still sends when it is refused may hear nothing but the end of its connection.
            let is_refused = lied.map_or(true, |lied| lied.status >= 400);
            ensure!(is_refused, "a lie was taken");
            for answer in answers.into_iter().flatten() {
                ensure!([204, 403, 409, 423].contains(&answer.status), "{answer:?}");
            }
        }
        ensure!(ended(&server.editor(), &url).await?["contentHash"] == hash(&film));
    }
}

/// Runs a sweep to its end.
async fn plugin_sweep(server: &TestServer) -> anyhow::Result<()> {
    let kernel = &server.server().kernel;
    let job = kernel
        .jobs
        .start_one(&plugin_upload::jobs::sweep::SweepUploads {}, Default::default())
        .await?;
    let done = server.finished(&job.job.to_string()).await?;
    ensure!(done["status"] == "SUCCEEDED", "{done:#}");
    Ok(())
}
