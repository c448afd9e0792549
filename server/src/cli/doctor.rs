//! `vitagraph doctor`: one line for each thing that must be right, and what to do where it is not.

use std::{os::unix::fs::MetadataExt, path::Path, process::ExitCode, sync::Arc};

use kernel::{
    bus::LocalBus,
    cache::Caches,
    clock::Clock,
    events::Events,
    jobs::Jobs,
    parts::Parts,
    plugin::Kernel,
    signing::Signer,
    store::{EMBEDDED_FILE, Store},
    telemetry::Metrics,
};
use media_engine::{
    engine::{Engine, EngineConfig, Health},
    quarantine::NoQuarantine,
    source::Source,
};
use media_proto::{job::ProbeHints, message::Layer, synthetic::Synthetic};
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use tokio_util::sync::CancellationToken;

use super::print_line;
use crate::{data_dir::DataLock, migrate, plugins::Plugins, settings::Settings};

/// Below this many free bytes the server will soon fail to write.
const FREE_FAIL: u64 = 256 * 1024 * 1024;
/// Below this many it is time to look.
const FREE_WARN: u64 = 2 * 1024 * 1024 * 1024;

/// Decoders that libraries usually need, and what for.
const DECODERS: &[(&str, &str)] = &[
    ("h264", "H.264 video"),
    ("hevc", "HEVC video"),
    ("vp9", "VP9 video"),
    ("av1", "AV1 video"),
    ("mpeg4", "MPEG-4 video"),
    ("aac", "AAC sound"),
    ("mp3", "MP3 sound"),
    ("opus", "Opus sound"),
    ("flac", "FLAC sound"),
    ("ac3", "AC-3 sound"),
    ("png", "PNG images"),
    ("mjpeg", "JPEG images"),
    ("webp", "WebP images"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Grade {
    Ok,
    Warn,
    Fail,
}

struct Report {
    has_failed: bool,
}

impl Report {
    fn line(&mut self, grade: Grade, what: &str, text: &str) -> anyhow::Result<()> {
        self.has_failed |= grade == Grade::Fail;
        let word = match grade {
            Grade::Ok => "ok  ",
            Grade::Warn => "warn",
            Grade::Fail => "fail",
        };
        print_line(&format!("{word}  {what}: {text}"))
    }
}

/// Checks everything, prints a line each, and answers with 1 when something must be done.
pub async fn doctor(settings: Settings) -> anyhow::Result<ExitCode> {
    let mut report = Report { has_failed: false };
    let has_data = data_directory(&settings.data, &mut report)?;
    if has_data || !settings.is_embedded() {
        database(&settings, &mut report).await?;
    }
    media(&settings, &mut report).await?;
    Ok(if report.has_failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn data_directory(data: &Path, report: &mut Report) -> anyhow::Result<bool> {
    let found = match std::fs::metadata(data) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            report.line(
                Grade::Fail,
                "data directory",
                &format!("{} is not a directory", data.display()),
            )?;
            return Ok(false);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = format!("{} does not exist yet; `vitagraph serve` makes it", data.display());
            report.line(Grade::Warn, "data directory", &text)?;
            return Ok(false);
        }
        Err(error) => {
            report.line(Grade::Fail, "data directory", &format!("{}: {error}", data.display()))?;
            return Ok(false);
        }
    };
    let mode = found.mode() & 0o777;
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own && own != 0 {
        let text = format!(
            "{} belongs to another account (uid {}); run as that one",
            data.display(),
            found.uid()
        );
        report.line(Grade::Fail, "permissions", &text)?;
    } else if mode & 0o077 != 0 {
        let text = format!(
            "other accounts may look into {} (mode {mode:o}); run: chmod 700 {0}",
            data.display()
        );
        report.line(Grade::Warn, "permissions", &text)?;
    } else {
        report.line(
            Grade::Ok,
            "permissions",
            &format!("{} is private (mode {mode:o})", data.display()),
        )?;
    }
    match rustix::fs::statvfs(data) {
        Ok(space) => {
            let free = space.f_bavail * space.f_frsize;
            let text = format!("{} free at {}", indicatif::HumanBytes(free), data.display());
            match free {
                ..FREE_FAIL => report.line(Grade::Fail, "disk space", &format!("{text}; free some, or move --data"))?,
                FREE_FAIL..FREE_WARN => report.line(Grade::Warn, "disk space", &format!("{text}; that is little"))?,
                _ => report.line(Grade::Ok, "disk space", &text)?,
            }
        }
        Err(error) => report.line(Grade::Warn, "disk space", &format!("cannot be read: {error}"))?,
    }
    match DataLock::try_take(data) {
        Ok(Some(_)) => report.line(Grade::Ok, "data lock", "free; no server runs on this directory")?,
        Ok(None) => {
            let holder =
                DataLock::holder(data).map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
            report.line(Grade::Ok, "data lock", &format!("held by {holder}, a running server"))?;
        }
        Err(error) => report.line(Grade::Fail, "data lock", &format!("{error:#}"))?,
    }
    Ok(true)
}

async fn database(settings: &Settings, report: &mut Report) -> anyhow::Result<()> {
    if settings.is_embedded() && !settings.data.join(EMBEDDED_FILE).exists() {
        return report.line(Grade::Warn, "database", "there is none yet; `vitagraph serve` makes it");
    }
    let store = match Store::open(&settings.store(&settings.data), Clock::default(), Events::default()).await {
        Ok(store) => store,
        Err(error) => return report.line(Grade::Fail, "database", &format!("cannot be opened: {error}")),
    };
    match store.backend() {
        DbBackend::Sqlite => sqlite(&store, report).await?,
        _ => match text(&store, "select version() as t").await {
            Ok(version) => report.line(Grade::Ok, "database", &version)?,
            Err(error) => report.line(Grade::Fail, "database", &format!("does not answer: {error}"))?,
        },
    }
    match tables(settings, &store).await {
        Ok(owners) => report.line(Grade::Ok, "tables", &format!("up to date: {}", owners.join(", ")))?,
        Err(error) => report.line(Grade::Warn, "tables", &format!("{error:#}"))?,
    }
    store.close().await?;
    Ok(())
}

/// Whose tables are up to date: the core's and each plugin's. Which plugins have tables they say themselves, once they
/// are wired with their settings.
async fn tables(settings: &Settings, store: &Store) -> anyhow::Result<Vec<&'static str>> {
    migrate::check(store, &[]).await?;
    let kernel = Kernel {
        jobs: Jobs::new(store.clone(), Arc::new(LocalBus::default()), settings.jobs.clone()),
        signer: Signer::open(store).await?,
        store: store.clone(),
        clock: Clock::default(),
        events: Events::default(),
        caches: Caches::default(),
        metrics: Metrics::default(),
        parts: Parts::default(),
        data_dir: Arc::new(settings.data.clone()),
    };
    let plugins = Plugins::new(&kernel, &settings.config)?.all();
    migrate::check(store, &plugins).await?;
    Ok(std::iter::once("core")
        .chain(plugins.iter().map(|plugin| plugin.name()))
        .collect())
}

async fn sqlite(store: &Store, report: &mut Report) -> anyhow::Result<()> {
    let version = text(store, "select 'SQLite ' || sqlite_version() as t").await?;
    let journal = text(store, "select journal_mode as t from pragma_journal_mode").await?;
    let is_wal = journal == "wal";
    let grade = if is_wal { Grade::Ok } else { Grade::Warn };
    let advice = if is_wal {
        ""
    } else {
        "; readers wait for writers: is the directory on a network share?"
    };
    report.line(grade, "database", &format!("{version}, journal {journal}{advice}"))?;
    match text(store, "select quick_check as t from pragma_quick_check").await {
        Ok(answer) if answer == "ok" => report.line(Grade::Ok, "integrity", "the database is sound"),
        Ok(answer) => {
            let advice = "stop the server, keep a copy of the directory, and take the newest file of backups/";
            report.line(Grade::Fail, "integrity", &format!("{answer}; {advice}"))
        }
        Err(error) => report.line(Grade::Fail, "integrity", &format!("cannot be checked: {error}")),
    }
}

async fn text(store: &Store, sql: &str) -> anyhow::Result<String> {
    let row = store
        .reader()
        .query_one_raw(Statement::from_string(store.backend(), sql))
        .await?;
    let Some(row) = row else { anyhow::bail!("no answer") };
    Ok(row.try_get("", "t")?)
}

async fn media(settings: &Settings, report: &mut Report) -> anyhow::Result<()> {
    let config = EngineConfig {
        worker_binary: settings.worker_binary.clone(),
        ..EngineConfig::default()
    };
    let engine = match Engine::start(config, Arc::new(NoQuarantine)).await {
        Ok(engine) => engine,
        Err(error) => return report.line(Grade::Fail, "media worker", &error.to_string()),
    };
    match engine.check().await {
        Ok(health) => describe(&health, report)?,
        Err(error) => report.line(Grade::Fail, "media worker", &error.to_string())?,
    }
    downloader(settings, &engine, report).await?;
    match round_trip(&engine).await {
        Ok(()) => report.line(Grade::Ok, "probe", "a clip was made and read back")?,
        Err(error) => report.line(
            Grade::Fail,
            "probe",
            &format!("a clip could not be made and read back: {error:#}"),
        )?,
    }
    engine.stop().await;
    Ok(())
}

fn describe(health: &Health, report: &mut Report) -> anyhow::Result<()> {
    let libraries: Vec<String> = health
        .ffmpeg
        .libraries
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let text = format!(
        "{} with FFmpeg {} ({})",
        health.binary.display(),
        health.ffmpeg.ffmpeg,
        libraries.join(", ")
    );
    report.line(Grade::Ok, "media worker", &text)?;
    let layers: Vec<&str> = health.layers.iter().map(|layer| layer.name()).collect();
    let grade = if health.layers.contains(&Layer::Seccomp) {
        Grade::Ok
    } else {
        Grade::Warn
    };
    report.line(grade, "sandbox", &layers.join(", "))?;
    for warning in &health.warnings {
        report.line(Grade::Warn, "sandbox", warning)?;
    }
    let has = |name: &str| {
        // AV1 and others are known to FFmpeg under the name of the library that decodes them.
        health
            .ffmpeg
            .decoders
            .iter()
            .any(|own| own == name || own.strip_prefix("lib").is_some_and(|own| own.contains(name)))
            || (name == "av1"
                && health
                    .ffmpeg
                    .decoders
                    .iter()
                    .any(|own| own == "libdav1d" || own == "libaom-av1"))
            || (name == "mp3" && health.ffmpeg.decoders.iter().any(|own| own == "mp3float"))
    };
    let lacking: Vec<&str> = DECODERS
        .iter()
        .filter(|(name, _)| !has(name))
        .map(|(_, what)| *what)
        .collect();
    if lacking.is_empty() {
        let text = format!(
            "all usual ones; {} decoders, {} encoders",
            health.ffmpeg.decoders.len(),
            health.ffmpeg.encoders.len()
        );
        report.line(Grade::Ok, "codecs", &text)
    } else {
        let text = format!(
            "this FFmpeg cannot read {}; install a fuller build of FFmpeg",
            lacking.join(", ")
        );
        report.line(Grade::Warn, "codecs", &text)
    }
}

/// Whether media of web pages can be fetched: the program is there, and runs although it is shut in.
#[cfg(not(feature = "upload"))]
async fn downloader(_: &Settings, _: &Engine, _: &mut Report) -> anyhow::Result<()> {
    Ok(())
}

/// Whether media of web pages can be fetched: the program is there, and runs although it is shut in.
#[cfg(feature = "upload")]
async fn downloader(settings: &Settings, engine: &Engine, report: &mut Report) -> anyhow::Result<()> {
    use media_engine::foreign::find;
    use plugin_upload::download::program::NAME;

    let config: plugin_upload::Config = settings.config.plugin_section("upload")?;
    let grade = |is_well: bool| match (is_well, config.download_pages) {
        (false, true) => Grade::Warn,
        _ => Grade::Ok,
    };
    let advice = match config.download_pages {
        true => "",
        false => "; `download_pages` in `[upload]` is off",
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(program) = find(NAME, &path) else {
        let text = format!("`{NAME}` is not on the PATH, so media of web pages are not fetched{advice}");
        return report.line(grade(false), "pages", &text);
    };
    let (is_well, text) = match shut_in(engine, &program).await {
        Ok((0, said)) => (true, format!("{} {said}, shut in", program.display())),
        Ok((_, said)) => (false, format!("{} does not run shut in: {said}", program.display())),
        Err(error) => (false, format!("{} cannot be tried: {error:#}", program.display())),
    };
    report.line(grade(is_well), "pages", &format!("{text}{advice}"))
}

/// Has the program say its version where it works: in a folder of its own, which is gone afterwards, and with nothing else.
/// Gives its exit code and its first line.
#[cfg(feature = "upload")]
async fn shut_in(engine: &Engine, program: &Path) -> anyhow::Result<(i32, String)> {
    use anyhow::Context;
    use media_engine::foreign::Said;

    let folder = std::env::temp_dir().join(format!("vitagraph-doctor-{:016x}", rand::random::<u64>()));
    std::fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
    let run = async {
        let order = plugin_upload::download::program::version_order(program, &folder);
        let mut running = engine.start_foreign(&order).await.context("starting its keeper")?;
        let mut said = String::new();
        while let Some(Said::Out(line) | Said::Error(line)) = running.next().await.context("hearing it")? {
            if said.is_empty() {
                said = line;
            }
        }
        let code = running.end().await.context("waiting for its end")?;
        anyhow::Ok((code, said))
    };
    let ended = run.await;
    let removed = std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()));
    ended.and_then(|ended| removed.map(|()| ended))
}

async fn round_trip(engine: &Engine) -> anyhow::Result<()> {
    let made = engine.synthesize(Synthetic::clip(1)).await?;
    let probe = engine
        .probe(&Source::new(made)?, ProbeHints::default(), &CancellationToken::new())
        .await?;
    anyhow::ensure!(!probe.streams.is_empty(), "the clip came back without streams");
    Ok(())
}
