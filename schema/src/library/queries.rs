//! The list of libraries, and one by its id.

use async_graphql::{Context, ID, Object};
use kernel::plugin::Kernel;

use crate::{
    caches::Loaders,
    kit::{
        access::Needs,
        connection::{Connection, Total},
        error::ToGraphql,
        id,
        page::{self, PageArgs},
    },
    library::{rules, types::Library},
    limits,
};

/// What can be read about libraries.
#[derive(Default)]
pub struct LibraryQuery;

/// What can be read about libraries.
#[Object]
impl LibraryQuery {
    /// All libraries, by name.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(first, last, child_complexity)"
    )]
    async fn libraries(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many from the beginning, at most 200.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end; not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> async_graphql::Result<Connection<Library>> {
        let args = PageArgs::new(first, after, last, before);
        let with_total = page::selects(cx, "totalCount");
        let page = rules::page(
            cx.data_unchecked::<Kernel>(),
            &Loaders::of(cx).sees,
            &args,
            page::cap(cx),
            with_total,
        )
        .await
        .graphql()?;
        let total = Total::Known(page.total.unwrap_or_default());
        let rows = Loaders::of(cx).library.get_many(page.ids()).await.graphql()?;
        let find = |id| {
            rows.iter()
                .find(|row| i64::from(row.library.id) == id)
                .map(|row| Library { row: row.clone() })
        };
        Ok(Connection::new(page, total, find))
    }

    /// A library by its id; null when there is none.
    #[graphql(guard = "Needs::ViewSome")]
    async fn library(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The library's id.")] id: ID,
    ) -> async_graphql::Result<Option<Library>> {
        let id = id::parse(&id, "id").graphql()?;
        Ok(Loaders::of(cx)
            .library
            .get(id)
            .await
            .graphql()?
            .map(|row| Library { row }))
    }
}
