//! Files of subtitles beside a film: noticed by a scan, moved and gone with it, and given as WebVTT.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};

use super::{playlist::fetch, url};

const QUERY: &str = "{ media(first: 10) { nodes { title ... on Video { hasSubtitles playback { hlsUrl dashUrl }
    subtitles { id label language url source isDefault isForced tellsSounds } } } } }";

/// A dialog in one of the old Cyrillic encodings, long enough to be told from others.
fn cyrillic() -> Vec<u8> {
    let lines = [
        "Добрый вечер, дорогие друзья.",
        "Сегодня мы расскажем вам длинную историю",
        "о человеке, который никогда не смеялся.",
        "Он жил на берегу моря, совсем один.",
    ];
    let cues = lines.iter().enumerate().map(|(n, line)| {
        let n = n + 1;
        format!("{n}\r\n00:00:0{n},000 --> 00:00:0{n},900\r\n{line}\r\n\r\n")
    });
    // Windows-1251 has these letters in the order of Unicode.
    let byte = |c: char| match u32::from(c) {
        code @ 0x410..=0x44f => (code - 0x410 + 0xc0) as u8,
        code => code as u8,
    };
    cues.collect::<String>().chars().map(byte).collect()
}

fn write(folder: &Path, name: &str, text: &[u8]) -> anyhow::Result<()> {
    Ok(std::fs::write(folder.join(name), text)?)
}

async fn item(server: &TestServer, title: &str) -> anyhow::Result<Value> {
    let found = server.viewer().query(QUERY, json!({})).await?;
    let mut nodes = found["media"]["nodes"].as_array().cloned().context("items")?;
    let at = nodes.iter().position(|node| node["title"] == title);
    Ok(nodes.swap_remove(at.with_context(|| format!("no `{title}` in {nodes:?}"))?))
}

fn labels(item: &Value) -> Vec<&str> {
    let subtitles = item["subtitles"].as_array().into_iter().flatten();
    subtitles.filter_map(|text| text["label"].as_str()).collect()
}

on_both! {
    async fn subtitles_beside_a_film_are_read_and_go_with_it(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mkv h264 10s srt:eng\nbare.mp4 h264 2s").await?;
        let folder = server.media();
        write(folder, "bare.srt.txt", b"no subtitles")?;
        server.scan(&library).await?;
        ensure!(item(&server, "bare").await?["hasSubtitles"] == false);

        write(folder, "film.ru.srt", &cyrillic())?;
        write(folder, "film.de.forced.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nÜber <i>allem</i>\n".as_bytes())?;
        let utf16: Vec<u8> = "\u{feff}1\n00:00:01,000 --> 00:00:02,500\n[Türen knarren]\n"
            .encode_utf16().flat_map(u16::to_le_bytes).collect();
        write(folder, "film.ger.sdh.srt", &utf16)?;
        write(folder, "film.en.ass", b"[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, \
            Name, MarginL, MarginR, MarginV, Effect, Text\nDialogue: 0,0:00:03.00,0:00:04.50,Default,,0,0,0,,{\\b1}Hi\\Nthere\n")?;
        write(folder, "bare.srt", b"1\n00:00:00,500 --> 00:00:01,000\nplain\n")?;
        server.scan(&library).await?;

        let film = item(&server, "film").await?;
        ensure!(labels(&film) == ["eng", "de (forced)", "en", "de (SDH)", "ru"], "{film:#}");
        let texts = film["subtitles"].as_array().context("subtitles")?;
        let facts = |n: usize| ["source", "language", "isForced", "tellsSounds"].map(|field| texts[n][field].clone());
        ensure!(facts(0) == [json!("EMBEDDED"), json!("eng"), json!(false), json!(false)], "{film:#}");
        ensure!(facts(1) == [json!("SIDECAR"), json!("de"), json!(true), json!(false)], "{film:#}");
        ensure!(facts(3) == [json!("SIDECAR"), json!("de"), json!(false), json!(true)], "{film:#}");
        let anyone = server.anonymous();
        for (n, expected) in [
            (1, "00:00:01.000 --> 00:00:02.000\nÜber <i>allem</i>"),
            (2, "00:00:03.000 --> 00:00:04.500\n<b>Hi\nthere</b>"),
            (3, "00:00:01.000 --> 00:00:02.500\n[Türen knarren]"),
            (4, "00:00:02.000 --> 00:00:02.900\nСегодня мы расскажем вам длинную историю"),
        ] {
            let text = fetch(&anyone, url(&texts[n], "url")?).await?.text().await?;
            ensure!(text.starts_with("WEBVTT\n") && text.contains(expected), "{}: {text}", texts[n]["label"]);
        }
        let master = fetch(&anyone, url(&film["playback"], "hlsUrl")?).await?.text().await?;
        let lines: Vec<&str> = master.lines().filter(|line| line.starts_with("#EXT-X-MEDIA:TYPE=SUBTITLES")).collect();
        ensure!(lines.len() == 5, "{master}");
        ensure!(lines[1].contains("FORCED=YES") && lines[1].contains("LANGUAGE=\"de\""), "{master}");
        ensure!(lines[3].contains("CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog"), "{master}");
        let manifest = fetch(&anyone, url(&film["playback"], "dashUrl")?).await?.text().await?;
        ensure!(manifest.matches("all.vtt").count() == 5 && manifest.contains("\"caption\""), "{manifest}");
        let bare = item(&server, "bare").await?;
        ensure!(bare["hasSubtitles"] == true && labels(&bare) == ["Subtitles 1"], "{bare:#}");

        // What was edited is read again; what a player holds of the one before leads nowhere wrong.
        write(folder, "film.de.forced.vtt", b"WEBVTT\n\n00:01.000 --> 00:02.000\nother\n")?;
        let before = url(&texts[1], "url")?.to_owned();
        server.scan(&library).await?;
        let text = fetch(&anyone, &before).await?.text().await?;
        ensure!(text.contains("other"), "{text}");

        // A film keeps those that are renamed with it, and loses those that are gone or left out.
        for (from, to) in [("film.mkv", "movie.mkv"), ("film.ru.srt", "movie.ru.srt"), ("film.en.ass", "movie.en.ass")] {
            std::fs::rename(folder.join(from), folder.join(to))?;
        }
        std::fs::remove_file(folder.join("bare.srt"))?;
        server.scan(&library).await?;
        ensure!(labels(&item(&server, "movie").await?) == ["eng", "en", "ru"], "{:#}", item(&server, "movie").await?);
        let bare = item(&server, "bare").await?;
        ensure!(bare["hasSubtitles"] == false && bare["subtitles"] == json!([]), "{bare:#}");
        write(folder, ".vitagraphignore", b"*.ass\n")?;
        server.scan(&library).await?;
        let movie = item(&server, "movie").await?;
        ensure!(labels(&movie) == ["eng", "ru"], "{movie:#}");
        std::fs::remove_file(folder.join("movie.ru.srt"))?;
        server.scan(&library).await?;
        let movie = item(&server, "movie").await?;
        ensure!(labels(&movie) == ["eng"] && movie["hasSubtitles"] == true, "{movie:#}");
    }
}
