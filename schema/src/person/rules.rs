//! What making a person means, without GraphQL.

use entities::{id::PersonId, person, person_alias};
use kernel::{error::Failure, events::PersonChanged, plugin::Kernel, store::Durability};
use sea_orm::{ActiveValue::Set, EntityTrait};

use crate::{
    kit::{error::violates, text::natural_key},
    media::codes::PERSON_NAME_TAKEN,
};

/// A person to be made.
#[derive(Debug, Clone, Default)]
pub struct NewPerson {
    /// The name.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// Who it is.
    pub description: Option<String>,
}

/// Makes a person.
pub async fn create(kernel: &Kernel, new: NewPerson) -> Result<PersonId, Failure> {
    let tx = kernel.store.begin(Durability::Full).await?;
    let (id, now) = (PersonId::new(), kernel.clock.now_ms());
    let row = person::ActiveModel {
        id: Set(id),
        name: Set(new.name.clone()),
        sort_name: Set(natural_key(&new.name)),
        description: Set(new.description),
        n_media: Set(0),
        created_at: Set(now),
        updated_at: Set(now),
    };
    if let Err(error) = person::Entity::insert(row).exec_without_returning(&*tx).await {
        let is_taken = violates(&error, "person_name_key");
        let message = format!("there is a person named `{}` already", new.name);
        return Err(if is_taken {
            Failure::new(&PERSON_NAME_TAKEN, message)
        } else {
            error.into()
        });
    }
    if !new.aliases.is_empty() {
        let row = |name| person_alias::ActiveModel {
            person_id: Set(id),
            name: Set(name),
        };
        person_alias::Entity::insert_many(new.aliases.into_iter().map(row))
            .exec_without_returning(&*tx)
            .await?;
    }
    tx.publish(PersonChanged { people: vec![id] });
    tx.commit().await?;
    Ok(id)
}
