//! Measures a running server over a synthetic library; `tests/bench/library/run` starts what it needs. It prints figures
//! and asserts nothing about time.

mod compare;
mod herd;
mod http;
mod lists;
mod process;
mod replay;
mod rest;
mod soak;
mod writes;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::http::Target;

/// The handler by hand has the allocator that the server has.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What to measure.
#[derive(Debug, Parser)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// First, middle and last pages, and searches, filters, facets, totals and statistics
    Lists {
        #[command(flatten)]
        server: Server,
        /// Measurements of each
        #[arg(long, default_value_t = 40)]
        rounds: usize,
    },
    /// A thousand identical requests at once, of which nothing is in memory
    Herd {
        #[command(flatten)]
        server: Server,
    },
    /// Processor time and requests a second beside a hand-written handler and the same bytes from memory
    Compare {
        #[command(flatten)]
        server: Server,
        /// Where `rest` listens
        #[arg(long)]
        rest: String,
        /// The process of `rest`
        #[arg(long)]
        rest_pid: u32,
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// A hand-written handler with minimal SQL that answers with the same JSON, and its bytes from memory
    Rest {
        /// The SQLite database
        #[arg(long)]
        database: PathBuf,
        #[arg(long)]
        listen: String,
    },
    /// Several people browse: how often rows are in memory, and how much memory grows
    Replay {
        #[command(flatten)]
        server: Server,
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// People browse for long at a share of what the server can do: whether memory, open files and times stay as they are
    Soak {
        #[command(flatten)]
        server: Server,
        #[arg(long, default_value_t = 30)]
        minutes: u32,
        /// Which share of what it can do
        #[arg(long, default_value_t = 0.6)]
        share: f64,
    },
    /// A thousand ratings a second from sixteen clients while fifty read and a library is scanned
    Writes {
        #[command(flatten)]
        server: Server,
        /// The library that is scanned meanwhile, by its name
        #[arg(long)]
        scan: Option<String>,
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
}

/// The server that is measured.
#[derive(Debug, Args)]
struct Server {
    /// Host and port
    #[arg(long)]
    address: String,
    /// An administrator's token
    #[arg(long)]
    token: String,
    /// Its process
    #[arg(long)]
    pid: u32,
}

impl Server {
    fn target(&self) -> Target {
        Target {
            address: self.address.clone(),
            token: self.token.clone(),
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Command::parse().what {
        What::Lists { server, rounds } => lists::measure(&server.target(), rounds).await,
        What::Herd { server } => herd::measure(&server.target()).await,
        What::Compare {
            server,
            rest,
            rest_pid,
            seconds,
        } => {
            let rest = Target {
                address: rest,
                token: String::new(),
            };
            let seconds = Duration::from_secs(seconds);
            compare::measure((&server.target(), server.pid), (&rest, rest_pid), seconds).await
        }
        What::Rest { database, listen } => rest::serve(database, &listen).await,
        What::Replay { server, seconds } => {
            replay::measure(&server.target(), server.pid, Duration::from_secs(seconds)).await
        }
        What::Soak { server, minutes, share } => soak::measure(&server.target(), server.pid, minutes, share).await,
        What::Writes { server, scan, seconds } => {
            writes::measure(&server.target(), scan.as_deref(), Duration::from_secs(seconds)).await
        }
    }
}

/// Prints a line of figures.
#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn say(line: &str) {
    println!("{line}");
}
