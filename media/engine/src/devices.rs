//! Devices that encode: which of them heads may use, and why one is not used for a while.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use media_proto::error::MediaError;
use media_proto::hardware::{DeviceEncoder, Hardware};

/// How long a device that failed is left alone.
const REST: Duration = Duration::from_secs(600);

/// How a device failed the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFailure {
    /// In a sentence.
    pub reason: String,
    /// When.
    pub at: SystemTime,
}

/// What is known of the devices.
#[derive(Debug)]
pub struct Devices {
    are_allowed: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The best first.
    working: Vec<DeviceEncoder>,
    failures: HashMap<DeviceEncoder, DeviceFailure>,
}

impl Devices {
    pub(crate) fn new(are_allowed: bool) -> Self {
        Self {
            are_allowed,
            state: Mutex::default(),
        }
    }

    /// Whether heads may use any. What is made for players follows this alone, and not whether a device works today: a
    /// rendition stays what it is when a device goes.
    pub fn are_allowed(&self) -> bool {
        self.are_allowed
    }

    /// Takes the encoders that passed their trial. Those that failed at work have another chance.
    pub(crate) fn learn(&self, hardware: &Hardware) {
        let working = hardware.trials.iter().filter(|trial| trial.is_working);
        self.offer(working.filter_map(DeviceEncoder::of).collect());
    }

    /// Takes these encoders, the best first, and forgets how others failed.
    pub fn offer(&self, encoders: Vec<DeviceEncoder>) {
        *self.lock() = State {
            working: encoders,
            failures: HashMap::new(),
        };
    }

    /// The encoder for the next head; none for software.
    pub fn choose(&self) -> Option<DeviceEncoder> {
        let state = self.lock();
        let rests = |encoder: &DeviceEncoder| {
            let failure = state.failures.get(encoder);
            // A clock that was set back says nothing: better to wait than to fail again.
            failure.is_some_and(|failure| failure.at.elapsed().map_or(true, |ago| ago < REST))
        };
        let mut ready = state.working.iter().filter(|encoder| !rests(encoder));
        ready.next().filter(|_| self.are_allowed).cloned()
    }

    /// How this encoder failed the last time that it was used, unless it was tried anew since then.
    pub fn failure(&self, encoder: &DeviceEncoder) -> Option<DeviceFailure> {
        self.lock().failures.get(encoder).cloned()
    }

    /// Notes that a head's device did not do its work.
    pub(crate) fn failed(&self, encoder: &DeviceEncoder, error: &MediaError) {
        let failure = DeviceFailure {
            reason: match error {
                MediaError::Device { reason } => reason.clone(),
                other => other.to_string(),
            },
            at: SystemTime::now(),
        };
        self.lock().failures.insert(encoder.clone(), failure);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use media_proto::error::MediaError;
    use media_proto::hardware::DeviceEncoder;

    use super::Devices;

    #[test]
    fn the_next_device_takes_the_place_of_one_that_failed() {
        let devices = Devices::new(true);
        assert_eq!(devices.choose(), None);
        let encoders = [DeviceEncoder::Nvenc, DeviceEncoder::Qsv];
        devices.offer(encoders.to_vec());
        assert_eq!(devices.choose(), Some(DeviceEncoder::Nvenc));
        let reason = "no memory".to_owned();
        devices.failed(&DeviceEncoder::Nvenc, &MediaError::Device { reason });
        assert_eq!(devices.choose(), Some(DeviceEncoder::Qsv));
        let failure = devices.failure(&DeviceEncoder::Nvenc);
        assert_eq!(failure.map(|failure| failure.reason).as_deref(), Some("no memory"));
        devices.failed(&DeviceEncoder::Qsv, &MediaError::Crashed { signal: Some(11) });
        assert_eq!(devices.choose(), None);
        devices.offer(encoders.to_vec());
        assert_eq!(devices.choose(), Some(DeviceEncoder::Nvenc));
        let forbidden = Devices::new(false);
        forbidden.offer(encoders.to_vec());
        assert_eq!(forbidden.choose(), None);
    }
}
