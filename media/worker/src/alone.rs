//! The hardware worker: a process of its own, as drivers start threads and load libraries, which no zygote may.

use std::os::fd::AsFd;

use anyhow::{Context, bail};
use media_proto::message::Spawn;
use media_proto::wire;
use rustix::process::Signal;

use crate::{control, sandbox, serve, sys};

/// Serves the worker's socket on standard input: first how it is set up, with its control page, then jobs.
pub fn run() -> anyhow::Result<()> {
    let socket = sys::take_stdin();
    if rustix::net::sockopt::socket_type(&socket).is_err() {
        bail!("this program is started by vitagraph and does nothing by itself");
    }
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).context("asking to die with the server")?;
    media_av::facts::log_errors_only();
    let setup = wire::receive::<Spawn>(socket.as_fd()).context("reading how to be set up")?;
    let Some((spawn, mut descriptors)) = setup else {
        return Ok(());
    };
    let page = descriptors.pop_front().context("a setup without a control page")?;
    control::install(sys::map_page(&page).context("mapping the control page")?);
    drop(page);
    let sandbox = sandbox::enter_with_devices(&spawn, socket)?;
    serve::run(&spawn, sandbox)
}
