//! Kodi's NFO sidecars: what a person or a tool wrote down about a film, an episode or a music video.
//!
//! Read with a limit in bytes and without any entity but XML's own five: an NFO is as little trusted as a media file.

use quick_xml::{Reader, escape::resolve_xml_entity, events::Event};

/// The longest NFO that is read, in bytes.
pub const NFO_LIMIT: u64 = 512 * 1024;
/// The most people, and the most tags, that are taken from one.
const MAX_NAMES: usize = 200;
/// The longest plot kept, in characters.
const MAX_PLOT: usize = 8_000;
const MAX_DEPTH: usize = 32;

/// A person's part in an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// The name as written.
    pub name: String,
    /// What they did or whom they played.
    pub role: Option<String>,
}

/// What an NFO says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nfo {
    /// The title.
    pub title: Option<String>,
    /// The plot, or the outline.
    pub description: Option<String>,
    /// An ISO 8601 day.
    pub date: Option<String>,
    /// The studio or label.
    pub studio: Option<String>,
    /// Artists, actors, directors and writers, in the order of the file.
    pub people: Vec<Credit>,
    /// Genres and tags.
    pub tags: Vec<String>,
}

/// Reads an NFO. None when it is none of Kodi's kinds: many `.nfo` files are release notes in plain text.
pub fn parse(bytes: &[u8]) -> Option<Nfo> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().check_end_names = false;
    let mut nfo = Nfo::default();
    let mut outline = None;
    let mut year = None;
    let mut stack: Vec<String> = Vec::new();
    let mut content = String::new();
    let mut actor = Credit {
        name: String::new(),
        role: None,
    };
    let mut is_known = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                let name = tag.local_name().as_ref().to_ascii_lowercase();
                if stack.is_empty() {
                    is_known = ["movie", "episodedetails", "musicvideo"].contains(&name.as_str());
                    if !is_known {
                        return None;
                    }
                }
                if stack.len() >= MAX_DEPTH {
                    break;
                }
                stack.push(name);
                content.clear();
            }
            Ok(Event::Text(text)) => content.push_str(&text.xml10_content()),
            Ok(Event::CData(text)) => content.push_str(&text.into_inner()),
            Ok(Event::GeneralRef(entity)) => match entity.resolve_char_ref() {
                Ok(Some(character)) => content.push(character),
                _ => content.push_str(resolve_xml_entity(&entity.into_inner()).unwrap_or_default()),
            },
            Ok(Event::End(_)) => {
                let path: Vec<&str> = stack.iter().skip(1).map(String::as_str).collect();
                let value = super::title::bounded(&content);
                match (path.as_slice(), value.is_empty()) {
                    (["title"], false) => nfo.title = Some(value),
                    (["plot"], false) => nfo.description = Some(plot(&content)),
                    (["outline"], false) => outline = Some(plot(&content)),
                    (["premiered" | "aired" | "releasedate"], false) => nfo.date = nfo.date.or_else(|| day(&value)),
                    (["year"], false) => year = day(&value),
                    (["studio" | "label"], false) => nfo.studio = nfo.studio.or(Some(value)),
                    (["genre" | "tag"], false) => split(&value).for_each(|tag| add_tag(&mut nfo.tags, tag)),
                    (["director"], false) => credit(&mut nfo.people, value, Some("director")),
                    (["credits" | "writer"], false) => credit(&mut nfo.people, value, Some("writer")),
                    (["artist"], false) => credit(&mut nfo.people, value, Some("artist")),
                    (["actor", "name"], false) => actor.name = value,
                    (["actor", "role"], false) => actor.role = Some(value),
                    (["actor"], _) => {
                        let done = std::mem::replace(
                            &mut actor,
                            Credit {
                                name: String::new(),
                                role: None,
                            },
                        );
                        credit(&mut nfo.people, done.name, done.role.as_deref());
                    }
                    _ => {}
                }
                content.clear();
                stack.pop();
                if stack.is_empty() {
                    break;
                }
            }
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    nfo.description = nfo.description.or(outline);
    nfo.date = nfo.date.or(year);
    is_known.then_some(nfo)
}

/// The day that a date of any usual precision begins with: `2021-05-04T12:00:00Z`, `2021:05:04`, `20210504`, `2021-05`,
/// `2021`. A bare year or month is its first day, so that it sorts; impossible dates are none.
pub fn day(text: &str) -> Option<String> {
    let text = text.trim();
    let digits: Vec<&str> = text.split(|c: char| !c.is_ascii_digit()).collect();
    let (year, month, day) = match digits.as_slice() {
        [ymd, ..] if ymd.len() == 8 => (ymd.get(..4)?, ymd.get(4..6)?, ymd.get(6..)?),
        [year, month, day, ..] if !month.is_empty() && !day.is_empty() => (*year, *month, *day),
        [year, month, ..] if !month.is_empty() => (*year, *month, "1"),
        [year, ..] => (*year, "1", "1"),
        [] => return None,
    };
    if year.len() != 4 {
        return None;
    }
    let date = jiff::civil::Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
    // 1904 and 1970 are where the clocks of QuickTime and Unix begin: they mean that nobody knew.
    let is_epoch = [(1904, 1, 1), (1970, 1, 1)].contains(&(date.year(), date.month(), date.day()));
    (date.year() >= 1800 && !is_epoch).then(|| date.to_string())
}

fn split(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(['/', ';', '|'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn add_tag(tags: &mut Vec<String>, tag: &str) {
    let is_new = !tags.iter().any(|known| known.to_lowercase() == tag.to_lowercase());
    if is_new && tags.len() < MAX_NAMES {
        tags.push(tag.to_owned());
    }
}

fn credit(people: &mut Vec<Credit>, name: String, role: Option<&str>) {
    let is_new = !people
        .iter()
        .any(|known| known.name.to_lowercase() == name.to_lowercase());
    if !name.is_empty() && is_new && people.len() < MAX_NAMES {
        people.push(Credit {
            name,
            role: role.map(str::to_owned),
        });
    }
}

fn plot(text: &str) -> String {
    let clean = text.trim().chars().filter(|c| !c.is_control() || *c == '\n');
    clean.take(MAX_PLOT).collect()
}
