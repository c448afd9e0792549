//! The settings of the server: what the file and the environment say, what was decided in the app under it, and how that is
//! written.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use entities::{id::SettingId, server_setting};
use kernel::{
    config::{Config, Source},
    egress::EgressConfig,
    error::Failure,
    plugin::Kernel,
    setting::{self, Setting, Values},
    store::Store,
};
use schema::{
    edit::{row::Row, session::Edit, table::SERVER_SETTING},
    kit::{access::Viewer, scalar::JsonValue},
    system::settings::{self as shown, NewValue, SettingSource, SettingsBook, Updated},
};
use sea_orm::{EntityTrait, QueryOrder};
use serde_json::{Value as Json, json};

use crate::{media::MediaConfig, plugins::Plugins, provider::ProviderConfig};

/// The server's own section that the app may change.
const MEDIA: &str = "media";
/// Where the server may connect to; nothing of it can be changed in the app.
const EGRESS: &str = "egress";
/// Where people may sign in from; nor can that.
const OIDC: &str = "oidc";

/// All settings that are read after the database is open, section by section.
pub fn described() -> Vec<Setting> {
    let mut all = setting::describe::<MediaConfig>(MEDIA);
    all.extend(setting::describe::<EgressConfig>(EGRESS));
    let provider = setting::describe::<ProviderConfig>(OIDC).into_iter();
    all.extend(provider.map(|setting| Setting {
        is_outside: true,
        ..setting
    }));
    all.extend(Plugins::settings());
    all
}

fn may_be_stored(setting: &Setting) -> bool {
    !setting.is_outside && !setting.is_secret
}

/// The settings with what was decided in the app under them. What this version cannot read, or refuses, is passed over with
/// a warning: a wrong value must not keep the server from starting, for then nobody could mend it in the app.
///
/// # Errors
/// When the database fails.
pub async fn with_stored(config: &Config, store: &Store) -> anyhow::Result<Config> {
    let rows = stored(store)
        .await
        .context("reading the settings that were decided in the app")?;
    if rows.is_empty() {
        return Ok(config.clone());
    }
    let mut values = usable(&rows);
    let sections: BTreeSet<String> = values.keys().map(|(section, _)| section.clone()).collect();
    for section in sections {
        if let Err(error) = check_section(&config.over(&values), &section) {
            // What the file says wrong is not the app's fault, and is told where the section is taken.
            if check_section(config, &section).is_ok() {
                tracing::warn!(
                    section,
                    error = format!("{error:#}"),
                    "the settings of the app are passed over"
                );
                values.retain(|(of, _), _| *of != section);
            }
        }
    }
    Ok(config.over(&values))
}

async fn stored(store: &Store) -> Result<BTreeMap<String, Json>, sea_orm::DbErr> {
    let rows = server_setting::Entity::find().order_by_asc(server_setting::Column::Id);
    let rows = rows.all(store.reader()).await?;
    let value = |row: server_setting::Model| Some((row.name, serde_json::from_str(&row.value).ok()?));
    Ok(rows.into_iter().filter_map(value).collect())
}

fn usable(rows: &BTreeMap<String, Json>) -> Values {
    let described: BTreeMap<String, Setting> = described()
        .into_iter()
        .map(|setting| (setting.name(), setting))
        .collect();
    let mut values = Values::new();
    for (name, value) in rows {
        let Some(setting) = described.get(name).filter(|setting| may_be_stored(setting)) else {
            tracing::warn!(
                setting = name,
                "this version has no such setting, so what was decided of it is passed over"
            );
            continue;
        };
        match setting.read(value) {
            Ok(value) => drop(values.insert((setting.section.clone(), setting.key.clone()), value)),
            Err(allowed) => tracing::warn!(setting = name, %value, allowed, "a setting of the app is passed over"),
        }
    }
    values
}

/// Whether a section can be read and means something.
fn check_section(config: &Config, section: &str) -> anyhow::Result<()> {
    match section {
        MEDIA => config.section::<MediaConfig>(MEDIA).map(drop),
        plugin => Plugins::check_of(config, plugin),
    }
}

/// The settings of a running server.
pub struct Book {
    kernel: Kernel,
    /// What the file and the environment say.
    outside: Config,
    /// What held when the server started.
    held: Config,
    described: Vec<Setting>,
}

impl Book {
    /// The settings as the file and the environment have them, and as they held when the server started.
    pub fn new(kernel: Kernel, outside: Config, held: Config) -> Self {
        Self {
            kernel,
            outside,
            held,
            described: described(),
        }
    }

    fn shown(&self, setting: &Setting, stored: &BTreeMap<String, Json>) -> shown::Setting {
        let name = setting.name();
        let json = |(value, source): (&toml::Value, Source)| (serde_json::to_value(value).unwrap_or_default(), source);
        let held = self.held.get(&setting.section, &setting.key).map(json);
        let outside = self.outside.get(&setting.section, &setting.key).map(json);
        let decided = stored.get(&name).filter(|value| setting.read(value).is_ok()).cloned();
        let may_store = may_be_stored(setting) && outside.is_none();
        let decided = decided.filter(|_| may_store);
        let source = SettingSource::from(held.as_ref().map(|(_, source)| *source));
        let value = held.map_or_else(|| setting.default.clone(), |(value, _)| value);
        let next = outside.map(|(value, _)| value).or(decided);
        let next = next.unwrap_or_else(|| setting.default.clone());
        let is_pending = !is_same(&value, &next);
        let open = |value: Json| (!value.is_null() && !setting.is_secret).then_some(JsonValue(value));
        shown::Setting {
            plugin: Plugins::NAMES
                .contains(&setting.section.as_str())
                .then(|| setting.section.clone()),
            variable: format!(
                "VITAGRAPH_{}_{}",
                setting.section.to_ascii_uppercase(),
                setting.key.to_ascii_uppercase()
            ),
            key: name,
            section: setting.section.clone(),
            description: setting.description.clone(),
            kind: setting.kind.into(),
            choices: setting.choices.clone(),
            minimum: setting.minimum,
            maximum: setting.maximum,
            default: open(setting.default.clone()),
            value: open(value),
            source,
            next_value: open(next),
            is_pending,
            is_secret: setting.is_secret,
            is_editable: may_store,
            needs_restart: true,
        }
    }

    /// The setting of a key, if it can be changed in the app.
    fn editable(&self, new: &NewValue) -> Result<&Setting, Failure> {
        let found = self.described.iter().find(|setting| setting.name() == new.key);
        let Some(setting) = found else {
            let path = match new.path.ends_with(']') {
                true => format!("{}.key", new.path),
                false => new.path.clone(),
            };
            return Err(Failure::field(path, format!("there is no setting `{}`", new.key)));
        };
        let place = match self.outside.get(&setting.section, &setting.key) {
            Some((_, Source::Environment)) => Some("the environment says what it is, so it can only be changed there"),
            Some(_) => Some("the file says what it is, so it can only be changed there"),
            None if !may_be_stored(setting) => Some("only the file and the environment may say what it is"),
            None => None,
        };
        match place {
            Some(why) => Err(Failure::field(&*new.path, format!("`{}`: {why}", new.key))),
            None => Ok(setting),
        }
    }

    /// Refuses values that mean nothing with all else that holds then.
    fn must_mean_something(
        &self,
        stored: &BTreeMap<String, Json>,
        values: &[(NewValue, &Setting)],
    ) -> Result<(), Failure> {
        let config = self.outside.over(&usable(stored));
        for (new, setting) in values {
            check_section(&config, &setting.section)
                .map_err(|error| Failure::field(&*new.path, format!("`{}`: {error:#}", new.key)))?;
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl SettingsBook for Book {
    async fn list(&self) -> Result<Vec<shown::Setting>, Failure> {
        let stored = stored(&self.kernel.store).await?;
        Ok(self
            .described
            .iter()
            .map(|setting| self.shown(setting, &stored))
            .collect())
    }

    async fn update(&self, viewer: &Viewer, action: &str, values: Vec<NewValue>) -> Result<Updated, Failure> {
        let mut known = Vec::with_capacity(values.len());
        let mut keys = BTreeSet::new();
        for new in values {
            let setting = self.editable(&new)?;
            if let Some(value) = &new.value
                && let Err(allowed) = setting.read(value)
            {
                return Err(Failure::field(&*new.path, format!("`{}` must be {allowed}", new.key)));
            }
            if !keys.insert(new.key.clone()) {
                return Err(Failure::field(&*new.path, format!("`{}` is there twice", new.key)));
            }
            known.push((new, setting));
        }
        let mut edit = Edit::begin(&self.kernel, viewer, action).await?;
        let table = &SERVER_SETTING;
        let ids = kernel::sql::rows(&**edit.tx(), "select id from server_setting", []).await?;
        let ids: Vec<i64> = ids
            .iter()
            .map(|row| row.try_get_by_index(0))
            .collect::<Result<_, _>>()?;
        let rows = edit.read(table, "id", &ids).await?;
        let mut stored: BTreeMap<String, Json> = BTreeMap::new();
        let mut present: BTreeMap<String, Row> = BTreeMap::new();
        for row in rows {
            let name = row.text(table, "name").unwrap_or_default().to_owned();
            let value = row
                .text(table, "value")
                .and_then(|text| serde_json::from_str(text).ok());
            stored.insert(name.clone(), value.unwrap_or_default());
            present.insert(name, row);
        }
        for (new, setting) in &known {
            let is_default = |value: &&Json| is_same(value, &setting.default);
            // Who chooses what holds anyway leaves it to later versions.
            let value = new.value.as_ref().filter(|value| !is_default(value));
            match (present.remove(&new.key), value) {
                (Some(row), Some(value)) => {
                    let after = row.clone().with(table, "value", value.to_string());
                    edit.update(table, row, after);
                }
                (Some(row), None) => edit.delete(table, row),
                (None, Some(value)) => {
                    let (id, now) = (SettingId::new(), edit.now);
                    let row = vec![json!(id.0), json!(new.key), json!(value.to_string()), json!(now)];
                    edit.insert(table, Row(row));
                }
                (None, None) => {}
            }
            match value {
                Some(value) => drop(stored.insert(new.key.clone(), value.clone())),
                None => drop(stored.remove(&new.key)),
            }
        }
        self.must_mean_something(&stored, &known)?;
        let done = edit.commit().await?;
        for (new, _) in &known {
            tracing::info!(by = viewer.name, setting = new.key, value = ?new.value, "a setting was changed");
        }
        let settings = known.iter().map(|(_, setting)| self.shown(setting, &stored)).collect();
        Ok(Updated {
            settings,
            token: done.token,
        })
    }
}

/// Whether two values say the same: 10 and 10.0 do.
fn is_same(a: &Json, b: &Json) -> bool {
    a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| a == b)
}
