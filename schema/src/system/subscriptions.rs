//! How busy the server is, once a second.

use std::{sync::Arc, time::Duration};

use async_graphql::{Context, Subscription};
use entities::job::{self, JobStatus};
use futures_util::{Stream, stream};
use kernel::{error::Failure, plugin::Kernel};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::{
    kit::{
        access::Needs,
        error::ToGraphql,
        scalar::{Bytes, DateTime},
    },
    system::{
        contracts::StreamReport,
        process::{CpuMeter, resident_memory},
        traffic::Traffic,
        types::SystemStats,
    },
};

/// Processor time is measured over this before the first answer.
const FIRST: Duration = Duration::from_millis(100);
const PERIOD: Duration = Duration::from_secs(1);

/// What can be followed of the server.
#[derive(Default)]
pub struct SystemSubscription;

/// What can be followed of the server.
#[Subscription]
impl SystemSubscription {
    /// How busy the server is, now and then once a second.
    #[graphql(guard = "Needs::Admin")]
    async fn system_stats(
        &self,
        cx: &Context<'_>,
    ) -> async_graphql::Result<impl Stream<Item = async_graphql::Result<SystemStats>> + use<>> {
        let kernel = cx.data::<Kernel>()?.clone();
        let mut period = interval_at(Instant::now() + FIRST, PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let watch = Watch {
            traffic: Traffic::of(&kernel),
            streaming: cx.data_opt::<Arc<dyn StreamReport>>().map(Arc::clone),
            kernel,
            meter: CpuMeter::start(),
            period,
        };
        Ok(stream::unfold(watch, |mut watch| async move {
            watch.period.tick().await;
            Some((watch.read().await.graphql(), watch))
        }))
    }
}

struct Watch {
    kernel: Kernel,
    traffic: Arc<Traffic>,
    streaming: Option<Arc<dyn StreamReport>>,
    meter: CpuMeter,
    period: Interval,
}

impl Watch {
    async fn read(&mut self) -> Result<SystemStats, Failure> {
        let now = self.kernel.clock.now_ms();
        let running = job::Entity::find().filter(job::Column::State.eq(JobStatus::Running));
        Ok(SystemStats {
            at: DateTime(now),
            cpu_fraction: self.meter.read(),
            resident_memory: Bytes(resident_memory().map_err(Failure::internal)?),
            requests_per_second: self.traffic.requests_per_second(now),
            active_streams: self.traffic.n_streams(),
            active_jobs: running.count(self.kernel.store.reader()).await? as i64,
            subscribers: self.traffic.n_subscriptions(),
            streaming: self.streaming.as_ref().map(|report| report.read()),
        })
    }
}
