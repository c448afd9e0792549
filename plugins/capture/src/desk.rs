//! The captures that run in this process: how each fares now, and how it is told to stop.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use entities::id::CaptureId;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::row::Status;

/// How a capture fares.
#[derive(Debug, Clone, PartialEq)]
pub struct Vitals {
    /// How far it is.
    pub status: Status,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Bytes kept in a second, over the last few.
    pub bytes_per_second: f64,
    /// Pictures kept in a second, over the last few.
    pub frame_rate: f64,
}

/// A capture that runs here.
#[derive(Clone)]
pub struct Live {
    /// Canceled when it is to stop in good order.
    pub stop: CancellationToken,
    /// How it fares; closed when it has ended.
    pub vitals: Arc<watch::Sender<Vitals>>,
}

/// All captures that run here.
#[derive(Default)]
pub struct Desk {
    live: Mutex<HashMap<CaptureId, Live>>,
    /// Told when sources have changed.
    pub changed: Notify,
}

impl Desk {
    /// Takes a capture in until the guard is dropped.
    pub fn enter(self: &Arc<Self>, id: CaptureId) -> Seat {
        let vitals = Vitals {
            status: Status::Connecting,
            last_error: None,
            bytes_per_second: 0.0,
            frame_rate: 0.0,
        };
        let live = Live {
            stop: CancellationToken::new(),
            vitals: Arc::new(watch::Sender::new(vitals)),
        };
        self.lock().insert(id, live.clone());
        Seat {
            desk: Arc::clone(self),
            id,
            live,
        }
    }

    /// A capture, if it runs here.
    pub fn get(&self, id: CaptureId) -> Option<Live> {
        self.lock().get(&id).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CaptureId, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A capture's place at the desk.
pub struct Seat {
    desk: Arc<Desk>,
    id: CaptureId,
    /// The capture.
    pub live: Live,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.desk.lock().remove(&self.id);
    }
}
