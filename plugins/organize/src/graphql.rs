//! What clients see: changing many items at once, and undo.

mod autotag;
mod rule;

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, MergedObject, Object, SimpleObject};
use entities::{
    id::{EditId, JobId, MediaId, SimilarMergeId},
    user::Role,
};
use kernel::{
    error::{Failure, code as kernel_code},
    jobs::{Enqueue, Priority},
    plugin::Kernel,
};
use schema::{
    caches::Loaders,
    edit::{
        ledger,
        revert::{self, Conflict},
        session::{Done, Edit},
    },
    job::types::Job,
    kit::{
        access::{Needs, Viewer, must_reach_all, require},
        error::ToGraphql,
        id,
        surface::{NoSubscription, Surface},
    },
    limits,
    media::{
        changes::BulkUpdateMediaInput,
        contracts, rules,
        rules::MediaEdit,
        selection::{Selected, Selection},
        types::Media,
    },
};

use crate::{
    Organize,
    code::NOTHING_TO_CHANGE,
    graphql::{
        autotag::{AutoTagQuery, StartAutoTagInput},
        rule::{NameRuleQuery, StartNameRuleInput},
    },
    jobs::{autotag::AutoTag, bulk::BulkUpdate, galleries::FolderGalleries, rule::NameRule, undo::UndoEdit},
};

impl Surface for Organize {
    type Query = OrganizeQuery;
    type Mutation = OrganizeMutation;
    type Subscription = NoSubscription;
}

/// What can be read about what many items would become.
#[derive(MergedObject, Default)]
pub struct OrganizeQuery(AutoTagQuery, NameRuleQuery);

/// What `bulkUpdateMedia` changed, or would change.
#[derive(SimpleObject)]
pub struct BulkUpdateMediaPayload {
    /// How many items the selection holds.
    matched_count: i64,
    /// How many of them changed, or would change; 0 while a job does it.
    updated_count: i64,
    /// Takes all of it back, by `undo`; null when nothing changed.
    undo_token: Option<ID>,
    /// The first 200 of the items as they are now.
    media: Vec<Media>,
    /// The job that changes them, if they are too many for one request.
    job: Option<Job>,
}

/// What `startAutoTag` started.
#[derive(SimpleObject)]
pub struct StartAutoTagPayload {
    /// The job.
    job: Job,
    /// Takes back all that the job changed, by `undo`, once it has ended.
    undo_token: ID,
}

/// What `startNameRule` started.
#[derive(SimpleObject)]
pub struct StartNameRulePayload {
    /// The job.
    job: Job,
    /// Takes back all that the job changed, by `undo`, once it has ended.
    undo_token: ID,
}

/// Of which folders to make galleries.
#[derive(InputObject)]
pub struct CreateFolderGalleriesInput {
    /// Only those of this library.
    library_id: Option<ID>,
    /// Only those with so many pictures right in them.
    #[graphql(default = 2)]
    min_pictures: i32,
}

/// What `createFolderGalleries` started.
#[derive(SimpleObject)]
pub struct CreateFolderGalleriesPayload {
    /// The job.
    job: Job,
    /// Takes back all that the job changed, by `undo`, once it has ended.
    undo_token: ID,
}

/// What to take back.
#[derive(InputObject)]
pub struct UndoInput {
    /// The `undoToken` of a change.
    token: ID,
    /// Takes back what can be, and leaves the rest; otherwise nothing is taken back when something was changed since.
    #[graphql(default)]
    skip_conflicts: bool,
}

/// What `undo` took back.
#[derive(SimpleObject)]
pub struct UndoPayload {
    /// How many things changed; 0 while a job does it.
    changed_count: i64,
    /// Takes the undo back, by `undo`; null when nothing changed.
    undo_token: Option<ID>,
    /// What was left because it was changed since, at most a hundred.
    conflicts: Vec<UndoConflict>,
    /// The job that takes it back, if it is too much for one request.
    job: Option<Job>,
}

/// Why something was not taken back.
#[derive(SimpleObject)]
pub struct UndoConflict {
    /// The id of the thing.
    subject_id: ID,
    /// What is in the way, for people.
    message: String,
}

/// The most conflicts in an answer.
const MAX_CONFLICTS: usize = 100;

/// What can be changed at once, and back.
#[derive(Default)]
pub struct OrganizeMutation;

/// What can be changed at once, and back.
#[Object]
impl OrganizeMutation {
    /// Changes all items of a selection: ids, or what a filter finds. Rating and favorite are the viewer's own;
    /// everything else needs an editor. With `dryRun` nothing changes.
    #[graphql(
        guard = "Needs::ViewSome",
        complexity = "limits::page_cost(Some(200), None, child_complexity)"
    )]
    async fn bulk_update_media(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The items and what to change about them.")] input: BulkUpdateMediaInput,
    ) -> async_graphql::Result<BulkUpdateMediaPayload> {
        let (selection, dry_run) = (input.selection().graphql()?, input.dry_run);
        let change = input.change.parsed().graphql()?;
        bulk(cx, selection, change, dry_run).await.graphql()
    }

    /// Gives items the tags, people and studios whose names occur in their paths, as a job; `autoTagPreview` says before
    /// what it would do. Nothing is taken from items.
    #[graphql(guard = "Needs::Edit")]
    async fn start_auto_tag(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which items, and whose names.")] input: StartAutoTagInput,
    ) -> async_graphql::Result<StartAutoTagPayload> {
        let (kernel, viewer) = (cx.data_unchecked::<Kernel>(), require(cx).graphql()?);
        let (library, kinds) = autotag::scope(&input).graphql()?;
        let edit = Edit::begin(kernel, viewer, "startAutoTag").await.graphql()?;
        let job = AutoTag {
            edit: edit.id(),
            library,
            kinds,
        };
        let (token, job) = start(kernel, edit, &job).await.graphql()?;
        Ok(StartAutoTagPayload {
            job: shown(kernel, job).await.graphql()?,
            undo_token: id::id(token),
        })
    }

    /// Gives items what their file names say by a rule, as a job; `nameRulePreview` says before what it would do.
    #[graphql(guard = "Needs::Edit")]
    async fn start_name_rule(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The rule.")] input: StartNameRuleInput,
    ) -> async_graphql::Result<StartNameRulePayload> {
        let (kernel, viewer) = (cx.data_unchecked::<Kernel>(), require(cx).graphql()?);
        let (library, rule, _) = rule::parsed(&input).graphql()?;
        let edit = Edit::begin(kernel, viewer, "startNameRule").await.graphql()?;
        let job = NameRule {
            edit: edit.id(),
            user: viewer.user,
            library,
            rule,
        };
        let (token, job) = start(kernel, edit, &job).await.graphql()?;
        Ok(StartNameRulePayload {
            job: shown(kernel, job).await.graphql()?,
            undo_token: id::id(token),
        })
    }

    /// Makes a gallery of each folder with enough pictures, as a job, and adds new pictures to those that there are.
    #[graphql(guard = "Needs::Edit")]
    async fn create_folder_galleries(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Which folders.")] input: CreateFolderGalleriesInput,
    ) -> async_graphql::Result<CreateFolderGalleriesPayload> {
        let (kernel, viewer) = (cx.data_unchecked::<Kernel>(), require(cx).graphql()?);
        let library = input
            .library_id
            .map(|id| id::parse(&id, "input.libraryId"))
            .transpose()
            .graphql()?;
        let least = u32::try_from(input.min_pictures).ok().filter(|least| *least > 0);
        let least = least
            .ok_or_else(|| Failure::field("input.minPictures", "must be at least 1"))
            .graphql()?;
        let edit = Edit::begin(kernel, viewer, "createFolderGalleries").await.graphql()?;
        let job = FolderGalleries {
            edit: edit.id(),
            library,
            least,
        };
        let (token, job) = start(kernel, edit, &job).await.graphql()?;
        Ok(CreateFolderGalleriesPayload {
            job: shown(kernel, job).await.graphql()?,
            undo_token: id::id(token),
        })
    }

    /// Takes a change back by its token: everything becomes what it was. What was changed since is a conflict, and then
    /// nothing is taken back unless `skipConflicts` says so. An undo has a token itself, but for that of `mergeMedia`.
    #[graphql(guard = "Needs::ViewSome")]
    async fn undo(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "What to take back.")] input: UndoInput,
    ) -> async_graphql::Result<UndoPayload> {
        if let (Ok(merge), Some(merges)) = (
            id::parse::<SimilarMergeId>(&input.token, "input.token"),
            cx.data_opt::<Arc<dyn contracts::Merges>>(),
        ) {
            return undo_merge(cx, &**merges, merge).await.graphql();
        }
        let token = id::parse(&input.token, "input.token").graphql()?;
        undo(cx, token, input.skip_conflicts).await.graphql()
    }
}

async fn bulk(
    cx: &Context<'_>,
    selection: Selection,
    change: MediaEdit,
    dry_run: bool,
) -> Result<BulkUpdateMediaPayload, Failure> {
    let (kernel, viewer) = (cx.data_unchecked::<Kernel>(), require(cx)?);
    let organize = cx.data_unchecked::<Arc<Organize>>();
    change.check(viewer)?;
    if change.is_empty() {
        let message = "nothing to change: give a rating, a favorite, a title, tags, people, a studio or fields";
        return Err(Failure::new(&NOTHING_TO_CHANGE, message));
    }
    let reader = kernel.store.reader();
    // What is everybody's changes only where the account may change it; its own rating wherever it sees the item.
    let libraries = match change.changes_everyones() {
        true => &viewer.edits,
        false => &viewer.sees,
    };
    let selected = selection.open(reader, viewer.user, libraries).await?;
    let (matched_count, first) = selected.first(reader, limits::PAGE as u64).await?;
    if matched_count > organize.most_at_once {
        let edit = Edit::begin(kernel, viewer, "bulkUpdateMedia").await?;
        rules::must_refer(&edit, &change).await?;
        let (undo_token, job) = match dry_run {
            true => (None, None),
            false => {
                let job = BulkUpdate {
                    edit: edit.id(),
                    user: viewer.user,
                    selection: selection.clone(),
                    libraries: libraries.clone(),
                    change,
                    n_matched: matched_count,
                };
                let (token, job) = start(kernel, edit, &job).await?;
                (Some(id::id(token)), Some(shown(kernel, job).await?))
            }
        };
        let updated_count = if dry_run { matched_count } else { 0 };
        let media = media(cx, shown_of(&first)).await?;
        return Ok(BulkUpdateMediaPayload {
            matched_count,
            updated_count,
            undo_token,
            media,
            job,
        });
    }
    let found = (&selected, &first[..], matched_count.max(0) as usize);
    let done = at_once(kernel, viewer, found, &change, dry_run).await?;
    Ok(BulkUpdateMediaPayload {
        matched_count,
        updated_count: done.n_subjects,
        undo_token: done.token.filter(|_| !dry_run).map(id::id),
        media: media(cx, shown_of(&first)).await?,
        job: None,
    })
}

async fn at_once(
    kernel: &Kernel,
    viewer: &Viewer,
    (selected, first, n_matched): (&Selected<'_>, &[MediaId], usize),
    change: &MediaEdit,
    dry_run: bool,
) -> Result<Done, Failure> {
    const PART: u64 = 500;
    let reader = kernel.store.reader();
    // Read before the change: it may change what the filter finds.
    let mut all = first.to_vec();
    while all.len() < n_matched {
        let last = all.last().copied().unwrap_or(MediaId(i64::MIN));
        let part = selected.after(reader, last, PART).await?;
        if part.is_empty() {
            break;
        }
        all.extend(part);
    }
    let mut edit = Edit::begin(kernel, viewer, "bulkUpdateMedia").await?;
    rules::must_refer(&edit, change).await?;
    for part in all.chunks(PART as usize) {
        rules::apply(&mut edit, viewer.user, part, change).await?;
    }
    match dry_run {
        // Dropped without a commit: it rolls back.
        true => edit.settle().await,
        false => edit.commit().await,
    }
}

async fn undo(cx: &Context<'_>, token: EditId, skips: bool) -> Result<UndoPayload, Failure> {
    let (kernel, viewer) = (cx.data_unchecked::<Kernel>(), require(cx)?);
    let organize = cx.data_unchecked::<Arc<Organize>>();
    let mut edit = Edit::begin(kernel, viewer, "undo").await?;
    let undone = ledger::undoable(edit.tx(), viewer, token).await?;
    edit.undoes(&undone);
    if undone.n_subjects > organize.most_at_once {
        let job = UndoEdit {
            edit: edit.id(),
            undone: token,
            n_subjects: undone.n_subjects,
            skips,
        };
        let (token, job) = start(kernel, edit, &job).await?;
        return Ok(UndoPayload {
            changed_count: 0,
            undo_token: Some(id::id(token)),
            conflicts: Vec::new(),
            job: Some(shown(kernel, job).await?),
        });
    }
    let mut records = ledger::records(&**edit.tx(), &[token], 0, undone.n_subjects).await?;
    records.reverse();
    let conflicts = revert::revert(&mut edit, &records).await?;
    if !skips {
        revert::refuse(&conflicts)?;
    }
    let done = edit.commit().await?;
    let told = |conflict: Conflict| UndoConflict {
        subject_id: ID(conflict.subject),
        message: conflict.message,
    };
    Ok(UndoPayload {
        changed_count: done.n_subjects,
        undo_token: done.token.map(id::id),
        conflicts: conflicts.into_iter().take(MAX_CONFLICTS).map(told).collect(),
        job: None,
    })
}

async fn undo_merge(
    cx: &Context<'_>,
    merges: &dyn contracts::Merges,
    merge: SimilarMergeId,
) -> Result<UndoPayload, Failure> {
    let viewer = require(cx)?;
    if viewer.role == Role::Viewer {
        let message = "this account or token may not edit, so it may not undo merges";
        return Err(Failure::new(&kernel_code::FORBIDDEN, message));
    }
    must_reach_all(viewer)?;
    Ok(UndoPayload {
        changed_count: merges.undo(cx.data_unchecked::<Kernel>(), merge).await?,
        undo_token: None,
        conflicts: Vec::new(),
        job: None,
    })
}

/// Opens an edit and enqueues the job that makes it, both or neither.
async fn start<J: kernel::jobs::Job>(kernel: &Kernel, edit: Edit, job: &J) -> Result<(EditId, JobId), Failure> {
    let options = Enqueue {
        priority: Priority::User,
        ..Enqueue::default()
    };
    let enqueued = kernel.jobs.enqueue(edit.tx(), job, options).await?;
    Ok((edit.open(enqueued.job).await?, enqueued.job))
}

async fn shown(kernel: &Kernel, job: JobId) -> Result<Job, Failure> {
    let view = kernel.jobs.get(job).await?;
    view.map(Job::from)
        .ok_or_else(|| Failure::new(&kernel_code::NOT_FOUND, format!("no job `{job}`")))
}

/// Those that an answer shows.
fn shown_of(found: &[MediaId]) -> Vec<MediaId> {
    found.iter().copied().take(limits::PAGE).collect()
}

async fn media(cx: &Context<'_>, ids: Vec<MediaId>) -> Result<Vec<Media>, Failure> {
    let cards = Loaders::of(cx).card.get_many(ids).await?;
    Ok(cards.into_iter().map(Media::new).collect())
}
