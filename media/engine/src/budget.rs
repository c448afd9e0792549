//! How many streams fit: frames per second that this machine decodes and encodes, handed out in shares.
//!
//! Work that somebody watches must be done in time. So a stream takes its share before it starts, and one that does not
//! fit is refused, so that its viewer gets a smaller rendition rather than everybody a picture that stops.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use media_proto::calibration::Calibration;

/// The part of the processors that streams may have; the server itself needs some.
const USABLE: f64 = 0.9;
/// Pixels of the frames that speed is measured in.
const UNIT: f64 = 1280.0 * 720.0;

/// What a stream needs: frames per second, in frames of 1280 by 720.
///
/// ```
/// use media_engine::budget::Demand;
///
/// let demand = Demand::default().decode(1920, 1080, 30.0).encode(1280, 720, 30.0);
/// assert_eq!((demand.decode_fps, demand.encode_fps), (67.5, 30.0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Demand {
    /// Frames to decode.
    pub decode_fps: f64,
    /// Frames to encode.
    pub encode_fps: f64,
}

impl Demand {
    /// Adds frames of this size to decode.
    #[must_use]
    pub fn decode(self, width: u32, height: u32, fps: f64) -> Self {
        Self {
            decode_fps: self.decode_fps + units(width, height, fps),
            ..self
        }
    }

    /// Adds frames of this size to encode.
    #[must_use]
    pub fn encode(self, width: u32, height: u32, fps: f64) -> Self {
        Self {
            encode_fps: self.encode_fps + units(width, height, fps),
            ..self
        }
    }
}

/// Frames of the unit's size with as many pixels. What a file claims may be nonsense, and nonsense costs more than there is.
fn units(width: u32, height: u32, fps: f64) -> f64 {
    if fps.is_finite() && fps >= 0.0 {
        f64::from(width) * f64::from(height) / UNIT * fps
    } else {
        f64::INFINITY
    }
}

/// A stream that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("this stream needs {needs:.2} processors where {free:.2} are free")]
pub struct DoesNotFit {
    /// How many processors it needs.
    pub needs: f64,
    /// How many are not taken.
    pub free: f64,
}

/// What is there, and what of it is taken.
#[derive(Debug)]
pub struct Budget {
    n_processors: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    calibration: Calibration,
    /// Processors taken, by all shares together.
    taken: f64,
    n_shares: usize,
}

impl Budget {
    /// A machine with that many processors, slow until it is measured.
    pub fn new(n_processors: usize) -> Arc<Self> {
        Arc::new(Self {
            n_processors: n_processors as f64 * USABLE,
            state: Mutex::new(State {
                calibration: Calibration::UNKNOWN,
                taken: 0.0,
                n_shares: 0,
            }),
        })
    }

    /// What counts from now on. Shares that are out stay as they are.
    pub fn calibrate(&self, calibration: Calibration) {
        self.lock().calibration = calibration;
    }

    /// What counts now.
    pub fn calibration(&self) -> Calibration {
        self.lock().calibration
    }

    /// Takes a share, until it is dropped; or says what is missing.
    pub fn acquire(self: &Arc<Self>, demand: Demand) -> Result<Share, DoesNotFit> {
        let mut state = self.lock();
        let Calibration { decode_fps, encode_fps } = state.calibration;
        let needs = demand.decode_fps / decode_fps + demand.encode_fps / encode_fps;
        let free = (self.n_processors - state.taken).max(0.0);
        if needs > free || needs.is_nan() {
            return Err(DoesNotFit { needs, free });
        }
        state.taken += needs;
        state.n_shares += 1;
        Ok(Share {
            budget: Arc::clone(self),
            processors: needs,
        })
    }

    /// Which part is taken, from 0 to 1.
    pub fn load(&self) -> f64 {
        (self.lock().taken / self.n_processors).clamp(0.0, 1.0)
    }

    /// How many shares are out.
    pub fn n_shares(&self) -> usize {
        self.lock().n_shares
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A part of the budget; dropping it gives it back.
#[derive(Debug)]
#[must_use = "a share that is dropped is given back"]
pub struct Share {
    budget: Arc<Budget>,
    processors: f64,
}

impl Share {
    /// How many processors it stands for.
    pub fn processors(&self) -> f64 {
        self.processors
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.n_shares -= 1;
        // Exactly nothing when the last is back, whatever rounding left.
        state.taken = match state.n_shares {
            0 => 0.0,
            _ => (state.taken - self.processors).max(0.0),
        };
    }
}

#[cfg(test)]
mod tests {
    use media_proto::calibration::Calibration;

    use super::{Budget, Demand, DoesNotFit};

    /// Nine tenths of two processors, each 100 frames decoded or 50 encoded.
    fn budget() -> std::sync::Arc<Budget> {
        let budget = Budget::new(2);
        budget.calibrate(Calibration {
            decode_fps: 100.0,
            encode_fps: 50.0,
        });
        budget
    }

    fn stream() -> Demand {
        Demand::default().decode(1280, 720, 30.0).encode(1280, 720, 25.0)
    }

    #[test]
    fn what_does_not_fit_is_refused_until_something_ends() {
        let budget = budget();
        let first = budget.acquire(stream()).unwrap();
        assert!((first.processors() - 0.8).abs() < 1e-9);
        let second = budget.acquire(stream()).unwrap();
        let DoesNotFit { needs, free } = budget.acquire(stream()).unwrap_err();
        assert!(
            (needs - 0.8).abs() < 1e-9 && (free - 0.2).abs() < 1e-9,
            "{needs} {free}"
        );
        let small = budget.acquire(Demand::default().encode(640, 360, 30.0)).unwrap();
        assert_eq!(budget.n_shares(), 3);
        drop(first);
        let third = budget.acquire(stream()).unwrap();
        drop((second, third, small));
        assert_eq!((budget.n_shares(), budget.load()), (0, 0.0));
    }

    #[test]
    fn a_faster_machine_takes_more_and_nonsense_never_fits() {
        let budget = budget();
        let large = Demand::default().encode(3840, 2160, 30.0);
        assert!(budget.acquire(large).is_err());
        budget.calibrate(Calibration {
            decode_fps: 1000.0,
            encode_fps: 500.0,
        });
        assert!(budget.acquire(large).is_ok());
        for fps in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(budget.acquire(Demand::default().decode(16, 16, fps)).is_err(), "{fps}");
        }
        assert_eq!(budget.load(), 0.0);
    }
}
