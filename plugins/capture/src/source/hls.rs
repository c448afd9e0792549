//! HTTP Live Streaming (RFC 8216): the playlist is read again and again, and its new segments are fetched one after the other.

use std::time::{Duration, Instant};

use fetch::Limits;
use kernel::egress::target::Target;
use m3u8_rs::{ByteRange, KeyMethod, MediaPlaylist, MediaSegment, Playlist};

use super::{Lost, Reach, Sink};

/// The longest playlist.
const MAX_PLAYLIST: u64 = 4 << 20;
/// The longest segment.
const MAX_SEGMENT: u64 = 512 << 20;
/// How many segments before the live edge a capture begins, as players do.
const BEHIND: usize = 3;
/// How often the playlist is read at most, and at least.
const LEAST: Duration = Duration::from_millis(300);
const MOST: Duration = Duration::from_secs(6);

struct Reader<'a> {
    reach: &'a Reach,
    sink: &'a mut Sink,
    /// The number of the next segment.
    next: Option<u64>,
    /// The header of the segments, as its playlist names it.
    map: Option<String>,
    /// Where the last range of bytes ended, for ranges that say no beginning.
    range_end: u64,
}

/// Follows a playlist until it says that it ends.
pub async fn feed(reach: &Reach, target: &Target, sink: &mut Sink) -> Result<(), Lost> {
    let mut place = target.clone();
    let mut reader = Reader {
        reach,
        sink,
        next: None,
        map: None,
        range_end: 0,
    };
    let mut news = Instant::now();
    let mut depth = 0;
    loop {
        let (from, playlist) = read(reach, &place).await?;
        let media = match playlist {
            Playlist::MediaPlaylist(media) => media,
            Playlist::MasterPlaylist(master) if depth == 0 => {
                let whole = master.variants.iter().filter(|variant| !variant.is_i_frame);
                let best = whole.max_by_key(|variant| variant.bandwidth);
                let best = best.ok_or_else(|| Lost::forever(format!("the playlist of {target} lists nothing")))?;
                place = from.join(&best.uri).map_err(|error| Lost::forever(error.to_string()))?;
                depth = 1;
                continue;
            }
            Playlist::MasterPlaylist(_) => {
                return Err(Lost::forever(format!(
                    "the playlist of {target} lists playlists of playlists"
                )));
            }
        };
        if reader.follow(&from, &media).await? {
            news = Instant::now();
        }
        if media.end_list {
            return Ok(());
        }
        let target_duration = Duration::from_secs(media.target_duration.clamp(1, 60));
        if news.elapsed() > reach.idle.max(target_duration * 3) {
            return Err(Lost::now(format!("the playlist of {target} does not move on")));
        }
        tokio::time::sleep((target_duration / 3).clamp(LEAST, MOST)).await;
    }
}

async fn read(reach: &Reach, place: &Target) -> Result<(Target, Playlist), Lost> {
    let limits = Limits {
        idle: reach.idle,
        max_bytes: MAX_PLAYLIST,
    };
    let answer = reach.client.get(place, None, limits).await?;
    let from = answer.target.clone();
    let bytes = answer.whole().await?;
    match m3u8_rs::parse_playlist_res(&bytes) {
        Ok(playlist) => Ok((from, playlist)),
        Err(_) => Err(Lost::now(format!("what {place} sends is no playlist"))),
    }
}

impl Reader<'_> {
    /// Fetches the segments that are new; says whether there were any.
    async fn follow(&mut self, from: &Target, media: &MediaPlaylist) -> Result<bool, Lost> {
        let (first, n) = (media.media_sequence, media.segments.len() as u64);
        let next = match self.next {
            // A list that begins anew is another stream.
            Some(next) if next <= first.saturating_add(n) => next.max(first),
            Some(_) => return Err(Lost::now(format!("the playlist of {from} has begun anew"))),
            None if media.end_list => first,
            None => first + (media.segments.len().saturating_sub(BEHIND)) as u64,
        };
        self.next = Some(next);
        let mut is_new = false;
        for segment in media.segments.iter().skip((next - first) as usize) {
            self.segment(from, segment).await?;
            self.next = self.next.map(|next| next + 1);
            is_new = true;
        }
        Ok(is_new)
    }

    async fn segment(&mut self, from: &Target, segment: &MediaSegment) -> Result<(), Lost> {
        if segment.key.as_ref().is_some_and(|key| key.method != KeyMethod::None) {
            return Err(Lost::forever(format!("the segments of {from} are encrypted")));
        }
        if let Some(map) = &segment.map {
            let name = format!("{} {:?}", map.uri, map.byte_range);
            match &self.map {
                Some(known) if *known == name => {}
                // Another header is another file.
                Some(_) => return Err(Lost::now(format!("the segments of {from} have another header now"))),
                None => {
                    self.fetch(from, &map.uri, map.byte_range.as_ref()).await?;
                    self.map = Some(name);
                }
            }
        }
        match self.fetch(from, &segment.uri, segment.byte_range.as_ref()).await {
            // It was removed before it was read: what follows is still there.
            Err(Lost { text, may_pass: true }) if text.ends_with("status 404") => {
                tracing::debug!(error = text, "a segment is gone");
                Ok(())
            }
            other => other,
        }
    }

    async fn fetch(&mut self, from: &Target, uri: &str, range: Option<&ByteRange>) -> Result<(), Lost> {
        let target = from.join(uri).map_err(|error| Lost::forever(error.to_string()))?;
        let limits = Limits {
            idle: self.reach.idle,
            max_bytes: MAX_SEGMENT,
        };
        let range = range.map(|range| (range.offset.unwrap_or(self.range_end), range.length));
        if let Some((offset, length)) = range {
            self.range_end = offset.saturating_add(length);
        }
        let mut answer = self.reach.client.get(&target, range, limits).await?;
        while let Some(piece) = answer.piece().await? {
            self.sink.put(&piece).await?;
        }
        Ok(())
    }
}
