//! What making a studio means, without GraphQL.

use entities::{id::StudioId, studio};
use kernel::{error::Failure, events::StudioChanged, plugin::Kernel, store::Durability};
use sea_orm::{ActiveValue::Set, EntityTrait};

use crate::{
    kit::{error::violates, text::natural_key},
    media::codes::STUDIO_NAME_TAKEN,
};

/// A studio to be made.
#[derive(Debug, Clone, Default)]
pub struct NewStudio {
    /// Its name.
    pub name: String,
    /// The studio it belongs to.
    pub parent: Option<StudioId>,
}

/// Makes a studio.
pub async fn create(kernel: &Kernel, new: NewStudio) -> Result<StudioId, Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let (id, now) = (StudioId::new(), kernel.clock.now_ms());
    if let Some(parent) = new.parent
        && studio::Entity::find_by_id(parent).one(&*tx).await?.is_none()
    {
        return Err(Failure::field("input.parentId", format!("no studio `{parent}`")));
    }
    let row = studio::ActiveModel {
        id: Set(id),
        name: Set(new.name.clone()),
        sort_name: Set(natural_key(&new.name)),
        parent_id: Set(new.parent),
        n_media: Set(0),
        created_at: Set(now),
        updated_at: Set(now),
    };
    if let Err(error) = studio::Entity::insert(row).exec_without_returning(&*tx).await {
        let is_taken = violates(&error, "studio_name_key");
        let message = format!("there is a studio named `{}` already", new.name);
        return Err(if is_taken {
            Failure::new(&STUDIO_NAME_TAKEN, message)
        } else {
            error.into()
        });
    }
    tx.publish(StudioChanged { studios: vec![id] });
    tx.commit().await?;
    Ok(id)
}
