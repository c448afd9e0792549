//! Settings, as administrators see and change them.

use async_graphql::{Enum, InputObject, SimpleObject};
use entities::id::EditId;
use kernel::{config::Source, error::Failure, setting::Kind};

use crate::kit::{access::Viewer, scalar::JsonValue};

/// Knows all settings, and writes those that were decided in the app. The server puts it into the schema's data, for it alone
/// knows every plugin.
#[async_trait::async_trait]
pub trait SettingsBook: Send + Sync {
    /// All settings, section by section.
    async fn list(&self) -> Result<Vec<Setting>, Failure>;
    /// Writes values, all or none; `action` is the mutation's name.
    async fn update(&self, viewer: &Viewer, action: &str, values: Vec<NewValue>) -> Result<Updated, Failure>;
}

/// A value to be written.
#[derive(Debug, Clone)]
pub struct NewValue {
    /// Which setting.
    pub key: String,
    /// The value; none for what holds when nobody says anything.
    pub value: Option<serde_json::Value>,
    /// Where it stands in the input, for messages.
    pub path: String,
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Updated {
    /// The settings as they are now, in the order of the input.
    pub settings: Vec<Setting>,
    /// By which it can be undone; absent when nothing changed.
    pub token: Option<EditId>,
}

/// A setting. What the file or the environment says is over what is decided here, so that whoever runs the server has the
/// last word.
#[derive(Debug, Clone, SimpleObject)]
pub struct Setting {
    /// By what it is known: its section and its key in the file, such as `stream.url_hours`.
    pub key: String,
    /// Its section of the file.
    pub section: String,
    /// The plugin whose it is; null for the server's own.
    pub plugin: Option<String>,
    /// What it means.
    pub description: String,
    /// What values it has.
    pub kind: SettingKind,
    /// What can be chosen; empty where it is no choice.
    pub choices: Vec<String>,
    /// The least number; null where there is none.
    pub minimum: Option<f64>,
    /// The greatest number; null where there is none.
    pub maximum: Option<f64>,
    /// What holds when nobody says anything; null where that is nothing.
    pub default: Option<JsonValue>,
    /// What holds now; null where that is nothing, and for secrets.
    pub value: Option<JsonValue>,
    /// Who said so.
    pub source: SettingSource,
    /// What will hold after the next start; null where that is nothing, and for secrets.
    pub next_value: Option<JsonValue>,
    /// Whether something else will hold after the next start.
    pub is_pending: bool,
    /// The variable of the environment that sets it.
    pub variable: String,
    /// Whether its value is shown to nobody.
    pub is_secret: bool,
    /// Whether it can be changed here: not what the file or the environment says, and not what only they may say.
    pub is_editable: bool,
    /// Whether a change holds after the next start only.
    pub needs_restart: bool,
}

/// What values a setting has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum SettingKind {
    /// Yes or no.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// A text.
    Text,
    /// One of its choices.
    Choice,
    /// A list of texts.
    List,
}

impl From<Kind> for SettingKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Boolean,
            Kind::Integer => Self::Integer,
            Kind::Number => Self::Number,
            Kind::Text => Self::Text,
            Kind::Choice => Self::Choice,
            Kind::List => Self::List,
        }
    }
}

/// Who said what a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum SettingSource {
    /// Nobody: it is what it is when nothing is said.
    Default,
    /// An administrator, in the app.
    App,
    /// The file.
    File,
    /// A variable of the environment.
    Environment,
}

impl From<Option<Source>> for SettingSource {
    fn from(source: Option<Source>) -> Self {
        match source {
            None => Self::Default,
            Some(Source::Stored) => Self::App,
            Some(Source::File) => Self::File,
            Some(Source::Environment) => Self::Environment,
        }
    }
}

/// Settings and their values.
#[derive(Debug, InputObject)]
pub struct UpdateSettingsInput {
    /// At most 100, each setting once. All are written or none.
    pub values: Vec<SettingValueInput>,
}

/// A value of a setting.
#[derive(Debug, InputObject)]
pub struct SettingValueInput {
    /// Which setting, such as `stream.url_hours`.
    pub key: String,
    /// Its value; null for what holds when nobody says anything.
    pub value: Option<JsonValue>,
}

/// Which plugin to switch on or off.
#[derive(Debug, InputObject)]
pub struct SetPluginEnabledInput {
    /// The plugin's name.
    pub name: String,
    /// Whether it is to work.
    pub is_enabled: bool,
}
