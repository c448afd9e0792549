//! How a rendition lies in its file: written down when it is joined, and read by whoever plays parts of it.

use std::{fmt::Write, sync::Arc};

use bytes::Bytes;
use data_encoding::BASE64;
use entities::id::{FileId, RenditionId};
use kernel::{
    error::Failure,
    objects::{ObjectKey, Objects},
    sql,
    store::Store,
    stored::{StoredSegment, StoredTrack, StoredTracks},
};
use serde::{Deserialize, Serialize};

use crate::joined;

/// How a rendition lies in its file: the header, an index, then segment by segment the fragments of all tracks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Bytes of the header of all tracks.
    pub header: u64,
    /// Where the first fragment begins.
    pub start: u64,
    /// The tracks, in the order in which their fragments follow each other.
    pub tracks: Vec<LaidTrack>,
}

/// A track of a rendition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaidTrack {
    /// Whether it holds pictures.
    pub is_video: bool,
    /// Ticks a second.
    pub rate: u32,
    /// The head that made it, in JSON.
    pub settings: String,
    /// Its own header, in base64.
    pub header: String,
    /// Of each segment the bytes and the ticks that it lasts.
    pub segments: Vec<(u32, u32)>,
}

impl Layout {
    /// Where each fragment lies: by track, in order.
    pub fn places(&self) -> Vec<Vec<StoredSegment>> {
        let mut places: Vec<Vec<StoredSegment>> = vec![Vec::new(); self.tracks.len()];
        let mut at = self.start;
        for n in 0..self.n_segments() {
            for (track, places) in self.tracks.iter().zip(&mut places) {
                let Some(&(n_bytes, duration)) = track.segments.get(n) else {
                    continue;
                };
                places.push(StoredSegment { at, n_bytes, duration });
                at += u64::from(n_bytes);
            }
        }
        places
    }

    fn n_segments(&self) -> usize {
        self.tracks.iter().map(|track| track.segments.len()).max().unwrap_or(0)
    }

    /// The HLS playlist of ranges of the file under this URL (RFC 8216, 4.3.2.2): all tracks in one.
    pub fn playlist(&self, url: &str) -> String {
        let mut segments = Vec::new();
        let mut at = self.start;
        for n in 0..self.n_segments() {
            let of = || {
                self.tracks
                    .iter()
                    .filter_map(|track| Some((track.rate, track.segments.get(n)?)))
            };
            let n_bytes: u64 = of().map(|(_, (n_bytes, _))| u64::from(*n_bytes)).sum();
            // Pictures say how long it is; where they have ended, sound.
            let seconds = of()
                .next()
                .map_or(0.0, |(rate, (_, ticks))| f64::from(*ticks) / f64::from(rate.max(1)));
            segments.push((at, n_bytes, seconds));
            at += n_bytes;
        }
        let longest = segments.iter().map(|(.., seconds)| seconds.round()).fold(1.0, f64::max);
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{longest}\n#EXT-X-PLAYLIST-TYPE:VOD\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"{url}\",BYTERANGE=\"{}@0\"\n",
            self.header
        );
        for (at, n_bytes, seconds) in segments {
            // Writing to a text cannot fail.
            let _ = write!(text, "#EXTINF:{seconds:.6},\n#EXT-X-BYTERANGE:{n_bytes}@{at}\n{url}\n");
        }
        text.push_str("#EXT-X-ENDLIST\n");
        text
    }

    /// As it is kept in a row.
    ///
    /// # Errors
    /// Never in practice: it is plain values.
    pub fn to_text(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(Failure::internal)
    }

    /// From a row.
    ///
    /// # Errors
    /// Somebody else wrote it.
    pub fn of_text(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(Failure::internal)
    }
}

/// A track's header as its row keeps it.
pub fn kept_header(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// What is ready, for whoever plays it.
pub struct Ready {
    /// Where whole renditions are.
    pub objects: Objects,
}

#[async_trait::async_trait]
impl StoredTracks for Ready {
    async fn of_file(
        &self,
        store: &Store,
        file: FileId,
        size: i64,
        mtime_ns: i64,
    ) -> Result<Vec<Arc<StoredTrack>>, Failure> {
        let text = "select id, object_key, layout from clip_rendition where file_id = $1 and size = $2 \
            and mtime_ns = $3 and status = 2 and layout is not null order by id";
        let values = [file.0.into(), size.into(), mtime_ns.into()];
        let mut found = Vec::new();
        for row in sql::rows(store.reader(), text, values).await? {
            let (key, layout): (Vec<u8>, String) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            let Some(key) = ObjectKey::from_bytes(&key) else {
                continue;
            };
            let layout = Layout::of_text(&layout)?;
            let rendition = RenditionId(row.try_get_by_index(0)?);
            for (segments, track) in layout.places().into_iter().zip(layout.tracks) {
                let header = BASE64.decode(track.header.as_bytes()).map_err(Failure::internal)?;
                found.push(Arc::new(StoredTrack {
                    rendition,
                    is_video: track.is_video,
                    settings: track.settings,
                    header: Bytes::from(header),
                    key,
                    segments,
                }));
            }
        }
        Ok(found)
    }

    async fn segment(&self, track: &StoredTrack, n: u32) -> Result<Option<Bytes>, Failure> {
        let Some(place) = track.segments.get(n as usize) else {
            return Ok(None);
        };
        let range = place.at..place.at + u64::from(place.n_bytes);
        let Some(bytes) = self.objects.get_range(track.key, range).await? else {
            return Ok(None);
        };
        let mut bytes = bytes.to_vec();
        // In the file it is one track of several.
        joined::number(&mut bytes, 1, n.saturating_add(1)).map_err(Failure::internal)?;
        Ok(Some(Bytes::from(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::{LaidTrack, Layout, StoredSegment};

    fn layout() -> Layout {
        let track = |is_video, rate, segments: &[(u32, u32)]| LaidTrack {
            is_video,
            rate,
            settings: "{}".to_owned(),
            header: String::new(),
            segments: segments.to_vec(),
        };
        Layout {
            header: 900,
            start: 1000,
            tracks: vec![
                track(true, 90_000, &[(500, 360_000), (300, 180_000)]),
                track(false, 48_000, &[(50, 192_512), (40, 96_256), (10, 1024)]),
            ],
        }
    }

    #[test]
    fn fragments_of_all_tracks_follow_each_other() {
        let places = layout().places();
        let at = |track: usize| -> Vec<(u64, u32)> {
            let of = |place: &StoredSegment| (place.at, place.n_bytes);
            places[track].iter().map(of).collect()
        };
        assert_eq!(at(0), [(1000, 500), (1550, 300)]);
        assert_eq!(at(1), [(1500, 50), (1850, 40), (1890, 10)]);
    }

    #[test]
    fn a_playlist_names_every_byte_behind_the_index_once() {
        let text = layout().playlist("a.mp4?s=1");
        for line in [
            "#EXT-X-TARGETDURATION:4",
            "#EXT-X-MAP:URI=\"a.mp4?s=1\",BYTERANGE=\"900@0\"",
            "#EXTINF:4.000000,\n#EXT-X-BYTERANGE:550@1000\na.mp4?s=1",
            "#EXTINF:2.000000,\n#EXT-X-BYTERANGE:340@1550\na.mp4?s=1",
            "#EXTINF:0.021333,\n#EXT-X-BYTERANGE:10@1890\na.mp4?s=1",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn a_layout_survives_its_row() {
        let layout = layout();
        assert_eq!(
            Layout::of_text(&layout.to_text().expect("a text")).expect("a layout"),
            layout
        );
    }
}
