//! How links are made, opened and ended. What a link opens is what its row names, read with the rights of a viewer.

use std::net::IpAddr;

use entities::{
    collection,
    id::{CollectionId, MediaId, ShareLinkId, UserId},
    media, share_link,
    user::Role,
};
use kernel::{
    error::Failure,
    plugin::Kernel,
    store::{Durability, Store},
};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, sea_query::Expr};
use secrecy::SecretString;

use crate::{
    kit::access::{Via, Viewer},
    share::codes,
    user::{
        authenticator::Authenticator,
        grants, password, rules,
        secret::{SecretHash, fresh_of_prefix},
        sessions::LONGEST_LABEL,
    },
};

/// What a link's token begins with.
const PREFIX: &str = "vgl_";
/// That a link was opened is written at most so often.
const SEEN_MS: i64 = 60_000;

/// What a link shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// An item.
    Media(MediaId),
    /// A collection or gallery, and the items in it.
    Collection(CollectionId),
}

/// A link to be made.
#[derive(Debug)]
pub struct NewLink {
    /// What it shows.
    pub subject: Subject,
    /// What it is for, for people.
    pub name: String,
    /// What must be known to open it.
    pub password: Option<SecretString>,
    /// When it stops working, in UTC milliseconds.
    pub expires_at: Option<i64>,
}

/// Makes a link. Its token is in the answer and is not kept.
///
/// # Errors
/// What it shows does not exist, something given cannot be, or the database fails.
pub async fn create(kernel: &Kernel, user: UserId, new: NewLink) -> Result<(SecretString, share_link::Model), Failure> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_LABEL || name.chars().any(char::is_control) {
        let message = format!("a link's name has 1 to {LONGEST_LABEL} visible characters");
        return Err(Failure::field("input.name", message));
    }
    let now = kernel.clock.now_ms();
    if new.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Failure::field("input.expiresAt", "this moment has passed"));
    }
    must_exist(&kernel.store, new.subject).await?;
    let password_hash = match new.password {
        Some(password) => {
            password::check_rules("input.password", &password)?;
            Some(password::hash(password).await?)
        }
        None => None,
    };
    let (secret, hash) = fresh_of_prefix(PREFIX);
    let (media_id, collection_id) = match new.subject {
        Subject::Media(id) => (Some(id), None),
        Subject::Collection(id) => (None, Some(id)),
    };
    let row = share_link::ActiveModel {
        id: Set(ShareLinkId::new()),
        user_id: Set(user),
        token_hash: Set(hash.to_vec()),
        name: Set(name.to_owned()),
        media_id: Set(media_id),
        collection_id: Set(collection_id),
        password_hash: Set(password_hash),
        created_at: Set(now),
        expires_at: Set(new.expires_at),
        seen_at: Set(None),
    };
    let tx = kernel.store.begin(Durability::Full).await?;
    let link = row.insert(&*tx).await?;
    tx.commit().await?;
    Ok((secret, link))
}

async fn must_exist(store: &Store, subject: Subject) -> Result<(), Failure> {
    let db = store.reader();
    let missing = match subject {
        Subject::Media(id) => {
            let found = media::Entity::find_by_id(id).one(db).await?;
            found.is_none().then(|| ("input.mediaId", format!("no item `{id}`")))
        }
        Subject::Collection(id) => {
            let found = collection::Entity::find_by_id(id).one(db).await?;
            found
                .is_none()
                .then(|| ("input.collectionId", format!("no collection `{id}`")))
        }
    };
    missing.map_or(Ok(()), |(path, message)| Err(Failure::field(path, message)))
}

/// Removes a link; `owner` restricts it to that account's links.
///
/// # Errors
/// There is none, or the database fails.
pub async fn revoke(kernel: &Kernel, id: ShareLinkId, owner: Option<UserId>) -> Result<(), Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let mut delete = share_link::Entity::delete_many().filter(share_link::Column::Id.eq(id));
    if let Some(owner) = owner {
        delete = delete.filter(share_link::Column::UserId.eq(owner));
    }
    if delete.exec(&*tx).await?.rows_affected == 0 {
        return Err(Failure::new(&codes::SHARE_NOT_FOUND, format!("no link `{id}`")));
    }
    tx.commit().await?;
    Ok(())
}

/// What somebody who has a link may see.
#[derive(Debug, Clone)]
pub struct Opened {
    /// What it shows.
    pub subject: Subject,
    /// As whom it is read: who made the link, with the rights of a viewer.
    pub viewer: Viewer,
}

/// Opens a link for who has its token. Attempts at its password count against the link and the address; those at tokens do
/// not, for they have 256 random bits.
///
/// # Errors
/// There is no such link, it has expired, who made it may not share any more, the password is missing or wrong, or the
/// database fails.
pub async fn open(
    kernel: &Kernel,
    token: &str,
    password: Option<SecretString>,
    address: Option<IpAddr>,
) -> Result<Opened, Failure> {
    let unknown = || {
        Failure::new(
            &codes::SHARE_NOT_FOUND,
            "this link does not exist, has expired, or was removed",
        )
    };
    let hash = SecretHash::of_prefix(PREFIX, token).ok_or_else(unknown)?;
    let found = share_link::Entity::find().filter(share_link::Column::TokenHash.eq(hash.to_vec()));
    let link = found.one(kernel.store.reader()).await?.ok_or_else(unknown)?;
    let now = kernel.clock.now_ms();
    if link.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(unknown());
    }
    let owner = rules::find(kernel, link.user_id).await?;
    let owner = owner.filter(|owner| !owner.is_disabled && owner.role != Role::Viewer);
    let owner = owner.ok_or_else(unknown)?;
    if let Some(stored) = &link.password_hash {
        let given = password.ok_or_else(|| Failure::new(&codes::SHARE_PASSWORD_NEEDED, "this link has a password"))?;
        let authenticator = Authenticator::of(kernel);
        let what = link.id.to_string();
        if !authenticator
            .try_password(kernel, &what, address, given, Some(stored.clone()))
            .await?
        {
            return Err(Failure::new(
                &codes::SHARE_PASSWORD_WRONG,
                "this is not the link's password",
            ));
        }
    }
    if link.seen_at.is_none_or(|seen_at| now - seen_at >= SEEN_MS)
        && let Err(error) = mark_seen(&kernel.store, link.id, now).await
    {
        tracing::warn!(%error, "that a link was opened could not be written");
    }
    let subject = match (link.media_id, link.collection_id) {
        (Some(id), _) => Subject::Media(id),
        (None, Some(id)) => Subject::Collection(id),
        (None, None) => return Err(unknown()),
    };
    // What who made the link has lost is lost to the link, too.
    let grants::Reach { sees, edits } = grants::reach(kernel.store.reader(), &owner).await?;
    let viewer = Viewer {
        user: owner.id,
        name: owner.name,
        role: Role::Viewer,
        via: Via::System,
        sees,
        edits,
    };
    Ok(Opened { subject, viewer })
}

async fn mark_seen(store: &Store, id: ShareLinkId, now: i64) -> Result<(), DbErr> {
    let tx = store.begin(Durability::Normal).await?;
    let update = share_link::Entity::update_many().filter(share_link::Column::Id.eq(id));
    update
        .col_expr(share_link::Column::SeenAt, Expr::value(now))
        .exec(&*tx)
        .await?;
    tx.commit().await
}
