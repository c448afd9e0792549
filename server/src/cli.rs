//! The command line. Errors are one line that says what to do, on standard error, with exit code 1.

mod account;
mod config;
mod demo;
mod doctor;
mod library;
#[cfg(feature = "scan")]
mod scan;
mod seed;
mod serve;
mod transfer;
mod upload;

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand, ValueEnum};
use entities::user::Role;
use kernel::error::Failure;

use crate::{
    compose::Base,
    settings::{Flags, Settings},
    telemetry,
    writing::STACK,
};

/// A GraphQL media server for large collections of video, audio and images
#[derive(Debug, Parser)]
#[command(name = "vitagraph", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve {
        /// Address and port to listen on; default is 127.0.0.1:8080, and 0.0.0.0:8080 lets other machines in
        #[arg(long, env = "VITAGRAPH_LISTEN", value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
    },
    /// Manage accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Manage API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Manage libraries
    #[command(subcommand)]
    Library(LibraryCommand),
    /// Scan libraries and show the progress; beside a running server, that one scans
    #[cfg(feature = "scan")]
    Scan {
        /// Only these folders of libraries and what is below them; files elsewhere stay as they are
        #[arg(value_name = "FOLDER")]
        folders: Vec<PathBuf>,
        /// Only this library
        #[arg(long, value_name = "NAME")]
        library: Option<String>,
        /// Go on whatever is missing, and try every failed file again
        #[arg(long)]
        force: bool,
        /// Only queue the scans: the running server, or the next one, does them
        #[arg(long)]
        detach: bool,
    },
    /// Send files to a running server; the same command goes on with what it could not finish
    Upload {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Where the server is
        #[arg(
            long,
            env = "VITAGRAPH_SERVER",
            value_name = "URL",
            default_value = "http://127.0.0.1:8080"
        )]
        server: String,
        /// A token that may edit; `vitagraph token create` makes one
        #[arg(long, env = "VITAGRAPH_TOKEN", value_name = "TOKEN", hide_env_values = true)]
        token: String,
        /// The library that the files go to; the only one, if omitted
        #[arg(long, value_name = "NAME")]
        library: Option<String>,
        /// Files at a time
        #[arg(long, value_name = "N", default_value_t = 3)]
        parallel: usize,
    },
    /// Print the GraphQL schema
    Schema,
    /// Look at the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check database, media workers, sandbox, codecs, disk and permissions
    Doctor,
    /// Make a small, varied library of synthetic media in a folder
    Demo {
        /// The folder; made when it is missing
        folder: PathBuf,
    },
    /// Write tags, people, ratings, collections and all else that people decided to a new file, as lines of JSON
    Export {
        /// The new file
        file: PathBuf,
    },
    /// Take in what `export` has written, here or elsewhere; items are found by what their files hold
    Import {
        /// The file
        file: PathBuf,
    },
    /// Copy the embedded database to a new file, also while a server uses it
    Backup {
        /// The new file
        file: PathBuf,
    },
    /// Put a backup in the place of the embedded database, which is kept in `backups/`; no server may run
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Tools for developers
    #[command(subcommand)]
    Dev(DevCommand),
}

#[derive(Debug, Subcommand)]
enum DevCommand {
    /// Fill an empty database with a synthetic library, without any files
    Seed(seed::Sizes),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check file, environment and flags without starting anything, and print what holds
    Check,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make an account
    Add {
        /// Its name
        name: String,
        /// What it may do
        #[arg(long)]
        role: RoleArgument,
        /// Read the password from the first line of standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Give an account another password, and end its sessions
    Password {
        /// Its name
        name: String,
        /// Read the password from the first line of standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Let an account that has lost its second factor sign in by its password alone
    RemoveSecondFactor {
        /// Its name
        name: String,
    },
    /// List accounts: name, role, state
    List,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it, alone, on standard output
    Create {
        /// Whose it is
        #[arg(long)]
        user: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// What it may do: the widest of those given, and never more than its account
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<Scope>,
    },
}

#[derive(Debug, Subcommand)]
enum LibraryCommand {
    /// Add a library of one or more folders
    Add {
        /// Its name
        name: String,
        /// Its folders
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// List libraries: name, items, state, folders
    List,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArgument {
    Admin,
    Editor,
    Viewer,
}

impl From<RoleArgument> for Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Admin => Self::Admin,
            RoleArgument::Editor => Self::Editor,
            RoleArgument::Viewer => Self::Viewer,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    View,
    Edit,
    Admin,
}

impl From<Scope> for Role {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::View => Self::Viewer,
            Scope::Edit => Self::Editor,
            Scope::Admin => Self::Admin,
        }
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "vitagraph: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// What failed and why, without a trace. A cause that its error has told already is left out, and so are the names of
/// input fields, which the command line does not have.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let said = match cause.downcast_ref::<Failure>() {
            Some(failure) if !failure.fields.is_empty() => {
                let messages = failure.fields.iter().map(|field| field.message.as_str());
                messages.collect::<Vec<_>>().join("; ")
            }
            _ => cause.to_string(),
        };
        let said = said
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join(", ");
        if !text.contains(&said) {
            text = if text.is_empty() {
                said
            } else {
                format!("{text}: {said}")
            };
        }
    }
    text
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Command::Schema = cli.command {
        print(&crate::compose::sdl())?;
        return Ok(ExitCode::SUCCESS);
    }
    let listen = match &cli.command {
        Command::Serve { listen } => *listen,
        _ => None,
    };
    let mut settings = Settings::load(&cli.flags, listen)?;
    if let Command::Config(ConfigCommand::Check) = cli.command {
        return config::check(&settings);
    }
    if !matches!(cli.command, Command::Serve { .. }) && settings.log.level.is_none() {
        // A command's output is what was asked for; the log has only what is wrong.
        settings.log.level = Some("warn".to_owned());
    }
    let _telemetry = telemetry::start(&settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Serve { .. } => serve::serve(settings).await,
            Command::User(UserCommand::Add {
                name,
                role,
                password_stdin: _,
            }) => account::add(open(&settings).await?, name, role.into()).await,
            Command::User(UserCommand::Password {
                name,
                password_stdin: _,
            }) => account::set_password(open(&settings).await?, &name).await,
            Command::User(UserCommand::RemoveSecondFactor { name }) => {
                account::remove_second_factor(open(&settings).await?, &name).await
            }
            Command::User(UserCommand::List) => account::list(open(&settings).await?).await,
            Command::Token(TokenCommand::Create { user, name, scopes }) => {
                let scope = scopes.into_iter().max().unwrap_or(Scope::View);
                account::token(open(&settings).await?, &user, name, scope.into()).await
            }
            Command::Library(LibraryCommand::Add { name, paths }) => {
                library::add(open(&settings).await?, name, paths).await
            }
            Command::Library(LibraryCommand::List) => library::list(open(&settings).await?).await,
            #[cfg(feature = "scan")]
            Command::Scan {
                folders,
                library,
                force,
                detach,
            } => {
                let wanted = scan::Wanted {
                    library,
                    folders,
                    is_forced: force,
                };
                match detach {
                    true => scan::queue(settings, wanted).await,
                    false => scan::scan(settings, wanted).await,
                }
            }
            Command::Upload {
                files,
                server,
                token,
                library,
                parallel,
            } => {
                let wanted = upload::Wanted {
                    files,
                    server,
                    token,
                    library,
                    parallel,
                };
                upload::upload(wanted).await
            }
            Command::Export { file } => transfer::write(open(&settings).await?, &file).await,
            Command::Import { file } => transfer::read(open(&settings).await?, &file, settings.is_embedded()).await,
            Command::Backup { file } => {
                let size = crate::backup::back_up(&settings, &file).await?;
                print_line(&format!("copied the database to {}: {size} bytes", file.display()))?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Restore { file } => {
                let moved = crate::backup::restore(&settings, &file).await?;
                let moved = moved.map_or(String::new(), |path| format!("; the one before is {}", path.display()));
                print_line(&format!("restored {}{moved}", file.display()))?;
                Ok(ExitCode::SUCCESS)
            }
            Command::Doctor => doctor::doctor(settings).await,
            Command::Demo { folder } => demo::demo(&settings, &folder).await,
            Command::Dev(DevCommand::Seed(sizes)) => seed::seed(open(&settings).await?, sizes).await,
            Command::Schema | Command::Config(_) => Ok(ExitCode::SUCCESS),
        }
    })
}

async fn open(settings: &Settings) -> anyhow::Result<Base> {
    Base::open(settings).await
}

/// Writes to standard output. That nobody reads any more, as with `| head`, is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes rows: in columns on a terminal, else a row a line with tabs between, as scripts read them.
fn print_rows(rows: &[Vec<String>]) -> anyhow::Result<()> {
    let is_terminal = std::io::stdout().is_terminal();
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let line = match is_terminal {
            false => row.join("\t"),
            true => {
                let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
                padded.collect::<Vec<_>>().join("  ")
            }
        };
        print_line(line.trim_end())?;
    }
    Ok(())
}

/// Writes a line to standard output.
fn print_line(line: &str) -> anyhow::Result<()> {
    print(&format!("{line}\n"))
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn an_error_is_one_line_that_says_each_thing_once() {
        let error = anyhow::anyhow!("timed out")
            .context("opening: timed out")
            .context("starting\n\nnow\n");
        assert_eq!(one_line(&error), "starting, now: opening: timed out");
        let failure: Result<(), Failure> = Err(Failure::field("input.paths[0]", "`/a` overlaps with `/b`"));
        let error = failure.context("adding").expect_err("it failed");
        assert_eq!(one_line(&error), "adding: `/a` overlaps with `/b`");
    }

    #[test]
    fn the_commands_are_what_scripts_rely_on() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
