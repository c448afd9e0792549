//! What administrators can have the server do about itself.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use kernel::error::{Failure, code};

use crate::{
    kit::{access::Needs, error::ToGraphql},
    system::{contracts::HardwareReport, hardware::Hardware},
};

/// What can be done with the server.
#[derive(Default)]
pub struct SystemMutation;

/// What can be done with the server.
#[Object]
impl SystemMutation {
    /// Tries this machine's encoders and decoders again, as after a new driver.
    #[graphql(guard = "Needs::Admin")]
    async fn refresh_hardware(&self, cx: &Context<'_>) -> async_graphql::Result<RefreshHardwarePayload> {
        let Some(report) = cx.data_opt::<Arc<dyn HardwareReport>>() else {
            let message = "there is no media engine, so there is nothing to try";
            return Err(Failure::new(&code::UNAVAILABLE, message)).graphql();
        };
        let hardware = report.refresh().await.graphql()?;
        Ok(RefreshHardwarePayload { hardware })
    }
}

/// The outcome of `refreshHardware`.
#[derive(SimpleObject)]
pub struct RefreshHardwarePayload {
    /// What works now.
    hardware: Hardware,
}
