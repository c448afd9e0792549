//! The same uploads in the IETF's draft: off unless a setting allows it, and then as the draft says.

use anyhow::ensure;
use serde_json::Value;
use tests::on_both;

use super::{
    ended, hash,
    tus::{Answer, Tus, film_of},
    world,
};

const VERSION: (&str, &str) = ("upload-draft-interop-version", "8");
const LAST: (&str, &str) = ("upload-complete", "?1");
const MORE: (&str, &str) = ("upload-complete", "?0");
const PART: (&str, &str) = ("content-type", "application/partial-upload");

fn problem(answer: &Answer) -> anyhow::Result<Value> {
    ensure!(
        answer.header("content-type") == "application/problem+json",
        "{answer:?}"
    );
    Ok(serde_json::from_str(answer.body())?)
}

on_both! {
    async fn the_drafts_uploads_are_spoken_where_a_setting_allows_it(backend: Backend) {
        let (server, film) = world(backend, &[]).await?;
        let refused = Tus::new(server.editor()).raw("POST", "/uploads", &[VERSION, LAST], &film).await?;
        ensure!(refused.status == 412 && refused.code() == "UPLOAD_VERSION", "it is off by itself: {refused:?}");
        drop(server);

        let (server, film) = world(backend, &[("VITAGRAPH_UPLOAD_IETF_DRAFT", "true")]).await?;
        let client = Tus::new(server.editor());
        let named = ("content-disposition", "attachment; filename=\"one.mp4\"; filename*=UTF-8''%C3%BCber.mp4");
        let options = client.raw("OPTIONS", "/uploads", &[], b"").await?;
        ensure!(options.header("upload-limit").starts_with("max-size=") && options.header("tus-version") == "1.0.0", "{options:?}");

        // All at once.
        let made = client.raw("POST", "/uploads", &[VERSION, LAST, named], &film).await?;
        ensure!(made.status == 201 && made.header("upload-complete") == "?1" && made.offset == Some(film.len()), "{made:?}");
        ensure!(made.header("upload-draft-interop-version") == "8", "{made:?}");
        let upload = ended(&server.editor(), made.header("location")).await?;
        ensure!(upload["status"] == "READY" && upload["filename"] == "über.mp4" && upload["contentHash"] == hash(&film), "{upload:#}");

        // In pieces, of a length that is said last.
        let whole = film_of(&film, film.len() + 100, 1);
        let made = client.raw("POST", "/uploads?library=films", &[VERSION, MORE, named], &whole[..1000]).await?;
        let url = made.header("location").to_owned();
        ensure!(made.status == 201 && made.header("upload-complete") == "?0" && made.offset == Some(1000), "{made:?}");
        let head = client.raw("HEAD", &url, &[VERSION], b"").await?;
        ensure!(head.status == 204 && head.offset == Some(1000) && head.header("upload-complete") == "?0", "{head:?}");
        ensure!(head.header("cache-control") == "no-store" && head.header("upload-length").is_empty(), "{head:?}");
        let wrong = client.raw("PATCH", &url, &[VERSION, LAST, PART, ("upload-offset", "7")], b"x").await?;
        let said = problem(&wrong)?;
        ensure!(wrong.status == 409 && wrong.offset == Some(1000), "{wrong:?}");
        ensure!(said["type"].as_str().is_some_and(|kind| kind.ends_with("#mismatching-upload-offset")), "{said}");
        ensure!(said["expected-offset"] == 1000 && said["provided-offset"] == 7, "{said}");
        let at = ("upload-offset", "1000");
        for (headers, status) in [
            (vec![VERSION, LAST, at], 415),
            (vec![VERSION, PART, LAST], 400),
            (vec![VERSION, PART, at], 400),
            (vec![VERSION, PART, at, ("upload-complete", "1")], 400),
            (vec![("upload-draft-interop-version", "3"), PART, at, LAST], 400),
        ] {
            let refused = client.raw("PATCH", &url, &headers, b"x").await?;
            ensure!(refused.status == status, "{headers:?}: {refused:?}");
        }
        let next = client.raw("PATCH", &url, &[VERSION, MORE, PART, at], &whole[1000..]).await?;
        ensure!(next.status == 204 && next.offset == Some(whole.len()) && next.header("upload-complete") == "?0", "{next:?}");
        let end = whole.len().to_string();
        let last = client.raw("PATCH", &url, &[VERSION, LAST, PART, ("upload-offset", &end)], b"").await?;
        ensure!(last.status == 204 && last.header("upload-complete") == "?1", "{last:?}");
        ensure!(ended(&server.editor(), &url).await?["contentHash"] == hash(&whole));
        let late = client.raw("PATCH", &url, &[VERSION, LAST, PART, ("upload-offset", &end)], b"x").await?;
        ensure!(late.status == 400 && problem(&late)?["type"].as_str().is_some_and(|kind| kind.ends_with("#completed-upload")), "{late:?}");

        // Lengths that contradict each other, and an upload that is given up.
        let odd = client.raw("POST", "/uploads", &[VERSION, LAST, ("upload-length", "7")], &film).await?;
        ensure!(odd.status == 400 && problem(&odd)?["type"].as_str().is_some_and(|kind| kind.ends_with("#inconsistent-upload-length")), "{odd:?}");
        let length = film.len().to_string();
        let made = client.raw("POST", "/uploads", &[VERSION, MORE, ("upload-length", &length)], &film[..10]).await?;
        let url = made.header("location").to_owned();
        ensure!(client.raw("HEAD", &url, &[VERSION], b"").await?.header("upload-length") == length);
        let odd = client.raw("PATCH", &url, &[VERSION, LAST, PART, ("upload-offset", "10")], b"x").await?;
        ensure!(odd.status == 400, "{odd:?}");
        ensure!(client.raw("DELETE", &url, &[VERSION], b"").await?.status == 204);
        ensure!(client.raw("HEAD", &url, &[VERSION], b"").await?.status == 404);
        // Who may.
        for (client, status) in [(server.anonymous(), 401), (server.viewer(), 403)] {
            let refused = Tus::new(client).raw("POST", "/uploads", &[VERSION, LAST], &film).await?;
            ensure!(refused.status == status, "{refused:?}");
        }
    }
}
