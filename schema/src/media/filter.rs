//! Filters as conditions: one translation, `exists` per criterion, every value bound, every id typed before SQL.

mod check;
mod link;

use std::collections::{BTreeSet, HashMap};

use entities::{
    id::{LibraryId, MediaId, PersonId, StudioId, TagId, UserId},
    media,
};
use kernel::error::Failure;
use sea_orm::{
    Condition, ConnectionTrait, DbBackend, DbErr, Statement,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement},
};

use crate::{
    kit::{
        criterion::{BooleanCriterion, Subject},
        libraries::Libraries,
    },
    media::inputs::{MediaFilter, TagCriterion},
};

pub use self::check::roots;
use self::link::{CREDITED, TAGGED, column_is, is_in, never, relation, typed};

/// A list of ids that holds every item of a filter.
#[derive(Debug, Clone)]
pub struct Driver {
    /// The ids, from a covering index.
    pub ids: SelectStatement,
    /// How many there are at most, where that is known without counting them.
    pub at_most: Option<SelectStatement>,
}

impl Driver {
    /// A list that must be counted to know its length.
    pub fn counted(ids: SelectStatement) -> Self {
        Self { ids, at_most: None }
    }

    /// A list of a known length.
    pub fn of_length(ids: SelectStatement, n: usize) -> Self {
        let length = Query::select().expr(Expr::val(n as i64)).take();
        Self {
            ids,
            at_most: Some(length),
        }
    }
}

/// Which part of all items a filter's conditions on values leave over, roughly: there are no statistics, so each halves
/// what there is, and a part of a text is rare.
pub fn share(filter: &MediaFilter) -> f64 {
    let halves = [
        filter.kind.is_some(),
        filter.duration.is_some(),
        filter.height.is_some() || filter.width.is_some() || filter.resolution.is_some(),
        filter.size.is_some(),
        filter.video_codec.is_some(),
        filter.audio_codec.is_some(),
        filter.container.is_some(),
        filter.has_subtitles.is_some(),
        filter.added_at.is_some(),
        filter.date.is_some(),
        filter.studio.is_some(),
        filter.or.is_some(),
    ];
    let rare = [filter.path.is_some(), filter.title.is_some(), filter.ids.is_some()];
    let n = |held: &[bool]| held.iter().filter(|held| **held).count() as i32;
    let below: f64 = filter.and.iter().flatten().map(share).product();
    below * 0.5_f64.powi(n(&halves)) * 0.1_f64.powi(n(&rare))
}

/// Tags with all tags below them, themselves included.
pub type Descendants = HashMap<TagId, Vec<TagId>>;

/// What a translation needs besides the filter.
pub struct Translation<'a> {
    /// Whose ratings and views count.
    pub viewer: UserId,
    /// The libraries whose items there are.
    pub sees: &'a Libraries,
    /// For which database.
    pub backend: DbBackend,
    /// The tags of [`roots`], resolved.
    pub descendants: &'a Descendants,
}

/// All tags below these, themselves included; one statement. A cycle ends where it closes.
pub async fn descendants(db: &impl ConnectionTrait, roots: &BTreeSet<TagId>) -> Result<Descendants, DbErr> {
    if roots.is_empty() {
        return Ok(Descendants::new());
    }
    let backend = db.get_database_backend();
    let places: Vec<String> = (1..=roots.len())
        .map(|n| {
            if backend == DbBackend::Postgres {
                format!("${n}")
            } else {
                "?".to_owned()
            }
        })
        .collect();
    let sql = format!(
        "with recursive below (root, tag_id) as (
             select id, id from tag where id in ({})
             union
             select below.root, tag_parent.tag_id
             from below join tag_parent on tag_parent.parent_id = below.tag_id
         )
         select root, tag_id from below",
        places.join(", ")
    );
    let values = roots.iter().map(|id| sea_orm::Value::from(i64::from(*id)));
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(backend, sql, values))
        .await?;
    let mut found = Descendants::new();
    for row in rows {
        let (root, tag): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        found.entry(TagId(root)).or_default().push(TagId(tag));
    }
    Ok(found)
}

/// Whether the filter depends on what the viewer did with items.
pub fn mentions_viewer(filter: &MediaFilter) -> bool {
    let below = [&filter.and, &filter.or].into_iter().flatten().flatten();
    let is_own = filter.rating.is_some() || filter.is_favorite.is_some() || filter.view_count.is_some();
    is_own || below.chain(filter.not.as_deref()).any(mentions_viewer)
}

/// Whether the filter says anything about missing items; otherwise they are hidden.
pub fn mentions_missing(filter: &MediaFilter) -> bool {
    let below = [&filter.and, &filter.or].into_iter().flatten().flatten();
    filter.is_missing.is_some() || below.chain(filter.not.as_deref()).any(mentions_missing)
}

impl Translation<'_> {
    /// The condition on `media` of a whole filter.
    pub fn condition(&self, filter: &MediaFilter) -> Result<Condition, Failure> {
        self.tree(filter, "filter")
    }

    /// Lists of ids that hold every item of a filter: for each criterion that an index answers and that must hold.
    pub fn drivers(&self, filter: &MediaFilter) -> Result<Vec<Driver>, Failure> {
        let mut drivers = Vec::new();
        for inner in filter.and.iter().flatten() {
            drivers.extend(self.drivers(inner)?);
        }
        if let Some(tags) = &filter.tags {
            let expand = |ids: Vec<TagId>| {
                if tags.include_descendants {
                    self.with_descendants(&ids)
                } else {
                    ids
                }
            };
            drivers.extend(TAGGED.drivers(&tags.any_of, &tags.all_of, expand)?);
        }
        if let Some(people) = &filter.people {
            drivers.extend(CREDITED.drivers::<PersonId>(&people.any_of, &people.all_of, |ids| ids)?);
        }
        let own = || {
            let mut select = Query::select();
            select.column(("mu", "media_id")).from_as("media_user", "mu");
            select.and_where(Expr::col(("mu", "user_id")).eq(i64::from(self.viewer)));
            select
        };
        if let Some(rating) = filter.rating.as_ref().filter(|rating| rating.needs_value()) {
            let rated = rating.condition(&Subject::nullable(Expr::col(("mu", "rating"))));
            drivers.push(Driver::counted(own().cond_where(rated).take()));
        }
        if wanted(&filter.is_favorite) == Some(true) {
            // In these words, because they are the index's.
            drivers.push(Driver::counted(
                own().and_where(Expr::cust(r#""mu"."is_favorite""#)).take(),
            ));
        }
        if let Some(views) = filter.view_count.as_ref().filter(|views| views.is_above(0)) {
            let played = views.condition(&Subject::present(Expr::col(("mu", "n_views"))));
            drivers.push(Driver::counted(own().cond_where(played).take()));
        }
        Ok(drivers)
    }

    fn with_descendants(&self, ids: &[TagId]) -> Vec<TagId> {
        with_descendants(self.descendants, ids)
    }

    fn tree(&self, filter: &MediaFilter, path: &str) -> Result<Condition, Failure> {
        let mut all = Condition::all();
        for (index, inner) in filter.and.iter().flatten().enumerate() {
            all = all.add(self.tree(inner, &format!("{path}.and[{index}]"))?);
        }
        if let Some(filters) = &filter.or {
            let mut any = if filters.is_empty() { never() } else { Condition::any() };
            for (index, inner) in filters.iter().enumerate() {
                any = any.add(self.tree(inner, &format!("{path}.or[{index}]"))?);
            }
            all = all.add(any);
        }
        if let Some(inner) = &filter.not {
            all = all.add(self.tree(inner, &format!("{path}.not"))?.not());
        }
        let all = self.links(all, filter, path)?;
        let all = self.viewers_own(all, filter);
        self.columns(all, filter, path)
    }

    fn links(&self, mut all: Condition, filter: &MediaFilter, path: &str) -> Result<Condition, Failure> {
        if let Some(ids) = &filter.ids {
            all = all.add(is_in(("media", "id"), &typed::<MediaId>(ids, &format!("{path}.ids"))?));
        }
        if let Some(tags) = &filter.tags {
            all = all.add(self.tags(tags, &format!("{path}.tags"))?);
        }
        if let Some(people) = &filter.people {
            all = all.add(relation::<PersonId>(people, &format!("{path}.people"), |ids| {
                CREDITED.exists(ids, self.backend)
            })?);
        }
        // A studio and a library are columns of the item.
        if let Some(studio) = &filter.studio {
            let column = ("media", "studio_id");
            all = all.add(relation::<StudioId>(studio, &format!("{path}.studio"), |ids| {
                column_is(column, ids)
            })?);
        }
        if let Some(library) = &filter.library {
            let column = ("media", "library_id");
            all = all.add(relation::<LibraryId>(library, &format!("{path}.library"), |ids| {
                column_is(column, ids)
            })?);
        }
        Ok(all)
    }

    fn tags(&self, tags: &TagCriterion, path: &str) -> Result<Condition, Failure> {
        relation::<TagId>(&tags.relations(), path, |ids| {
            match ids.filter(|_| tags.include_descendants) {
                Some(ids) => TAGGED.exists(Some(&self.with_descendants(ids)), self.backend),
                None => TAGGED.exists(ids, self.backend),
            }
        })
    }

    fn viewers_own(&self, mut all: Condition, filter: &MediaFilter) -> Condition {
        let own = |column: &'static str| -> SelectStatement {
            Query::select()
                .column(("mu", column))
                .from_as("media_user", "mu")
                .and_where(Expr::col(("mu", "media_id")).equals(("media", "id")))
                .and_where(Expr::col(("mu", "user_id")).eq(i64::from(self.viewer)))
                .take()
        };
        let value = |column| Expr::from(sea_orm::sea_query::SubQueryStatement::from(own(column)));
        if let Some(rating) = &filter.rating {
            all = all.add(rating.condition(&Subject::nullable(value("rating"))));
        }
        if let Some(wanted) = filter.is_favorite.as_ref().and_then(|criterion| criterion.eq) {
            let favorite = own("media_id")
                .and_where(Expr::col(("mu", "is_favorite")).eq(true))
                .take();
            all = all.add(if wanted {
                Expr::exists(favorite)
            } else {
                Expr::not_exists(favorite)
            });
        }
        if let Some(views) = &filter.view_count {
            let count = Func::coalesce([value("n_views"), Expr::val(0i64)]);
            all = all.add(views.condition(&Subject::present(Expr::from(count))));
        }
        all
    }

    fn columns(&self, mut all: Condition, filter: &MediaFilter, path: &str) -> Result<Condition, Failure> {
        let column = |name: &'static str| Expr::col(("media", name));
        if let Some(kind) = &filter.kind {
            let number = |kind: &crate::media::inputs::MediaKind| media::MediaKind::from(*kind) as i32;
            let one = kind.eq.as_ref().map(|kind| column("kind").eq(number(kind)));
            let other = kind.ne.as_ref().map(|kind| column("kind").ne(number(kind)));
            let many = kind
                .is_in
                .as_ref()
                .map(|kinds| column("kind").is_in(kinds.iter().map(number)));
            for condition in [one, other, many].into_iter().flatten() {
                all = all.add(condition);
            }
        }
        if let Some(resolution) = &filter.resolution {
            all = all.add(resolution.condition());
        }
        let texts = [
            (&filter.path, "path", Subject::present(column("path"))),
            (&filter.title, "title", Subject::present(column("title"))),
            (
                &filter.video_codec,
                "videoCodec",
                Subject::nullable(column("video_codec")),
            ),
            (
                &filter.audio_codec,
                "audioCodec",
                Subject::nullable(column("audio_codec")),
            ),
            (&filter.container, "container", Subject::nullable(column("container"))),
        ];
        for (criterion, name, subject) in texts {
            // A translation may come without [`roots`], which checks the whole tree.
            let Some(criterion) = criterion else { continue };
            criterion.check(&format!("{path}.{name}"))?;
            all = all.add(criterion.condition(&subject, self.backend));
        }
        let numbers = [
            filter
                .height
                .as_ref()
                .map(|criterion| criterion.condition(&Subject::nullable(column("height")))),
            filter
                .width
                .as_ref()
                .map(|criterion| criterion.condition(&Subject::nullable(column("width")))),
            filter
                .duration
                .as_ref()
                .map(|criterion| criterion.condition(&Subject::nullable(column("duration_us")))),
            filter
                .size
                .as_ref()
                .map(|criterion| criterion.condition(&Subject::present(column("size")))),
            filter
                .added_at
                .as_ref()
                .map(|criterion| criterion.condition(&Subject::present(column("added_at")))),
            filter
                .date
                .as_ref()
                .map(|criterion| criterion.condition(&Subject::nullable(column("date")))),
        ];
        for condition in numbers.into_iter().flatten() {
            all = all.add(condition);
        }
        if let Some(criteria) = &filter.custom_fields {
            all = all.add(crate::field::criterion::condition(
                criteria,
                &format!("{path}.customFields"),
                self.backend,
            )?);
        }
        if let Some(wanted) = wanted(&filter.has_subtitles) {
            all = all.add(column("has_subtitles").eq(wanted));
        }
        if let Some(wanted) = wanted(&filter.is_missing) {
            let missing = column("missing_at");
            all = all.add(if wanted {
                missing.is_not_null()
            } else {
                missing.is_null()
            });
        }
        Ok(all)
    }
}

/// These tags and all below them.
pub(super) fn with_descendants(descendants: &Descendants, ids: &[TagId]) -> Vec<TagId> {
    let below = ids
        .iter()
        .flat_map(|id| descendants.get(id).into_iter().flatten().copied());
    below.collect::<BTreeSet<_>>().into_iter().collect()
}

pub(super) fn wanted(criterion: &Option<BooleanCriterion>) -> Option<bool> {
    criterion.as_ref().and_then(|criterion| criterion.eq)
}

#[cfg(test)]
mod tests;
