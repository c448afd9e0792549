//! How the row caches read what an item's page wants at the same time: short lists of narrow rows, in the one statement
//! that a request makes of all its small reads.

use std::{collections::HashMap, sync::Arc};

use entities::{
    chapter, file,
    id::{FileId, MarkerId, MediaId, PersonId, StudioId, TagId, UserId},
    marker, media_user, page, person, studio, tag,
};
use kernel::cache::{Loaded, RowCache};
use sea_orm::{
    DbErr,
    sea_query::{Expr, ExprTrait, Order, Query, SelectStatement},
};

use super::{ByFile, Credit, load::lists};
use crate::{
    kit::{
        cells::{Cells, FromCells},
        listed::among,
        together::Together,
    },
    media::card::Card,
};

/// What they are read by, and what comes along.
#[derive(Clone)]
pub(super) struct Sources {
    pub together: Arc<Together>,
    pub marker_tags: RowCache<MarkerId, Vec<TagId>>,
    pub tags: RowCache<TagId, tag::Model>,
    pub people: RowCache<PersonId, person::Model>,
    pub studios: RowCache<StudioId, studio::Model>,
}

/// The names of an id and the columns behind it.
fn with_id<T: FromCells>() -> Vec<&'static str> {
    [&["id"][..], T::COLUMNS].concat()
}

fn all<T>(rows: Vec<Cells>, read: impl Fn(&mut Cells) -> Result<T, DbErr>) -> Result<Vec<T>, DbErr> {
    rows.into_iter().map(|mut cells| read(&mut cells)).collect()
}

fn row<T: FromCells>(cells: &mut Cells) -> Result<T, DbErr> {
    T::read(cells.int()?, cells)
}

impl Together {
    /// The rows of a table whose column holds one of these items.
    fn of(&self, table: &'static str, column: &'static str, ids: &[MediaId]) -> SelectStatement {
        let ids = ids.iter().map(|id| id.0);
        let among = among((table, column), ids, self.backend());
        Query::select().from(table).and_where(among).take()
    }

    /// The rows of a table that belong to these items.
    fn of_media(&self, table: &'static str, ids: &[MediaId]) -> SelectStatement {
        self.of(table, "media_id", ids)
    }
}

/// The rows that a link leads to, each once, however many items have it.
fn named<T: FromCells>(table: &'static str, links: SelectStatement) -> (SelectStatement, Vec<&'static str>) {
    let columns = with_id::<T>();
    let rows = Query::select()
        .columns(columns.iter().copied())
        .from(table)
        .and_where(Expr::col("id").in_subquery(links))
        .take();
    (rows, columns)
}

/// Items; their studios come along, for whoever shows them wants those next.
pub(super) async fn card(sources: Sources, ids: Vec<MediaId>) -> Loaded<MediaId, Card> {
    let Sources { together, studios, .. } = sources;
    let moment = studios.moment();
    let cards = together.of("media", "id", &ids).columns(with_id::<Card>()).take();
    let links = together.of("media", "id", &ids).column("studio_id").take();
    let (rows, columns) = named::<studio::Model>("studio", links);
    let (cards, rows) = futures_util::try_join!(together.read(cards, with_id::<Card>()), together.read(rows, columns))?;
    let rows = all(rows, row::<studio::Model>)?;
    studios.offer(moment, rows.into_iter().map(|studio| (studio.id, studio)));
    let cards = all(cards, row::<Card>)?;
    Ok(cards.into_iter().map(|card| (card.id, card)).collect())
}

/// The tags of items; their rows come along.
pub(super) async fn media_tags(sources: Sources, ids: Vec<MediaId>) -> Loaded<MediaId, Vec<TagId>> {
    let Sources { together, tags, .. } = sources;
    let moment = tags.moment();
    let links = together.of_media("media_tag", &ids);
    let (rows, columns) = named::<tag::Model>("tag", links.clone().column("tag_id").take());
    let links = links.clone().columns(["media_id", "tag_id"]).take();
    let (links, rows) = futures_util::try_join!(
        together.read(links, vec!["media_id", "tag_id"]),
        together.read(rows, columns)
    )?;
    let rows = all(rows, row::<tag::Model>)?;
    tags.offer(moment, rows.into_iter().map(|tag| (tag.id, tag)));
    let links = all(links, |cells| Ok((cells.id()?, cells.id()?)))?;
    Ok(lists(&ids, links))
}

/// The people of items, in the order of their credits; their rows come along.
pub(super) async fn credits(sources: Sources, ids: Vec<MediaId>) -> Loaded<MediaId, Vec<Credit>> {
    const COLUMNS: [&str; 3] = ["media_id", "person_id", "role"];
    let Sources { together, people, .. } = sources;
    let moment = people.moment();
    let links = together.of_media("media_person", &ids);
    let (rows, columns) = named::<person::Model>("person", links.clone().column("person_id").take());
    let links = links
        .clone()
        .columns(COLUMNS)
        .order_by("position", Order::Asc)
        .order_by("person_id", Order::Asc)
        .take();
    let (links, rows) = futures_util::try_join!(together.read(links, COLUMNS.to_vec()), together.read(rows, columns))?;
    let rows = all(rows, row::<person::Model>)?;
    people.offer(moment, rows.into_iter().map(|person| (person.id, person)));
    let links = all(links, |cells| {
        let media = cells.id()?;
        let (person, role) = (cells.id()?, cells.text_or_absent()?);
        Ok((media, Credit { person, role }))
    })?;
    Ok(lists(&ids, links))
}

pub(super) async fn description(
    Sources { together, .. }: Sources,
    ids: Vec<MediaId>,
) -> Loaded<MediaId, Option<String>> {
    let select = together.of("media", "id", &ids).columns(["id", "description"]).take();
    let rows = together.read(select, vec!["id", "description"]).await?;
    let rows = all(rows, |cells| Ok((cells.id()?, cells.text_or_absent()?)))?;
    Ok(rows.into_iter().collect())
}

pub(super) async fn files(Sources { together, .. }: Sources, ids: Vec<MediaId>) -> Loaded<MediaId, Vec<file::Model>> {
    const BYTES: [&str; 3] = ["name", "fingerprint", "content_hash"];
    let mut select = together.of_media("file", &ids);
    for column in with_id::<file::Model>() {
        match BYTES.contains(&column) {
            true => select.expr_as(together.digits(column), column),
            false => select.column(column),
        };
    }
    // Present files before missing ones, then the oldest: the scan picks its primary file the same way.
    select.order_by("status", Order::Asc).order_by("id", Order::Asc);
    let rows = all(
        together.read(select, with_id::<file::Model>()).await?,
        row::<file::Model>,
    )?;
    Ok(lists(&ids, rows.into_iter().map(|file| (file.media_id, file))))
}

pub(super) async fn pages(
    Sources { together, .. }: Sources,
    ids: Vec<MediaId>,
) -> Loaded<MediaId, ByFile<page::Model>> {
    let mut select = together.of_media("file", &ids);
    select
        .column(("file", "media_id"))
        .columns(["file_id", "position", "name", "n_bytes"].map(|column| ("page", column)))
        .inner_join("page", Expr::col(("page", "file_id")).equals(("file", "id")))
        .order_by(("page", "file_id"), Order::Asc)
        .order_by(("page", "position"), Order::Asc);
    let columns = vec!["media_id", "file_id", "position", "name", "n_bytes"];
    let rows = all(together.read(select, columns).await?, |cells| {
        let media: MediaId = cells.id()?;
        let row = page::Model {
            file_id: cells.id()?,
            position: cells.small()?,
            name: cells.text()?,
            n_bytes: cells.int()?,
        };
        Ok((media, row))
    })?;
    let mut found: HashMap<MediaId, ByFile<page::Model>> = ids.iter().map(|id| (*id, ByFile::new())).collect();
    for (media, row) in rows {
        let files = found.entry(media).or_default();
        files.entry(row.file_id).or_default().push(row);
    }
    Ok(found)
}

pub(super) async fn chapters(
    Sources { together, .. }: Sources,
    ids: Vec<MediaId>,
) -> Loaded<MediaId, ByFile<chapter::Model>> {
    let mut select = together.of_media("file", &ids);
    select
        .expr_as(Expr::col(("file", "media_id")), "media_id")
        .columns(
            with_id::<chapter::Model>()
                .into_iter()
                .map(|column| ("chapter", column)),
        )
        .inner_join("chapter", Expr::col(("chapter", "file_id")).equals(("file", "id")))
        .order_by(("chapter", "file_id"), Order::Asc)
        .order_by(("chapter", "position"), Order::Asc);
    let columns = [&["media_id"][..], &with_id::<chapter::Model>()].concat();
    let rows = all(together.read(select, columns).await?, |cells| {
        Ok((cells.id::<MediaId>()?, row::<chapter::Model>(cells)?))
    })?;
    let mut found: HashMap<MediaId, ByFile<chapter::Model>> = ids.iter().map(|id| (*id, ByFile::new())).collect();
    for (media, chapter) in rows {
        let files: &mut HashMap<FileId, Vec<chapter::Model>> = found.entry(media).or_default();
        files.entry(chapter.file_id).or_default().push(chapter);
    }
    Ok(found)
}

/// Markers; the tags that they have come along, for whoever shows them wants those next.
pub(super) async fn markers(sources: Sources, ids: Vec<MediaId>) -> Loaded<MediaId, Vec<marker::Model>> {
    let Sources {
        together,
        marker_tags: links,
        tags,
        ..
    } = sources;
    let moments = (links.moment(), tags.moment());
    let select = together
        .of_media("marker", &ids)
        .columns(with_id::<marker::Model>())
        .order_by("start_us", Order::Asc)
        .order_by("id", Order::Asc)
        .take();
    let of_tag = with_id::<tag::Model>();
    let linked = together
        .of_media("marker", &ids)
        .expr_as(Expr::col(("marker", "id")), "marker_id")
        .columns(of_tag.iter().map(|column| ("tag", *column)))
        .inner_join(
            "marker_tag",
            Expr::col(("marker_tag", "marker_id")).equals(("marker", "id")),
        )
        .inner_join("tag", Expr::col(("tag", "id")).equals(("marker_tag", "tag_id")))
        .take();
    let (rows, linked) = futures_util::try_join!(
        together.read(select, with_id::<marker::Model>()),
        together.read(linked, [&["marker_id"][..], &of_tag].concat()),
    )?;
    let rows = all(rows, row::<marker::Model>)?;
    let linked = all(linked, |cells| Ok((cells.id::<MarkerId>()?, row::<tag::Model>(cells)?)))?;
    let keys: Vec<MarkerId> = rows.iter().map(|row| row.id).collect();
    links.offer(
        moments.0,
        lists(&keys, linked.iter().map(|(marker, tag)| (*marker, tag.id))),
    );
    tags.offer(moments.1, linked.into_iter().map(|(_, tag)| (tag.id, tag)));
    Ok(lists(&ids, rows.into_iter().map(|row| (row.media_id, row))))
}

/// What an account did with items, whether it ever did anything with them or not.
pub(super) async fn own(
    Sources { together, .. }: Sources,
    keys: Vec<(MediaId, UserId)>,
) -> Loaded<(MediaId, UserId), media_user::Model> {
    const COLUMNS: [&str; 8] = [
        "media_id",
        "user_id",
        "rating",
        "is_favorite",
        "n_views",
        "last_viewed_at",
        "position_us",
        "updated_at",
    ];
    let mut by_user: HashMap<UserId, Vec<MediaId>> = HashMap::new();
    for (media, user) in keys {
        by_user.entry(user).or_default().push(media);
    }
    let mut found = HashMap::new();
    // One user in practice: a batch belongs to one request.
    for (user, media) in by_user {
        let select = together
            .of_media("media_user", &media)
            .columns(COLUMNS)
            .and_where(Expr::col("user_id").eq(user.0))
            .take();
        let rows = all(together.read(select, COLUMNS.to_vec()).await?, |cells| {
            Ok(media_user::Model {
                media_id: cells.id()?,
                user_id: cells.id()?,
                rating: cells.small_or_absent()?,
                is_favorite: cells.flag()?,
                n_views: cells.int()?,
                last_viewed_at: cells.int_or_absent()?,
                position_us: cells.int_or_absent()?,
                updated_at: cells.int()?,
            })
        })?;
        found.extend(media.iter().map(|media| ((*media, user), untouched(*media, user))));
        found.extend(rows.into_iter().map(|row| ((row.media_id, user), row)));
    }
    Ok(found)
}

/// The state of an item that an account never touched.
fn untouched(media_id: MediaId, user_id: UserId) -> media_user::Model {
    media_user::Model {
        media_id,
        user_id,
        rating: None,
        is_favorite: false,
        n_views: 0,
        last_viewed_at: None,
        position_us: None,
        updated_at: 0,
    }
}
