//! A synthetic library behind the core schema, without a server: for plans, measurements and comparisons.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, ensure};
use async_graphql::{Request, Response, Schema, Variables};
use entities::{id::UserId, user, user::Role};
use kernel::{
    bus::LocalBus,
    cache::Caches,
    clock::Clock,
    events::Events,
    jobs::{JobSettings, Jobs},
    parts::Parts,
    plugin::Kernel,
    signing::Signer,
    store::{Observer, Store, StoreConfig},
    telemetry::Metrics,
};
use migration::Migrator;
use schema::{
    SharedCaches,
    kit::access::{Access, Viewer},
};
use sea_orm::{EntityTrait, QueryOrder, Statement};
use sea_orm_migration::MigratorTrait;
use serde_json::Value as Json;
use server::dev::{self, plan::Plan};
use tempfile::TempDir;

use crate::database::Backend;

/// The core's schema.
pub type Api = Schema<schema::Query, schema::Mutation, schema::Subscription>;

/// An open library and the account that looks at it.
pub struct Library {
    /// The handles.
    pub kernel: Kernel,
    /// The row caches.
    pub shared: SharedCaches,
    /// The schema.
    pub api: Api,
    /// The account that rated and played most.
    pub viewer: UserId,
    seen: Seen,
    folder: Option<TempDir>,
}

/// Statements as they were sent.
type Seen = Arc<Mutex<Vec<Statement>>>;

impl Library {
    /// A new library of so many items.
    pub async fn seeded(backend: Backend, n_media: usize) -> anyhow::Result<Self> {
        Self::planned(backend, Plan::new(n_media, None, None, None, 1)).await
    }

    /// The same after any plan.
    pub async fn planned(backend: Backend, plan: Plan) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = match backend.create().await? {
            Some(url) => StoreConfig::new(url),
            None => StoreConfig::embedded(folder.path()),
        };
        let seen = Seen::default();
        let watched = Arc::clone(&seen);
        let observe = move |statement: &Statement| {
            let mut seen = watched.lock().unwrap_or_else(PoisonError::into_inner);
            // While it is filled, nobody looks.
            if seen.capacity() > 0 {
                seen.push(statement.clone());
            }
        };
        let config = StoreConfig {
            observer: Some(Observer(Arc::new(observe))),
            ..config
        };
        let kernel = kernel(&config, folder.path()).await?;
        dev::seed(&kernel, plan, |_| ()).await?;
        let mut library = Self::over(kernel).await?;
        library.folder = Some(folder);
        library.seen = seen;
        Ok(library)
    }

    async fn over(kernel: Kernel) -> anyhow::Result<Self> {
        let shared = schema::context(&kernel);
        let api = Schema::build(
            schema::Query::default(),
            schema::Mutation::default(),
            schema::Subscription::default(),
        );
        let api = api
            .data(kernel.clone())
            .data(shared.clone())
            .limit_complexity(schema::limits::COMPLEXITY)
            .limit_depth(schema::limits::DEPTH)
            .finish();
        let oldest = user::Entity::find().order_by_asc(user::Column::Id);
        let viewer = oldest.one(kernel.store.reader()).await?.context("an account")?.id;
        Ok(Self {
            kernel,
            shared,
            api,
            viewer,
            seen: Seen::default(),
            folder: None,
        })
    }

    /// The response to a document, as an administrator.
    pub async fn run(&self, document: &str, variables: Json) -> Response {
        let viewer = Viewer::of_system(self.viewer, "ada", Role::Admin);
        let mut request = Request::new(document).variables(Variables::from_json(variables));
        request.data = schema::request_data(&self.kernel, &self.shared, Access::Viewer(viewer));
        schema::kit::turn::drive(self.api.execute(request)).await
    }

    /// The statements of a document that finds nothing in memory and must not fail, in their order.
    pub async fn statements(&self, document: &str, variables: Json) -> anyhow::Result<Vec<Statement>> {
        self.kernel.caches.clear();
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen() = Vec::with_capacity(16);
        let data = self.data(document, variables).await;
        let statements = std::mem::take(&mut *seen());
        data.map(|_| statements)
    }

    /// The data of a document that must not fail.
    pub async fn data(&self, document: &str, variables: Json) -> anyhow::Result<Json> {
        let response = self.run(document, variables).await;
        ensure!(response.errors.is_empty(), "{:?}\nfor {document}", response.errors);
        Ok(response.data.into_json()?)
    }
}

async fn kernel(config: &StoreConfig, data: &Path) -> anyhow::Result<Kernel> {
    let (clock, events) = (Clock::default(), Events::default());
    let store = Store::open(config, clock.clone(), events.clone()).await?;
    Migrator::up(store.migrator(), None).await?;
    Ok(Kernel {
        jobs: Jobs::new(store.clone(), Arc::new(LocalBus::default()), JobSettings::default()),
        signer: Signer::open(&store).await?,
        store,
        clock,
        events,
        caches: Caches::default(),
        metrics: Metrics::default(),
        parts: Parts::default(),
        data_dir: Arc::new(data.to_owned()),
    })
}
