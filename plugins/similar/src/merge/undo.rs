//! Takes a merge back: the items that went into another one are there again, with what was theirs. What was done with
//! the kept item since stays with it.

use std::collections::BTreeSet;

use entities::{
    file,
    id::{MediaId, PersonId, SimilarMergeId, StudioId, TagId, UserId},
    media, media_person, media_tag, media_user, person, studio, tag, user,
};
use kernel::{
    error::Failure,
    events::{MediaAdded, MediaChanged},
    plugin::Kernel,
    sql,
    store::{Durability, Tx},
};
use schema::media::{
    primary::{self, Choice},
    rules::MediaUserChanged,
    tally::Tally,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr,
};

use crate::{
    code, groups,
    merge::{
        Item, load,
        saved::{SavedItem, Snapshot},
    },
    state,
};

/// Undoes a merge; gives the item that was kept and those that are back.
///
/// # Errors
/// There is nothing to undo, or the database fails.
pub async fn undo(kernel: &Kernel, id: SimilarMergeId) -> Result<(MediaId, Vec<MediaId>), Failure> {
    let now = kernel.clock.now_ms();
    let tx = kernel.store.begin(Durability::Full).await?;
    state::next_version(&tx).await?;
    let rows = sql::rows(&*tx, "select snapshot from similar_merge where id = $1", [id.0.into()]).await?;
    let Some(row) = rows.first() else {
        return Err(nothing(id));
    };
    let snapshot: Snapshot = serde_json::from_str(&row.try_get_by_index::<String>(0)?).map_err(Failure::internal)?;
    let kept = snapshot.kept.row.id;
    let back: Vec<MediaId> = snapshot.merged.iter().map(|item| item.row.id).collect();
    let tally = Tally::of(&tx, [kept]).await?;
    let Some(now_kept) = load(&tx, &BTreeSet::from([kept])).await?.pop() else {
        return Err(nothing(id));
    };
    let known = Known::read(&tx, &snapshot).await?;
    for item in &snapshot.merged {
        restore(&tx, kept, item, &known, now).await?;
    }
    give_back(&tx, &snapshot, &now_kept, now).await?;
    let mut all = back.clone();
    all.push(kept);
    primary::settle(&tx, &all, Choice::Keep, now).await?;
    tally.apply(&tx, back.iter().copied(), now).await?;
    sql::execute(&*tx, "delete from similar_merge where id = $1", [id.0.into()]).await?;
    groups::recompute(&tx, all.iter().copied()).await?;
    for user in known.users {
        let media = all.clone();
        tx.publish(MediaUserChanged { user, media });
    }
    tx.publish(MediaChanged { media: vec![kept] });
    tx.publish(MediaAdded {
        library: snapshot.kept.row.library_id,
        media: back.clone(),
    });
    tx.commit().await?;
    Ok((kept, back))
}

fn nothing(id: SimilarMergeId) -> Failure {
    let message = format!("the merge `{id}` was undone already, is older than thirty days, or its item is gone");
    Failure::new(&code::NOTHING_TO_UNDO, message)
}

/// What the items hung on and is still there.
struct Known {
    tags: BTreeSet<TagId>,
    people: BTreeSet<PersonId>,
    studios: BTreeSet<StudioId>,
    users: BTreeSet<UserId>,
    media: BTreeSet<MediaId>,
}

impl Known {
    async fn read(tx: &Tx, snapshot: &Snapshot) -> Result<Self, DbErr> {
        let items = || snapshot.merged.iter().chain([&snapshot.kept]);
        let tags = items().flat_map(|item| item.tags.iter().map(|row| row.tag_id));
        let tags = tag::Entity::find().filter(tag::Column::Id.is_in(tags));
        let people = items().flat_map(|item| item.people.iter().map(|row| row.person_id));
        let people = person::Entity::find().filter(person::Column::Id.is_in(people));
        let studios =
            studio::Entity::find().filter(studio::Column::Id.is_in(items().filter_map(|item| item.row.studio_id)));
        let users = items().flat_map(|item| item.own.iter().map(|row| row.user_id));
        let users = user::Entity::find().filter(user::Column::Id.is_in(users));
        let media = items().flat_map(|item| item.dismissed.iter().copied());
        let text = format!("select id from media where id in ({})", sql::ids(media));
        let media = sql::rows(&**tx, text, []).await?;
        Ok(Self {
            tags: tags.all(&**tx).await?.into_iter().map(|row| row.id).collect(),
            people: people.all(&**tx).await?.into_iter().map(|row| row.id).collect(),
            studios: studios.all(&**tx).await?.into_iter().map(|row| row.id).collect(),
            users: users.all(&**tx).await?.into_iter().map(|row| row.id).collect(),
            media: media
                .iter()
                .map(|row| row.try_get_by_index(0).map(MediaId))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Brings one item back with its files, as far as they are the kept one's still.
async fn restore(tx: &Tx, kept: MediaId, item: &SavedItem, known: &Known, now: i64) -> Result<(), DbErr> {
    let mut row = media::Model::from(item.row.clone());
    row.studio_id = row.studio_id.filter(|id| known.studios.contains(id));
    let id = row.id;
    // It is counted when its files are there: settling does that.
    row.n_files = 0;
    row.missing_at = Some(now);
    media::Entity::insert(row.into_active_model())
        .exec_without_returning(&**tx)
        .await?;
    file::Entity::update_many()
        .col_expr(file::Column::MediaId, Expr::value(id.0))
        .filter(file::Column::Id.is_in(item.files.iter().copied()))
        .filter(file::Column::MediaId.eq(kept))
        .exec(&**tx)
        .await?;
    let tags = item.tags.iter().filter(|row| known.tags.contains(&row.tag_id));
    let tags: Vec<_> = tags
        .map(|row| media_tag::Model::from(row.clone()).into_active_model())
        .collect();
    if !tags.is_empty() {
        media_tag::Entity::insert_many(tags)
            .exec_without_returning(&**tx)
            .await?;
    }
    let people = item.people.iter().filter(|row| known.people.contains(&row.person_id));
    let people: Vec<_> = people
        .map(|row| media_person::Model::from(row.clone()).into_active_model())
        .collect();
    if !people.is_empty() {
        media_person::Entity::insert_many(people)
            .exec_without_returning(&**tx)
            .await?;
    }
    let own = item.own.iter().filter(|row| known.users.contains(&row.user_id));
    let own: Vec<_> = own
        .map(|row| media_user::Model::from(row.clone()).into_active_model())
        .collect();
    if !own.is_empty() {
        media_user::Entity::insert_many(own)
            .exec_without_returning(&**tx)
            .await?;
    }
    for stranger in item.dismissed.iter().filter(|stranger| known.media.contains(stranger)) {
        let text = "insert into similar_dismissed (a_media_id, b_media_id, created_at) values ($1, $2, $3) \
            on conflict do nothing";
        let (a, b) = (id.min(*stranger), id.max(*stranger));
        sql::execute(&**tx, text, [a.0.into(), b.0.into(), now.into()]).await?;
    }
    Ok(())
}

/// Takes from the kept item what the merge gave it, unless somebody changed that since.
async fn give_back(tx: &Tx, snapshot: &Snapshot, kept: &Item, now: i64) -> Result<(), DbErr> {
    let before = &snapshot.kept;
    let id = kept.row.id;
    let mut row = kept.row.clone().into_active_model();
    let given = |of: fn(&SavedItem) -> Option<String>| snapshot.merged.iter().find_map(of);
    if before.row.description.is_none() && kept.row.description == given(|item| item.row.description.clone()) {
        row.description = Set(None);
    }
    if before.row.date.is_none() && kept.row.date == given(|item| item.row.date.clone()) {
        row.date = Set(None);
    }
    let studio = snapshot.merged.iter().find_map(|item| item.row.studio_id);
    if before.row.studio_id.is_none() && kept.row.studio_id == studio {
        row.studio_id = Set(None);
    }
    // The file it showed, if the merge chose another one.
    row.primary_file_id = Set(before.row.primary_file_id.or(kept.row.primary_file_id));
    row.updated_at = Set(now);
    row.update(&**tx).await?;

    let had: BTreeSet<TagId> = before.tags.iter().map(|row| row.tag_id).collect();
    let got = snapshot
        .merged
        .iter()
        .flat_map(|item| item.tags.iter().map(|row| row.tag_id));
    let got: Vec<TagId> = got.filter(|tag| !had.contains(tag)).collect();
    let tags = media_tag::Entity::delete_many().filter(media_tag::Column::MediaId.eq(id));
    tags.filter(media_tag::Column::TagId.is_in(got)).exec(&**tx).await?;

    let had: BTreeSet<PersonId> = before.people.iter().map(|row| row.person_id).collect();
    let got = snapshot
        .merged
        .iter()
        .flat_map(|item| item.people.iter().map(|row| row.person_id));
    let got: Vec<PersonId> = got.filter(|person| !had.contains(person)).collect();
    let people = media_person::Entity::delete_many().filter(media_person::Column::MediaId.eq(id));
    people
        .filter(media_person::Column::PersonId.is_in(got))
        .exec(&**tx)
        .await?;

    let untouched = kept.own.iter().filter(|row| row.updated_at == snapshot.at);
    for row in untouched {
        let earlier = before.own.iter().find(|own| own.user_id == row.user_id);
        let now_row = media_user::Entity::delete_by_id((id, row.user_id));
        now_row.exec(&**tx).await?;
        if let Some(earlier) = earlier {
            let earlier = media_user::Model::from(earlier.clone()).into_active_model();
            media_user::Entity::insert(earlier)
                .exec_without_returning(&**tx)
                .await?;
        }
    }
    let had: BTreeSet<MediaId> = before.dismissed.iter().copied().collect();
    let got = snapshot.merged.iter().flat_map(|item| item.dismissed.iter().copied());
    for stranger in got.filter(|stranger| !had.contains(stranger)) {
        let text = "delete from similar_dismissed where a_media_id = $1 and b_media_id = $2";
        sql::execute(&**tx, text, [id.min(stranger).0.into(), id.max(stranger).0.into()]).await?;
    }
    Ok(())
}
