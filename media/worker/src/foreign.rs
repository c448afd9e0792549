//! Another's program, confined. The keeper starts the inmate, ends it and all that it has started when the server lets go or
//! dies, and leaves last; the inmate shuts itself in and becomes the program.
//!
//! The pipe on the keeper's standard input is the lifeline: the order comes over it, and its end means death. The keeper is
//! outside of the sandbox, so the program can neither see nor signal it.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, Stdio};

use anyhow::Context;
use media_proto::foreign::{Foreign, INMATE_ARGUMENT, UNCONFINED};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions};

use crate::{confine, sys};

/// Keeps another's program, which the order on standard input names; ends as that one ends.
pub fn keep() -> anyhow::Result<ExitCode> {
    let mut lifeline = std::io::stdin().lock();
    let order = Foreign::receive(&mut lifeline).context("reading what to start")?;
    drop(lifeline);
    rustix::process::set_child_subreaper(Pid::from_raw(1)).context("adopting what is left behind")?;
    let mut inmate = start(&order)?;
    let pid = Pid::from_raw(inmate.id() as i32).context("a process has an id")?;
    std::thread::spawn(move || {
        // Nothing is said any more: this ends when the server closes the pipe, by purpose or by dying.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    });
    // It is not reaped before its group is ended, so that the group's id is still its own.
    let mut options = WaitIdOptions::EXITED;
    options.insert(WaitIdOptions::NOWAIT);
    while let Err(rustix::io::Errno::INTR) = rustix::process::waitid(WaitId::Pid(pid), options) {}
    let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    let ended = inmate.wait().context("waiting for the program")?;
    // What it left behind has become ours, and must be gone before we are: its folder is looked at then. They are of another
    // group, so it is any child that is waited for.
    while rustix::process::wait(WaitOptions::empty()).is_ok() {}
    let code = ended.code().unwrap_or_else(|| 128 + ended.signal().unwrap_or_default());
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
}

fn start(order: &Foreign) -> anyhow::Result<Child> {
    let own = std::env::current_exe().context("finding this program")?;
    #[expect(
        clippy::disallowed_methods,
        reason = "this program once more, which is about to shut itself in"
    )]
    let mut command = Command::new(own);
    command.arg(INMATE_ARGUMENT).stdin(Stdio::piped()).process_group(0);
    let mut inmate = command.spawn().context("starting the inmate")?;
    let told = inmate.stdin.take().context("its standard input").and_then(|mut to| {
        order.send(&mut to)?;
        Ok(())
    });
    if let Err(error) = told {
        let _ = inmate.kill();
        let _ = inmate.wait();
        return Err(error.context("telling the inmate what to become"));
    }
    Ok(inmate)
}

/// Shuts this process in and becomes the program that the order on standard input names.
pub fn become_program() -> ExitCode {
    let Err(error) = shut_in();
    // Nobody may be there to read it, and the code says enough then.
    let _ = writeln!(std::io::stderr(), "{error:#}");
    ExitCode::from(UNCONFINED as u8)
}

fn shut_in() -> anyhow::Result<std::convert::Infallible> {
    // Before the order: a keeper that died meanwhile cannot have sent all of it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).context("asking to die with the keeper")?;
    let mut order = Vec::new();
    std::io::stdin()
        .read_to_end(&mut order)
        .context("reading what to become")?;
    let order = Foreign::receive(&mut order.as_slice()).context("reading what to become")?;
    sys::close_rest().context("closing inherited descriptors")?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where another's program is started, after this process was shut in"
    )]
    let mut command = Command::new(&order.program);
    command
        .args(&order.arguments)
        .env_clear()
        .envs(order.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&order.folder)
        .stdin(Stdio::null());
    confine::enter(&order)?;
    let error = command.exec();
    Err(error).with_context(|| format!("starting `{}`", order.program))
}
