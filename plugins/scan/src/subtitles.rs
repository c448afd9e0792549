//! Which files of subtitles lie beside which video: noted on the video's row, without opening any of them.

use std::collections::{HashMap, HashSet};

use entities::id::FileId;
use kernel::{
    kind,
    store::Durability,
    subtitle_file::{NONE, SubtitleFile, stem, write},
};

use crate::{
    items::{Items, TotalsChange},
    known::{self, KnownFile},
    record::Recorder,
    sql,
    walk::SeenFile,
};

/// The subtitles of a folder's videos.
pub struct Beside {
    /// What a row has, by the video's name without its extension.
    by_stem: HashMap<Vec<u8>, String>,
}

impl Beside {
    /// Of a folder with these files. Where several names fit, as `a` and `a.b` for `a.b.srt`, the longest has it.
    pub fn of(files: &[SeenFile], sidecars: &[SeenFile]) -> Self {
        let videos = files.iter().filter(|file| kind::is_video(&file.name));
        let stems: HashSet<&[u8]> = videos.map(|file| stem(&file.name)).collect();
        let mut found: HashMap<&[u8], Vec<SubtitleFile>> = HashMap::new();
        for SeenFile { name, facts } in sidecars {
            let dots = (1..name.len()).rev().filter(|&at| name[at] == b'.');
            let Some(owner) = dots.map(|dot| &name[..dot]).find(|stem| stems.contains(stem)) else {
                continue;
            };
            let subtitles = SubtitleFile::beside(owner, name, facts.size, facts.mtime_ns);
            found.entry(owner).or_default().extend(subtitles);
        }
        let by_stem = found.into_iter().map(|(stem, files)| (stem.to_vec(), write(files)));
        Self {
            by_stem: by_stem.collect(),
        }
    }

    /// What the row of a file of this name has.
    pub fn of_file(&self, name: &[u8]) -> &str {
        let found = self.by_stem.get(stem(name)).filter(|_| kind::is_video(name));
        found.map_or(NONE, String::as_str)
    }
}

impl Recorder<'_> {
    /// Notes what lies beside files that did not change themselves.
    pub async fn apply_subtitles(&mut self, found: Vec<(KnownFile, String)>) -> anyhow::Result<()> {
        for batch in found.chunks(sql::CHUNK) {
            self.cx.checkpoint().await?;
            let now = self.cx.kernel().clock.now_ms();
            let tx = self.cx.begin(Durability::Normal).await?;
            let items = Items::load(&tx, batch.iter().map(|(row, _)| row.media)).await?;
            let in_place = known::in_place(&tx, batch.iter().map(|(row, _)| row.id)).await?;
            for (row, subtitles) in batch.iter().filter(|(row, _)| in_place.contains(&row.id)) {
                set(&tx, row.id, subtitles).await?;
            }
            let mut totals = TotalsChange::default();
            totals += items.settle(&tx, now, &HashMap::new(), &HashMap::new()).await?;
            totals.write(&tx, self.library, now).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

async fn set(tx: &kernel::store::Tx, file: FileId, subtitles: &str) -> Result<(), sea_orm::DbErr> {
    let text = "update file set subtitles = $2 where id = $1";
    sql::execute(&**tx, text, vec![file.0.into(), subtitles.into()]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use kernel::{
        blob::{EntryKind, Facts},
        subtitle_file::parse,
    };

    use super::*;

    fn seen(names: &[&str]) -> Vec<SeenFile> {
        let facts = Facts {
            kind: EntryKind::File,
            size: 1,
            mtime_ns: 2,
            inode: 3,
            device: 4,
        };
        let file = |name: &&str| SeenFile {
            name: name.as_bytes().to_vec(),
            facts,
        };
        names.iter().map(file).collect()
    }

    #[test]
    fn each_file_of_subtitles_belongs_to_the_video_with_the_longest_name() {
        let files = seen(&["a.mkv", "a.mp4", "a.b.mkv", "a.jpg", "song.mp3"]);
        let sidecars = seen(&["a.srt", "a.b.srt", "a.de.vtt", "a.nfo", "b.srt", "song.srt", "a.idx"]);
        let beside = Beside::of(&files, &sidecars);
        let suffixes = |name: &str| -> Vec<String> {
            let found = parse(beside.of_file(name.as_bytes()));
            found.into_iter().map(|file| file.suffix).collect()
        };
        for (name, expected) in [
            ("a.mkv", &[".de.vtt", ".srt"][..]),
            ("a.mp4", &[".de.vtt", ".srt"]),
            ("a.b.mkv", &[".srt"]),
            ("a.jpg", &[]),
            ("song.mp3", &[]),
        ] {
            assert_eq!(suffixes(name), expected, "{name}");
        }
    }
}
