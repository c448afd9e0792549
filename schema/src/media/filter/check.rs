//! What is wrong with a filter, before it becomes SQL: too deep, too large, or such that nothing can fulfill it.

use std::collections::BTreeSet;

use async_graphql::ID;
use entities::id::{LibraryId, MediaId, PersonId, StudioId, TagId};
use kernel::error::Failure;

use super::typed;
use crate::media::inputs::{MediaFilter, RelationCriterion};

/// The deepest nesting of `and`, `or` and `not`.
const MAX_DEPTH: usize = 12;
/// The most filters in a tree.
const MAX_FILTERS: usize = 200;

/// The tags whose descendants a filter asks for. Refuses trees that are too deep or too large, ids of other types, and
/// criteria that contradict themselves, each with the path of its field.
pub fn roots(filter: &MediaFilter) -> Result<BTreeSet<TagId>, Failure> {
    let mut found = BTreeSet::new();
    let mut n_filters = 0;
    let mut todo = vec![(filter, "filter".to_owned(), 0)];
    while let Some((filter, path, depth)) = todo.pop() {
        n_filters += 1;
        if depth > MAX_DEPTH || n_filters > MAX_FILTERS {
            let limits = format!("at most {MAX_DEPTH} levels and {MAX_FILTERS} filters in one tree");
            return Err(Failure::field(path, limits));
        }
        links(filter, &path, &mut found)?;
        values(filter, &path)?;
        for (filters, list) in [(&filter.and, "and"), (&filter.or, "or")] {
            for (index, filter) in filters.iter().flatten().enumerate() {
                todo.push((filter, format!("{path}.{list}[{index}]"), depth + 1));
            }
        }
        if let Some(filter) = &filter.not {
            todo.push((filter, format!("{path}.not"), depth + 1));
        }
    }
    Ok(found)
}

/// The criteria on what an item is linked to. Tags whose descendants are asked for go into `found`.
fn links(filter: &MediaFilter, path: &str, found: &mut BTreeSet<TagId>) -> Result<(), Failure> {
    if let Some(tags) = &filter.tags {
        let path = format!("{path}.tags");
        check_ids::<TagId>(&tags.relations(), &path)?;
        for (ids, list) in [
            (&tags.any_of, "anyOf"),
            (&tags.all_of, "allOf"),
            (&tags.none_of, "noneOf"),
        ] {
            if let Some(ids) = ids.as_ref().filter(|_| tags.include_descendants) {
                found.extend(typed::<TagId>(ids, &format!("{path}.{list}"))?);
            }
        }
    }
    if let Some(people) = &filter.people {
        check_ids::<PersonId>(people, &format!("{path}.people"))?;
    }
    if let Some(studio) = &filter.studio {
        check_ids::<StudioId>(studio, &format!("{path}.studio"))?;
        check_single(studio, &format!("{path}.studio"))?;
    }
    if let Some(library) = &filter.library {
        check_ids::<LibraryId>(library, &format!("{path}.library"))?;
        check_single(library, &format!("{path}.library"))?;
        if library.is_empty == Some(true) {
            let message = "every item is in a library: nothing fulfills this";
            return Err(Failure::field(format!("{path}.library.isEmpty"), message));
        }
    }
    if let Some(ids) = &filter.ids {
        typed::<MediaId>(ids, &format!("{path}.ids"))?;
    }
    Ok(())
}

/// The criteria on values of an item.
fn values(filter: &MediaFilter, path: &str) -> Result<(), Failure> {
    macro_rules! check {
        ($($field:ident as $name:literal),+ $(,)?) => {
            $(if let Some(criterion) = &filter.$field {
                criterion.check(&format!("{path}.{}", $name))?;
            })+
        };
    }
    check!(
        rating as "rating",
        view_count as "viewCount",
        kind as "kind",
        resolution as "resolution",
        duration as "duration",
        height as "height",
        width as "width",
        size as "size",
        path as "path",
        title as "title",
        video_codec as "videoCodec",
        audio_codec as "audioCodec",
        container as "container",
        added_at as "addedAt",
        date as "date",
    );
    Ok(())
}

fn check_ids<T>(criterion: &RelationCriterion, path: &str) -> Result<(), Failure>
where
    T: entities::id::TypedId + std::str::FromStr<Err = entities::id::IdError>,
{
    for (ids, list) in [
        (&criterion.any_of, "anyOf"),
        (&criterion.all_of, "allOf"),
        (&criterion.none_of, "noneOf"),
    ] {
        if let Some(ids) = ids {
            typed::<T>(ids, &format!("{path}.{list}"))?;
        }
    }
    let all_of = || criterion.all_of.iter().flatten();
    let any_of = || criterion.any_of.iter().flatten();
    if criterion.is_empty == Some(true) && (all_of().next().is_some() || criterion.any_of.is_some()) {
        let message = "contradicts `anyOf` or `allOf`, which need at least one";
        return Err(Failure::field(format!("{path}.isEmpty"), message));
    }
    let none_of: Vec<&ID> = criterion.none_of.iter().flatten().collect();
    if let Some(index) = none_of.iter().position(|id| all_of().any(|wanted| wanted == *id)) {
        let message = "contradicts `allOf`, which has this id too";
        return Err(Failure::field(format!("{path}.noneOf[{index}]"), message));
    }
    if any_of().next().is_some() && any_of().all(|id| none_of.contains(&id)) {
        let message = "contradicts `anyOf`: every id of it is ruled out";
        return Err(Failure::field(format!("{path}.noneOf"), message));
    }
    Ok(())
}

/// An item has at most one of these.
fn check_single(criterion: &RelationCriterion, path: &str) -> Result<(), Failure> {
    let all_of: BTreeSet<&str> = criterion.all_of.iter().flatten().map(|id| id.as_str()).collect();
    if all_of.len() > 1 {
        let message = "an item has at most one: nothing fulfills this; use `anyOf`";
        return Err(Failure::field(format!("{path}.allOf"), message));
    }
    Ok(())
}
