//! The audit log.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{Context, ID, InputObject, Object};
use entities::{
    edit,
    id::{EditId, GlobalId, UserId},
};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, Query},
};

use super::types::Edit;
use crate::{
    kit::{
        access::{Needs, Viewer, require},
        connection::{Connection, Total},
        error::ToGraphql,
        id,
        keyset::{Key, KeyKind, Keyset},
        page::{self, PageArgs},
    },
    limits,
};

/// Which edits.
#[derive(Debug, Clone, Default, InputObject)]
pub struct EditFilter {
    /// Only those that changed this: an item, a tag, a person, a studio, a collection, a field or a filter.
    pub subject_id: Option<ID>,
    /// Only those of this account.
    pub actor_id: Option<ID>,
    /// Only those of this mutation, such as `mergeTags`.
    pub action: Option<String>,
}

/// What can be read of the audit log.
#[derive(Default)]
pub struct EditQuery;

/// What can be read of the audit log.
#[Object]
impl EditQuery {
    /// What was changed by whom, the latest first. Ratings and favorites of others are left out.
    #[graphql(
        guard = "Needs::Edit",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    async fn edits(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 200.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end; not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which edits.")] filter: Option<EditFilter>,
    ) -> async_graphql::Result<Connection<Edit>> {
        let args = PageArgs::new(first, after, last, before);
        edits(cx, &args, filter.unwrap_or_default()).await.graphql()
    }
}

async fn edits(cx: &Context<'_>, args: &PageArgs, filter: EditFilter) -> Result<Connection<Edit>, Failure> {
    let column = |name: &'static str| Expr::col(("edit", name));
    let db = cx.data_unchecked::<Kernel>().store.reader();
    let condition = condition(require(cx)?, &filter)?;
    let keyset = Keyset {
        keys: vec![Key {
            expr: column("created_at"),
            kind: KeyKind::Int,
            is_nullable: false,
            is_descending: true,
        }],
        id: column("id"),
        is_descending: true,
        signature: "-CreatedAt".to_owned(),
    };
    let window = args.window(&keyset, page::cap(cx))?;
    let base = |_| Query::select().from("edit").cond_where(condition.clone()).take();
    let page = keyset
        .fetch(db, &keyset.select(&base, &window, None), &window, false)
        .await?;
    let ids: Vec<EditId> = page.ids();
    let rows = match ids.is_empty() {
        true => Vec::new(),
        false => edit::Entity::find().filter(edit::Column::Id.is_in(ids)).all(db).await?,
    };
    let rows: HashMap<i64, Arc<edit::Model>> = rows.into_iter().map(|row| (row.id.0, Arc::new(row))).collect();
    let db = db.clone();
    let total = Total::later(move || {
        let (db, condition) = (db.clone(), condition.clone());
        async move {
            let mut select = Query::select();
            select.expr(Expr::cust("count(*)")).from("edit").cond_where(condition);
            Ok(db
                .query_one(&select)
                .await?
                .map_or(Ok(0), |row| row.try_get_by_index(0))?)
        }
    });
    Ok(Connection::new(page, total, |id| {
        rows.get(&id).cloned().map(|row| Edit { row })
    }))
}

fn condition(viewer: &Viewer, filter: &EditFilter) -> Result<Condition, Failure> {
    let column = |name: &'static str| Expr::col(("edit", name));
    let own = column("user_id").is_not_null().and(column("user_id").eq(viewer.user.0));
    let mut all = Condition::all();
    all = all.add(Condition::any().add(column("is_private").eq(false)).add(own));
    if let Some(subject) = &filter.subject_id {
        let id = subject.as_str().parse::<GlobalId>();
        let id = id.map_err(|error| Failure::field("filter.subjectId", error.to_string()))?;
        let key = match id {
            GlobalId::Media(id) => id.0,
            GlobalId::Tag(id) => id.0,
            GlobalId::Person(id) => id.0,
            GlobalId::Studio(id) => id.0,
            GlobalId::Collection(id) => id.0,
            GlobalId::CustomField(id) => id.0,
            GlobalId::SavedFilter(id) => id.0,
            GlobalId::Marker(id) => id.0,
            other => {
                return Err(Failure::field(
                    "filter.subjectId",
                    format!("no edit changes a {}", other.noun()),
                ));
            }
        };
        let of = Query::select()
            .expr(Expr::cust("1"))
            .from_as("edit_subject", "es")
            .and_where(Expr::col(("es", "subject_id")).eq(key))
            .and_where(Expr::col(("es", "edit_id")).equals(("edit", "id")))
            .take();
        all = all.add(Expr::exists(of));
    }
    if let Some(actor) = &filter.actor_id {
        let actor: UserId = id::parse(actor, "filter.actorId")?;
        all = all.add(column("user_id").eq(actor.0));
    }
    if let Some(action) = &filter.action {
        if action.contains('\0') {
            return Err(Failure::field("filter.action", "has a zero byte"));
        }
        all = all.add(column("action").eq(action.as_str()));
    }
    Ok(all)
}
