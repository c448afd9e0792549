//! Which program fetches, where it is, and what it is told.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use kernel::{error::Failure, plugin::Kernel};
use media_engine::foreign::{Foreign, SearchPath, find};

use crate::{Upload, code};

/// Its name on the path.
pub const NAME: &str = "yt-dlp";
/// What it calls the file: the client's words are in no name.
pub const STEM: &str = "media";
/// What it writes while it fetches.
pub const UNFINISHED: [&str; 3] = ["part", "ytdl", "temp"];
/// What one of its processes may have of memory.
const MAX_MEMORY: u64 = 4 << 30;

/// The program, if it may be used and is there.
///
/// # Errors
/// `UPLOAD_DOWNLOAD_OFF` or `UPLOAD_NO_PROGRAM`.
pub fn program(upload: &Upload) -> Result<PathBuf, Failure> {
    if !upload.config.download_pages {
        let message = "media of web pages are not fetched here; `download_pages` in `[upload]` allows it";
        return Err(Failure::new(&code::DOWNLOAD_OFF, message));
    }
    installed(&upload.kernel).ok_or_else(|| {
        let message = format!("`{NAME}` is in none of the folders of the server's PATH; install it");
        Failure::new(&code::NO_PROGRAM, message)
    })
}

/// Where the program is on the path.
pub fn installed(kernel: &Kernel) -> Option<PathBuf> {
    let own = kernel.parts.get::<SearchPath>().map(|path| path.0.clone());
    find(NAME, &own.or_else(|| std::env::var_os("PATH"))?)
}

/// The bounds of one run.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of all files together.
    pub max_bytes: u64,
    /// How long it may take, in seconds.
    pub max_s: u64,
}

/// How the program fetches one page into a folder, by way of a proxy.
pub fn order(program: &Path, folder: &Path, url: &str, (proxy, port): (&str, u16), bounds: Bounds) -> Foreign {
    let path = |path: &Path| path.display().to_string();
    // Titles are told as JSON, so that they are one line whatever is in them.
    let arguments = [
        "--ignore-config",
        "--no-plugin-dirs",
        "--no-remote-components",
        "--no-cache-dir",
        "--no-playlist",
        "--playlist-items",
        "1",
        "--abort-on-error",
        "--abort-on-unavailable-fragments",
        "--retries",
        "3",
        "--socket-timeout",
        "30",
        "--no-mtime",
        "--color",
        "never",
        "--newline",
        "--progress",
        "--progress-delta",
        "0.25",
        "--progress-template",
        "download:vitagraph-bytes %(progress.downloaded_bytes|0)s %(progress.total_bytes,progress.total_bytes_estimate|0)s",
        "--print",
        "before_dl:vitagraph-title %(title)j",
        "--output",
        "media.%(ext)s",
        "--",
        url,
    ];
    Foreign {
        program: path(program),
        arguments: arguments.map(str::to_owned).to_vec(),
        environment: environment(program, folder, proxy),
        folder: path(folder),
        port,
        max_file_bytes: bounds.max_bytes,
        max_memory: MAX_MEMORY,
        max_cpu_s: bounds.max_s,
    }
}

/// How the program says its version.
pub fn version_order(program: &Path, folder: &Path) -> Foreign {
    let bounds = Bounds {
        max_bytes: 64 << 20,
        max_s: 60,
    };
    let mut order = order(program, folder, "", ("", 0), bounds);
    order.arguments = vec!["--ignore-config".to_owned(), "--version".to_owned()];
    order
}

fn environment(program: &Path, folder: &Path, proxy: &str) -> Vec<(String, String)> {
    let mut paths: Vec<OsString> = program
        .parent()
        .map(|parent| parent.as_os_str().to_owned())
        .into_iter()
        .collect();
    paths.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(OsString::from));
    let paths = std::env::join_paths(paths).unwrap_or_else(|_| OsString::from("/usr/bin:/bin"));
    let folder = folder.display().to_string();
    let mut environment = vec![
        ("PATH", paths.to_string_lossy().into_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
        ("SSL_CERT_DIR", "/etc/ssl/certs".to_owned()),
    ];
    environment.extend(["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"].map(|name| (name, folder.clone())));
    if !proxy.is_empty() {
        let names = [
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
        ];
        environment.extend(names.map(|name| (name, proxy.to_owned())));
    }
    environment
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
