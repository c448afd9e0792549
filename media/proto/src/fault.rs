//! Faults on demand, so that tests prove what a bad file costs. They work only in a pool that was started with faults on.

/// A file that starts with this, followed by a fault's name and a line end, makes such a worker misbehave in any job on it.
pub const MAGIC: &str = "vitagraph fault: ";

/// How a worker can be told to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Writes through a null pointer.
    Crash,
    /// Calls `abort`.
    Abort,
    /// Never answers, and gives no sign of life.
    Hang,
    /// Never answers, and beats all the while.
    Endless,
    /// Gets on for ever, says how far it is, and ends when it is canceled.
    Diligent,
    /// Gets on for ever and says nonsense about it.
    Boastful,
    /// Recurses until the stack ends.
    StackOverflow,
    /// Allocates and touches memory until it gets no more.
    Memory,
    /// Announces a frame longer than allowed.
    Oversized,
    /// Answers with bytes that decode to nothing.
    Garbage,
    /// Sends half a frame and exits.
    Truncated,
    /// Answers with what a reply may not hold: too many streams, keyframes out of order, artifacts past the end.
    Excessive,
    /// Returns a memory file that is not sealed.
    Unsealed,
    /// Crashes the first time in a pool of workers that share the passed descriptor's offset, and works the second time if it
    /// is told to use one thread.
    CrashOnce,
}

impl Fault {
    /// Every fault with its name in a file.
    pub const ALL: [(&'static str, Self); 14] = [
        ("crash", Self::Crash),
        ("abort", Self::Abort),
        ("hang", Self::Hang),
        ("endless", Self::Endless),
        ("diligent", Self::Diligent),
        ("boastful", Self::Boastful),
        ("stack-overflow", Self::StackOverflow),
        ("memory", Self::Memory),
        ("oversized", Self::Oversized),
        ("garbage", Self::Garbage),
        ("truncated", Self::Truncated),
        ("excessive", Self::Excessive),
        ("unsealed", Self::Unsealed),
        ("crash-once", Self::CrashOnce),
    ];

    /// The fault that the first bytes of a file ask for, if any.
    pub fn in_file(head: &[u8]) -> Option<Self> {
        let rest = head.strip_prefix(MAGIC.as_bytes())?;
        let name = rest.split(|&byte| byte == b'\n').next()?;
        Self::ALL
            .iter()
            .find(|(known, _)| known.as_bytes() == name)
            .map(|&(_, fault)| fault)
    }

    /// The content of a file that asks for this fault.
    pub fn file(self) -> Vec<u8> {
        let name = Self::ALL
            .iter()
            .find(|(_, fault)| *fault == self)
            .map_or("", |(name, _)| name);
        format!("{MAGIC}{name}\n").into_bytes()
    }
}
