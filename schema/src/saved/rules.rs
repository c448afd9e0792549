//! What keeping a filter means, without GraphQL.

use async_graphql::{InputType, Value};
use entities::{
    id::{SavedFilterId, UserId},
    saved_filter,
};
use kernel::{
    error::{Failure, code},
    plugin::Kernel,
    sql,
};
use serde_json::json;

use crate::{
    edit::{
        row::Row,
        session::{Done, Edit},
        table::SAVED_FILTER,
    },
    kit::{access::Viewer, libraries::Libraries},
    media::{
        codes::TOO_MANY,
        filter,
        inputs::{MediaFilter, MediaSort},
        page,
        selection::{KeptFilter, without_nulls},
        sort,
    },
    search,
};

/// The form that filters are kept in. It is raised when the input changes so that older ones must be rewritten.
pub const VERSION: i32 = 1;
/// The most filters of one account: they are listed whole.
pub const MAX_FILTERS: i64 = 500;

/// What a filter finds, and in which order.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// Which media.
    pub filter: MediaFilter,
    /// Words to find.
    pub search: Option<String>,
    /// In which order.
    pub sort: Vec<MediaSort>,
}

/// Refuses a filter that cannot be translated.
///
/// # Errors
/// When it cannot, with the path of the field, or the database fails.
pub async fn must_translate(
    kernel: &Kernel,
    viewer: UserId,
    filter: &MediaFilter,
    search: Option<&str>,
) -> Result<(), Failure> {
    let db = kernel.store.reader();
    let terms = search.map(search::parse).transpose()?.unwrap_or_default();
    let roots = filter::roots(filter)?;
    let descendants = filter::descendants(db, &roots).await?;
    // Only whether it can be translated: which libraries it is for does not matter.
    let backend = db.get_database_backend();
    page::condition(viewer, &Libraries::All, backend, &descendants, Some(filter), &terms)?;
    Ok(())
}

/// Keeps a filter under a name, in place of the one with this id if there is one.
///
/// # Errors
/// The filter is not valid, the name is taken, there is no such filter of this account, or the database fails.
pub async fn save(
    kernel: &Kernel,
    viewer: &Viewer,
    id: Option<SavedFilterId>,
    name: String,
    opened: Opened,
) -> Result<(SavedFilterId, Done), Failure> {
    must_translate(kernel, viewer.user, &opened.filter, opened.search.as_deref()).await?;
    sort::order(&opened.sort, opened.search.is_some())?;
    let filter = KeptFilter(opened.filter).to_json()?.to_string();
    let kept_sort = match opened.sort.is_empty() {
        true => None,
        false => Some(
            without_nulls(opened.sort.to_value())
                .into_json()
                .map_err(Failure::internal)?
                .to_string(),
        ),
    };
    let mut edit = Edit::begin(kernel, viewer, "saveFilter").await?;
    let before = match id {
        Some(id) => Some(own(&edit, viewer.user, id).await?),
        None => None,
    };
    let (id, created_at) = match &before {
        Some(row) => (
            SavedFilterId(row.int(&SAVED_FILTER, "id")),
            row.int(&SAVED_FILTER, "created_at"),
        ),
        None => {
            let text = "select count(*) from saved_filter where user_id = $1";
            let rows = sql::rows(&**edit.tx(), text, [viewer.user.0.into()]).await?;
            let n: i64 = rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
            if n >= MAX_FILTERS {
                return Err(Failure::new(
                    &TOO_MANY,
                    format!("you have {n} saved filters, and no more may be; delete one"),
                ));
            }
            (SavedFilterId::new(), edit.now)
        }
    };
    let row = Row(vec![
        json!(id.0),
        json!(viewer.user.0),
        json!(name),
        json!(VERSION),
        json!(filter),
        json!(opened.search),
        json!(kept_sort),
        json!(created_at),
    ]);
    match before {
        Some(before) => edit.update(&SAVED_FILTER, before, row),
        None => edit.insert(&SAVED_FILTER, row),
    }
    Ok((id, edit.commit().await?))
}

/// Deletes a filter of this account.
///
/// # Errors
/// There is none, or the database fails.
pub async fn delete(kernel: &Kernel, viewer: &Viewer, id: SavedFilterId) -> Result<Done, Failure> {
    let mut edit = Edit::begin(kernel, viewer, "deleteSavedFilter").await?;
    let row = own(&edit, viewer.user, id).await?;
    edit.delete(&SAVED_FILTER, row);
    edit.commit().await
}

async fn own(edit: &Edit, user: UserId, id: SavedFilterId) -> Result<Row, Failure> {
    let row = edit.read(&SAVED_FILTER, "id", &[id.0]).await?.pop();
    row.filter(|row| row.int(&SAVED_FILTER, "user_id") == user.0)
        .ok_or_else(|| Failure::new(&code::NOT_FOUND, format!("you have no saved filter `{id}`")))
}

/// Reads a filter that was kept.
///
/// # Errors
/// A message for people when this version cannot read it.
pub fn open(row: &saved_filter::Model) -> Result<Opened, String> {
    if row.version > VERSION {
        return Err(format!(
            "it was saved by a later version of the server, in form {}",
            row.version
        ));
    }
    let json = serde_json::from_str(&row.filter).map_err(|error| error.to_string())?;
    let filter = KeptFilter::from_json(json)?.0;
    let sort = match &row.sort {
        None => Vec::new(),
        Some(text) => {
            let json: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let value = Value::from_json(json).map_err(|error| error.to_string())?;
            let sort = Vec::<MediaSort>::parse(Some(value));
            sort.map_err(|error| error.into_server_error(Default::default()).message)?
        }
    };
    filter::roots(&filter).map_err(|failure| failure.message)?;
    Ok(Opened {
        filter,
        search: row.search.clone(),
        sort,
    })
}
