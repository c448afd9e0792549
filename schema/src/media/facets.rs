//! Facets: how many of the items that a list finds have which value. One grouped statement a facet over the whole list,
//! read only when it is selected, and kept until something changes. Kinds and resolutions share one pass.

use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    ConnectionTrait, DbBackend, JoinType,
    sea_query::{Expr, ExprTrait, Order, Query, SelectStatement, UnionType},
};

use crate::{
    caches::Answers,
    media::{list, page::Scope, resolution::Resolution},
};

/// Values with how many items have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counts {
    /// By id or number.
    Numbers(Vec<(i64, i64)>),
    /// By text.
    Texts(Vec<(String, i64)>),
}

impl Counts {
    /// The bytes it takes in a cache.
    pub fn weigh(&self) -> u32 {
        match self {
            Self::Numbers(counts) => 24 + 16 * counts.len() as u32,
            Self::Texts(counts) => counts.iter().map(|(text, _)| 32 + text.len() as u32).sum::<u32>() + 24,
        }
    }

    /// The counts by number; none of those by text.
    pub fn numbers(&self) -> &[(i64, i64)] {
        match self {
            Self::Numbers(counts) => counts,
            Self::Texts(_) => &[],
        }
    }

    /// The counts by text; none of those by number.
    pub fn texts(&self) -> &[(String, i64)] {
        match self {
            Self::Texts(counts) => counts,
            Self::Numbers(_) => &[],
        }
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    /// By tag.
    Tags,
    /// By person.
    People,
    /// By studio.
    Studios,
    /// By library.
    Libraries,
    /// By kind, then by class of resolution, in one row: [`KINDS`] and then [`Resolution::ALL`].
    Classes,
    /// By codec of the pictures.
    VideoCodecs,
    /// By codec of the sound.
    AudioCodecs,
    /// By the year of the date.
    Years,
    /// By the viewer's own rating, in steps of [`RATING_STEP`].
    Ratings,
}

/// How many kinds come before the classes of resolution.
pub const KINDS: usize = 3;
/// Ratings from 0 on, from this on, and so on; the greatest belongs to the last step.
pub const RATING_STEP: i64 = 20;

/// The counts of a facet, the greatest first, at most `first` of them.
pub async fn read(
    kernel: &Kernel,
    answers: &Answers,
    scope: &Scope,
    facet: Facet,
    first: u64,
) -> Result<std::sync::Arc<Counts>, Failure> {
    let epoch = match facet {
        Facet::Ratings => answers.epoch_of(scope.list.viewer),
        _ => String::new(),
    };
    let question = format!("{facet:?} {first} {epoch} {}", scope.list.question);
    let load = || async {
        let db = kernel.store.reader();
        if !is_kept(scope, facet) && facet != Facet::Ratings {
            let found = scope.list.found(db, answers).await?;
            let counts = found
                .as_ref()
                .as_ref()
                .and_then(|found| answers.census.count(found, facet, first as usize));
            if let Some(counts) = counts {
                return Ok(counts);
            }
        }
        let statement = statement(scope, facet, first, db.get_database_backend());
        let rows = list::timed(&answers.census, db.query_all(&statement)).await?;
        if facet == Facet::Classes {
            let row = rows.first();
            let count = |index: usize| row.map_or(Ok(0), |row| row.try_get_by_index(index));
            let counts = (0..KINDS + Resolution::ALL.len()).map(|index| Ok((index as i64, count(index)?)));
            return Ok(Counts::Numbers(counts.collect::<Result<_, Failure>>()?));
        }
        let is_text = matches!(facet, Facet::VideoCodecs | Facet::AudioCodecs);
        if is_text {
            let counts = rows
                .iter()
                .map(|row| Ok((row.try_get("", "value")?, row.try_get("", "n")?)));
            return Ok(Counts::Texts(counts.collect::<Result<_, Failure>>()?));
        }
        let counts = rows
            .iter()
            .map(|row| Ok((row.try_get("", "value")?, row.try_get("", "n")?)));
        Ok(Counts::Numbers(counts.collect::<Result<_, Failure>>()?))
    };
    answers.facets.get_or_load(&question, load).await
}

/// Whether what is counted by keeps count of what lists show.
fn is_kept(scope: &Scope, facet: Facet) -> bool {
    let has_counters = matches!(facet, Facet::Tags | Facet::People | Facet::Studios | Facet::Libraries);
    has_counters && scope.list.is_everything
}

/// The statement that counts.
pub fn statement(scope: &Scope, facet: Facet, first: u64, backend: DbBackend) -> SelectStatement {
    let counted = match facet {
        Facet::Tags => Some("tag"),
        Facet::People => Some("person"),
        Facet::Studios => Some("studio"),
        Facet::Libraries => Some("library"),
        _ => None,
    };
    if let Some(table) = counted.filter(|_| is_kept(scope, facet)) {
        return Query::select()
            .expr_as(Expr::col("id"), "value")
            .expr_as(Expr::col("n_media"), "n")
            .from(table)
            .and_where(Expr::col("n_media").gt(0))
            .order_by("n_media", Order::Desc)
            .order_by("id", Order::Desc)
            .limit(first)
            .take();
    }
    let mut select = Query::select();
    select.from("media").cond_where(scope.condition.clone());
    if facet == Facet::Classes {
        return classes(select);
    }
    if facet == Facet::Years {
        return years(select, first);
    }
    if facet == Facet::Ratings && scope.list.is_everything {
        return all_ratings(i64::from(scope.list.viewer), first);
    }
    // On SQLite a cross join keeps its order: from the items to their links, because a list may hold few items of many.
    let join = match backend {
        DbBackend::Sqlite => JoinType::CrossJoin,
        _ => JoinType::InnerJoin,
    };
    let mut link = |table: &'static str| {
        let on = Expr::col((table, "media_id")).equals(("media", "id"));
        select.join(join, table, on.clone()).and_where(on);
    };
    let media = |column: &'static str| Expr::col(("media", column));
    let value = match facet {
        Facet::Tags => {
            link("media_tag");
            Expr::col(("media_tag", "tag_id"))
        }
        Facet::People => {
            link("media_person");
            Expr::col(("media_person", "person_id"))
        }
        Facet::Ratings => {
            link("media_user");
            select.and_where(Expr::col(("media_user", "user_id")).eq(i64::from(scope.list.viewer)));
            select.and_where(Expr::col(("media_user", "rating")).is_not_null());
            step()
        }
        Facet::Studios => media("studio_id"),
        Facet::Libraries => media("library_id"),
        Facet::VideoCodecs => media("video_codec"),
        Facet::AudioCodecs => media("audio_codec"),
        Facet::Years | Facet::Classes => Expr::cust("0"),
    };
    let present = match facet {
        Facet::Studios => Some("studio_id"),
        Facet::VideoCodecs => Some("video_codec"),
        Facet::AudioCodecs => Some("audio_codec"),
        _ => None,
    };
    if let Some(column) = present {
        select.and_where(media(column).is_not_null());
    }
    select
        .expr_as(value, "value")
        .expr_as(Expr::cust("count(*)"), "n")
        .add_group_by([Expr::col("value")])
        .order_by("n", Order::Desc)
        .order_by("value", Order::Desc)
        .limit(first)
        .take()
}

/// By kind and class: first by size, of which there are few, and which an index has in order.
fn classes(mut items: SelectStatement) -> SelectStatement {
    let size = ["kind", "width", "height"].map(|column| ("media", column));
    items
        .columns(size)
        .expr_as(Expr::cust("count(*)"), "n")
        .group_by_columns(size);
    let mut select = Query::select();
    select.from_subquery(items, "media");
    let mut count = |condition: &str| {
        // Sums of big integers are decimals on PostgreSQL.
        let sum = format!(r#"cast(coalesce(sum("media"."n") filter (where {condition}), 0) as bigint)"#);
        select.expr(Expr::cust(sum));
    };
    for kind in 0..KINDS {
        count(&format!(r#""media"."kind" = {kind}"#));
    }
    for class in Resolution::ALL {
        count(&class.sql());
    }
    select
}

/// By year: first by day, which an index has in order.
fn years(mut items: SelectStatement, first: u64) -> SelectStatement {
    items
        .column(("media", "date"))
        .expr_as(Expr::cust("count(*)"), "n")
        .and_where(Expr::col(("media", "date")).is_not_null())
        .group_by_col(("media", "date"));
    let mut select = Query::select();
    select
        .expr_as(Expr::cust(r#"cast(substr("day"."date", 1, 4) as bigint)"#), "value")
        .from_subquery(items, "day");
    summed(select, "day", first)
}

/// By the viewer's rating of all present items: of all items but for those that are missing, which are few.
fn all_ratings(viewer: i64, first: u64) -> SelectStatement {
    let rated = |n: &'static str| {
        let mut select = Query::select();
        select
            .expr_as(step(), "value")
            .expr_as(Expr::cust(n), "n")
            .from("media_user")
            .and_where(Expr::col(("media_user", "user_id")).eq(viewer))
            .and_where(Expr::col(("media_user", "rating")).is_not_null())
            .add_group_by([Expr::col("value")]);
        select
    };
    let of_item = Expr::col(("media", "id")).equals(("media_user", "media_id"));
    let missing = rated("-count(*)")
        .join(JoinType::InnerJoin, "media", of_item)
        .and_where(Expr::col(("media", "missing_at")).is_not_null())
        .take();
    let all = rated("count(*)").union(UnionType::All, missing).take();
    let mut select = Query::select();
    select.column(("step", "value")).from_subquery(all, "step");
    let n = || Expr::cust(r#"sum("step"."n")"#);
    summed(select, "step", first).and_having(n().gt(0)).take()
}

/// The greatest sums of `n` by the column `value`.
fn summed(mut select: SelectStatement, table: &str, first: u64) -> SelectStatement {
    select
        .expr_as(Expr::cust(format!(r#"cast(sum("{table}"."n") as bigint)"#)), "n")
        .add_group_by([Expr::cust("1")])
        .order_by("n", Order::Desc)
        .order_by("value", Order::Desc)
        .limit(first)
        .take()
}

/// The step of a rating.
fn step() -> Expr {
    let last = 100 / RATING_STEP - 1;
    let step = format!(r#""media_user"."rating" / {RATING_STEP}"#);
    Expr::cust(format!(
        "cast(case when {step} > {last} then {last} else {step} end as bigint)"
    ))
}
