//! What administrators can have the server do about itself.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use kernel::{
    error::{Failure, code},
    setting::ENABLED,
};

use crate::{
    kit::{
        access::{Needs, require},
        error::ToGraphql,
        id,
    },
    system::{
        contracts::HardwareReport,
        hardware::Hardware,
        settings::{NewValue, SetPluginEnabledInput, Setting, SettingsBook, UpdateSettingsInput, Updated},
    },
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

    /// Sets what the file and the environment leave open. A setting that needs a restart holds after the next start.
    #[graphql(guard = "Needs::Admin")]
    async fn update_settings(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The settings.")] input: UpdateSettingsInput,
    ) -> async_graphql::Result<UpdateSettingsPayload> {
        if input.values.is_empty() || input.values.len() > MOST_VALUES {
            return Err(Failure::field(
                "input.values",
                format!("between 1 and {MOST_VALUES} of them"),
            ))
            .graphql();
        }
        let value = |(index, value): (usize, crate::system::settings::SettingValueInput)| NewValue {
            key: value.key,
            value: value.value.map(|value| value.0),
            path: format!("input.values[{index}]"),
        };
        let values = input.values.into_iter().enumerate().map(value).collect();
        let Updated { settings, token } = update(cx, "updateSettings", values).await.graphql()?;
        Ok(UpdateSettingsPayload {
            needs_restart: settings.iter().any(|setting| setting.is_pending),
            settings,
            undo_token: token.map(id::id),
        })
    }

    /// Switches a plugin on or off, from the next start on. What it keeps in the database stays.
    #[graphql(guard = "Needs::Admin")]
    async fn set_plugin_enabled(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "The plugin.")] input: SetPluginEnabledInput,
    ) -> async_graphql::Result<SetPluginEnabledPayload> {
        let value = NewValue {
            key: format!("{}.{ENABLED}", input.name),
            value: (!input.is_enabled).then_some(false.into()),
            path: "input.name".to_owned(),
        };
        let Updated { mut settings, token } = update(cx, "setPluginEnabled", vec![value]).await.graphql()?;
        let setting = settings.pop().ok_or("one value was written").map_err(Failure::internal);
        let setting = setting.graphql()?;
        Ok(SetPluginEnabledPayload {
            needs_restart: setting.is_pending,
            setting,
            undo_token: token.map(id::id),
        })
    }
}

/// The most settings that are changed at once.
const MOST_VALUES: usize = 100;

async fn update(cx: &Context<'_>, action: &str, values: Vec<NewValue>) -> Result<Updated, Failure> {
    let book = cx.data::<Arc<dyn SettingsBook>>();
    let book = book.map_err(|error| Failure::internal(error.message))?;
    book.update(require(cx)?, action, values).await
}

/// The outcome of `updateSettings`.
#[derive(SimpleObject)]
pub struct UpdateSettingsPayload {
    /// The settings as they are now, in the order of the input.
    settings: Vec<Setting>,
    /// Whether one of them holds after the next start only.
    needs_restart: bool,
    /// By which it can be undone; null when nothing changed.
    undo_token: Option<ID>,
}

/// The outcome of `setPluginEnabled`.
#[derive(SimpleObject)]
pub struct SetPluginEnabledPayload {
    /// The setting that says whether it works.
    setting: Setting,
    /// Whether something else holds after the next start.
    needs_restart: bool,
    /// By which it can be undone; null when nothing changed.
    undo_token: Option<ID>,
}

/// The outcome of `refreshHardware`.
#[derive(SimpleObject)]
pub struct RefreshHardwarePayload {
    /// What works now.
    hardware: Hardware,
}
