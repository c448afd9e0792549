//! `vitagraph config check`: whether the settings are good, without a database, a worker or a port.

use std::process::ExitCode;

use anyhow::Context;

use super::print_line;
use crate::{media, plugins::Plugins, provider::ProviderConfig, settings::Settings, telemetry};

/// Checks every section and prints what holds. Secrets are not printed: of a database's URL, only that there is one.
pub fn check(settings: &Settings) -> anyhow::Result<ExitCode> {
    Plugins::check(&settings.config)?;
    media::config(settings, &settings.config)?;
    let _: ProviderConfig = settings.config.section("oidc")?;
    telemetry::filter(&settings.log)?;
    let database = match settings.is_embedded() {
        true => "the embedded one, in the data directory",
        false => "another, by its URL",
    };
    for (name, value) in [
        ("data", settings.data.display().to_string()),
        ("database", database.to_owned()),
        ("listen", settings.listen.to_string()),
        (
            "origins",
            if settings.origins.is_empty() {
                "our own host".to_owned()
            } else {
                settings.origins.join(", ")
            },
        ),
        ("sections", Plugins::NAMES.join(", ")),
    ] {
        print_line(&format!("{name}: {value}")).context("writing to standard output")?;
    }
    print_line("the settings are good")?;
    Ok(ExitCode::SUCCESS)
}
