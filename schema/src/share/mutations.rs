//! Changes of links.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entities::user::Role;
use kernel::error::Failure;
use secrecy::{ExposeSecret, SecretString};

use super::{
    queries,
    rules::{self, NewLink, Subject},
    types::ShareLink,
};
use crate::{
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id::parse,
        scalar::{DateTime, Url},
    },
    share::codes,
    user::queries::kernel,
};

/// What can be changed of links.
#[derive(Default)]
pub struct ShareMutation;

/// What can be changed of links.
#[Object]
impl ShareMutation {
    /// Makes a link that shows an item, or a collection with its items, to whoever has it. Nothing can be changed by it.
    #[graphql(guard = "Needs::Edit")]
    async fn create_share_link(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The link.")] input: CreateShareLinkInput,
    ) -> async_graphql::Result<CreateShareLinkPayload> {
        create(cx, input).await.graphql()
    }

    /// Removes a link: one's own, or any for administrators. URLs of bytes that were given for it work until they expire, six
    /// hours at most.
    #[graphql(guard = "Needs::Edit")]
    async fn revoke_share_link(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The link.")] input: RevokeShareLinkInput,
    ) -> async_graphql::Result<RevokeShareLinkPayload> {
        revoke(cx, &input).await.graphql()?;
        Ok(RevokeShareLinkPayload {
            share_link_id: input.id,
        })
    }
}

/// A link to be made: of one item, or of one collection or gallery.
#[derive(InputObject)]
pub struct CreateShareLinkInput {
    /// The item.
    media_id: Option<ID>,
    /// The collection or gallery.
    collection_id: Option<ID>,
    /// What it is for: 1 to 100 characters.
    name: String,
    /// What must be known to open it, at least 8 characters; nothing when omitted.
    #[graphql(secret)]
    password: Option<String>,
    /// When it stops working; never by itself when omitted.
    expires_at: Option<DateTime>,
}

/// The link that was made.
#[derive(SimpleObject)]
pub struct CreateShareLinkPayload {
    /// Where it leads, on this server. It is not kept and cannot be shown again.
    url: Url,
    /// What is known of the link afterwards.
    share_link: ShareLink,
}

/// A link to be removed.
#[derive(InputObject)]
pub struct RevokeShareLinkInput {
    /// The link.
    id: ID,
}

/// The link that was removed.
#[derive(SimpleObject)]
pub struct RevokeShareLinkPayload {
    /// Its id.
    share_link_id: ID,
}

async fn create(cx: &Context<'_>, input: CreateShareLinkInput) -> Result<CreateShareLinkPayload, Failure> {
    let subject = match (&input.media_id, &input.collection_id) {
        (Some(id), None) => Subject::Media(parse(id, "input.mediaId")?),
        (None, Some(id)) => Subject::Collection(parse(id, "input.collectionId")?),
        _ => return Err(Failure::field("input", "name either an item or a collection")),
    };
    let new = NewLink {
        subject,
        name: input.name,
        password: input.password.map(SecretString::from),
        expires_at: input.expires_at.map(|moment| moment.0),
    };
    let (token, row) = rules::create(kernel(cx)?, require(cx)?.user, new).await?;
    let share_link = queries::node(cx, row.id).await?;
    Ok(CreateShareLinkPayload {
        url: Url(format!("/share/{}", token.expose_secret())),
        share_link: share_link.ok_or_else(|| Failure::new(&codes::SHARE_NOT_FOUND, format!("no link `{}`", row.id)))?,
    })
}

async fn revoke(cx: &Context<'_>, input: &RevokeShareLinkInput) -> Result<(), Failure> {
    let viewer = require(cx)?;
    let owner = (viewer.role != Role::Admin).then_some(viewer.user);
    rules::revoke(kernel(cx)?, parse(&input.id, "input.id")?, owner).await
}
