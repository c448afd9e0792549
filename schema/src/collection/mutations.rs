//! Making, changing, filling and deleting collections and galleries.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entities::{
    collection::CollectionKind,
    id::{CollectionId, MediaId},
};
use kernel::{error::Failure, plugin::Kernel};

use crate::{
    caches::Loaders,
    collection::{
        rules::{self, CollectionEdit, NewCollection, Place},
        types::{Collection, Gallery},
    },
    edit::session::Done,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id,
        maybe::{named, opened},
        text,
    },
    media::{inputs::MediaFilter, selection::KeptFilter},
    saved::rules::must_translate,
};

/// A new collection.
#[derive(Debug, Clone, InputObject)]
pub struct CreateCollectionInput {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The collection that it is in.
    pub parent_id: Option<ID>,
    /// Makes it a smart one, which holds what this finds.
    pub filter: Option<MediaFilter>,
    /// Its first items, in order, at most 1000; not together with `filter`.
    #[graphql(default)]
    pub media_ids: Vec<ID>,
}

/// What `createCollection` made.
#[derive(SimpleObject)]
pub struct CreateCollectionPayload {
    /// The collection; null when it was deleted meanwhile.
    pub collection: Option<Collection>,
    /// Takes it back, by `undo`.
    pub undo_token: Option<ID>,
}

/// A new gallery.
#[derive(Debug, Clone, InputObject)]
pub struct CreateGalleryInput {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Its first pictures, in order, at most 1000.
    #[graphql(default)]
    pub media_ids: Vec<ID>,
}

/// What `createGallery` made.
#[derive(SimpleObject)]
pub struct CreateGalleryPayload {
    /// The gallery; null when it was deleted meanwhile.
    pub gallery: Option<Gallery>,
    /// Takes it back, by `undo`.
    pub undo_token: Option<ID>,
}

/// What to change about a collection or a gallery: what is left out stays, what is null is cleared.
#[derive(Debug, Clone, InputObject)]
pub struct UpdateCollectionInput {
    /// The collection or gallery.
    pub id: ID,
    /// Its name. It cannot be cleared.
    pub name: MaybeUndefined<String>,
    /// What it is about.
    pub description: MaybeUndefined<String>,
    /// The collection that it is in.
    pub parent_id: MaybeUndefined<ID>,
    /// What a smart collection holds.
    pub filter: Option<MediaFilter>,
}

/// What a change of a collection came to. Of a collection and a gallery the one that it is is given.
#[derive(SimpleObject)]
pub struct CollectionPayload {
    /// The collection as it is now.
    pub collection: Option<Collection>,
    /// The gallery as it is now.
    pub gallery: Option<Gallery>,
    /// Takes the change back, by `undo`; null when nothing changed.
    pub undo_token: Option<ID>,
}

/// Which collection or gallery to delete.
#[derive(Debug, Clone, InputObject)]
pub struct DeleteCollectionInput {
    /// The collection or gallery.
    pub id: ID,
}

/// What `deleteCollection` did.
#[derive(SimpleObject)]
pub struct DeleteCollectionPayload {
    /// The id of what is gone.
    pub deleted_id: ID,
    /// Brings it back with its items, by `undo`.
    pub undo_token: Option<ID>,
}

/// Which items to add to a collection, and where.
#[derive(Debug, Clone, InputObject)]
pub struct AddToCollectionInput {
    /// The collection or gallery. A smart collection takes none.
    pub id: ID,
    /// The items, in order, at most 1000. One that is there stays where it is.
    pub media_ids: Vec<ID>,
    /// The item that they go right behind; null for the beginning; left out for the end.
    pub after_id: MaybeUndefined<ID>,
}

/// Which items to take out of a collection.
#[derive(Debug, Clone, InputObject)]
pub struct RemoveFromCollectionInput {
    /// The collection or gallery.
    pub id: ID,
    /// The items, at most 1000.
    pub media_ids: Vec<ID>,
}

/// Which items to move in a collection, and where.
#[derive(Debug, Clone, InputObject)]
pub struct MoveInCollectionInput {
    /// The collection or gallery.
    pub id: ID,
    /// The items, in the order they are to have, at most 1000.
    pub media_ids: Vec<ID>,
    /// The item that they go right behind; null for the beginning; left out for the end.
    pub after_id: MaybeUndefined<ID>,
}

/// What can be changed about collections.
#[derive(Default)]
pub struct CollectionMutation;

/// What can be changed about collections.
#[Object]
impl CollectionMutation {
    /// Makes a collection: of chosen items, or a smart one of what a filter finds.
    #[graphql(guard = "Needs::EditSome")]
    async fn create_collection(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new collection.")] input: CreateCollectionInput,
    ) -> async_graphql::Result<CreateCollectionPayload> {
        let kernel = cx.data_unchecked::<Kernel>();
        let viewer = require(cx).graphql()?;
        if let Some(filter) = &input.filter {
            must_translate(kernel, viewer.user, filter, None).await.graphql()?;
        }
        let new = NewCollection {
            kind: CollectionKind::Collection,
            name: text::name(&input.name, "input.name").graphql()?,
            description: long(input.description).graphql()?,
            parent: input
                .parent_id
                .map(|id| id::parse(&id, "input.parentId"))
                .transpose()
                .graphql()?,
            folder: None,
            filter: input.filter.map(KeptFilter),
            media: id::parse_many(&input.media_ids, "input.mediaIds").graphql()?,
        };
        let (id, done) = rules::create(kernel, viewer, new).await.graphql()?;
        let told = told(cx, id, done).await.graphql()?;
        Ok(CreateCollectionPayload {
            collection: told.collection,
            undo_token: told.undo_token,
        })
    }

    /// Makes a gallery of chosen pictures.
    #[graphql(guard = "Needs::EditSome")]
    async fn create_gallery(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The new gallery.")] input: CreateGalleryInput,
    ) -> async_graphql::Result<CreateGalleryPayload> {
        let new = NewCollection {
            kind: CollectionKind::Gallery,
            name: text::name(&input.name, "input.name").graphql()?,
            description: long(input.description).graphql()?,
            parent: None,
            folder: None,
            filter: None,
            media: id::parse_many(&input.media_ids, "input.mediaIds").graphql()?,
        };
        let (id, done) = rules::create(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, new)
            .await
            .graphql()?;
        let told = told(cx, id, done).await.graphql()?;
        Ok(CreateGalleryPayload {
            gallery: told.gallery,
            undo_token: told.undo_token,
        })
    }

    /// Changes a collection or a gallery.
    #[graphql(guard = "Needs::Edit")]
    async fn update_collection(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The collection and what to change about it.")] input: UpdateCollectionInput,
    ) -> async_graphql::Result<CollectionPayload> {
        let kernel = cx.data_unchecked::<Kernel>();
        let viewer = require(cx).graphql()?;
        let id = id::parse(&input.id, "input.id").graphql()?;
        if let Some(filter) = &input.filter {
            must_translate(kernel, viewer.user, filter, None).await.graphql()?;
        }
        let change = change(input).graphql()?;
        let done = rules::update(kernel, viewer, id, change).await.graphql()?;
        told(cx, id, done).await.graphql()
    }

    /// Deletes a collection or a gallery. Its items stay.
    #[graphql(guard = "Needs::Edit")]
    async fn delete_collection(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which collection.")] input: DeleteCollectionInput,
    ) -> async_graphql::Result<DeleteCollectionPayload> {
        let id: CollectionId = id::parse(&input.id, "input.id").graphql()?;
        let done = rules::delete(cx.data_unchecked::<Kernel>(), require(cx).graphql()?, id)
            .await
            .graphql()?;
        Ok(DeleteCollectionPayload {
            deleted_id: id::id(id),
            undo_token: done.token.map(id::id),
        })
    }

    /// Adds items to a collection or a gallery.
    #[graphql(guard = "Needs::EditSome")]
    async fn add_to_collection(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which items go where.")] input: AddToCollectionInput,
    ) -> async_graphql::Result<CollectionPayload> {
        let id = id::parse(&input.id, "input.id").graphql()?;
        let media: Vec<MediaId> = id::parse_many(&input.media_ids, "input.mediaIds").graphql()?;
        let place = place(input.after_id).graphql()?;
        must_see(cx, id).await.graphql()?;
        let kernel = cx.data_unchecked::<Kernel>();
        let done = rules::add_items(kernel, require(cx).graphql()?, id, &media, place)
            .await
            .graphql()?;
        told(cx, id, done).await.graphql()
    }

    /// Takes items out of a collection or a gallery.
    #[graphql(guard = "Needs::EditSome")]
    async fn remove_from_collection(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which items.")] input: RemoveFromCollectionInput,
    ) -> async_graphql::Result<CollectionPayload> {
        let id = id::parse(&input.id, "input.id").graphql()?;
        let media: Vec<MediaId> = id::parse_many(&input.media_ids, "input.mediaIds").graphql()?;
        must_see(cx, id).await.graphql()?;
        let kernel = cx.data_unchecked::<Kernel>();
        let done = rules::remove_items(kernel, require(cx).graphql()?, id, &media)
            .await
            .graphql()?;
        told(cx, id, done).await.graphql()
    }

    /// Moves items of a collection or a gallery; the places of all others stay.
    #[graphql(guard = "Needs::EditSome")]
    async fn move_in_collection(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which items go where.")] input: MoveInCollectionInput,
    ) -> async_graphql::Result<CollectionPayload> {
        let id = id::parse(&input.id, "input.id").graphql()?;
        let media: Vec<MediaId> = id::parse_many(&input.media_ids, "input.mediaIds").graphql()?;
        let place = place(input.after_id).graphql()?;
        must_see(cx, id).await.graphql()?;
        let kernel = cx.data_unchecked::<Kernel>();
        let done = rules::move_items(kernel, require(cx).graphql()?, id, &media, place)
            .await
            .graphql()?;
        told(cx, id, done).await.graphql()
    }
}

/// Refuses a collection that is not there for who asks; for who has all libraries the question costs nothing.
async fn must_see(cx: &Context<'_>, id: CollectionId) -> Result<(), Failure> {
    let loaders = Loaders::of(cx);
    if loaders.sees.is_all() || loaders.collection.get(id).await?.is_some() {
        return Ok(());
    }
    Err(rules::none(id))
}

fn place(after: MaybeUndefined<ID>) -> Result<Place, Failure> {
    Ok(match after {
        MaybeUndefined::Undefined => Place::Last,
        MaybeUndefined::Null => Place::First,
        MaybeUndefined::Value(id) => Place::After(id::parse(&id, "input.afterId")?),
    })
}

fn long(description: Option<String>) -> Result<Option<String>, Failure> {
    description.map_or(Ok(None), |text| text::long(&text, "input.description"))
}

fn change(input: UpdateCollectionInput) -> Result<CollectionEdit, Failure> {
    Ok(CollectionEdit {
        name: named(input.name, "input.name")?,
        description: opened(input.description).map(long).transpose()?,
        parent: opened(input.parent_id)
            .map(|id| id.map(|id| id::parse(&id, "input.parentId")).transpose())
            .transpose()?,
        filter: input.filter.map(KeptFilter),
    })
}

async fn told(cx: &Context<'_>, id: CollectionId, done: Done) -> Result<CollectionPayload, Failure> {
    let row = Loaders::of(cx).collection.get(id).await?;
    let of = |kind: CollectionKind| row.clone().filter(|row| row.kind == kind);
    Ok(CollectionPayload {
        collection: of(CollectionKind::Collection).map(|row| Collection { row }),
        gallery: of(CollectionKind::Gallery).map(|row| Gallery { row }),
        undo_token: done.token.map(id::id),
    })
}
