//! `vitagraph config check`: whether the settings are good, without a database, a worker or a port.

use std::process::ExitCode;

use anyhow::Context;

use super::print_line;
use crate::{compose, media, plugins::Plugins, settings::Settings, telemetry};

/// Checks every section and prints what holds. Secrets are not printed: of a database's URL, only that there is one.
pub fn check(settings: &Settings) -> anyhow::Result<ExitCode> {
    Plugins::check(&settings.config)?;
    media::config(settings, &settings.config)?;
    compose::outward(settings, &settings.config)?;
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

#[cfg(test)]
mod tests {
    use kernel::config::Config;

    use super::*;

    #[test]
    fn a_provider_that_nobody_could_sign_in_at_is_told() {
        let issuer = |issuer: &str| {
            let variables = [
                ("VITAGRAPH_OIDC_ISSUER".to_owned(), issuer.to_owned()),
                ("VITAGRAPH_OIDC_CLIENT_ID".to_owned(), "vitagraph".to_owned()),
            ];
            let mut settings = Settings::new("data");
            settings.origins = vec!["https://media.example".to_owned()];
            settings.config = Config::load(None, variables, &["oidc", "egress", "media"]).expect("the settings load");
            check(&settings)
        };
        let refusal = issuer("http://login.example").expect_err("in the clear").to_string();
        assert!(refusal.contains("`issuer` must begin with https://"), "{refusal}");
        issuer("https://login.example").expect("a good one");
    }
}
