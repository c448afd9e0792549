//! Settings: a TOML file with one section per plugin, the environment over it, and what people decided in the app under it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::setting::{ENABLED, Values};

/// Who said a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The file.
    File,
    /// A variable of the environment.
    Environment,
    /// An administrator, in the app.
    Stored,
}

/// The settings as read, before each owner takes its section.
#[derive(Debug, Clone, Default)]
pub struct Config {
    table: Table,
    sources: BTreeMap<(String, String), Source>,
    origin: String,
}

impl Config {
    /// Reads a file (none is fine) and lays `VITAGRAPH_<SECTION>_<KEY>` over it for these sections.
    pub fn load(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        sections: &[&str],
    ) -> anyhow::Result<Self> {
        let mut table = match path {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("reading the config file {}", path.display()))?
                .parse::<Table>()
                .with_context(|| format!("the config file {} is not valid TOML", path.display()))?,
            None => Table::new(),
        };
        let known: BTreeSet<&str> = sections.iter().copied().collect();
        let origin = path.map_or_else(|| "the settings".to_owned(), |path| path.display().to_string());
        if let Some(unknown) = table.keys().find(|key| !known.contains(key.as_str())) {
            bail!(
                "{origin}: unknown section `[{unknown}]`; there are {}",
                sections.join(", ")
            );
        }
        let mut sources = BTreeMap::new();
        for (section, value) in &table {
            for key in value.as_table().into_iter().flat_map(Table::keys) {
                sources.insert((section.clone(), key.clone()), Source::File);
            }
        }
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        for section in &known {
            let prefix = format!("VITAGRAPH_{}_", section.to_ascii_uppercase());
            for (name, text) in environment.iter().filter(|(name, _)| name.starts_with(&prefix)) {
                let key = name[prefix.len()..].to_ascii_lowercase();
                sources.insert(((*section).to_owned(), key.clone()), Source::Environment);
                let section = table.entry(*section).or_insert_with(|| Value::Table(Table::new()));
                let Value::Table(section) = section else {
                    bail!("{origin}: `{prefix}` is not a section")
                };
                section.insert(key, parse_value(text));
            }
        }
        Ok(Self { table, sources, origin })
    }

    /// One section, or its defaults when it is absent; an unknown or ill-typed key is an error that names it.
    pub fn section<T: DeserializeOwned + Default>(&self, name: &str) -> anyhow::Result<T> {
        let Some(value) = self.table.get(name) else {
            return Ok(T::default());
        };
        value
            .clone()
            .try_into()
            .with_context(|| format!("{}: section `[{name}]`", self.origin))
    }

    /// The section of a plugin, which may be switched off in it.
    ///
    /// # Errors
    /// As [`Config::section`].
    pub fn plugin_section<T: DeserializeOwned + Default>(&self, name: &str) -> anyhow::Result<T> {
        let mut own = self.clone();
        if let Some(Value::Table(section)) = own.table.get_mut(name) {
            section.remove(ENABLED);
        }
        own.section(name)
    }

    /// Whether a plugin is to work: not where its section says `enabled = false`.
    ///
    /// # Errors
    /// The value is neither true nor false.
    pub fn is_enabled(&self, plugin: &str) -> anyhow::Result<bool> {
        match self.get(plugin, ENABLED) {
            None => Ok(true),
            Some((Value::Boolean(is_enabled), _)) => Ok(*is_enabled),
            Some((other, _)) => bail!(
                "{}: `{ENABLED}` in `[{plugin}]` is {other}; it must be true or false",
                self.origin
            ),
        }
    }

    /// A value that somebody said, and who did.
    pub fn get(&self, section: &str, key: &str) -> Option<(&Value, Source)> {
        let value = self.table.get(section)?.as_table()?.get(key)?;
        let source = self.sources.get(&(section.to_owned(), key.to_owned()))?;
        Some((value, *source))
    }

    /// Where the settings come from, for messages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// These settings over what people decided in the app: whoever runs the server has the last word, and can undo from
    /// outside what keeps it from starting.
    pub fn over(&self, stored: &Values) -> Self {
        let mut all = self.clone();
        for (place, value) in stored {
            if all.sources.contains_key(place) {
                continue;
            }
            let (section, key) = place;
            let section = all
                .table
                .entry(section.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key.clone(), value.clone());
                all.sources.insert(place.clone(), Source::Stored);
            }
        }
        all
    }
}

/// Reads a value as TOML would, and what is no TOML value as plain text.
fn parse_value(text: &str) -> Value {
    format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Scan {
        settle_seconds: u32,
        pattern: String,
    }

    fn env(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_environment_lies_over_the_file_and_unknown_keys_are_named() {
        let variables = [
            env("VITAGRAPH_SCAN_SETTLE_SECONDS", "7"),
            env("VITAGRAPH_SCAN_PATTERN", "a b"),
        ];
        let config = Config::load(None, variables, &["scan"]).expect("good settings");
        let scan: Scan = config.section("scan").expect("a good section");
        assert_eq!(
            scan,
            Scan {
                settle_seconds: 7,
                pattern: "a b".into()
            }
        );

        let config = Config::load(None, [env("VITAGRAPH_SCAN_COLOUR", "1")], &["scan"]).expect("sections are lazy");
        let error = format!("{:#}", config.section::<Scan>("scan").expect_err("an unknown key"));
        assert!(error.contains("[scan]") && error.contains("colour"), "{error}");
    }

    #[test]
    fn what_was_decided_in_the_app_holds_where_nobody_outside_says_otherwise() {
        let outside = [
            env("VITAGRAPH_SCAN_PATTERN", "outside"),
            env("VITAGRAPH_SCAN_ENABLED", "false"),
        ];
        let config = Config::load(None, outside, &["scan"]).expect("good settings");
        let place = |key: &str| ("scan".to_owned(), key.to_owned());
        let stored = Values::from([
            (place("pattern"), Value::from("inside")),
            (place("settle_seconds"), Value::from(9)),
            (place("enabled"), Value::from(true)),
        ]);
        let config = config.over(&stored);
        let scan: Scan = config.plugin_section("scan").expect("a good section");
        assert_eq!((scan.settle_seconds, scan.pattern.as_str()), (9, "outside"));
        assert_eq!(
            config.get("scan", "pattern").map(|(_, source)| source),
            Some(Source::Environment)
        );
        assert_eq!(
            config.get("scan", "settle_seconds").map(|(_, source)| source),
            Some(Source::Stored)
        );
        assert!(config.get("scan", "other").is_none());
        assert!(!config.is_enabled("scan").expect("a flag"));
        assert!(config.is_enabled("upload").expect("a flag"));
    }
}
