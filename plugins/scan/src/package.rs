//! Which files of a folder are parts of an HLS or DASH package: the names that its playlists and manifests speak of.

use quick_xml::{Reader, events::Event};

/// Longer playlists are cut here, in bytes.
pub const PLAYLIST_LIMIT: u64 = 1024 * 1024;

/// The names in a folder that are parts of packages.
#[derive(Debug, Default)]
pub struct PackageParts {
    names: Vec<Pattern>,
}

/// A file name, with gaps where a segment template has a variable.
#[derive(Debug)]
struct Pattern {
    parts: Vec<String>,
}

impl PackageParts {
    /// Adds what a playlist speaks of. A plain list of songs is no package: HLS is told apart by its own tags.
    pub fn read(&mut self, playlist: &[u8], text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        match kernel::kind::extension(playlist).as_deref() {
            Some("m3u8" | "m3u") if text.contains("#EXT-X-") => self.read_hls(&text),
            Some("mpd") => self.read_dash(&text),
            _ => {}
        }
    }

    /// Whether this file of the folder is a part.
    pub fn contains(&self, name: &[u8]) -> bool {
        let Ok(name) = std::str::from_utf8(name) else {
            return false;
        };
        self.names.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn read_hls(&mut self, text: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if !line.starts_with('#') {
                self.add(line);
                continue;
            }
            if let Some((_, rest)) = line.split_once("URI=\"") {
                self.add(rest.split('"').next().unwrap_or_default());
            }
        }
    }

    fn read_dash(&mut self, text: &str) {
        let mut reader = Reader::from_str(text);
        let mut in_base_url = false;
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag) | Event::Empty(tag)) => {
                    in_base_url = tag.local_name().as_ref() == "BaseURL";
                    for attribute in tag.attributes().with_checks(false).flatten() {
                        let name = attribute.key.local_name();
                        if ["media", "initialization", "sourceURL", "index"].contains(&name.as_ref()) {
                            self.add(&attribute.value);
                        }
                    }
                }
                Ok(Event::Text(text)) if in_base_url => self.add(text.borrow().into_inner().trim()),
                Ok(Event::End(_)) => in_base_url = false,
                // A broken manifest has said what it could.
                Ok(Event::Eof) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn add(&mut self, url: &str) {
        let name = url.split(['?', '#']).next().unwrap_or_default();
        if name.is_empty() || name.contains("://") || name.contains('/') {
            return;
        }
        // `$Number%05d$`, `$RepresentationID$`: every second piece is a variable, and `$$` is a dollar sign.
        let mut parts = vec![String::new()];
        for (position, piece) in name.split('$').enumerate() {
            match (position % 2, piece) {
                (1, "") => push_last(&mut parts, "$"),
                (1, _) => parts.push(String::new()),
                _ => push_last(&mut parts, piece),
            }
        }
        self.names.push(Pattern { parts });
    }
}

fn push_last(parts: &mut [String], text: &str) {
    if let Some(last) = parts.last_mut() {
        last.push_str(text);
    }
}

impl Pattern {
    fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.parts.split_first() else {
            return false;
        };
        let Some(mut name) = name.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return name.is_empty();
        };
        for part in middle {
            // A variable is at least one character.
            let Some(found) = name.get(1..).and_then(|after| after.find(part.as_str())) else {
                return false;
            };
            name = &name[1 + found + part.len()..];
        }
        name.len() > last.len() && name.ends_with(last.as_str())
    }
}
