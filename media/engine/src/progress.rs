//! How far a job is, as the worker says.

/// Work done and work planned, in the job's own unit, such as bytes of the file. A worker's word: a hint, never a proof, and
/// it may go back for a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// How much is done; never more than `total`, if that is known.
    pub done: u64,
    /// How much there is; 0 while unknown.
    pub total: u64,
}

impl Progress {
    /// From 0 to 1; none while the total is unknown.
    pub fn fraction(self) -> Option<f64> {
        (self.total > 0).then(|| self.done.min(self.total) as f64 / self.total as f64)
    }
}
