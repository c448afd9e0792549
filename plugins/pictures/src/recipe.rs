//! What is drawn and measured of which item.

use entities::media::MediaKind;
use media_proto::survey::{PictureFormat, Poster, Preview, SpriteSheet, Survey};

/// Raised when what is drawn changes so much that everything should be drawn again.
pub const VERSION: i32 = 2;

/// The widths of a poster, largest first.
pub const WIDTHS: [u32; 3] = [1280, 640, 320];
/// The width of one still of a sheet.
const TILE_WIDTH: u32 = 160;
/// Stills in a row.
const COLUMNS: u32 = 10;
/// Most stills of a sheet: 33 minutes have one each ten seconds, longer films a coarser sheet.
const MOST_TILES: i64 = 200;
/// Stills of a sheet that is long enough for them.
const USUAL_TILES: i64 = 30;
const SECOND: i64 = 1_000_000;
const PREVIEW_WIDTH: u32 = 480;
const PREVIEW_PIECES: i64 = 12;
const PREVIEW_PIECE_US: i64 = 750_000;
/// Pairs of peaks for each second.
const PEAKS_PER_SECOND: u32 = 20;

/// What the administrator wants drawn, and whether there is room.
#[derive(Debug, Clone, Copy)]
pub struct Wishes {
    /// Sheets of stills.
    pub sprites: bool,
    /// Short animations.
    pub previews: bool,
    /// Short animations also as pictures that move.
    pub animated_webp: bool,
    /// Peaks and loudness.
    pub waveforms: bool,
}

/// What the recipe goes by.
#[derive(Debug, Clone)]
pub struct Subject {
    /// What the item is.
    pub kind: MediaKind,
    /// How long it plays.
    pub duration_us: Option<i64>,
    /// Whether it has sound.
    pub has_sound: bool,
    /// The file name's extension.
    pub extension: Option<String>,
}

/// What to ask the worker for.
pub fn survey(subject: &Subject, wishes: Wishes) -> Survey {
    let duration_us = subject.duration_us.unwrap_or(0).max(0);
    let moves = subject.kind == MediaKind::Video && duration_us > 0;
    let sounds = subject.has_sound && subject.kind != MediaKind::Image;
    Survey {
        extension: subject.extension.clone(),
        page: None,
        poster: Some(Poster {
            at_us: None,
            widths: WIDTHS.to_vec(),
            formats: vec![PictureFormat::Webp, PictureFormat::Jpeg],
        }),
        sprite: (moves && wishes.sprites).then(|| sprite(duration_us)),
        preview: (moves && wishes.previews).then(|| preview(duration_us, wishes.animated_webp)),
        stills: None,
        peaks_per_second: (sounds && wishes.waveforms).then_some(PEAKS_PER_SECOND),
        loudness: sounds && wishes.waveforms,
        phash: subject.kind != MediaKind::Audio,
        fingerprint: subject.kind == MediaKind::Audio,
        scenes: moves || (sounds && wishes.waveforms),
    }
}

fn sprite(duration_us: i64) -> SpriteSheet {
    // One each ten seconds, but thirty where there is half a second for each, and no more than fit a sheet.
    let each_ten_seconds = duration_us / (10 * SECOND);
    let each_half_second = (duration_us * 2 / SECOND).max(1);
    let count = each_ten_seconds.max(USUAL_TILES).min(each_half_second).min(MOST_TILES) as u32;
    SpriteSheet {
        count,
        columns: count.min(COLUMNS),
        tile_width: TILE_WIDTH,
        format: PictureFormat::Webp,
    }
}

fn preview(duration_us: i64, is_animated: bool) -> Preview {
    // Pieces fill half of a short film at most, so that they differ.
    let pieces = (duration_us / (2 * PREVIEW_PIECE_US)).clamp(1, PREVIEW_PIECES);
    Preview {
        pieces: pieces as u32,
        piece_us: PREVIEW_PIECE_US.min(duration_us),
        width: PREVIEW_WIDTH,
        formats: match is_animated {
            true => vec![PictureFormat::Mp4, PictureFormat::AnimatedWebp],
            false => vec![PictureFormat::Mp4],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wishes = Wishes {
        sprites: true,
        previews: true,
        animated_webp: false,
        waveforms: true,
    };

    fn of(kind: MediaKind, seconds: f64, has_sound: bool) -> Survey {
        let duration_us = (seconds > 0.0).then_some((seconds * 1e6) as i64);
        let subject = Subject {
            kind,
            duration_us,
            has_sound,
            extension: None,
        };
        survey(&subject, ALL)
    }

    #[test]
    fn a_longer_film_has_more_stills_within_bounds() {
        let stills = |seconds: f64| {
            let sheet = of(MediaKind::Video, seconds, false).sprite.expect("a sheet");
            (sheet.count, sheet.columns)
        };
        assert_eq!(stills(0.2), (1, 1));
        assert_eq!(stills(3.0), (6, 6));
        assert_eq!(stills(90.0), (30, 10));
        assert_eq!(stills(600.0), (60, 10));
        assert_eq!(stills(7200.0), (200, 10));
    }

    #[test]
    fn only_what_moves_has_stills_and_only_what_sounds_has_peaks() {
        let image = of(MediaKind::Image, 0.0, true);
        assert!(image.poster.is_some() && image.phash && image.sprite.is_none() && image.peaks_per_second.is_none());
        let audio = of(MediaKind::Audio, 60.0, true);
        assert!(audio.fingerprint && audio.loudness && !audio.phash && audio.preview.is_none());
        let silent = of(MediaKind::Video, 60.0, false);
        assert!(silent.phash && silent.peaks_per_second.is_none() && !silent.loudness && silent.scenes);
        let short = of(MediaKind::Video, 0.3, false).preview.expect("an animation");
        assert_eq!((short.pieces, short.piece_us), (1, 300_000));
        let long = of(MediaKind::Video, 900.0, true).preview.expect("an animation");
        assert_eq!((long.pieces, long.piece_us), (12, 750_000));
    }
}
