//! What an item is called and who is in it: the file's name, then what the container says, then the NFO beside it.

use entities::media::MediaKind;
use media_proto::probe::Probe;

use crate::{
    nfo::{self, Credit, Nfo},
    title,
};

/// Where a title came from; a scan never replaces a higher one by a lower one.
pub mod origin {
    /// The file's name.
    pub const FILE_NAME: i32 = 0;
    /// A tag of the container.
    pub const CONTAINER: i32 = 1;
    /// A sidecar.
    pub const SIDECAR: i32 = 2;
    /// A person typed it.
    pub const PERSON: i32 = 3;
}

/// The longest description kept, in characters.
const MAX_DESCRIPTION: usize = 8_000;

/// The words about an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// What it is called.
    pub title: String,
    /// Where the title came from.
    pub title_origin: i32,
    /// What it is about.
    pub description: Option<String>,
    /// An ISO 8601 day.
    pub date: Option<String>,
    /// Its studio or label.
    pub studio: Option<String>,
    /// Who is in it.
    pub people: Vec<Credit>,
    /// Its genres and tags.
    pub tags: Vec<String>,
}

/// The title that a file's name gives an item of this kind.
pub fn title_of(name: &[u8], kind: MediaKind) -> String {
    match kind {
        MediaKind::Image => title::stem(name),
        MediaKind::Video | MediaKind::Audio => title::from_file_name(name),
    }
}

/// The words about a new or changed file.
pub fn describe(name: &[u8], kind: MediaKind, probe: &Probe, nfo: Option<&Nfo>) -> Description {
    let tag = |names: &[&str]| {
        names.iter().find_map(|wanted| {
            let value = probe
                .tags
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value);
            value
                .map(|value| title::bounded(value))
                .filter(|value| !value.is_empty())
        })
    };
    let mut described = match tag(&["title"]) {
        Some(title) => Description {
            title,
            title_origin: origin::CONTAINER,
            ..Description::default()
        },
        None => Description {
            title: title_of(name, kind),
            ..Description::default()
        },
    };
    described.date = DATES.iter().find_map(|name| nfo::day(&tag(&[name])?));
    described.description = tag(&["description", "synopsis", "comment"])
        .filter(|text| !text.eq_ignore_ascii_case("none"))
        .map(|text| text.chars().take(MAX_DESCRIPTION).collect());
    if kind == MediaKind::Audio {
        described.studio = tag(&["label", "publisher", "organization"]);
    }
    for name in ["artist", "album_artist", "albumartist", "performer"] {
        for artist in tag(&[name]).iter().flat_map(|value| value.split(';')) {
            add_artist(&mut described.people, artist.trim());
        }
    }
    if let Some(nfo) = nfo {
        described.overlay(nfo);
    }
    described
}

/// Tags of containers that hold a date, the best first; `creation_time` is often when a tool wrote the file.
const DATES: &[&str] = &[
    "originaldate",
    "date",
    "com.apple.quicktime.creationdate",
    "year",
    "datetimeoriginal",
    "creation_time",
];

impl Description {
    /// Lays a sidecar's words over these.
    pub fn overlay(&mut self, nfo: &Nfo) {
        if let Some(title) = &nfo.title {
            self.title.clone_from(title);
            self.title_origin = origin::SIDECAR;
        }
        for (mine, theirs) in [
            (&mut self.description, &nfo.description),
            (&mut self.date, &nfo.date),
            (&mut self.studio, &nfo.studio),
        ] {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        }
        if !nfo.people.is_empty() {
            self.people.clone_from(&nfo.people);
        }
        self.tags.clone_from(&nfo.tags);
    }

    /// What a sidecar alone says.
    pub fn of_sidecar(nfo: &Nfo) -> Self {
        let mut described = Self::default();
        described.overlay(nfo);
        described
    }
}

fn add_artist(people: &mut Vec<Credit>, name: &str) {
    let is_known = people
        .iter()
        .any(|known| known.name.to_lowercase() == name.to_lowercase());
    if !name.is_empty() && !is_known {
        people.push(Credit {
            name: name.to_owned(),
            role: Some("artist".to_owned()),
        });
    }
}
