//! The list of custom fields.

use std::sync::Arc;

use async_graphql::{Context, Object};
use entities::custom_field;
use kernel::plugin::Kernel;
use sea_orm::{EntityTrait, QueryOrder, QuerySelect};

use crate::{
    field::{rules::MAX_FIELDS, types::CustomField},
    kit::{access::Needs, error::ToGraphql},
};

/// What can be read about custom fields.
#[derive(Default)]
pub struct FieldQuery;

/// What can be read about custom fields.
#[Object]
impl FieldQuery {
    /// All custom fields, the oldest first; two hundred at most can be defined.
    #[graphql(guard = "Needs::ViewSome")]
    async fn custom_fields(&self, cx: &Context<'_>) -> async_graphql::Result<Vec<CustomField>> {
        let db = cx.data_unchecked::<Kernel>().store.reader();
        let select = custom_field::Entity::find()
            .order_by_asc(custom_field::Column::Id)
            .limit(MAX_FIELDS as u64);
        let rows = select.all(db).await.graphql()?;
        Ok(rows.into_iter().map(|row| CustomField { row: Arc::new(row) }).collect())
    }
}
