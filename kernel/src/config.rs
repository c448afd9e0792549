//! Settings: a TOML file with one section per plugin, and the environment over it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// The settings as read, before each owner takes its section.
#[derive(Debug, Clone, Default)]
pub struct Config {
    table: Table,
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
        let environment: BTreeMap<String, String> = environment.into_iter().collect();
        for section in &known {
            let prefix = format!("VITAGRAPH_{}_", section.to_ascii_uppercase());
            for (name, text) in environment.iter().filter(|(name, _)| name.starts_with(&prefix)) {
                let key = name[prefix.len()..].to_ascii_lowercase();
                let section = table.entry(*section).or_insert_with(|| Value::Table(Table::new()));
                let Value::Table(section) = section else {
                    bail!("{origin}: `{prefix}` is not a section")
                };
                section.insert(key, parse_value(text));
            }
        }
        Ok(Self { table, origin })
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

    #[test]
    fn the_environment_lies_over_the_file_and_unknown_keys_are_named() {
        let env = |name: &str, value: &str| (name.to_owned(), value.to_owned());
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
}
