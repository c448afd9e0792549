//! How the worker program is told to become another's program, shut in: what to start, and what it may reach.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

/// The one argument of the worker program: makes it the keeper of another's program.
pub const KEEPER_ARGUMENT: &str = "foreign";
/// The one argument of the program that the keeper starts: shuts itself in, and then becomes the other's.
pub const INMATE_ARGUMENT: &str = "foreign-inmate";
/// What the keeper ends with when the sandbox could not be made: nothing was started then, and standard error says why.
pub const UNCONFINED: i32 = 213;
/// The longest order, in bytes.
const MAX_ORDER: u32 = 1 << 20;

/// Another's program and its bounds. It can read the system and itself, write nowhere but into its folder, reach no machine
/// but by the proxy, and signal nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// The program's absolute path.
    pub program: String,
    /// What it is told, one by one; no shell sees them.
    pub arguments: Vec<String>,
    /// All of its environment.
    pub environment: Vec<(String, String)>,
    /// The folder that it works in, its home, and the only place that it can write to: an absolute path.
    pub folder: String,
    /// The one port that it may connect to; 0 for none.
    pub port: u16,
    /// The most bytes of one file that it writes.
    pub max_file_bytes: u64,
    /// The most bytes of memory of its own for each of its processes.
    pub max_memory: u64,
    /// The most processor time of each of its processes, in seconds.
    pub max_cpu_s: u64,
}

impl Foreign {
    /// Writes the order: its length, then itself.
    ///
    /// # Errors
    /// Nobody reads, or it is too long.
    pub fn send(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.to_bytes()?)?;
        to.flush()
    }

    /// The order as [`receive`](Self::receive) reads it.
    ///
    /// # Errors
    /// It is too long.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let body = postcard::to_stdvec(self).map_err(io::Error::other)?;
        let length = u32::try_from(body.len()).ok().filter(|length| *length <= MAX_ORDER);
        let length = length.ok_or_else(|| io::Error::other("the order is too long"))?;
        Ok([&length.to_le_bytes()[..], &body].concat())
    }

    /// Reads an order, and nothing behind it.
    ///
    /// # Errors
    /// It breaks off, or is none.
    pub fn receive(from: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > MAX_ORDER {
            return Err(io::Error::other("the order is too long"));
        }
        let mut body = vec![0; length as usize];
        from.read_exact(&mut body)?;
        postcard::from_bytes(&body).map_err(io::Error::other)
    }
}
