//! What a process is told: the command line over the environment over a TOML file over the defaults.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use axum::http::Uri;
use kernel::{
    cache::{Caches, STATED_BYTES},
    config::Config,
    store::StoreConfig,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::plugins::Plugins;

/// What the command line and the environment may say; `None` leaves it to the file.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Flags {
    /// Directory of the embedded database and of all that the server makes itself
    #[arg(long, env = "VITAGRAPH_DATA", global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Database URL, such as postgres://user@host/name; default is SQLite in the data directory
    #[arg(
        long,
        env = "VITAGRAPH_DATABASE",
        global = true,
        value_name = "URL",
        hide_env_values = true
    )]
    pub database: Option<String>,
    /// TOML file with settings
    #[arg(long, env = "VITAGRAPH_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How to log: `human` or `json`
    #[arg(long, env = "VITAGRAPH_LOG_FORMAT", global = true, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What to log, such as `info` or `warn,server=debug`
    #[arg(long, env = "VITAGRAPH_LOG_LEVEL", global = true, value_name = "FILTER")]
    pub log_level: Option<String>,
    /// Where traces go, such as http://127.0.0.1:4318
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", global = true, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The `[server]` section.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerSection {
    /// Directory of the embedded database and of all that the server makes itself; `~/.local/share/vitagraph` when absent.
    data: Option<PathBuf>,
    /// Another database than the embedded one: `postgres://user@host/name`.
    #[schemars(extend("secret" = true))]
    database: Option<String>,
    /// Where the server listens; `127.0.0.1:8080` when absent, and `0.0.0.0:8080` lets other machines in.
    #[schemars(with = "Option<String>")]
    listen: Option<SocketAddr>,
    /// The address that browsers use, when a proxy stands in front: its origin is trusted besides our own host.
    public_url: Option<String>,
    /// Bytes that all caches of rows and answers may hold together; an eighth of the memory that there is when absent, and
    /// a gibibyte at most.
    cache_bytes: Option<u64>,
}

/// The `[log]` section.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    /// How lines look; for people when absent.
    format: Option<LogFormat>,
    /// What is logged, such as `warn,server=debug`; `info` when absent.
    level: Option<String>,
    /// Where traces go, over HTTP; nowhere when absent.
    #[schemars(extend("secret" = true))]
    otlp_endpoint: Option<String>,
    /// Which part of all traces is exported, from 0 to 1; a twentieth when absent.
    #[schemars(range(min = 0.0, max = 1.0))]
    trace_fraction: Option<f64>,
    /// Operations that take longer are logged; 1000 when absent.
    slow_operation_ms: Option<u64>,
}

/// How the process logs and where its traces go.
#[derive(Debug, Clone, Default)]
pub struct LogSettings {
    /// How lines look.
    pub format: LogFormat,
    /// A filter in the syntax of `tracing`; `info` when absent.
    pub level: Option<String>,
    /// Where traces go; nowhere when absent.
    pub otlp_endpoint: Option<String>,
    /// Which part of all traces is exported, from 0 to 1; a twentieth when absent.
    pub trace_fraction: Option<f64>,
    /// Operations that take longer are logged; a second when absent.
    pub slow_operation: Option<Duration>,
}

/// The settings of one process.
#[derive(Clone)]
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// Another database than the embedded one.
    pub database: Option<String>,
    /// Where `serve` listens.
    pub listen: SocketAddr,
    /// What all caches may hold together, in bytes; absent means a part of the memory that there is.
    pub cache_bytes: Option<u64>,
    /// Origins, besides our own host, that browsers may send cookies from: `https://media.example`.
    pub origins: Vec<String>,
    /// Logging and traces.
    pub log: LogSettings,
    /// The sections of the plugins.
    pub config: Config,
    /// The media worker; absent means the one beside this program.
    pub worker_binary: Option<PathBuf>,
    /// Whether workers misbehave on demand, so that tests see what a bad file costs.
    pub worker_faults: bool,
    /// How jobs are run; tests shorten the times.
    pub jobs: kernel::jobs::JobSettings,
}

impl Settings {
    /// Reads the file and the environment and lays the flags over them.
    pub fn load(flags: &Flags, listen: Option<SocketAddr>) -> anyhow::Result<Self> {
        let sections: Vec<&str> = ["server", "log", "egress", "media", "oidc"]
            .into_iter()
            .chain(Plugins::NAMES.iter().copied())
            .collect();
        let config = Config::load(flags.config.as_deref(), std::env::vars(), &sections)?;
        let server: ServerSection = config.section("server")?;
        let log: LogSection = config.section("log")?;
        let mut settings = Self::new(match flags.data.clone().or(server.data) {
            Some(data) => data,
            None => default_data()?,
        });
        settings.database = flags.database.clone().or(server.database);
        if let Some(listen) = listen.or(server.listen) {
            settings.listen = listen;
        }
        settings.cache_bytes = server.cache_bytes;
        settings.origins = server
            .public_url
            .iter()
            .map(|url| origin(url))
            .collect::<anyhow::Result<_>>()?;
        settings.log = LogSettings {
            format: flags.log_format.or(log.format).unwrap_or_default(),
            level: flags.log_level.clone().or(log.level),
            otlp_endpoint: flags
                .otlp_endpoint
                .clone()
                .or(log.otlp_endpoint)
                .filter(|url| !url.is_empty()),
            trace_fraction: log.trace_fraction,
            slow_operation: log.slow_operation_ms.map(Duration::from_millis),
        };
        if let Some(fraction) = settings.log.trace_fraction.filter(|part| !(0.0..=1.0).contains(part)) {
            bail!("`trace_fraction` is a part from 0 to 1, not {fraction}");
        }
        settings.config = config;
        Ok(settings)
    }

    /// The recommended settings for a data directory.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            database: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            cache_bytes: None,
            origins: Vec::new(),
            log: LogSettings::default(),
            config: Config::default(),
            worker_binary: None,
            worker_faults: false,
            jobs: kernel::jobs::JobSettings::default(),
        }
    }

    /// How the store is opened.
    pub fn store(&self, data: &Path) -> StoreConfig {
        self.database
            .as_ref()
            .map_or_else(|| StoreConfig::embedded(data), StoreConfig::new)
    }

    /// Caches that together hold what they may.
    pub fn caches(&self) -> Caches {
        Caches::within(self.cache_bytes.unwrap_or_else(|| STATED_BYTES.min(memory_bytes() / 8)))
    }

    /// Whether the database is the file in the data directory.
    pub fn is_embedded(&self) -> bool {
        self.database.is_none()
    }
}

// The database's URL may hold a password.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("data", &self.data)
            .field("is_embedded", &self.is_embedded())
            .field("listen", &self.listen)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// The memory of the machine, or of the container (cgroup v2) if that has less.
fn memory_bytes() -> u64 {
    let system = rustix::system::sysinfo();
    let machine = (system.totalram as u64).saturating_mul(u64::from(system.mem_unit));
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max");
    let limit = limit.ok().and_then(|text| text.trim().parse().ok());
    machine.min(limit.unwrap_or(u64::MAX))
}

fn default_data() -> anyhow::Result<PathBuf> {
    let base = match (std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME")) {
        (Some(data), _) if !data.is_empty() => PathBuf::from(data),
        (_, Some(home)) if !home.is_empty() => PathBuf::from(home).join(".local/share"),
        _ => bail!("no data directory is known, because HOME is not set; name one with --data DIR"),
    };
    Ok(base.join("vitagraph"))
}

/// The origin of a URL, as browsers write it: scheme, host, and the port unless it is the scheme's own.
fn origin(url: &str) -> anyhow::Result<String> {
    let parsed: Uri = url
        .parse()
        .with_context(|| format!("`public_url` is not a URL: {url}"))?;
    let (Some(scheme), Some(host)) = (parsed.scheme_str(), parsed.host()) else {
        bail!("`public_url` must begin with http:// or https:// and name a host: {url}");
    };
    let usual = if scheme == "https" { 443 } else { 80 };
    Ok(match parsed.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{scheme}://{}:{port}", host.to_ascii_lowercase()),
        None => format!("{scheme}://{}", host.to_ascii_lowercase()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        assert_eq!(
            origin("https://Media.Example:443/base/").expect("good"),
            "https://media.example"
        );
        assert_eq!(
            origin("http://media.example:8080").expect("good"),
            "http://media.example:8080"
        );
        assert!(origin("media.example").is_err());
    }

    #[test]
    fn a_database_password_is_not_shown() {
        let mut settings = Settings::new("/tmp/x");
        settings.database = Some("postgres://user:hunter2@host/db".to_owned());
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
