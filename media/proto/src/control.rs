//! The control page: a small memory file that server and worker share, for what must not wait in a socket.
//!
//! It holds 64-bit numbers in the machine's own order. The server writes only [`CANCEL`], the worker all others; whoever
//! reads takes them for hints, as a worker can write anything anywhere in it. The server reads and writes the page as a
//! file and never maps it; the file is sealed against growing and shrinking, so that no mapping of it can fault.

/// The page's length in bytes.
pub const SIZE: usize = 4096;

/// Where the id of the job to be canceled is; 0 for none.
pub const CANCEL: usize = 0;
/// Where the id of the running job is.
pub const JOB: usize = 8;
/// Where the heartbeat is: any change is a beat.
pub const BEAT: usize = 16;
/// Where the number of finished units is, such as bytes of the file.
pub const DONE: usize = 24;
/// Where the number of all units is; 0 while unknown.
pub const TOTAL: usize = 32;

/// How many bytes hold all of these.
pub const USED: usize = 40;

/// What the worker says of its job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vitals {
    /// The id of the running job.
    pub job: u64,
    /// Changes as long as the job gets on.
    pub beat: u64,
    /// Finished units.
    pub done: u64,
    /// All units; 0 while unknown.
    pub total: u64,
}

impl Vitals {
    /// Out of the first bytes of a page.
    pub fn read(page: &[u8; USED]) -> Self {
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&page[at..at + 8]);
            u64::from_ne_bytes(bytes)
        };
        Self {
            job: number(JOB),
            beat: number(BEAT),
            done: number(DONE),
            total: number(TOTAL),
        }
    }
}
