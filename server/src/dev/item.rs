//! One item of a synthetic library: everything about item `n` follows from the plan, its seed and `n`.

use entities::{library::LibraryKind, media::MediaKind};

use super::{
    plan::{BEGUN_MS, ENDED_MS, Plan},
    random::Random,
    words::{ADJECTIVES, FOLDERS, NOUNS, ROLES},
};

/// The libraries that items lie in.
pub const LIBRARIES: [(&str, LibraryKind); 4] = [
    ("Videos", LibraryKind::Video),
    ("Sounds", LibraryKind::Audio),
    ("Pictures", LibraryKind::Image),
    ("Everything else", LibraryKind::Mixed),
];

/// So many neighbors share a folder in each library.
pub const FOLDER_ITEMS: usize = 64;

/// A stream of a file.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Video 0, audio 1, subtitle 2, as rows say it.
    pub kind: i32,
    /// Such as `h264`.
    pub codec: &'static str,
    /// Such as `eng`.
    pub language: Option<&'static str>,
    /// Pixels.
    pub extent: Option<(i32, i32)>,
    /// Speakers.
    pub channels: Option<i32>,
}

/// What one account did with it.
#[derive(Debug, Clone)]
pub struct Own {
    /// Which of the accounts.
    pub user: usize,
    /// 0 to 100.
    pub rating: Option<i32>,
    /// One of its favorites.
    pub is_favorite: bool,
    /// How often it was played.
    pub n_views: i64,
    /// When last.
    pub last_viewed_at: Option<i64>,
    /// Where it stopped.
    pub position_us: Option<i64>,
}

/// An item.
#[derive(Debug, Clone)]
pub struct Item {
    /// Which one.
    pub n: usize,
    /// Which of [`LIBRARIES`].
    pub library: usize,
    /// What it is.
    pub kind: MediaKind,
    /// Its title.
    pub title: String,
    /// A few sentences.
    pub description: Option<String>,
    /// ISO 8601 day.
    pub date: Option<String>,
    /// Which studio.
    pub studio: Option<usize>,
    /// Its name in its folder, one for each file.
    pub names: Vec<String>,
    /// Bytes of each file.
    pub size: i64,
    /// Microseconds.
    pub duration_us: Option<i64>,
    /// Pixels.
    pub extent: Option<(i32, i32)>,
    /// Frames per second.
    pub frame_rate: Option<(i32, i32)>,
    /// Bits per second.
    pub bit_rate: Option<i64>,
    /// Such as `matroska`.
    pub container: &'static str,
    /// The streams of each file.
    pub streams: Vec<Stream>,
    /// When the library first saw it.
    pub added_at: i64,
    /// When its file was written.
    pub modified_at: i64,
    /// Whether its files are gone.
    pub is_missing: bool,
    /// Which tags.
    pub tags: Vec<usize>,
    /// Which people, with their roles.
    pub people: Vec<(usize, Option<&'static str>)>,
    /// What accounts did with it.
    pub own: Vec<Own>,
    /// What its subtitles say, where it has any.
    pub webvtt: Option<String>,
}

const DAY_MS: i64 = 86_400_000;

const HEIGHTS: &[(u64, (i32, i32))] = &[
    (8, (640, 360)),
    (14, (720, 480)),
    (26, (1280, 720)),
    (38, (1920, 1080)),
    (3, (2560, 1440)),
    (9, (3840, 2160)),
    (2, (1080, 1920)),
];
const VIDEO_CODECS: &[(u64, (&str, &str))] = &[
    (55, ("h264", "mp4")),
    (22, ("hevc", "matroska")),
    (9, ("vp9", "webm")),
    (6, ("av1", "matroska")),
    (5, ("mpeg4", "avi")),
    (3, ("mpeg2video", "mpegts")),
];
const AUDIO_CODECS: &[(u64, (&str, &str))] = &[
    (50, ("mp3", "mp3")),
    (30, ("flac", "flac")),
    (14, ("aac", "mp4")),
    (6, ("opus", "ogg")),
];
const IMAGE_CODECS: &[(u64, (&str, &str))] = &[
    (80, ("mjpeg", "jpeg")),
    (12, ("png", "png")),
    (6, ("webp", "webp")),
    (2, ("gif", "gif")),
];
const FRAME_RATES: &[(u64, (i32, i32))] = &[
    (40, (24_000, 1_001)),
    (30, (25, 1)),
    (22, (30_000, 1_001)),
    (8, (60, 1)),
];
const LANGUAGES: &[(u64, &str)] = &[(60, "eng"), (15, "deu"), (10, "fra"), (8, "jpn"), (7, "spa")];
/// Lengths of videos in seconds: many clips, some episodes, few films.
const LENGTHS: &[(u64, (i64, i64))] = &[(45, (3, 90)), (25, (90, 900)), (20, (900, 3_600)), (10, (3_600, 9_000))];

/// Makes item `n`, as `n_users` accounts see it.
pub fn item(plan: &Plan, n: usize, n_users: usize) -> Item {
    let random = &mut Random::new(plan.seed, n as u64);
    let kind = random.weighted(&[(60, MediaKind::Video), (10, MediaKind::Audio), (30, MediaKind::Image)]);
    let library = if random.percent(20) { 3 } else { kind as usize };
    let year = 2025 - random.below(70).min(random.below(70)).min(random.below(70)) as i64;
    let (codec, container) = random.weighted(match kind {
        MediaKind::Video => VIDEO_CODECS,
        MediaKind::Audio => AUDIO_CODECS,
        MediaKind::Image => IMAGE_CODECS,
    });
    let title = title(random, kind, n, year);
    let extent = match kind {
        MediaKind::Video => Some(random.weighted(HEIGHTS)),
        MediaKind::Audio => None,
        MediaKind::Image => Some(random.weighted(&[
            (50, (4_032, 3_024)),
            (20, (3_024, 4_032)),
            (20, (6_000, 4_000)),
            (10, (1_600, 1_200)),
        ])),
    };
    let (from, to) = match kind {
        MediaKind::Video => random.weighted(LENGTHS),
        _ => (120, 420),
    };
    let duration_us = (kind != MediaKind::Image).then(|| random.between(from * 1_000_000, to * 1_000_000));
    let bit_rate = duration_us.map(|_| match extent {
        Some((width, height)) => i64::from(width) * i64::from(height) * random.between(1, 5),
        None => random.between(96, 1_000) * 1_000,
    });
    let size = match (duration_us, bit_rate) {
        (Some(duration), Some(rate)) => duration / 1_000 * (rate / 1_000) / 8,
        _ => random.between(200_000, 12_000_000),
    };
    let n_files = if random.percent(4) { 2 } else { 1 };
    let extension = match container {
        "matroska" => "mkv",
        "mpegts" => "ts",
        "jpeg" => "jpg",
        other => other,
    };
    let copy = |file: usize| if file == 0 { "" } else { " (copy)" };
    let names = (0..n_files).map(|file| format!("{title} {n}{}.{extension}", copy(file)).replace('/', "-"));
    let (tags, people) = (
        n_of(random, &[(12, 0), (50, 3), (30, 6), (8, 14)]),
        n_of(random, &[(45, 0), (40, 2), (15, 6)]),
    );
    let people = plan.people.draw_many(random, people).into_iter();
    let mut item = Item {
        names: names.collect(),
        n,
        library,
        kind,
        description: random.percent(35).then(|| description(random)),
        date: random
            .percent(70)
            .then(|| format!("{year}-{:02}-{:02}", 1 + random.below(12), 1 + random.below(28))),
        studio: if random.percent(60) {
            plan.studios.draw(random)
        } else {
            None
        },
        size,
        duration_us,
        extent,
        frame_rate: (kind == MediaKind::Video).then(|| random.weighted(FRAME_RATES)),
        bit_rate,
        container,
        streams: streams(random, kind, codec, extent),
        added_at: added_at(n, plan.n_media),
        modified_at: added_at(n, plan.n_media) - random.between(0, 4_000 * DAY_MS),
        is_missing: random.percent(1),
        tags: plan.tags.draw_many(random, tags),
        people: people.map(|person| (person, Some(*random.pick(ROLES)))).collect(),
        own: (0..n_users).filter_map(|user| own(random, user, duration_us)).collect(),
        webvtt: None,
        title,
    };
    if item.streams.iter().any(|stream| stream.kind == 2) {
        item.webvtt = Some(webvtt(random));
    }
    item
}

/// Items come in batches of some hundred, as people import them.
fn added_at(n: usize, of: usize) -> i64 {
    const BATCH: usize = 250;
    let n_batches = of.div_ceil(BATCH).max(1) as i64;
    BEGUN_MS + (ENDED_MS - BEGUN_MS) / n_batches * (n / BATCH) as i64 + (n % BATCH) as i64 * 1_500
}

fn n_of(random: &mut Random, most: &[(u64, u64)]) -> usize {
    let most = random.weighted(most);
    (most.div_ceil(2) + random.below(most / 2 + 1)) as usize
}

/// A word; the first are the most likely.
fn word(random: &mut Random, from: &'static [&'static str]) -> &'static str {
    let n = from.len() as u64;
    from[random.below(n).min(random.below(n)) as usize]
}

fn title(random: &mut Random, kind: MediaKind, n: usize, year: i64) -> String {
    if kind == MediaKind::Image && random.percent(60) {
        return format!("IMG_{:05}", n % 100_000);
    }
    let (one, other, quality) = (word(random, NOUNS), word(random, NOUNS), word(random, ADJECTIVES));
    match random.below(10) {
        0 | 1 => format!("The {quality} {one}"),
        2 => format!("{one} of the {other}"),
        3 => format!("{one} and {other} ({year})"),
        4 => format!("{one} S{:02}E{:02}", 1 + random.below(9), 1 + random.below(24)),
        5 => format!("{quality} {one} {}", 1 + random.below(40)),
        6 => format!("{one} Part {}", 1 + random.below(12)),
        7 if random.percent(10) => format!("Magic Show {}", 1 + random.below(200)),
        7 => format!("{quality} {one}"),
        _ => format!("{one} {other} {year}"),
    }
}

fn description(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..=random.below(4) {
        let (one, other) = (word(random, NOUNS).to_lowercase(), word(random, NOUNS).to_lowercase());
        let (first, second) = (word(random, ADJECTIVES), word(random, ADJECTIVES).to_lowercase());
        text.push_str(&format!(
            "{first} views of a {one}, with a {second} {other} behind it. "
        ));
    }
    text.truncate(text.trim_end().len());
    text
}

fn webvtt(random: &mut Random) -> String {
    let mut text = "WEBVTT\n".to_owned();
    for n in 0..24 {
        let (one, other) = (word(random, NOUNS).to_lowercase(), word(random, NOUNS).to_lowercase());
        let how = word(random, ADJECTIVES).to_lowercase();
        let line = match random.below(4) {
            0 => format!("Did you see the {one}? It is {how}."),
            1 => format!("Not the {one}. I said the {how} {other}."),
            2 => format!("We go to the {one} now,\nand nobody tells the {other}."),
            _ => format!("{how}, like every {one}", how = how.to_uppercase()),
        };
        text.push_str(&format!("\n00:{n:02}:00.000 --> 00:{n:02}:02.000\n{line}\n"));
    }
    text
}

/// The folder of a group of neighbors, below its library.
pub fn folder(plan: &Plan, group: usize, library: usize) -> String {
    let random = &mut Random::new(plan.seed ^ 0xf01d, (group * LIBRARIES.len() + library) as u64);
    format!(
        "{}/{} {group}",
        word(random, FOLDERS),
        word(random, NOUNS).to_lowercase()
    )
}

fn streams(random: &mut Random, kind: MediaKind, codec: &'static str, extent: Option<(i32, i32)>) -> Vec<Stream> {
    let stream = |kind, codec| Stream {
        kind,
        codec,
        language: None,
        extent: None,
        channels: None,
    };
    let picture = Stream {
        extent,
        ..stream(0, codec)
    };
    let mut sound = |codec| Stream {
        language: Some(random.weighted(LANGUAGES)),
        channels: Some(random.weighted(&[(75, 2), (25, 6)])),
        ..stream(1, codec)
    };
    match kind {
        MediaKind::Image => vec![picture],
        MediaKind::Audio => vec![sound(codec)],
        MediaKind::Video => {
            let codec = if codec == "vp9" { "opus" } else { "aac" };
            let mut streams = vec![picture, sound(codec)];
            if random.percent(12) {
                streams.push(Stream {
                    language: Some(random.weighted(LANGUAGES)),
                    ..streams[1].clone()
                });
            }
            if random.percent(22) {
                let n = 1 + random.below(3);
                streams.extend((0..n).map(|_| Stream {
                    language: Some(random.weighted(LANGUAGES)),
                    ..stream(2, "subrip")
                }));
            }
            streams
        }
    }
}

fn own(random: &mut Random, user: usize, duration_us: Option<i64>) -> Option<Own> {
    // The first account uses the library most.
    if !random.percent(24 >> (2 * user.min(3))) {
        return None;
    }
    let is_viewed = random.percent(70);
    let n_views = if is_viewed {
        1 + random.below(40).min(random.below(40)) as i64
    } else {
        0
    };
    Some(Own {
        user,
        rating: random.percent(45).then(|| 5 * random.between(2, 21) as i32),
        is_favorite: random.percent(15),
        n_views,
        last_viewed_at: is_viewed.then(|| random.between(BEGUN_MS, ENDED_MS)),
        position_us: duration_us
            .filter(|_| is_viewed && random.percent(20))
            .map(|length| random.between(0, length)),
    })
}
