//! Finding the names of tags, people and studios in paths, whole words side by side, in any case and without accents.

use std::collections::{BTreeMap, HashMap};

use entities::id::{MediaId, PersonId, StudioId, TagId};
use kernel::sql;
use schema::{media::rules::Additions, search::token};
use sea_orm::{ConnectionTrait, DbErr};
use serde::{Deserialize, Serialize};

/// Shorter names occur everywhere: in "x264", in "part a".
const MIN_LETTERS: usize = 3;

/// Whose names are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds {
    /// Tags.
    pub tags: bool,
    /// People.
    pub people: bool,
    /// Studios.
    pub studios: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Tag(TagId),
    Person(PersonId),
    Studio(StudioId),
}

/// All names, by their first word.
#[derive(Debug, Default)]
pub struct Names {
    by_first: HashMap<String, Vec<(Vec<String>, Target)>>,
}

impl Names {
    /// Reads the names of these kinds, other names included.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(db: &impl ConnectionTrait, kinds: Kinds) -> Result<Self, DbErr> {
        let mut names = Self::default();
        let sources: [(bool, &str, fn(i64) -> Target); 3] = [
            (
                kinds.tags,
                "select id, name from tag union all select tag_id, name from tag_alias",
                |id| Target::Tag(TagId(id)),
            ),
            (
                kinds.people,
                "select id, name from person union all select person_id, name from person_alias",
                |id| Target::Person(PersonId(id)),
            ),
            (kinds.studios, "select id, name from studio", |id| {
                Target::Studio(StudioId(id))
            }),
        ];
        for (is_wanted, text, target) in sources {
            if !is_wanted {
                continue;
            }
            for row in sql::rows(db, text, []).await? {
                names.add(&row.try_get_by_index::<String>(1)?, target(row.try_get_by_index(0)?));
            }
        }
        Ok(names)
    }

    fn add(&mut self, name: &str, target: Target) {
        let words = words(name);
        let n_letters: usize = words.iter().map(|word| word.chars().count()).sum();
        // A number alone is a year, a height or a part.
        let is_number = words
            .iter()
            .all(|word| word.chars().all(|letter| letter.is_ascii_digit()));
        if let Some(first) = words.first().filter(|_| n_letters >= MIN_LETTERS && !is_number) {
            self.by_first
                .entry(first.clone())
                .or_default()
                .push((words.clone(), target));
        }
    }

    /// What a path says.
    pub fn said(&self, path: &str) -> Additions {
        let mut found = Additions::default();
        let mut longest = 0;
        // A name does not span two folders, and an extension is no name.
        let stem = path.rsplit_once('.').map_or(
            path,
            |(stem, extension)| if extension.contains('/') { path } else { stem },
        );
        for part in stem.split('/') {
            let words = words(part);
            for (at, word) in words.iter().enumerate() {
                for (name, target) in self.by_first.get(word).into_iter().flatten() {
                    if !words[at..].starts_with(name) {
                        continue;
                    }
                    match target {
                        Target::Tag(id) => drop(found.tags.insert(*id)),
                        Target::Person(id) => drop(found.people.insert(*id)),
                        // An item has one studio: the longest name says most.
                        Target::Studio(id) if name.len() > longest => {
                            longest = name.len();
                            found.studio = Some(*id);
                        }
                        Target::Studio(_) => {}
                    }
                }
            }
        }
        found
    }

    /// What the paths of items say, for those of which they say anything.
    pub fn of_items(&self, items: &[(MediaId, String)]) -> BTreeMap<MediaId, Additions> {
        let said = items.iter().map(|(media, path)| (*media, self.said(path)));
        said.filter(|(_, additions)| *additions != Additions::default())
            .collect()
    }
}

fn words(text: &str) -> Vec<String> {
    token::tokens(text).map(|token| token.word).collect()
}

/// Present items with their paths, after an id.
///
/// # Errors
/// When the database fails.
pub async fn items(
    db: &impl ConnectionTrait,
    library: Option<i64>,
    after: MediaId,
    limit: u64,
) -> Result<Vec<(MediaId, String)>, DbErr> {
    let of = library.map_or(String::new(), |id| format!("and library_id = {id}"));
    let text =
        format!("select id, path from media where id > $1 and missing_at is null {of} order by id limit {limit}");
    let rows = sql::rows(db, text, [after.0.into()]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_side_by_side_are_names_and_parts_of_words_are_not() {
        let mut names = Names::default();
        for (id, name) in [
            (1, "New York"),
            (2, "Cat"),
            (3, "Élan"),
            (4, "1080"),
            (5, "ab"),
            (6, "Night"),
        ] {
            names.add(name, Target::Tag(TagId(id)));
        }
        names.add("Harbor", Target::Studio(StudioId(1)));
        names.add("Harbor Films", Target::Studio(StudioId(2)));
        names.add("Ada Byron", Target::Person(PersonId(1)));
        let tags = |path: &str| names.said(path).tags.into_iter().map(|tag| tag.0).collect::<Vec<_>>();
        assert_eq!(tags("trips/new_york/2019.mkv"), [1]);
        assert_eq!(tags("new/york.mkv"), [0i64; 0]);
        assert_eq!(tags("category.mkv"), [0i64; 0]);
        assert_eq!(tags("The.CAT.1080p.ab.mkv"), [2]);
        assert_eq!(tags("elan/video.night"), [3]);
        let said = names.said("Harbor Films/Ada.Byron - Cat.mp4");
        assert_eq!((said.studio, said.people.len()), (Some(StudioId(2)), 1));
    }
}
