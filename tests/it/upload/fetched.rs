//! Media of web pages: fetched by another maker's program that is shut in, and taken in like an upload. The program of these
//! tests is `downloader.sh`, which does what the real one does and what it must not.

use std::{
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use axum::{Router, routing::get};
use media_engine::foreign::SearchPath;
use serde_json::{Value, json};
use tests::{database::Backend, on_both, server::TestServer};
use tokio::net::TcpListener;

use super::{ended, hash, shown, visible, world};
use crate::{kill::process::programs, players::command, process::Process};

const BEGIN: &str = "mutation($input: DownloadPageInput!) { downloadPage(input: $input) {
    upload { id status source size library { name } } job { id title } } }";
const ALLOWED: (&str, &str) = ("VITAGRAPH_UPLOAD_DOWNLOAD_PAGES", "true");
/// The machine of a test may have little room.
const ROOM: (&str, &str) = ("VITAGRAPH_UPLOAD_MIN_FREE_BYTES", "1000000");

/// A server of pages, and one that nobody may reach.
struct Web {
    origin: SocketAddr,
    canary: TcpListener,
}

impl Web {
    async fn start(film: Vec<u8>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = listener.local_addr()?;
        let router = Router::new().route("/pages/film.mp4", get(move || std::future::ready(film.clone())));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let canary = TcpListener::bind("127.0.0.1:0").await?;
        Ok(Self { origin, canary })
    }

    fn page(&self, name: &str) -> String {
        format!("http://{}/pages/{name}", self.origin)
    }

    /// Whether somebody has come to where nobody may.
    async fn was_reached(&self) -> bool {
        tokio::select! {
            biased;
            _ = self.canary.accept() => true,
            () = std::future::ready(()) => false,
        }
    }
}

/// What a spy must not get at, outside of the folder that it works in.
struct Secrets {
    home: tempfile::TempDir,
    file: PathBuf,
}

impl Secrets {
    fn new() -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        let file = home.path().join("secret");
        std::fs::write(&file, "a secret")?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { home, file })
    }

    /// Installs the program; gives the folder for the path.
    fn install(&self, web: &Web, data: &Path) -> anyhow::Result<PathBuf> {
        let canary = web.canary.local_addr()?;
        let mut script = include_str!("downloader.sh").to_owned();
        for (mark, value) in [
            ("@CANARY@", canary.to_string()),
            ("@PORT@", canary.port().to_string()),
            ("@SECRET@", self.file.display().to_string()),
            ("@OUTSIDE@", self.home.path().display().to_string()),
            ("@DATA@", data.display().to_string()),
            ("@PID@", std::process::id().to_string()),
        ] {
            script = script.replace(mark, &value);
        }
        let folder = self.home.path().join("programs");
        std::fs::create_dir_all(&folder)?;
        let program = folder.join("yt-dlp");
        std::fs::write(&program, script)?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
        Ok(folder)
    }

    fn are_safe(&self) -> anyhow::Result<bool> {
        let mode = std::fs::metadata(&self.file)?.permissions().mode() & 0o777;
        let is_alone = std::fs::read_dir(self.home.path())?.count() == 2;
        Ok(std::fs::read_to_string(&self.file)? == "a secret" && mode == 0o600 && is_alone)
    }
}

async fn begin(server: &TestServer, library: &str, url: &str) -> anyhow::Result<(String, String)> {
    let input = json!({ "input": { "url": url, "libraryId": library } });
    let mut begun = server.editor().query(BEGIN, input).await?;
    let begun = begun["downloadPage"].take();
    ensure!(
        begun["upload"]["status"] == "FETCHING" && begun["upload"]["library"]["name"] == "films",
        "{begun:#}"
    );
    let id = |value: &Value| value.as_str().map(str::to_owned).context("an id");
    Ok((id(&begun["upload"]["id"])?, id(&begun["job"]["id"])?))
}

/// Nothing is left of any run: no file in the folder of uploads, and no process that works below the media.
fn nothing_is_left(media: &Path) -> anyhow::Result<()> {
    let left: Vec<_> = std::fs::read_dir(media.join(".vitagraph-uploads"))?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    ensure!(left.is_empty(), "{left:?}");
    ensure!(workers(media)?.is_empty(), "a process is left");
    Ok(())
}

/// The processes that work below a folder.
fn workers(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = folder.canonicalize()?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        if std::fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&folder)) {
            found.push(path);
        }
    }
    Ok(found)
}

/// A server that may fetch, with a library, pages, and what is not to be reached.
async fn start(
    backend: Backend,
    settings: &[(&str, &str)],
) -> anyhow::Result<(TestServer, String, Web, Secrets, Vec<u8>)> {
    let (film, web) = {
        let (server, film) = world(backend, &[]).await?;
        drop(server);
        (film.clone(), Web::start(film).await?)
    };
    let allow = format!("[\"{}\"]", web.origin);
    let all = [&[ALLOWED, ROOM, ("VITAGRAPH_EGRESS_ALLOW", &allow)], settings].concat();
    let server = TestServer::start_with(backend, &all).await?;
    let library = server.library_over(server.media()).await?;
    let secrets = Secrets::new()?;
    let folder = secrets.install(&web, &server.server().kernel.data_dir)?;
    server.server().kernel.parts.insert(Arc::new(SearchPath(folder.into())));
    Ok((server, library, web, secrets, film))
}

/// The upload's error when its job has failed; nothing where this system cannot shut a program in.
async fn failure(server: &TestServer, library: &str, url: &str) -> anyhow::Result<Option<(String, String)>> {
    let (upload, job) = begin(server, library, url).await?;
    let done = server.finished(&job).await?;
    ensure!(done["status"] == "FAILED", "{url}: {done:#}");
    if done["error"]["code"] == "UPLOAD_UNCONFINED" {
        println!("skipped: {done:#}");
        return Ok(None);
    }
    nothing_is_left(server.media())?;
    let seen = shown(&server.editor(), &upload).await?;
    ensure!(
        seen["status"] == "FAILED" && seen["error"] == done["error"],
        "{seen:#} {done:#}"
    );
    let text = |name: &str| done["error"][name].as_str().unwrap_or_default().to_owned();
    Ok(Some((text("code"), text("message"))))
}

on_both! {
    async fn a_pages_film_is_fetched_and_taken_in(backend: Backend) {
        let (server, library, web, secrets, film) = start(backend, &[]).await?;
        let url = web.page("good?token=hunter2");
        let (upload, job) = begin(&server, &library, &url).await?;
        let done = server.finished(&job).await?;
        if done["error"]["code"] == "UPLOAD_UNCONFINED" {
            println!("skipped: {done:#}");
            return Ok(());
        }
        ensure!(done["status"] == "SUCCEEDED" && done["progress"]["fraction"] == 1.0, "{done:#}");
        let ready = ended(&server.editor(), &upload).await?;
        ensure!(ready["status"] == "READY" && ready["contentHash"] == hash(&film), "{ready:#}");
        ensure!(ready["size"] == film.len() && ready["offset"] == film.len(), "{ready:#}");
        // The title is a name and leads nowhere, and what else the program has left is gone.
        let files = visible(server.media())?;
        ensure!(files.len() == 1 && files[0].starts_with("uploads/"), "{files:?}");
        let name = files[0].rsplit('/').next().context("a name")?;
        ensure!(name.contains("A fine") && name.ends_with(".mp4") && !name.contains("\u{202e}"), "{files:?}");
        let mode = std::fs::metadata(server.media().join(&files[0]))?.permissions().mode() & 0o7777;
        ensure!(mode == 0o644, "{mode:o}");
        nothing_is_left(server.media())?;
        ensure!(secrets.are_safe()?);

        // The same page again brings nothing new, and its address is nowhere.
        let (again, job) = begin(&server, &library, &url).await?;
        let sealed = kernel::sql::rows(server.server().kernel.store.reader(), "select source from upload where source is not null", []).await?;
        for row in &sealed {
            ensure!(!row.try_get_by_index::<String>(0)?.contains("hunter2"));
        }
        server.finished(&job).await?;
        let twin = ended(&server.editor(), &again).await?;
        ensure!(twin["status"] == "DUPLICATE" && twin["media"]["id"] == ready["media"]["id"], "{twin:#}");
        let open = kernel::sql::rows(server.server().kernel.store.reader(), "select payload, title from job where kind = 'upload.download'", []).await?;
        ensure!(!open.is_empty());
        for row in &open {
            let told = format!("{}{}", row.try_get_by_index::<String>(0)?, row.try_get_by_index::<String>(1)?);
            ensure!(!told.contains("hunter2"), "{told}");
        }
        ensure!(visible(server.media())?.len() == 1 && !web.was_reached().await);
    }

    async fn a_program_gets_at_nothing_and_its_failures_say_why(backend: Backend) {
        let (server, library, web, secrets, _) = start(backend, &[]).await?;
        let Some((code, message)) = failure(&server, &library, &web.page("spy")).await? else { return Ok(()) };
        ensure!(code == "UPLOAD_DOWNLOAD_FAILED" && message == "won:.", "{code}: {message}");
        ensure!(secrets.are_safe()? && !web.was_reached().await);
        for (page, code, text) in [
            ("inward", "UPLOAD_DOWNLOAD_REFUSED", "not a public address"),
            ("nothing", "UPLOAD_DOWNLOAD_FAILED", "no video, sound or image"),
            ("broken?token=hunter2", "UPLOAD_DOWNLOAD_FAILED", "Unsupported URL"),
        ] {
            let (found, message) = failure(&server, &library, &web.page(page)).await?.context("it was confined")?;
            ensure!(found == code && message.contains(text) && !message.contains("hunter2"), "{page}: {found}: {message}");
        }
        ensure!(!web.was_reached().await && visible(server.media())?.is_empty());

        let refused = async |url: &str| server.editor().error_code(BEGIN, json!({ "input": { "url": url, "libraryId": library } })).await;
        ensure!(refused(&format!("http://{}/", web.canary.local_addr()?)).await? == "UPLOAD_DOWNLOAD_REFUSED");
        for url in ["file:///etc/passwd", "rtsp://example.org/", "ytsearch:cats", "-U", ""] {
            ensure!(refused(url).await? == "BAD_INPUT", "{url}");
        }
        let input = json!({ "input": { "url": web.page("good"), "libraryId": library } });
        ensure!(server.viewer().error_code(BEGIN, input.clone()).await? == "FORBIDDEN");
        let nowhere = tempfile::tempdir()?;
        server.server().kernel.parts.insert(Arc::new(SearchPath(nowhere.path().into())));
        ensure!(server.editor().error_code(BEGIN, input.clone()).await? == "UPLOAD_NO_PROGRAM");
        let closed = TestServer::start(backend).await?;
        let library = closed.library_over(closed.media()).await?;
        let input = json!({ "input": { "url": web.page("good"), "libraryId": library } });
        ensure!(closed.editor().error_code(BEGIN, input).await? == "UPLOAD_DOWNLOAD_OFF");
    }

    async fn a_program_is_ended_by_size_time_and_whoever_asked(backend: Backend) {
        let bounds = [("VITAGRAPH_UPLOAD_DOWNLOAD_MAX_BYTES", "3000000"), ("VITAGRAPH_UPLOAD_DOWNLOAD_SECONDS", "3")];
        let (server, library, web, _secrets, _) = start(backend, &bounds).await?;
        let Some((code, message)) = failure(&server, &library, &web.page("huge")).await? else { return Ok(()) };
        // On a slow machine its time may be over before its bytes are.
        ensure!(["UPLOAD_TOO_LARGE", "UPLOAD_DOWNLOAD_TOO_LONG"].contains(&code.as_str()), "{code}: {message}");
        let (code, message) = failure(&server, &library, &web.page("hang")).await?.context("it was confined")?;
        ensure!(code == "UPLOAD_DOWNLOAD_TOO_LONG", "{code}: {message}");

        let (server, library, web, _secrets, _) = start(backend, &bounds[..1]).await?;
        let (code, message) = failure(&server, &library, &web.page("huge")).await?.context("it was confined")?;
        ensure!(code == "UPLOAD_TOO_LARGE", "{code}: {message}");
        // Canceled as a job, and ended as an upload.
        let (upload, job) = begin(&server, &library, &web.page("hang")).await?;
        hangs(&server, &job).await?;
        ensure!(workers(server.media())?.len() >= 3, "the program and what it has started");
        let cancel = "mutation($input: CancelJobInput!) { cancelJob(input: $input) { job { id } } }";
        server.editor().query(cancel, json!({ "input": { "id": job } })).await?;
        ensure!(server.finished(&job).await?["status"] == "CANCELED");
        nothing_is_left(server.media())?;
        ensure!(shown(&server.editor(), &upload).await?["status"] == "FAILED");
        let (upload, job) = begin(&server, &library, &web.page("hang")).await?;
        hangs(&server, &job).await?;
        let end = "mutation($input: AbortUploadInput!) { abortUpload(input: $input) { uploadId } }";
        server.editor().query(end, json!({ "input": { "id": upload } })).await?;
        nothing_is_left(server.media())?;
        ensure!(shown(&server.editor(), &upload).await?.is_null());
    }
}

/// Waits until the program says that it hangs.
async fn hangs(server: &TestServer, job: &str) -> anyhow::Result<()> {
    let document = "query($id: ID!) { node(id: $id) { ... on Job { status progress { done total message } } } }";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(300);
    loop {
        let seen = server.admin().query(document, json!({ "id": job })).await?["node"].take();
        if seen["progress"]["message"] == "hanging" && seen["progress"]["total"] == 100 {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < deadline, "{seen:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_no_program_behind_and_fetches_anew() -> anyhow::Result<()> {
    let film = super::world(Backend::Sqlite, &[]).await?.1;
    let web = Web::start(film).await?;
    let home = tempfile::tempdir()?;
    let media = home.path().join("media");
    std::fs::create_dir(&media)?;
    let secrets = Secrets::new()?;
    let programs = secrets.install(&web, &home.path().join("data"))?;
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let allow = format!("[\"{}\"]", web.origin);
    let environment = [
        ALLOWED,
        ROOM,
        ("VITAGRAPH_EGRESS_ALLOW", allow.as_str()),
        ("PATH", path.as_str()),
        ("VITAGRAPH_SCAN_SETTLE_SECONDS", "0.0"),
    ];
    let process = Process::start(home.path(), &environment)?;
    let administrator = process.administrator().await?;
    let library = administrator.library(&process, &media).await?;
    let input = json!({ "input": { "url": web.page("hang"), "libraryId": library } });
    let begun = administrator.ask(&process, BEGIN, input).await?;
    let job = begun["downloadPage"]["job"]["id"].clone();
    let find = "query($id: ID!) { node(id: $id) { ... on Job { status error { code } } } }";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(300);
    while workers(&media)?.len() < 3 {
        let seen = administrator.ask(&process, find, json!({ "id": job })).await?;
        if seen["node"]["error"]["code"] == "UPLOAD_UNCONFINED" {
            println!("skipped: {seen:#}");
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < deadline, "{seen:#} {}", process.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    process.signal(rustix::process::Signal::KILL)?;
    drop(process);
    while !workers(&media)?.is_empty() {
        ensure!(
            tokio::time::Instant::now() < deadline,
            "{:?} outlive the server",
            workers(&media)?
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // The page has become a good one.
    let program = programs.join("yt-dlp");
    let script = std::fs::read_to_string(&program)?
        .replace("\ngood)", "\ngood | hang)")
        .replace("%/good*", "%/hang*");
    std::fs::write(&program, script)?;
    let process = Process::start(home.path(), &environment)?;
    loop {
        let seen = administrator
            .ask(
                &process,
                "{ uploads(first: 5) { nodes { status error { code message } } } }",
                json!({}),
            )
            .await?;
        if seen["uploads"]["nodes"][0]["status"] == "READY" {
            break;
        }
        ensure!(tokio::time::Instant::now() < deadline, "{seen:#} {}", process.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ensure!(visible(&media)?.len() == 1);
    nothing_is_left(&media)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_whether_the_program_runs_shut_in() -> anyhow::Result<()> {
    let home = tempfile::tempdir()?;
    let (folder, work) = (home.path().join("programs"), home.path().join("work"));
    std::fs::create_dir(&folder)?;
    std::fs::create_dir(&work)?;
    let program = folder.join("yt-dlp");
    std::fs::write(&program, "#!/bin/sh\necho 2026.10.26\n")?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
    let doctor = async |work: &Path| {
        let vitagraph = programs()?.join("vitagraph");
        let output = command(vitagraph.to_str().context("a path in UTF-8")?)
            .args(["doctor", "--data"])
            .arg(home.path().join("data"))
            .env_remove("VITAGRAPH_DATABASE")
            .envs([ALLOWED])
            .env("PATH", &folder)
            .env("TMPDIR", work)
            .output()
            .await?;
        let said = String::from_utf8(output.stdout)?;
        let line = said
            .lines()
            .find(|line| line.contains("  pages: "))
            .with_context(|| said.clone())?;
        // Whatever is wrong with the program, the rest is looked at.
        ensure!(said.lines().any(|line| line.contains("  probe: ")), "{said}");
        anyhow::Ok(line.to_owned())
    };
    let well = doctor(&work).await?;
    let is_confined = well.starts_with("ok    pages: ") && well.ends_with("yt-dlp 2026.10.26, shut in");
    ensure!(is_confined || well.contains("does not run shut in"), "{well}");
    ensure!(std::fs::read_dir(&work)?.count() == 0, "its folder is left");
    let ill = doctor(&home.path().join("nowhere")).await?;
    ensure!(
        ill.starts_with("warn  pages: ") && ill.contains("cannot be tried: making "),
        "{ill}"
    );
    Ok(())
}
