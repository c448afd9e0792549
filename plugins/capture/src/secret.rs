//! Addresses of sources hold accounts and tokens: they are sealed in their rows, and opened only to connect.

use entities::id::CaptureSourceId;
use kernel::{
    egress::target::Target,
    error::Failure,
    plugin::Kernel,
    seal::{self, Sealer},
    store::Durability,
};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::{
    code,
    publish::{LISTEN, StreamKey},
    row,
};

/// Shown of an address that is none.
const NOWHERE: &str = "-";

/// Where a source's stream comes from.
pub enum Address {
    /// The server connects to it.
    Target(Target),
    /// Somebody publishes it here, who knows the key.
    Publisher(StreamKey),
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// Says what would be one; never holds the address.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix(LISTEN) {
            Some(key) => StreamKey::parse(key)
                .map(Self::Publisher)
                .ok_or_else(|| format!("a stream key of 16 to 128 letters, digits, `-` and `_` follows `{LISTEN}`")),
            None => Target::parse(text).map(Self::Target).map_err(|error| error.to_string()),
        }
    }

    /// What may be shown of it.
    pub fn shown(&self) -> String {
        match self {
            Self::Target(target) => target.to_string(),
            Self::Publisher(_) => LISTEN.trim_end_matches('/').to_owned(),
        }
    }
}

fn place(source: CaptureSourceId) -> String {
    format!("capture_source.address of {source}")
}

/// The address as it goes into the row of its source.
///
/// # Errors
/// There is no key.
pub fn seal(kernel: &Kernel, source: CaptureSourceId, address: &str) -> Result<String, Failure> {
    Ok(Sealer::of(kernel)?.seal(&place(source), address))
}

/// Where a source is connected to.
///
/// # Errors
/// It was sealed with another key, or is no address; or the database fails.
pub async fn address(kernel: &Kernel, source: CaptureSourceId) -> Result<Address, Failure> {
    let kept = row::address(kernel.store.reader(), source).await?.unwrap_or_default();
    let address = if seal::is_sealed(&kept) {
        let opened = Sealer::of(kernel)?.unseal(&place(source), &kept);
        opened.map_err(|error| {
            Failure::new(
                &code::SEALED,
                format!("the address cannot be read: {error}; give it again"),
            )
        })?
    } else {
        kept
    };
    Address::parse(&address).map_err(|error| Failure::new(&code::REFUSED, error))
}

/// Seals the addresses that old versions have left open. What cannot be done is logged, and tried again at the next start.
pub async fn seal_all(kernel: &Kernel) {
    match seal_open(kernel).await {
        Ok(0) => {}
        Ok(n) => tracing::info!(n, "addresses of live sources were sealed"),
        Err(error) => tracing::error!(%error, "addresses of live sources could not be sealed"),
    }
}

async fn seal_open(kernel: &Kernel) -> Result<usize, Failure> {
    let store = &kernel.store;
    if row::unsealed(store.reader()).await?.is_empty() {
        return Ok(0);
    }
    let is_embedded = store.backend() == DbBackend::Sqlite;
    let tx = store.begin(Durability::Full).await?;
    if is_embedded {
        // What a row held before stays in its page otherwise.
        tx.execute_unprepared("pragma secure_delete = on").await?;
    }
    let open = row::unsealed(&*tx).await?;
    for (source, address) in &open {
        let shown = Target::parse(address).map_or(NOWHERE.to_owned(), |target| target.to_string());
        let sealed = match seal::is_sealed(address) {
            true => address.clone(),
            false => seal(kernel, *source, address)?,
        };
        row::set_address(&*tx, *source, sealed, shown).await?;
    }
    tx.commit().await?;
    let cleaning = match is_embedded {
        true => &["pragma secure_delete = off", "pragma wal_checkpoint(truncate)"][..],
        false => &["vacuum full capture_source"],
    };
    for text in cleaning {
        if let Err(error) = store.migrator().execute_unprepared(text).await {
            tracing::warn!(%error, text, "what addresses were before they were sealed may still be on the disk");
        }
    }
    Ok(open.len())
}
