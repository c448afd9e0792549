//! What this machine's encoders and decoders can do, tried once and remembered as long as FFmpeg, drivers and devices stay.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use entities::setting;
use kernel::{
    error::{Failure, code},
    plugin::Kernel,
    store::Durability,
    work::carried,
};
use media_engine::engine::Engine;
use media_proto::hardware::{DeviceEncoder, Direction, Hardware as Trials, Trial};
use schema::{
    kit::scalar::DateTime,
    system::{
        contracts::HardwareReport,
        hardware::{Hardware, HardwareCodec},
    },
};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::JoinHandle};

/// How long a request waits for trials, which take a third of a second where the machine does nothing else.
const PATIENCE: Duration = Duration::from_secs(6);

/// The trials of this machine. A row of `setting` for each set of FFmpeg, drivers and devices, so that machines that are
/// alike share one.
pub struct HardwareTrials(Arc<Inner>);

struct Inner {
    kernel: Kernel,
    engine: Arc<Engine>,
    /// One at a time: trials disturb each other.
    turn: Mutex<()>,
}

/// What the setting holds.
#[derive(Serialize, Deserialize)]
struct Remembered {
    checked_at: i64,
    trials: Trials,
}

impl HardwareTrials {
    /// The trials that this engine makes.
    pub fn new(kernel: Kernel, engine: Arc<Engine>) -> Self {
        Self(Arc::new(Inner {
            kernel,
            engine,
            turn: Mutex::new(()),
        }))
    }
}

impl Inner {
    async fn setting(&self) -> Result<String, Failure> {
        let ffmpeg = self.engine.ffmpeg().ffmpeg_hash.clone();
        let found = tokio::task::spawn_blocking(move || machine(&ffmpeg)).await;
        Ok(format!("hardware.{}", found.map_err(Failure::internal)?))
    }

    async fn remembered(&self, name: &str) -> Result<Option<Remembered>, Failure> {
        let row = setting::Entity::find_by_id(name)
            .one(self.kernel.store.reader())
            .await?;
        // What another version wrote, and this one cannot read, is tried anew.
        Ok(row.and_then(|row| serde_json::from_slice(&row.value).ok()))
    }

    async fn make(&self, name: String) -> Result<Remembered, Failure> {
        let trials = self.engine.hardware().await.map_err(|error| {
            let message = format!("the encoders and decoders could not be tried: {error}");
            Failure::new(&code::UNAVAILABLE, message)
        })?;
        let made = Remembered {
            checked_at: self.kernel.clock.now_ms(),
            trials,
        };
        let row = setting::ActiveModel {
            name: Set(name),
            value: Set(serde_json::to_vec(&made).map_err(Failure::internal)?),
            updated_at: Set(made.checked_at),
        };
        let replace = OnConflict::column(setting::Column::Name)
            .update_columns([setting::Column::Value, setting::Column::UpdatedAt])
            .to_owned();
        let tx = self.kernel.store.begin(Durability::Normal).await?;
        setting::Entity::insert(row)
            .on_conflict(replace)
            .exec_without_returning(&*tx)
            .await?;
        tx.commit().await?;
        Ok(made)
    }

    /// The trials, and how what passed them has done since.
    fn told(&self, remembered: Remembered) -> Hardware {
        let devices = self.engine.devices();
        let used = devices.choose();
        let (encoders, decoders): (Vec<Trial>, Vec<Trial>) = remembered
            .trials
            .trials
            .into_iter()
            .partition(|trial| trial.direction == Direction::Encode);
        let codec = |trial: Trial| {
            let encoder = DeviceEncoder::of(&trial);
            let failure = encoder.as_ref().and_then(|encoder| devices.failure(encoder));
            let ms = |at: SystemTime| {
                at.duration_since(UNIX_EPOCH)
                    .map_or(0, |since| since.as_millis() as i64)
            };
            HardwareCodec {
                is_used: encoder.is_some() && encoder == used,
                failed_at: failure.as_ref().map(|failure| DateTime(ms(failure.at))),
                failure: failure.map(|failure| failure.reason),
                name: trial.name,
                codec: trial.codec,
                device: trial.device,
                is_working: trial.is_working,
                reason: trial.reason,
            }
        };
        Hardware {
            encoders: encoders.into_iter().map(codec).collect(),
            decoders: decoders.into_iter().map(codec).collect(),
            checked_at: DateTime(remembered.checked_at),
        }
    }
}

// Trials may take longer than a request: each is a task of its own, which goes on when nobody waits for it any more, so that
// who asks again finds them made.
#[async_trait]
impl HardwareReport for HardwareTrials {
    async fn read(&self) -> Result<Hardware, Failure> {
        let inner = Arc::clone(&self.0);
        let read = async move {
            let name = inner.setting().await?;
            if let Some(known) = inner.remembered(&name).await? {
                return Ok(inner.told(known));
            }
            let _turn = inner.turn.lock().await;
            match inner.remembered(&name).await? {
                Some(known) => Ok(inner.told(known)),
                None => Ok(inner.told(inner.make(name).await?)),
            }
        };
        soon(tokio::spawn(carried(read))).await
    }

    async fn refresh(&self) -> Result<Hardware, Failure> {
        let inner = Arc::clone(&self.0);
        let refresh = async move {
            let _turn = inner.turn.lock().await;
            let name = inner.setting().await?;
            Ok(inner.told(inner.make(name).await?))
        };
        soon(tokio::spawn(carried(refresh))).await
    }
}

/// What a task finds, or that it takes long.
async fn soon(trials: JoinHandle<Result<Hardware, Failure>>) -> Result<Hardware, Failure> {
    let Ok(found) = tokio::time::timeout(PATIENCE, trials).await else {
        let message = "the encoders and decoders are being tried; ask again in a moment";
        return Err(Failure::new(&code::UNAVAILABLE, message));
    };
    found.map_err(Failure::internal)?
}

/// What decides whether a codec works: FFmpeg, the kernel with its drivers, and the devices.
fn machine(ffmpeg: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(ffmpeg.as_bytes());
    for file in ["/proc/sys/kernel/osrelease", "/proc/driver/nvidia/version"] {
        // A machine without the driver has no such file, and that is a fact too.
        hasher.update(&std::fs::read(file).unwrap_or_default());
        hasher.update(b"\0");
    }
    for (folder, prefix) in [("/dev/dri", ""), ("/dev", "nvidia"), ("/dev", "video")] {
        for name in names(Path::new(folder), prefix) {
            hasher.update(name.as_bytes());
            hasher.update(b"\0");
        }
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

fn names(folder: &Path, prefix: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_machine_has_one_name_and_another_ffmpeg_another() {
        assert_eq!(machine("a"), machine("a"));
        assert_ne!(machine("a"), machine("b"));
    }
}
