//! `vitagraph dev seed`.

use std::{process::ExitCode, time::Instant};

use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::ExposeSecret;

use super::print_line;
use crate::{
    compose::Base,
    dev::{self, plan::Plan},
};

/// What to make.
#[derive(Debug, Args)]
pub struct Sizes {
    /// Items
    #[arg(long, value_name = "N")]
    media: usize,
    /// Tags; default grows with the items
    #[arg(long, value_name = "N")]
    tags: Option<usize>,
    /// People; default grows with the items
    #[arg(long, value_name = "N")]
    people: Option<usize>,
    /// Studios; default grows with the items
    #[arg(long, value_name = "N")]
    studios: Option<usize>,
    /// Which of the libraries of this size: equal seeds make equal libraries
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

/// Fills an empty database with a synthetic library.
pub async fn seed(base: Base, sizes: Sizes) -> anyhow::Result<ExitCode> {
    if !base.owns_data() {
        bail!("a server uses this data directory; stop it, or choose another --data");
    }
    let Sizes {
        media,
        tags,
        people,
        studios,
        seed,
    } = sizes;
    let begun = Instant::now();
    let bar = ProgressBar::new(media as u64);
    bar.set_style(ProgressStyle::with_template(
        "{wide_bar} {human_pos}/{human_len} items, {eta} left",
    )?);
    let plan = Plan::new(media, tags, people, studios, seed);
    let seeded = dev::seed(&base.kernel, plan, |n_written| bar.set_position(n_written as u64)).await?;
    bar.finish_and_clear();
    print_line(&format!(
        "made {media} items in {:.1} s, {:.0} a second",
        begun.elapsed().as_secs_f64(),
        seeded.rate
    ))?;
    if let Some(password) = seeded.password {
        print_line(&format!(
            "the accounts ada, ben and cleo have the password {}",
            password.expose_secret()
        ))?;
    }
    base.close().await?;
    Ok(ExitCode::SUCCESS)
}
