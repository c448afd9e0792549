//! Reference pages made from the program itself: settings, metrics and error codes. `make docs` writes them.

use std::fmt::Write as _;

use anyhow::Context;
use clap::CommandFactory;
use kernel::{
    error::{Category, Code},
    setting::{self, Kind, Setting},
};
use serde_json::Value as Json;

use crate::{
    cli::Cli,
    codes,
    compose::Base,
    setting_book,
    settings::{LogSection, ServerSection},
};

/// A page: its name without `.md`, and its text.
pub type Page = (&'static str, String);

/// All pages.
pub fn pages(base: &Base) -> anyhow::Result<Vec<Page>> {
    Ok(vec![
        ("configuration", configuration()?),
        ("metrics", metrics(base)),
        ("errors", errors(base)),
    ])
}

const MADE: &str = "<!-- Made from the code by `make docs`; do not edit. -->\n\n";

/// Every flag, variable and key.
fn configuration() -> anyhow::Result<String> {
    let mut page = format!("# Settings\n\n{MADE}");
    page.push_str(
        "A flag is over an environment variable, that over the file given by `--config`, and that over the default.\n\
         A key of the file is also a variable: `url_hours` in `[stream]` is `VITAGRAPH_STREAM_URL_HOURS`.\n\
         What none of these says of the media engine and the plugins can be set in the app; a change there holds after the\n\
         next start. What opens a port, reaches into a network or starts a program is theirs alone.\n\
         A plugin whose section says `enabled = false` does not work; what it keeps in the database stays.\n\
         `vitagraph config check` says what is wrong with the settings without starting anything.\n\n\
         ## Flags and their variables\n\n| Flag | Variable | Meaning |\n|---|---|---|\n",
    );
    let command = Cli::command();
    let serve = command.find_subcommand("serve").context("the command `serve`")?;
    for argument in command.get_arguments().chain(serve.get_arguments()) {
        let (Some(flag), Some(variable)) = (argument.get_long(), argument.get_env()) else {
            continue;
        };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        writeln!(page, "| `--{flag}` | `{}` | {help} |", variable.to_string_lossy())?;
    }
    page.push_str("\n## The file\n");
    let mut settings = setting::describe::<ServerSection>("server");
    settings.extend(setting::describe::<LogSection>("log"));
    settings.extend(setting_book::described());
    let mut section = "";
    for setting in &settings {
        if setting.section != section {
            section = &setting.section;
            writeln!(
                page,
                "\n### `[{section}]`\n\n| Key | Type | Default | Meaning |\n|---|---|---|---|"
            )?;
        }
        let (key, meaning) = (&setting.key, setting.description.replace('|', "\\|"));
        writeln!(
            page,
            "| `{key}` | {} | {} | {meaning} |",
            type_name(setting),
            default_text(setting)
        )?;
    }
    Ok(page)
}

fn type_name(setting: &Setting) -> String {
    // The widths of the machine's numbers say nothing to people.
    let has_range = setting.minimum.is_some_and(|least| least != 0.0)
        || setting
            .maximum
            .is_some_and(|most| !WIDTHS.contains(&most) && most < EXACT);
    match setting.kind {
        Kind::Integer if !has_range => "whole number".to_owned(),
        Kind::Boolean => "yes or no".to_owned(),
        Kind::List => "list".to_owned(),
        _ => {
            let allowed = setting.allowed();
            allowed.trim_start_matches("a ").to_owned()
        }
    }
}

/// No limit for people.
const EXACT: f64 = 9_007_199_254_740_991.0;
/// The largest numbers of one, two and four bytes.
const WIDTHS: [f64; 3] = [u8::MAX as f64, u16::MAX as f64, u32::MAX as f64];

fn default_text(setting: &Setting) -> String {
    match &setting.default {
        Json::Null => "none".to_owned(),
        Json::Array(items) if items.is_empty() => "empty".to_owned(),
        Json::Number(number) => match number
            .as_u64()
            .filter(|_| setting.key.ends_with("_bytes"))
            .and_then(binary)
        {
            Some((n, unit)) => format!("`{number}` ({n} {unit})"),
            None => format!("`{number}`"),
        },
        value => format!("`{value}`"),
    }
}

/// A number of bytes in the largest unit that it is a whole number of.
fn binary(bytes: u64) -> Option<(u64, &'static str)> {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = |(shift, unit): (u32, &'static str)| {
        let is_whole = bytes > 0 && bytes.trailing_zeros() >= shift;
        is_whole.then_some((bytes >> shift, unit))
    };
    units.into_iter().find_map(whole)
}

/// Every metric.
fn metrics(base: &Base) -> String {
    let mut page = format!("# Metrics\n\n{MADE}");
    page.push_str(
        "At `/metrics`, in the OpenMetrics text format, for an administrator's token. Histograms count seconds and carry\n\
         the trace of an example; what only grows ends in `_total` there.\n\n| Name | Kind | Meaning |\n|---|---|---|\n",
    );
    let mut declared = base.kernel.metrics.declared();
    declared.sort_by_key(|metric| metric.name);
    for metric in declared {
        let (kind, end) = match metric.kind {
            kernel::telemetry::MetricKind::Counter => ("counter", "_total"),
            kernel::telemetry::MetricKind::Gauge => ("gauge", ""),
            kernel::telemetry::MetricKind::Seconds => ("histogram", ""),
        };
        page.push_str(&format!(
            "| `vitagraph_{}{end}` | {kind} | {} |\n",
            metric.name, metric.help
        ));
    }
    page
}

/// Every error code.
fn errors(base: &Base) -> String {
    let mut page = format!("# Error codes\n\n{MADE}");
    page.push_str(
        "In GraphQL at `extensions.code` of an error, elsewhere at `error.code`. The status is that of plain routes; GraphQL\n\
         answers with 200 once an operation is executed.\n\n| Code | Kind | Status | Meaning |\n|---|---|---|---|\n",
    );
    let mut all = all_codes(base);
    all.sort_by_key(|code| code.name);
    for code in all {
        let Code {
            name,
            category,
            meaning,
        } = code;
        let status = match category {
            Category::Internal => 500,
            category => category.http_status(),
        };
        page.push_str(&format!("| `{name}` | {category:?} | {status} | {meaning} |\n"));
    }
    page
}

/// Every code that the server may answer with.
pub fn all_codes(base: &Base) -> Vec<&'static Code> {
    let core = [
        kernel::error::code::ALL,
        kernel::jobs::code::ALL,
        kernel::signing::CODES,
        schema::edit::codes::ALL,
        schema::library::codes::ALL,
        schema::media::codes::ALL,
        schema::share::codes::ALL,
        schema::user::codes::ALL,
        codes::ALL,
    ];
    let mut all: Vec<&'static Code> = core.into_iter().flatten().copied().collect();
    for plugin in base.plugins.all() {
        all.extend(plugin.codes());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_says_what_it_means_what_it_takes_and_what_it_is_by_itself() {
        let page = configuration().expect("a page");
        for line in [
            "| `database` | text | none | Another database than the embedded one: `postgres://user@host/name`. |",
            "| `url_hours` | whole number from 1 to 6 | `6` | How many hours a URL of a rendition is valid, at most 6. |",
            "| `disk_bytes` | whole number | `8589934592` (8 GiB) | Bytes of segments on the disk, in the data directory. |",
            "| `hardware` | one of `off`, `auto` | `\"off\"` |",
            "| `enabled` | yes or no | `true` | Whether the plugin works. |",
        ] {
            assert!(page.contains(line), "{line} is not in {page}");
        }
        for setting in setting_book::described() {
            assert!(!setting.description.is_empty(), "{} says nothing", setting.name());
            assert!(
                setting.default.is_null() || setting.read(&setting.default).is_ok(),
                "{}",
                setting.name()
            );
        }
    }
}
