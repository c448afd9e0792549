//! `node` and `nodes`: everything with an id, by its id.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object};
use entities::{
    chapter,
    collection::CollectionKind,
    file,
    id::{FileId, GlobalId},
    stream,
};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::EntityTrait;

use crate::{
    caches::Loaders,
    collection::types::{Collection, Gallery},
    field::types::CustomField,
    job::types::Job,
    kit::{access::Needs, error::ToGraphql},
    library::types::Library,
    limits,
    marker::types::Marker,
    media::{
        clip::{Clip, Rendition},
        contracts::Clips,
        file::MediaFile,
        stream::{AttachmentStream, AudioStream, Chapter, DataStream, Stream, SubtitleStream, VideoStream},
        types::{Audio, Image, Media, Video},
    },
    person::types::Person,
    saved::types::SavedFilter,
    share::types::ShareLink,
    studio::types::Studio,
    tag::types::Tag,
    user::{
        devices::Session,
        types::{ApiToken, User},
    },
};

/// Anything with an id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Its id, unique in the whole system."))]
pub enum Node {
    /// A video.
    Video(Video),
    /// An image.
    Image(Image),
    /// A sound.
    Audio(Audio),
    /// A file.
    MediaFile(MediaFile),
    /// A stream of pictures.
    VideoStream(VideoStream),
    /// A stream of sound.
    AudioStream(AudioStream),
    /// A stream of subtitles.
    SubtitleStream(SubtitleStream),
    /// An attached file.
    AttachmentStream(AttachmentStream),
    /// A stream of something else.
    DataStream(DataStream),
    /// A chapter.
    Chapter(Chapter),
    /// A library.
    Library(Library),
    /// A tag.
    Tag(Tag),
    /// A person.
    Person(Person),
    /// A studio.
    Studio(Studio),
    /// A job.
    Job(Job),
    /// A collection.
    Collection(Collection),
    /// A gallery.
    Gallery(Gallery),
    /// A marker.
    Marker(Marker),
    /// A clip.
    Clip(Clip),
    /// A rendition.
    Rendition(Rendition),
    /// A saved filter of the viewer.
    SavedFilter(SavedFilter),
    /// A custom field.
    CustomField(CustomField),
    /// An account.
    User(User),
    /// An API token.
    ApiToken(ApiToken),
    /// A browser that is signed in.
    Session(Session),
    /// A link that shows something to whoever has it.
    ShareLink(ShareLink),
}

/// Anything by its id.
#[derive(Default)]
pub struct NodeQuery;

/// Anything by its id.
#[Object]
impl NodeQuery {
    /// Anything by its id; null when it does not exist, or not for this viewer.
    #[graphql(guard = "Needs::ViewSome")]
    async fn node(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The id of anything.")] id: ID,
    ) -> async_graphql::Result<Option<Node>> {
        find(cx, &id, "id").await.graphql()
    }

    /// Several things by their ids, in the same order; null for each that does not exist, or not for this viewer.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(Some(ids.len() as i32), None, child_complexity)"
    )]
    async fn nodes(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The ids of anything, at most 200.")] ids: Vec<ID>,
    ) -> async_graphql::Result<Vec<Option<Node>>> {
        if ids.len() > limits::PAGE {
            return Err(Failure::field("ids", format!("at most {} at a time", limits::PAGE))).graphql();
        }
        let paths: Vec<String> = (0..ids.len()).map(|index| format!("ids[{index}]")).collect();
        let found = ids.iter().zip(&paths).map(|(id, path)| find(cx, id, path));
        futures_util::future::try_join_all(found).await.graphql()
    }
}

async fn find(cx: &Context<'_>, id: &ID, path: &str) -> Result<Option<Node>, Failure> {
    let loaders = Loaders::of(cx);
    let db = cx.data_unchecked::<Kernel>().store.reader();
    let id = id
        .as_str()
        .parse::<GlobalId>()
        .map_err(|error| Failure::field(path, error.to_string()))?;
    Ok(match id {
        GlobalId::Media(id) => {
            let look = [cx.look_ahead(), cx.look_ahead()];
            let cards = loaders.gather(cx, &look, vec![id]).await?;
            cards.into_iter().next().map(|card| match Media::new(card) {
                Media::Video(video) => Node::Video(video),
                Media::Image(image) => Node::Image(image),
                Media::Audio(audio) => Node::Audio(audio),
            })
        }
        GlobalId::Library(id) => loaders.library.get(id).await?.map(|row| Node::Library(Library { row })),
        GlobalId::Tag(id) => loaders.tag.get(id).await?.map(|row| Node::Tag(Tag { row })),
        GlobalId::Person(id) => loaders.person.get(id).await?.map(|row| Node::Person(Person { row })),
        GlobalId::Studio(id) => loaders.studio.get(id).await?.map(|row| Node::Studio(Studio { row })),
        GlobalId::File(id) => file(cx, id).await?.map(Node::MediaFile),
        GlobalId::Stream(id) => {
            let Some(row) = stream::Entity::find_by_id(id).one(db).await? else {
                return Ok(None);
            };
            if !loaders.sees.is_all() && file(cx, row.file_id).await?.is_none() {
                return Ok(None);
            }
            Some(match Stream::new(row) {
                Stream::Video(stream) => Node::VideoStream(stream),
                Stream::Audio(stream) => Node::AudioStream(stream),
                Stream::Subtitle(stream) => Node::SubtitleStream(stream),
                Stream::Attachment(stream) => Node::AttachmentStream(stream),
                Stream::Data(stream) => Node::DataStream(stream),
            })
        }
        GlobalId::Chapter(id) => match chapter::Entity::find_by_id(id).one(db).await? {
            Some(row) => file(cx, row.file_id)
                .await?
                .map(|file| Node::Chapter(Chapter { row, file })),
            None => None,
        },
        GlobalId::Collection(id) => loaders.collection.get(id).await?.map(|row| match row.kind {
            CollectionKind::Collection => Node::Collection(Collection { row }),
            CollectionKind::Gallery => Node::Gallery(Gallery { row }),
        }),
        GlobalId::Marker(id) => crate::marker::types::node(cx, id).await?.map(Node::Marker),
        GlobalId::Clip(id) => match cx.data_opt::<Arc<dyn Clips>>() {
            Some(clips) => clips.clip(cx, id).await?.map(Node::Clip),
            None => None,
        },
        GlobalId::Rendition(id) => match cx.data_opt::<Arc<dyn Clips>>() {
            Some(clips) => clips.rendition(cx, id).await?.map(Node::Rendition),
            None => None,
        },
        GlobalId::SavedFilter(id) => crate::saved::queries::node(cx, id).await?.map(Node::SavedFilter),
        GlobalId::CustomField(id) => loaders
            .field
            .get(id)
            .await?
            .map(|row| Node::CustomField(CustomField { row })),
        GlobalId::Job(id) => crate::job::node(cx, id).await?.map(Node::Job),
        GlobalId::User(id) => crate::user::queries::node(cx, id).await?.map(Node::User),
        GlobalId::Session(id) => crate::user::devices::node(cx, id).await?.map(Node::Session),
        GlobalId::ShareLink(id) => crate::share::queries::node(cx, id).await?.map(Node::ShareLink),
        GlobalId::ApiToken(id) => crate::user::queries::api_token_node(cx, id).await?.map(Node::ApiToken),
        // These have no type in the API, or one that only its plugin knows.
        _ => None,
    })
}

async fn file(cx: &Context<'_>, id: FileId) -> Result<Option<MediaFile>, Failure> {
    let db = cx.data_unchecked::<Kernel>().store.reader();
    let Some(row) = file::Entity::find_by_id(id).one(db).await? else {
        return Ok(None);
    };
    let files = Loaders::of(cx).files.get(row.media_id).await?;
    Ok(files.and_then(|files| MediaFile::find(&files, id)))
}
