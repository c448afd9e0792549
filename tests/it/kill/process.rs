//! The real programs as child processes, with a data directory and a database of their own.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement};
use tests::database::Backend;
use tokio::sync::watch;

use super::{life::Life, rows::Rows};

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

/// The folder with `vitagraph` and `vitagraph-media`.
pub fn programs() -> anyhow::Result<PathBuf> {
    let folder = match std::env::var_os("VITAGRAPH_KILL_BIN") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::current_exe()?
            .ancestors()
            .nth(2)
            .context("a folder")?
            .to_owned(),
    };
    for name in ["vitagraph", "vitagraph-media"] {
        ensure!(
            folder.join(name).exists(),
            "{} has no {name}: cargo build -p server -p media-worker",
            folder.display()
        );
    }
    Ok(folder)
}

/// A data directory with an administrator and a library.
pub struct World {
    home: PathBuf,
    data: PathBuf,
    database: Option<String>,
    token: String,
    draws: bool,
}

impl World {
    pub async fn make(home: &Path, backend: Backend, media: &Path) -> anyhow::Result<Self> {
        Self::make_with(home, home.join("data"), backend, media).await
    }

    /// The same with a data directory elsewhere.
    pub async fn make_with(home: &Path, data: PathBuf, backend: Backend, media: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(home)?;
        // Programs of its own tell this world's processes from all others.
        for name in ["vitagraph", "vitagraph-media"] {
            let (from, to) = (programs()?.join(name), home.join(name));
            if fs::hard_link(&from, &to).is_err() {
                fs::copy(&from, &to)?;
            }
        }
        let mut world = Self {
            home: home.to_owned(),
            data,
            database: backend.create().await?,
            token: String::new(),
            draws: false,
        };
        world.command(&["user", "add", "admin", "--role", "admin", "--password-stdin"])?;
        let token = [
            "token", "create", "--user", "admin", "--name", "kill", "--scopes", "admin",
        ];
        world.token = world.command(&token)?.trim().to_owned();
        world.command(&["library", "add", "films", media.to_str().context("a path in UTF-8")?])?;
        Ok(world)
    }

    /// The same, and pictures are drawn by themselves.
    pub fn drawing(self) -> Self {
        Self { draws: true, ..self }
    }

    fn program(&self) -> Command {
        self.started_by(&self.home.join("vitagraph"))
    }

    /// A program that leads to the server, in the server's surroundings.
    fn started_by(&self, program: &Path) -> Command {
        #[expect(
            clippy::disallowed_methods,
            reason = "what is killed must be a process of its own; the product starts none"
        )]
        let mut command = Command::new(program);
        command.env("VITAGRAPH_DATA", &self.data);
        command.env("VITAGRAPH_PICTURES_AUTOMATIC", self.draws.to_string());
        command.env("VITAGRAPH_SCAN_WATCH", "false");
        // Other tests want the processor too, and what runs only when nothing else does would never end beside them.
        command.env("VITAGRAPH_MEDIA_BACKGROUND", "normal");
        match &self.database {
            Some(url) => command.env("VITAGRAPH_DATABASE", url),
            None => command.env_remove("VITAGRAPH_DATABASE"),
        };
        command
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut child = self
            .program()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that reads nothing may have ended.
            let _ = stdin.write_all(b"correct horse battery\n");
        }
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "vitagraph {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts a server.
    pub fn serve(&self) -> anyhow::Result<Life> {
        let mut program = self.program();
        program.args(SERVE);
        self.begin(program)
    }

    /// Starts a server whose clock is so many seconds off; an older one if `VITAGRAPH_KILL_OLDER` names the folder of its
    /// programs.
    pub fn serve_elsewhere(&self, seconds_off: i64, is_older: bool) -> anyhow::Result<Life> {
        let older = std::env::var_os("VITAGRAPH_KILL_OLDER").filter(|_| is_older);
        let mut program = match older {
            Some(folder) => self.started_by(&PathBuf::from(folder).join("vitagraph")),
            None => self.program(),
        };
        program.env("LD_PRELOAD", self.clock(seconds_off)?);
        program.args(SERVE);
        self.begin(program)
    }

    /// A library that answers for the system's clock. It asks the kernel and adds what is wrong; the tools that do this for
    /// any program take locks when memory is given out, and this server's allocator asks for the time.
    fn clock(&self, seconds_off: i64) -> anyhow::Result<PathBuf> {
        const SOURCE: &str = "#define _GNU_SOURCE\n#include <sys/syscall.h>\n#include <time.h>\n#include <unistd.h>\n\
            int clock_gettime(clockid_t clock, struct timespec *time) {\n\
            int failed = syscall(SYS_clock_gettime, clock, time);\n\
            if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += SECONDS_OFF;\n\
            return failed;\n}\n";
        let library = self.home.join(format!("clock{seconds_off}.so"));
        if !library.exists() {
            let source = self.home.join("clock.c");
            fs::write(&source, SOURCE)?;
            #[expect(clippy::disallowed_methods, reason = "the compiler, of a file that is written here")]
            let mut compiler = Command::new("cc");
            compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
            let compiled = compiler.arg(format!("-DSECONDS_OFF=({seconds_off})")).status()?;
            ensure!(compiled.success(), "a clock was not compiled: {compiled}");
        }
        Ok(library)
    }

    /// Starts a server on a copy of the data directory, on a disk of its own with so many MiB.
    pub fn serve_on_small_disk(&self, mib: u32) -> anyhow::Result<Life> {
        const SCRIPT: &str = r#"mkdir -p "$1/disk" && mount -t tmpfs -o "size=$2m" none "$1/disk" \
            && cp -a "$1/data/." "$1/disk" && home=$1 && shift 2 && exec "$home/vitagraph" "$@""#;
        let mut program = self.started_by(Path::new("unshare"));
        program.args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"]);
        program.arg(&self.home).arg(mib.to_string()).args(SERVE);
        program.env("VITAGRAPH_DATA", self.home.join("disk"));
        self.begin(program)
    }

    /// The disk of a server that has one of its own.
    pub fn small_disk(&self, life: &Life) -> anyhow::Result<PathBuf> {
        let root = PathBuf::from(format!("/proc/{}/root", life.id()?));
        Ok(root.join(self.home.join("disk").strip_prefix("/")?))
    }

    fn begin(&self, mut program: Command) -> anyhow::Result<Life> {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.home.join("log"))?;
        let mut child = program
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let stdout = child.stdout.take().context("standard output")?;
        let (say, address) = watch::channel(None);
        // Ends with the process that writes.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("Vitagraph is at ") {
                    let _ = say.send(Some(address.trim_end_matches('/').to_owned()));
                }
            }
        });
        Ok(Life::new(child, address, self.token.clone(), self.home.join("log")))
    }

    /// Whether the database is one that several servers may share.
    pub fn is_shared(&self) -> bool {
        self.database.is_some()
    }

    /// A connection of its own to the database.
    pub async fn connect(&self) -> anyhow::Result<DatabaseConnection> {
        let file = || format!("sqlite://{}?mode=rw", self.data.join("vitagraph.db").display());
        let mut options = ConnectOptions::new(self.database.clone().unwrap_or_else(file));
        options.max_connections(1).sqlx_logging(false);
        let db = Database::connect(options).await?;
        if db.get_database_backend() == DbBackend::Sqlite {
            // A server that starts after one that was killed may hold the file until it has read the log.
            db.execute_unprepared("pragma busy_timeout = 120000").await?;
        }
        Ok(db)
    }

    /// What a scan wrote; no server may run.
    pub async fn rows(&self) -> anyhow::Result<Rows> {
        let db = self.connect().await?;
        let rows = Rows::read(&db).await?;
        db.close().await?;
        Ok(rows)
    }

    /// One number from the database; no server may run.
    pub async fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let db = self.connect().await?;
        let statement = Statement::from_string(db.get_database_backend(), sql);
        let row = db.query_one_raw(statement).await?.context("a row")?;
        let number = row.try_get_by_index(0)?;
        db.close().await?;
        Ok(number)
    }

    /// How many files are below a folder of the data directory.
    pub fn n_files(&self, folder: &str) -> anyhow::Result<usize> {
        let mut n = 0;
        for shard in fs::read_dir(self.data.join(folder))? {
            n += fs::read_dir(shard?.path())?.count();
        }
        Ok(n)
    }

    /// Has SQLite check the whole file.
    pub async fn check_integrity(&self) -> anyhow::Result<()> {
        let db = self.connect().await?;
        if db.get_database_backend() == DbBackend::Sqlite {
            let check = Statement::from_string(DbBackend::Sqlite, "pragma integrity_check");
            let said: String = db
                .query_one_raw(check)
                .await?
                .context("an answer")?
                .try_get_by_index(0)?;
            ensure!(said == "ok", "integrity_check: {said}");
            let check = Statement::from_string(DbBackend::Sqlite, "pragma foreign_key_check");
            let n_orphans = db.query_all_raw(check).await?.len();
            ensure!(
                n_orphans == 0,
                "foreign_key_check: {n_orphans} rows without their parent"
            );
        }
        db.close().await?;
        Ok(())
    }

    /// On a shared database nobody knows that the process died before its lease ends, half a minute later, and the job
    /// then rests a while. Lets that time be over at once.
    pub async fn pass_time(&self) -> anyhow::Result<()> {
        if self.database.is_none() {
            return Ok(());
        }
        let db = self.connect().await?;
        pass_time(&db).await?;
        Ok(db.close().await?)
    }

    pub async fn forget_nodes(&self) -> anyhow::Result<()> {
        if self.database.is_some() {
            let db = self.connect().await?;
            forget_nodes(&db).await?;
            db.close().await?;
        }
        Ok(())
    }

    /// Kills one of the processes of the media worker, whichever it is; false if there is none.
    pub fn kill_worker(&self, which: usize) -> anyhow::Result<bool> {
        let workers = self.workers()?;
        let Some(worker) = workers.get(which % workers.len().max(1)) else {
            return Ok(false);
        };
        let pid = rustix::process::Pid::from_raw(worker.parse()?).context("a process")?;
        // It may have ended meanwhile.
        Ok(rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok())
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Processes whose command line names this world's media worker.
    pub fn workers(&self) -> anyhow::Result<Vec<String>> {
        let worker = self.home.join("vitagraph-media").display().to_string();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            // A process may end meanwhile.
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains(&worker) {
                found.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        Ok(found)
    }
}

/// Lets the leases of nodes that are not known end, and jobs rest no longer.
async fn pass_time(db: &DatabaseConnection) -> anyhow::Result<()> {
    let owners = "update job set lease_until = 0 where state = 2 and not exists \
        (select 1 from node where node.id = job.lease_owner)";
    db.execute_unprepared(owners).await?;
    db.execute_unprepared("update job set run_at = 0 where state = 1")
        .await?;
    Ok(())
}

async fn forget_nodes(db: &DatabaseConnection) -> anyhow::Result<()> {
    db.execute_unprepared("delete from node").await?;
    Ok(())
}

/// Has a shared database know that its server was killed, as it will when the server's leases have ended.
pub async fn bury(database: &str) -> anyhow::Result<()> {
    let mut options = ConnectOptions::new(database);
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await?;
    forget_nodes(&db).await?;
    pass_time(&db).await?;
    Ok(db.close().await?)
}
