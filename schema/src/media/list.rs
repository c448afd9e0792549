//! A list of items, whatever its page and order: who asks for what, and what the census finds of it.

use std::{sync::Arc, time::Instant};

use entities::id::UserId;
use kernel::error::Failure;
use sea_orm::{
    DatabaseConnection, DbBackend,
    sea_query::{Query, SelectStatement},
};

use crate::{
    caches::Answers,
    kit::{
        libraries::Libraries,
        listed::{ids_of, listed},
    },
    media::{
        census::{Census, Found},
        filter::{Descendants, Translation},
        inputs::MediaFilter,
        page::{in_selected, searched},
    },
    search::Term,
};

/// Up to so many items are handed to the database one by one.
pub const FEW: usize = 20_000;
/// The same where it would look at all that a search finds otherwise.
pub const FEW_OF_SEARCH: usize = 50_000;

/// What a list is of.
#[derive(Debug)]
pub struct List {
    /// Who asks.
    pub viewer: UserId,
    /// The libraries whose items there are.
    pub sees: Libraries,
    /// Which items.
    pub filter: Option<MediaFilter>,
    /// What they must be found by.
    pub terms: Vec<Term>,
    /// The tags of the filter, resolved.
    pub descendants: Descendants,
    /// Whether it is every item of all libraries that has a present file.
    pub is_everything: bool,
    /// Equal for equal lists as long as nothing changes.
    pub question: String,
}

impl List {
    /// A list.
    pub fn new(
        viewer: UserId,
        sees: Libraries,
        filter: Option<MediaFilter>,
        terms: Vec<Term>,
        descendants: Descendants,
        question: String,
    ) -> Self {
        let is_everything = filter.is_none() && terms.is_empty() && sees.is_all();
        Self {
            viewer,
            sees,
            filter,
            terms,
            descendants,
            is_everything,
            question,
        }
    }

    /// The same list by other terms.
    pub fn by(self, terms: Vec<Term>) -> Self {
        let question = format!("{} meant {terms:?}", self.question);
        Self {
            terms,
            question,
            ..self
        }
    }

    /// What is needed to say it in SQL.
    pub fn translation(&self, backend: DbBackend) -> Translation<'_> {
        Translation {
            viewer: self.viewer,
            sees: &self.sees,
            backend,
            descendants: &self.descendants,
        }
    }

    /// What the census finds: the list, or more than it where that cannot be told in little time; absent without a census.
    ///
    /// # Errors
    /// An id is none, or the database fails.
    pub async fn found(&self, db: &DatabaseConnection, answers: &Answers) -> Result<Arc<Option<Found>>, Failure> {
        if !answers.census.is_there() {
            return Ok(Arc::new(None));
        }
        let find = || self.find(db, answers);
        answers.found.get_or_load(&self.question, find).await
    }

    async fn find(&self, db: &DatabaseConnection, answers: &Answers) -> Result<Option<Found>, Failure> {
        let census = &answers.census;
        let found = census
            .find(self.viewer, self.filter.as_ref(), &self.descendants, &self.sees)
            .await?;
        let Some((mut found, rest)) = found else {
            return Ok(None);
        };
        if found.is_exact && self.terms.is_empty() {
            return Ok(Some(found));
        }
        if found.is_exact
            && let Some(ids) = answers.searches.find(&self.terms).await?
        {
            return Ok(census.both(&found, &ids));
        }
        let backend = db.get_database_backend();
        if found.len() <= FEW {
            let Some(ids) = census.ids(&found) else { return Ok(None) };
            let condition = self.translation(backend).condition(&rest.unwrap_or_default())?;
            let condition = condition
                .add(in_selected(listed(ids, backend)))
                .add(searched(&self.terms, backend));
            let ids = ids_of(
                db,
                Query::select()
                    .column(("media", "id"))
                    .from("media")
                    .cond_where(condition),
            )
            .await?;
            return Ok(census.exactly(&found, &ids));
        }
        found.is_exact = false;
        Ok(Some(found))
    }
}

/// Tells a census how long something took that it would have spared.
pub async fn timed<T>(census: &Census, run: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let outcome = run.await;
    census.hear(begun.elapsed());
    outcome
}

/// The ids of a list of so many items at most.
pub fn few(census: &Census, found: &Found, most: usize, backend: DbBackend) -> Option<SelectStatement> {
    if !found.is_exact || found.len() > most {
        return None;
    }
    Some(listed(census.ids(found)?, backend))
}
