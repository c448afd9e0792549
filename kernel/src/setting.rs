//! What settings there are: read off the types that hold them, so that pages, checks and the reference say the same.

use std::collections::BTreeMap;

use anyhow::bail;
use schemars::JsonSchema;
use serde_json::{Map, Value as Json};

use crate::config::Config;

/// The key by which a plugin is switched off in its section; no plugin has one of its own by this name.
pub const ENABLED: &str = "enabled";

/// What values a setting has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
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

/// A setting, as its type describes it.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its section of the file.
    pub section: String,
    /// Its key there.
    pub key: String,
    /// What it means, as the comment of its field says.
    pub description: String,
    /// What values it has.
    pub kind: Kind,
    /// What holds when nobody says anything; null where that is nothing.
    pub default: Json,
    /// What can be chosen.
    pub choices: Vec<String>,
    /// The least number.
    pub minimum: Option<f64>,
    /// The greatest number.
    pub maximum: Option<f64>,
    /// Whether it may be absent.
    pub is_optional: bool,
    /// Whether its value is shown to nobody.
    pub is_secret: bool,
    /// Whether only the file and the environment may say what it is: what opens a port, reaches into a network or starts a
    /// program is the word of whoever runs the server.
    pub is_outside: bool,
}

/// The settings of a section. Fields say more of themselves by `#[schemars(range(..))]`, by `extend("enum" = [..])`, by
/// `extend("secret" = true)` and by `extend("outside" = true)`.
pub fn describe<T: JsonSchema>(section: &str) -> Vec<Setting> {
    let schema = schemars::SchemaGenerator::default().into_root_schema_for::<T>();
    let schema = schema.as_value();
    let definitions = schema["$defs"].as_object();
    let properties = schema["properties"].as_object();
    let one = |(key, property): (&String, &Json)| of_property(section, key, &resolved(property, definitions));
    properties.into_iter().flatten().map(one).collect()
}

/// The setting by which a plugin is switched on and off.
pub fn enabled(section: &str) -> Setting {
    Setting {
        section: section.to_owned(),
        key: ENABLED.to_owned(),
        description: "Whether the plugin works.".to_owned(),
        kind: Kind::Boolean,
        default: Json::Bool(true),
        choices: Vec::new(),
        minimum: None,
        maximum: None,
        is_optional: false,
        is_secret: false,
        is_outside: false,
    }
}

/// Refuses values of a section that its settings do not allow.
///
/// # Errors
/// Names the first of them, and says what is allowed.
pub fn check(config: &Config, settings: &[Setting]) -> anyhow::Result<()> {
    for setting in settings {
        let Some((value, _)) = config.get(&setting.section, &setting.key) else {
            continue;
        };
        let value = serde_json::to_value(value)?;
        if let Err(wrong) = setting.read(&value) {
            bail!(
                "{}: `{}` in `[{}]` is {value}; it must be {wrong}",
                config.origin(),
                setting.key,
                setting.section
            );
        }
    }
    Ok(())
}

impl Setting {
    /// By what it is known: section and key.
    pub fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// A value as the file would have it.
    ///
    /// # Errors
    /// Says what is allowed.
    pub fn read(&self, value: &Json) -> Result<toml::Value, String> {
        let wrong = || self.allowed();
        Ok(match (self.kind, value) {
            (Kind::Boolean, Json::Bool(value)) => (*value).into(),
            (Kind::Integer, Json::Number(number)) => {
                // A browser's numbers are fractions to some writers: 3.0 is whole.
                let whole = number
                    .as_f64()
                    .filter(|number| number.fract() == 0.0 && number.abs() < EXACT);
                let whole = number
                    .as_i64()
                    .or(whole.map(|number| number as i64))
                    .ok_or_else(wrong)?;
                self.in_range(whole as f64)?;
                whole.into()
            }
            (Kind::Number, Json::Number(number)) => {
                let number = number.as_f64().filter(|number| number.is_finite()).ok_or_else(wrong)?;
                self.in_range(number)?;
                number.into()
            }
            (Kind::Text, Json::String(text)) if text.len() <= LONGEST => text.clone().into(),
            (Kind::Choice, Json::String(text)) if self.choices.contains(text) => text.clone().into(),
            (Kind::List, Json::Array(items)) if items.len() <= LONGEST_LIST => {
                let text = |item: &Json| item.as_str().map(|text| toml::Value::from(text.to_owned()));
                toml::Value::Array(items.iter().map(text).collect::<Option<_>>().ok_or_else(wrong)?)
            }
            _ => return Err(wrong()),
        })
    }

    /// What values are allowed, for people: "a whole number from 1 to 6".
    pub fn allowed(&self) -> String {
        let most = self.maximum.filter(|most| *most < EXACT);
        let range = match (self.minimum, most) {
            (Some(least), Some(most)) => format!(" from {least} to {most}"),
            (Some(least), None) => format!(" of at least {least}"),
            (None, Some(most)) => format!(" of at most {most}"),
            (None, None) => String::new(),
        };
        match self.kind {
            Kind::Boolean => "true or false".to_owned(),
            Kind::Integer => format!("a whole number{range}"),
            Kind::Number => format!("a number{range}"),
            Kind::Text => "a text".to_owned(),
            Kind::Choice => format!("one of `{}`", self.choices.join("`, `")),
            Kind::List => "a list of texts".to_owned(),
        }
    }

    fn in_range(&self, number: f64) -> Result<(), String> {
        let is_in = self.minimum.is_none_or(|least| number >= least) && self.maximum.is_none_or(|most| number <= most);
        match is_in {
            true => Ok(()),
            false => Err(self.allowed()),
        }
    }
}

/// From here on a number is not told apart from the next one by those who have only fractions, as browsers; a limit there is
/// none for people.
const EXACT: f64 = 9_007_199_254_740_991.0;
/// The longest text of a setting, in bytes.
const LONGEST: usize = 4_000;
const LONGEST_LIST: usize = 200;

/// A property with what it refers to written out.
fn resolved(property: &Json, definitions: Option<&Map<String, Json>>) -> Map<String, Json> {
    let mut all = property.as_object().cloned().unwrap_or_default();
    // Something or nothing.
    if let Some(Json::Array(ways)) = all.remove("anyOf")
        && let Some(something) = ways.iter().find(|way| way["type"] != "null")
    {
        for (key, value) in resolved(something, definitions) {
            all.entry(key).or_insert(value);
        }
        all.insert("optional".to_owned(), Json::Bool(true));
    }
    let name = all.get("$ref").and_then(Json::as_str);
    let name = name.and_then(|path| path.rsplit('/').next());
    if let Some(Json::Object(target)) = name.and_then(|name| definitions?.get(name)) {
        for (key, value) in target.clone() {
            all.entry(key).or_insert(value);
        }
    }
    all
}

fn of_property(section: &str, key: &str, property: &Map<String, Json>) -> Setting {
    let names: Vec<&str> = match property.get("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let text = |name: &str| property.get(name).and_then(Json::as_str).unwrap_or_default();
    let choices: Vec<String> = match property.get("enum") {
        Some(Json::Array(choices)) => choices.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => match property.get("oneOf") {
            Some(Json::Array(ways)) => ways
                .iter()
                .filter_map(|way| way["const"].as_str())
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        },
    };
    let kind = match names.iter().find(|name| **name != "null") {
        _ if !choices.is_empty() => Kind::Choice,
        Some(&"boolean") => Kind::Boolean,
        Some(&"integer") => Kind::Integer,
        Some(&"number") => Kind::Number,
        Some(&"array") => Kind::List,
        _ => Kind::Text,
    };
    Setting {
        section: section.to_owned(),
        key: key.to_owned(),
        description: text("description").split_whitespace().collect::<Vec<_>>().join(" "),
        kind,
        default: property.get("default").cloned().unwrap_or_default(),
        choices,
        minimum: property.get("minimum").and_then(Json::as_f64),
        maximum: property.get("maximum").and_then(Json::as_f64),
        is_optional: names.contains(&"null") || property.contains_key("optional"),
        is_secret: property.get("secret") == Some(&Json::Bool(true)),
        is_outside: property.get("outside") == Some(&Json::Bool(true)),
    }
}

/// Values that people have decided, by section and key, as they are laid under the file by
/// [`Config::over`](crate::config::Config::over).
pub type Values = BTreeMap<(String, String), toml::Value>;

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Way {
        /// One.
        Here,
        /// Another.
        There,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        /// How many hours it
        /// lasts.
        #[schemars(range(min = 1, max = 6))]
        hours: u32,
        /// How careful.
        #[schemars(extend("enum" = ["fast", "good"]))]
        preset: String,
        /// Which way, if any.
        way: Option<Way>,
        /// Where, if anywhere.
        #[schemars(extend("outside" = true))]
        place: Option<String>,
        share: f64,
        names: Vec<String>,
        is_on: bool,
    }

    impl Default for Sample {
        fn default() -> Self {
            Self {
                hours: 2 * 3,
                preset: "good".into(),
                place: None,
                way: None,
                share: 0.5,
                names: Vec::new(),
                is_on: true,
            }
        }
    }

    #[test]
    fn a_type_says_what_its_settings_mean_and_allow() {
        let all = describe::<Sample>("sample");
        let of = |key: &str| all.iter().find(|setting| setting.key == key).expect("a setting");
        let hours = of("hours");
        assert_eq!(hours.description, "How many hours it lasts.");
        assert_eq!((hours.kind, &hours.default), (Kind::Integer, &json!(6)));
        assert_eq!(hours.name(), "sample.hours");
        assert_eq!(
            (of("preset").kind, &of("preset").default),
            (Kind::Choice, &json!("good"))
        );
        assert!(of("place").is_optional && of("place").kind == Kind::Text && of("place").default.is_null());
        assert!(of("place").is_outside && !hours.is_outside);
        assert_eq!((of("way").kind, of("way").is_optional), (Kind::Choice, true));
        for (key, value, allowed) in [
            ("way", json!("there"), None),
            ("way", json!("nowhere"), Some("one of `here`, `there`")),
            ("hours", json!(3), None),
            ("hours", json!(3.0), None),
            ("hours", json!(7), Some("a whole number from 1 to 6")),
            ("hours", json!("3"), Some("a whole number from 1 to 6")),
            ("hours", json!(2.5), Some("a whole number from 1 to 6")),
            ("preset", json!("fast"), None),
            ("preset", json!("slow"), Some("one of `fast`, `good`")),
            ("place", json!("here"), None),
            ("place", json!("x".repeat(5_000)), Some("a text")),
            ("share", json!(1), None),
            ("share", json!(null), Some("a number")),
            ("names", json!(["a", "b"]), None),
            ("names", json!(["a", 1]), Some("a list of texts")),
            ("is_on", json!(false), None),
            ("is_on", json!(0), Some("true or false")),
        ] {
            let read = of(key).read(&value);
            assert_eq!(read.as_ref().err().map(String::as_str), allowed, "{key} {value}");
        }
    }
}
