//! What the fields of an item read beyond its card: one call of a loader or of a plugin's contract each.

use std::sync::Arc;

use async_graphql::Context;
use entities::{
    media_user,
    stream::{self, StreamKind},
};
use kernel::error::Failure;

use crate::{
    caches::Loaders,
    kit::{
        access::require,
        connection::{Connection, Total},
        keyset::Keyset,
        page::{self, PageArgs},
        scalar::Url,
    },
    media::{
        card::Card,
        clip::Clip,
        contracts::{Clips, FileUrls, Pictures, Similar, Streaming, Subtitles, Thumbnail, Waveform},
        file::playable,
        playback::{self, Playback, PlaybackCapabilities, PlaybackMethod},
        types::Media,
    },
    person::types::Person,
    tag::types::{Tag, page_by_name},
};

/// What the viewer said of it.
pub async fn own(cx: &Context<'_>, card: &Card) -> Result<Option<Arc<media_user::Model>>, Failure> {
    let viewer = require(cx)?;
    Loaders::of(cx).own.get((card.id, viewer.user)).await
}

/// Its poster.
pub async fn thumbnail(cx: &Context<'_>, card: &Card) -> Result<Option<Thumbnail>, Failure> {
    let Some(pictures) = cx.data_opt::<Arc<dyn Pictures>>() else {
        return Ok(None);
    };
    pictures.thumbnail(cx, card.id).await
}

/// Its waveform.
pub async fn waveform(cx: &Context<'_>, card: &Card) -> Result<Option<Waveform>, Failure> {
    let Some(pictures) = cx.data_opt::<Arc<dyn Pictures>>() else {
        return Ok(None);
    };
    pictures.waveform(cx, card.id).await
}

/// The codecs of the file that is played: pictures first.
pub fn codecs(card: &Card) -> Vec<String> {
    [&card.video_codec, &card.audio_codec]
        .into_iter()
        .flatten()
        .cloned()
        .collect()
}

/// Its tags, by name.
pub async fn tags(cx: &Context<'_>, card: &Card, args: PageArgs) -> Result<Connection<Tag>, Failure> {
    let loaders = Loaders::of(cx);
    let ids = loaders
        .media_tags
        .get(card.id)
        .await?
        .map(|ids| ids.to_vec())
        .unwrap_or_default();
    let rows = loaders.tag.get_many(ids).await?;
    page_by_name(cx, rows, &args, "tags")
}

/// Its people, in the order of their credits.
pub async fn people(cx: &Context<'_>, card: &Card, args: PageArgs) -> Result<Connection<Person>, Failure> {
    let loaders = Loaders::of(cx);
    let credits = loaders.credits.get(card.id).await?;
    let ids = credits
        .iter()
        .flat_map(|credits| credits.iter().map(|credit| credit.person))
        .collect();
    let rows = loaders.person.get_many(ids).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id.into()).collect();
    let page = args.slice(&ids, &Keyset::in_memory("people"), page::cap(cx))?;
    let find = |id: i64| {
        rows.iter()
            .find(|row| i64::from(row.id) == id)
            .map(|row| Person { row: Arc::clone(row) })
    };
    Ok(Connection::new(page, Total::Known(ids.len() as i64), find))
}

/// Its clips, the newest first.
pub async fn clips(cx: &Context<'_>, card: &Card, args: PageArgs) -> Result<Connection<Clip>, Failure> {
    let rows = match cx.data_opt::<Arc<dyn Clips>>() {
        Some(clips) => clips.clips(cx, card.id).await?,
        None => Vec::new(),
    };
    let ids: Vec<i64> = rows.iter().map(|row| row.id.into()).collect();
    let page = args.slice(&ids, &Keyset::in_memory("clips"), page::cap(cx))?;
    let find = |id: i64| rows.iter().find(|row| i64::from(row.id) == id).cloned();
    Ok(Connection::new(page, Total::Known(ids.len() as i64), find))
}

/// Items that look or sound like it.
pub async fn similar(cx: &Context<'_>, card: &Card, args: PageArgs) -> Result<Connection<Media>, Failure> {
    let ids = match cx.data_opt::<Arc<dyn Similar>>() {
        Some(similar) => similar.similar(cx, card.id).await?,
        None => Vec::new(),
    };
    let loaders = Loaders::of(cx);
    let ids: Vec<i64> = match loaders.sees.is_all() {
        true => ids.into_iter().map(Into::into).collect(),
        false => loaders
            .card
            .get_many(ids)
            .await?
            .iter()
            .map(|card| card.id.into())
            .collect(),
    };
    let page = args.slice(&ids, &Keyset::in_memory("similar"), page::cap(cx))?;
    loaders.media_connection(cx, page, Total::Known(ids.len() as i64)).await
}

/// Subtitles of the file that is played.
pub async fn subtitles(cx: &Context<'_>, card: &Card) -> Result<Vec<Subtitles>, Failure> {
    let Some(streaming) = cx.data_opt::<Arc<dyn Streaming>>() else {
        return Ok(Vec::new());
    };
    let loaders = Loaders::of(cx);
    let files = loaders.files.get(card.id).await?;
    let Some(file) = files.as_ref().and_then(|files| playable(files, card.primary_file_id)) else {
        return Ok(Vec::new());
    };
    let streams = loaders.streams.get(card.id).await?;
    let streams = streams.as_ref().and_then(|streams| streams.get(&file.id));
    Ok(streams.map_or_else(Vec::new, |streams| streaming.subtitles(file, streams)))
}

/// How a player with such capabilities plays it, with subtitles of images drawn in if that is asked for.
pub async fn playback(
    cx: &Context<'_>,
    card: &Card,
    capabilities: PlaybackCapabilities,
    burn: Option<i32>,
) -> Result<Option<Playback>, Failure> {
    let loaders = Loaders::of(cx);
    let files = loaders.files.get(card.id).await?;
    let Some(file) = files.as_ref().and_then(|files| playable(files, card.primary_file_id)) else {
        return Ok(None);
    };
    let streams = loaders.streams.get(card.id).await?;
    let streams = streams
        .as_ref()
        .and_then(|streams| streams.get(&file.id))
        .map_or(&[][..], Vec::as_slice);
    let of_images = |stream: &&stream::Model| stream.kind == StreamKind::Subtitle && !stream.is_text;
    let burn = match burn {
        None => None,
        Some(index) => {
            let found = streams.iter().filter(of_images).find(|stream| stream.index == index);
            let none = || Failure::field("burn", format!("stream {index} holds no image subtitles"));
            Some(found.ok_or_else(none)?)
        }
    };
    let (method, reason) = match burn {
        Some(_) => (
            PlaybackMethod::Transcode,
            Some("subtitles are drawn into its pictures".to_owned()),
        ),
        None => playback::decide(file, streams, &capabilities),
    };
    let direct_url = cx.data_opt::<Arc<dyn FileUrls>>().map(|urls| Url(urls.direct(file)));
    let streaming = cx.data_opt::<Arc<dyn Streaming>>();
    let offer = streaming.and_then(|streaming| streaming.offer(file, streams, &capabilities, burn));
    let remuxes = offer.as_ref().is_none_or(|offer| offer.remuxes);
    Ok(Some(Playback {
        method: match method {
            PlaybackMethod::Remux if !remuxes => PlaybackMethod::Transcode,
            method => method,
        },
        reason,
        hls_url: offer.as_ref().map(|offer| offer.hls_url.clone()),
        dash_url: offer.as_ref().map(|offer| offer.dash_url.clone()),
        direct_url,
        variants: offer.map(|offer| offer.variants).unwrap_or_default(),
    }))
}
