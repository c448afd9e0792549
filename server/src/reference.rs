//! Reference pages made from the program itself: settings, metrics and error codes. `make docs` writes them.

use std::{fmt::Write as _, path::Path};

use anyhow::Context;
use clap::CommandFactory;
use kernel::error::{Category, Code};

use crate::{cli::Cli, codes, compose::Base, plugins::Plugins};

/// A page: its name without `.md`, and its text.
pub type Page = (&'static str, String);

/// All pages, with the checkout whose sources say what each setting means.
pub fn pages(base: &Base, checkout: &Path) -> anyhow::Result<Vec<Page>> {
    Ok(vec![
        ("configuration", configuration(checkout)?),
        ("metrics", metrics(base)),
        ("errors", errors(base)),
    ])
}

const MADE: &str = "<!-- Made from the code by `make docs`; do not edit. -->\n\n";

/// Every flag, variable and key.
fn configuration(checkout: &Path) -> anyhow::Result<String> {
    let mut page = format!("# Settings\n\n{MADE}");
    page.push_str(
        "A flag is over an environment variable, that over the file given by `--config`, and that over the default.\n\
         A key of the file is also a variable: `url_hours` in `[stream]` is `VITAGRAPH_STREAM_URL_HOURS`.\n\
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
    let own = source(checkout, "server/src/settings.rs")?;
    section(&mut page, "server", &own, "ServerSection")?;
    section(&mut page, "log", &own, "LogSection")?;
    section(
        &mut page,
        "egress",
        &source(checkout, "kernel/src/egress.rs")?,
        "EgressConfig",
    )?;
    section(
        &mut page,
        "media",
        &source(checkout, "server/src/media.rs")?,
        "MediaConfig",
    )?;
    section(
        &mut page,
        "oidc",
        &source(checkout, "server/src/provider.rs")?,
        "ProviderConfig",
    )?;
    for name in Plugins::NAMES {
        let text = source(checkout, &format!("plugins/{name}/src/lib.rs"))?;
        section(&mut page, name, &text, "Config")?;
    }
    Ok(page)
}

fn source(checkout: &Path, path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(checkout.join(path)).with_context(|| format!("reading {path}"))
}

/// One section of the file: the fields of a struct, with their comments and defaults.
fn section(page: &mut String, name: &str, source: &str, structure: &str) -> anyhow::Result<()> {
    let fields = fields(source, structure);
    if fields.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "\n### `[{name}]`\n\n| Key | Type | Default | Meaning |\n|---|---|---|---|"
    )?;
    for field in fields {
        let Field {
            key,
            ty,
            default,
            meaning,
        } = field;
        writeln!(page, "| `{key}` | {ty} | {default} | {meaning} |")?;
    }
    Ok(())
}

struct Field {
    key: String,
    ty: &'static str,
    default: String,
    meaning: String,
}

fn fields(source: &str, structure: &str) -> Vec<Field> {
    let body = |head: &str| {
        let begin = source.find(head)? + head.len();
        let end = source[begin..].find("\n}")?;
        Some(&source[begin..begin + end])
    };
    let Some(declared) = body(&format!("struct {structure} {{\n")) else {
        return Vec::new();
    };
    let defaults = body(&format!("impl Default for {structure} {{\n")).unwrap_or_default();
    let mut meaning = String::new();
    let mut fields = Vec::new();
    for line in declared.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            meaning.push_str(comment);
            continue;
        }
        let Some((key, ty)) = line.trim_start_matches("pub ").trim_end_matches(',').split_once(": ") else {
            continue;
        };
        let prefix = format!("{key}: ");
        let default = defaults.lines().find_map(|line| line.trim().strip_prefix(&prefix));
        fields.push(Field {
            key: key.to_owned(),
            ty: type_name(ty),
            default: default_text(ty, default),
            meaning: std::mem::take(&mut meaning).trim().replace('|', "\\|"),
        });
    }
    fields
}

fn type_name(ty: &str) -> &'static str {
    match ty
        .strip_prefix("Option<")
        .map_or(ty, |inner| inner.trim_end_matches('>'))
    {
        "bool" => "yes or no",
        "f32" | "f64" => "number",
        "String" => "text",
        "PathBuf" => "path",
        "SocketAddr" => "address and port",
        "LogFormat" => "`human` or `json`",
        ty if ty.starts_with("Vec<") => "list",
        ty if ty.starts_with(['u', 'i']) => "whole number",
        _ => "see the text",
    }
}

fn default_text(ty: &str, written: Option<&str>) -> String {
    let Some(written) = written else {
        return match ty {
            "bool" => "`false`".to_owned(),
            ty if ty.starts_with("Option<") => "none".to_owned(),
            ty if ty.starts_with("Vec<") => "empty".to_owned(),
            _ => String::new(),
        };
    };
    let written = written.trim_end_matches(',');
    match written {
        "None" => "none".to_owned(),
        "Vec::new()" => "empty".to_owned(),
        _ if written.ends_with(".to_owned()") || written.ends_with(".into()") => {
            let text = written.rsplit_once('.').map_or(written, |(text, _)| text);
            if text.starts_with('"') {
                format!("`{text}`")
            } else {
                String::new()
            }
        }
        _ => format!("`{}`", written.replace("MIB", "MiB").replace("GIB", "GiB")),
    }
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
    fn a_settings_comment_type_and_default_are_read_off_its_source() {
        let source = "pub struct Config {\n    /// How many\n    /// there may be.\n    pub n_max: u32,\n    \
            pub name: Option<String>,\n}\n\nimpl Default for Config {\n    fn default() -> Self {\n        Self {\n            \
            n_max: 8 * MIB,\n        }\n    }\n}\n";
        let found = fields(source, "Config");
        let [first, second] = &found[..] else {
            panic!("{}", found.len())
        };
        assert_eq!(
            (
                first.key.as_str(),
                first.ty,
                first.default.as_str(),
                first.meaning.as_str()
            ),
            ("n_max", "whole number", "`8 * MiB`", "How many there may be.")
        );
        assert_eq!(
            (second.key.as_str(), second.ty, second.default.as_str()),
            ("name", "text", "none")
        );
    }
}
