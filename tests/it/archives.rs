//! Archives of pictures: one item each, whose pages are read in place.

use std::{collections::BTreeSet, fs, io::Write};

use anyhow::{Context, ensure};
use rawzip::{CompressionMethod, ZipArchiveWriter};
use serde_json::{Value, json};
use tests::{client::Client, fixture, on_both, server::TestServer};

/// An archive of entries as they are.
fn zip(entries: &[(&str, Vec<u8>)]) -> anyhow::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut out);
    for (name, bytes) in entries {
        let (mut entry, config) = archive
            .new_file(name)
            .compression_method(CompressionMethod::STORE)
            .start()?;
        let mut writer = config.wrap(&mut entry);
        writer.write_all(bytes)?;
        let (_, descriptor) = writer.finish()?;
        entry.finish(descriptor)?;
    }
    archive.finish()?;
    // The writer makes no names that lead out of a folder.
    for at in 0..out.len().saturating_sub(6) {
        if &out[at..at + 6] == b"xx/xx/" {
            out[at..at + 6].copy_from_slice(b"../../");
        }
    }
    Ok(out)
}

const BOOKS: &str = "{ media(first: 50, sort: [{ field: TITLE, direction: ASC }]) { nodes { __typename id title kind
    ... on Image { width height pages(first: 3) { totalCount pageInfo { hasNextPage endCursor } nodes { position name size picture { url srcset { url width } } } } } } } }";

async fn books(client: &Client) -> anyhow::Result<Vec<Value>> {
    let mut data = client.query(BOOKS, json!({})).await?;
    serde_json::from_value(data["media"]["nodes"].take()).context("a list of items")
}

/// The bytes behind a signed URL, which must be a WebP.
async fn webp(server: &TestServer, url: &Value) -> anyhow::Result<Vec<u8>> {
    let url = format!("{}{}", server.address(), url.as_str().context("a url")?);
    let got = reqwest::Client::new()
        .get(&url)
        .header("accept", "image/webp")
        .send()
        .await?;
    ensure!(got.status() == 200, "{url}: {}", got.status());
    ensure!(got.headers()["content-type"] == "image/webp", "{:?}", got.headers());
    let bytes = got.bytes().await?.to_vec();
    ensure!(bytes.starts_with(b"RIFF"), "no WebP");
    Ok(bytes)
}

on_both! {
    async fn an_archive_of_pictures_is_an_item_with_pages(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let pictures: Vec<String> = (0..4).map(|n| format!("pictures/p{n}.png {}x48 seed:{n}", 64 + 16 * n)).collect();
        let library = server.library(&pictures.join("\n")).await?;
        let folder = server.media();
        let page = |n: usize| fs::read(folder.join(format!("pictures/p{n}.png")));
        let book = zip(&[
            ("b/page 10.png", page(3)?),
            ("b/page 2.png", page(1)?),
            ("xx/xx/b/page 1.png", page(0)?),
            ("__MACOSX/b/._page 1.png", b"no page".to_vec()),
            ("b/page 9.png", page(2)?),
            ("ComicInfo.xml", b"<ComicInfo/>".to_vec()),
        ])?;
        fixture::write_file(&folder.join("books/A Book.cbz"), &book)?;
        // A few pictures among other things make no set of pictures, and neither do locked ones.
        let code = zip(&[("a.rs", b"1".to_vec()), ("b.rs", b"2".to_vec()), ("c.rs", b"3".to_vec()), ("logo.png", page(0)?)])?;
        fixture::write_file(&folder.join("books/code.zip"), &code)?;
        let mut locked = zip(&[("1.png", page(0)?)])?;
        let at = locked.windows(4).position(|part| part == b"PK\x01\x02").context("a directory")?;
        locked[at + 8] |= 1;
        fixture::write_file(&folder.join("books/locked.cbz"), &locked)?;
        fs::remove_dir_all(folder.join("pictures"))?;
        server.scan(&library).await?;

        let viewer = server.viewer();
        let items = books(&viewer).await?;
        ensure!(items.len() == 1, "{items:#?}");
        let item = &items[0];
        ensure!(item["__typename"] == "Image" && item["title"] == "A Book", "{item:#}");
        ensure!((item["width"].as_i64(), item["height"].as_i64()) == (Some(64), Some(48)), "it shows its first page: {item:#}");
        let pages = &item["pages"];
        ensure!(pages["totalCount"] == 4 && pages["pageInfo"]["hasNextPage"] == true, "{pages:#}");
        let names: Vec<&str> = pages["nodes"].as_array().context("pages")?.iter().filter_map(|page| page["name"].as_str()).collect();
        ensure!(names == ["../../b/page 1.png", "b/page 2.png", "b/page 9.png"], "{names:?}");
        let rest = "query($id: ID!, $after: String) { node(id: $id) { ... on Image { pages(first: 3, after: $after) { nodes { position name } } } } }";
        let rest = viewer.query(rest, json!({ "id": item["id"], "after": pages["pageInfo"]["endCursor"] })).await?;
        ensure!(rest["node"]["pages"]["nodes"] == json!([{ "position": 3, "name": "b/page 10.png" }]), "{rest:#}");
        // It is a gallery as well, with its first page for a cover.
        let galleries = viewer.query("{ galleries(first: 9) { nodes { name itemCount isFolder cover { __typename id } } } }", json!({})).await?;
        let expected = json!([{ "name": "A Book", "itemCount": 1, "isFolder": false, "cover": { "__typename": "Image", "id": item["id"] } }]);
        ensure!(galleries["galleries"]["nodes"] == expected, "{galleries:#}");
        // Each page is drawn from its own bytes, and no two are the same picture.
        let mut drawn = BTreeSet::new();
        for page in pages["nodes"].as_array().context("pages")? {
            let largest = page["picture"]["srcset"].as_array().and_then(|sizes| sizes.last()).context("sizes")?;
            drawn.insert(webp(&server, &largest["url"]).await?);
        }
        ensure!(drawn.len() == 3, "{} pictures of three pages", drawn.len());
        let url = pages["nodes"][0]["picture"]["url"].as_str().context("a url")?;
        let other = url.replacen("/0/", "/1/", 1);
        ensure!(other != url && reqwest::get(format!("{}{other}", server.address())).await?.status() == 403, "the page is signed");

        let failures = "query($library: ID!) { scanFailures(libraryId: $library, first: 9) { nodes { path code reason } } }";
        let failures = server.admin().query(failures, json!({ "library": library })).await?;
        let mut failed: Vec<(String, String)> = failures["scanFailures"]["nodes"].as_array().context("failures")?.iter()
            .map(|failure| (failure["path"].to_string(), failure["reason"].to_string())).collect();
        failed.sort();
        ensure!(failed.len() == 2 && failed[0].0.contains("code.zip") && failed[1].0.contains("locked.cbz"), "{failures:#}");
        ensure!(failed[1].1.contains("encrypted"), "{failures:#}");

        // Another file in its place has its own pages.
        let shorter = zip(&[("2.png", book_page(&book)?), ("1.png", book_page(&book)?)])?;
        fixture::write_file(&folder.join("books/A Book.cbz"), &shorter)?;
        server.scan(&library).await?;
        let items = books(&viewer).await?;
        let nodes = items[0]["pages"]["nodes"].as_array().context("pages")?;
        let names: Vec<&str> = nodes.iter().filter_map(|page| page["name"].as_str()).collect();
        ensure!(items.len() == 1 && items[0]["id"] == item["id"] && names == ["1.png", "2.png"], "{items:#?}");
        // What was signed for the former file is for no other.
        let gone = reqwest::get(format!("{}{url}", server.address())).await?.status();
        ensure!(gone == 404 || gone == 410, "{gone}");
        webp(&server, &nodes[1]["picture"]["url"]).await?;
        // Drawn as others are, by its first page.
        let draw = "mutation { generatePictures(input: {}) { job { id } } }";
        server.admin().query(draw, json!({})).await?;
        server.idle().await?;
        let shown = viewer.query("{ media(first: 1) { nodes { thumbnail { url } } } }", json!({})).await?;
        webp(&server, &shown["media"]["nodes"][0]["thumbnail"]["url"]).await?;
    }
}

/// The bytes of some picture of an archive of pictures that are stored as they are.
fn book_page(book: &[u8]) -> anyhow::Result<Vec<u8>> {
    let start = book
        .windows(4)
        .position(|part| part == b"\x89PNG")
        .context("a picture")?;
    let end = book[start..]
        .windows(8)
        .position(|part| part == b"IEND\xae\x42\x60\x82")
        .context("its end")?;
    Ok(book[start..start + end + 8].to_vec())
}
