//! What clients can do with pictures: have them drawn, and have failed ones tried again.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::id::{LibraryId, MediaId};
use kernel::{error::Failure, plugin::Kernel};
use schema::{
    job::types::Job,
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id::{parse, parse_many},
    },
    media::inputs::MediaFilter,
};

use crate::request::{self, Selection};

/// The most ids in one input.
const MOST_IDS: usize = 1_000;

/// What can be done with pictures.
#[derive(Default)]
pub struct PicturesMutation;

/// What can be done with pictures.
#[Object]
impl PicturesMutation {
    /// Draws pictures of items: posters, stills, animations and peaks, and measures what makes items alike. It happens by
    /// itself for what is new or changed.
    #[graphql(guard = "Needs::Edit")]
    async fn generate_pictures(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which items, and how.")] input: GeneratePicturesInput,
    ) -> async_graphql::Result<GeneratePicturesPayload> {
        let library = input
            .library_id
            .as_ref()
            .map(|id| parse::<LibraryId>(id, "input.libraryId"));
        let selection = Selection {
            viewer: require(cx).graphql()?.user,
            media: media(input.ids.as_deref(), "input.ids").graphql()?,
            library: library.transpose().graphql()?,
            filter: input.filter,
            only_failed: false,
            remakes: !input.missing_only.unwrap_or(true),
            retries: input.force.unwrap_or(false),
        };
        let job = start(cx, &selection).await.graphql()?;
        Ok(GeneratePicturesPayload { job })
    }

    /// Tries items again of which something could not be drawn.
    #[graphql(guard = "Needs::Edit")]
    async fn retry_pictures(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which items.")] input: RetryPicturesInput,
    ) -> async_graphql::Result<RetryPicturesPayload> {
        let selection = Selection {
            viewer: require(cx).graphql()?.user,
            media: media(input.ids.as_deref(), "input.ids").graphql()?,
            library: None,
            filter: None,
            only_failed: true,
            remakes: true,
            retries: true,
        };
        let job = start(cx, &selection).await.graphql()?;
        Ok(RetryPicturesPayload { job })
    }
}

/// Which items to draw, and how. All that is given holds together; without any it is everything.
#[derive(InputObject)]
pub struct GeneratePicturesInput {
    /// These items, at most a thousand.
    ids: Option<Vec<ID>>,
    /// Items that fulfill this.
    filter: Option<MediaFilter>,
    /// Items of this library.
    library_id: Option<ID>,
    /// Leaves items alone that have pictures of the file as it is. True when omitted.
    missing_only: Option<bool>,
    /// Tries items again that failed although neither file nor server changed. False when omitted.
    force: Option<bool>,
}

/// The outcome of `generatePictures`.
#[derive(SimpleObject)]
pub struct GeneratePicturesPayload {
    /// The work: a new job, or the one that already does the same.
    job: Job,
}

/// Which failed items to try again.
#[derive(InputObject)]
pub struct RetryPicturesInput {
    /// These items, at most a thousand; all that failed when omitted.
    ids: Option<Vec<ID>>,
}

/// The outcome of `retryPictures`.
#[derive(SimpleObject)]
pub struct RetryPicturesPayload {
    /// The work.
    job: Job,
}

fn media(ids: Option<&[ID]>, path: &str) -> Result<Option<Vec<MediaId>>, Failure> {
    let Some(ids) = ids else { return Ok(None) };
    if ids.len() > MOST_IDS {
        return Err(Failure::field(path, format!("at most {MOST_IDS} ids at a time")));
    }
    parse_many(ids, path).map(Some)
}

async fn start(cx: &Context<'_>, selection: &Selection) -> Result<Job, Failure> {
    let kernel = cx.data::<Kernel>().map_err(|error| Failure::internal(error.message))?;
    let view = request::start(kernel, selection).await?;
    Ok(Job::from(view))
}
