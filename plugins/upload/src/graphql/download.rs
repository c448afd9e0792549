//! Beginning an upload from a page.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, SimpleObject};
use entities::id::{LibraryId, UploadId};
use kernel::{
    egress::target::{Scheme, Target},
    error::Failure,
    store::Durability,
};
use schema::{
    job::types::Job,
    kit::{access::require, id::parse},
};

use super::{SHOWN, Upload, shown};
use crate::{
    Upload as Plugin, code,
    download::{program::program, row as page},
    jobs::download::{DownloadPage, options},
    place::{Place, library},
    routes::check_quota,
    row::{self, Concat, Row, State},
};

/// A page to fetch.
#[derive(InputObject)]
pub struct DownloadPageInput {
    /// The page's address: `http://` or `https://`. It is kept sealed, until its media have come.
    #[graphql(secret)]
    url: String,
    /// The library that its media go to.
    library_id: ID,
}

/// The outcome of `downloadPage`.
#[derive(SimpleObject)]
pub struct DownloadPagePayload {
    /// The upload that the page's media become.
    upload: Upload,
    /// The job that fetches them.
    job: Job,
}

pub(super) async fn download(cx: &Context<'_>, input: &DownloadPageInput) -> Result<DownloadPagePayload, Failure> {
    let viewer = require(cx)?;
    let plugin = cx.data_unchecked::<Arc<Plugin>>();
    let kernel = &plugin.kernel;
    let target = Target::parse(&input.url)
        .ok()
        .filter(|target| target.scheme() != Scheme::Rtsp);
    let Some(target) = target else {
        return Err(Failure::field(
            "input.url",
            "an address that begins with `http://` or `https://`",
        ));
    };
    let wanted = parse::<LibraryId>(&input.library_id, "input.libraryId")?;
    program(plugin)?;
    // What is refused anyway is refused at once; what the page names is looked at when it is connected to.
    if let Err(error) = plugin.egress.admit(&target).await
        && !error.may_pass()
    {
        return Err(Failure::new(&code::DOWNLOAD_REFUSED, error.to_string()));
    }
    let (library, library_path, root) = library(kernel, &viewer.sees, Some(&wanted.to_string())).await?;
    let now = kernel.clock.now_ms();
    let row = Row {
        id: UploadId::new(),
        user: viewer.user,
        library: Some(library),
        library_path: Some(library_path),
        root: Some(root),
        filename: None,
        metadata: String::new(),
        concat: Concat::Whole,
        parts: Vec::new(),
        n_bytes: None,
        n_received: 0,
        state: State::Fetching,
        modified_at: None,
        content_hash: None,
        target: None,
        inode: None,
        expires_at: now + plugin.keep_ms(),
        created_at: now,
    };
    let tx = kernel.store.begin(Durability::Full).await?;
    check_quota(plugin, &tx, &row, &Place::of(kernel, &row)).await?;
    row::insert(&tx, &row).await?;
    page::set_source(&tx, kernel, row.id, (&input.url, target.to_string())).await?;
    let job = DownloadPage {
        upload: row.id,
        shown: target.to_string(),
    };
    let job = kernel.jobs.enqueue(&tx, &job, options()).await?.job;
    row::set_job(&tx, row.id, job).await?;
    tx.commit().await?;

    let text = format!("select {SHOWN} where upload.id = $1");
    let rows = kernel::sql::rows(kernel.store.reader(), text, [row.id.0.into()]).await?;
    let missing = || Failure::new(&code::NOT_FOUND, format!("no upload `{}`", row.id));
    Ok(DownloadPagePayload {
        upload: shown(rows.first().ok_or_else(missing)?)?,
        job: kernel.jobs.get(job).await?.map(Job::from).ok_or_else(missing)?,
    })
}
