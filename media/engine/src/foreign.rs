//! Another's program, confined: found on the path, started with a list of arguments and nothing else, heard line by line, and
//! gone with all that it has started when it is let go of.
//!
//! The program that is started here is still our worker and no other: that one shuts itself in and becomes the other's.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use media_proto::foreign::KEEPER_ARGUMENT;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::engine::Engine;

pub use media_proto::foreign::{Foreign, UNCONFINED};

/// The longest line that is heard; the rest of a longer one is not.
const MAX_LINE: usize = 4096;

/// Where programs are looked for, where that is not the path of this process.
pub struct SearchPath(pub OsString);

/// The first program of this name in the folders of a path.
pub fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    let is_program = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

/// What a program says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A line of its standard output.
    Out(String),
    /// A line of its standard error.
    Error(String),
}

/// Another's program while it runs. Dropping it ends it, with all that it has started.
pub struct Running {
    keeper: Child,
    lifeline: Option<ChildStdin>,
    out: Lines<ChildStdout>,
    error: Lines<ChildStderr>,
}

impl Engine {
    /// Starts another's program, shut in. Whether it could be, its end says.
    ///
    /// # Errors
    /// The worker program cannot be started.
    pub async fn start_foreign(&self, order: &Foreign) -> io::Result<Running> {
        let order = order.to_bytes()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "it is the worker program, which keeps the other one"
        )]
        let mut command = Command::new(&self.binary);
        command
            .arg(KEEPER_ARGUMENT)
            .env_clear()
            // Ctrl-C ends the server, and that the keeper.
            .process_group(0)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(path) = std::env::var_os("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", path);
        }
        let mut keeper = command.spawn()?;
        let streams = (keeper.stdin.take(), keeper.stdout.take(), keeper.stderr.take());
        let (Some(mut lifeline), Some(out), Some(error)) = streams else {
            return Err(io::Error::other("a program was started without its streams"));
        };
        lifeline.write_all(&order).await?;
        lifeline.flush().await?;
        Ok(Running {
            keeper,
            lifeline: Some(lifeline),
            out: Lines::new(out),
            error: Lines::new(error),
        })
    }
}

impl Running {
    /// The next line; nothing when it has ended, and all that it has started. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The system does not say whether it has ended.
    pub async fn next(&mut self) -> io::Result<Option<Said>> {
        loop {
            tokio::select! {
                line = self.out.next(), if !self.out.has_ended => {
                    if let Some(line) = line {
                        return Ok(Some(Said::Out(line)));
                    }
                }
                line = self.error.next(), if !self.error.has_ended => {
                    if let Some(line) = line {
                        return Ok(Some(Said::Error(line)));
                    }
                }
                else => break,
            }
        }
        self.keeper.wait().await?;
        Ok(None)
    }

    /// Ends it if it still runs, and waits until nothing of it is left. Gives its exit code, or 128 and the number of the
    /// signal that ended it.
    ///
    /// # Errors
    /// The system does not say how it ended.
    pub async fn end(mut self) -> io::Result<i32> {
        drop(self.lifeline.take());
        Ok(self.keeper.wait().await?.code().unwrap_or(UNCONFINED))
    }
}

/// The lines of a stream, of bounded length.
struct Lines<R> {
    from: R,
    bytes: Vec<u8>,
    /// Whether the rest of a line is passed over.
    is_cut: bool,
    has_ended: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(from: R) -> Self {
        Self {
            from,
            bytes: Vec::new(),
            is_cut: false,
            has_ended: false,
        }
    }

    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.take() {
                return Some(line);
            }
            if self.has_ended {
                return None;
            }
            if self.from.read_buf(&mut self.bytes).await.unwrap_or(0) == 0 {
                self.has_ended = true;
                let rest = std::mem::take(&mut self.bytes);
                return (!rest.is_empty() && !self.is_cut).then(|| text(&rest));
            }
        }
    }

    /// A line that has come, or the beginning of one that is too long.
    fn take(&mut self) -> Option<String> {
        loop {
            let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') else {
                if self.bytes.len() <= MAX_LINE {
                    return None;
                }
                let begin = std::mem::take(&mut self.bytes);
                return (!std::mem::replace(&mut self.is_cut, true)).then(|| text(&begin[..MAX_LINE]));
            };
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            if !std::mem::replace(&mut self.is_cut, false) {
                return Some(text(&line[..end.min(MAX_LINE)]));
            }
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches('\r').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8]) -> Vec<String> {
        let mut lines = Lines::new(bytes);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await {
            all.push(line);
        }
        all
    }

    #[tokio::test]
    async fn lines_are_heard_one_by_one_and_long_ones_in_part() {
        let long = "x".repeat(3 * MAX_LINE);
        let said = format!("one\r\n\ntwo\n{long}\nthree \u{fffd}\nfour");
        let heard = all(said.as_bytes()).await;
        assert_eq!(heard[..3], ["one", "", "two"]);
        assert_eq!(heard[3].len(), MAX_LINE);
        assert_eq!(heard[4..], ["three \u{fffd}", "four"]);
        assert_eq!(all(long.as_bytes()).await, [&long[..MAX_LINE]]);
        assert!(all(b"").await.is_empty());
    }
}
