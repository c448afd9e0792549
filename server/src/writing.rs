//! A runtime of its own for what writes: mutations, jobs and services. SQLite takes one transaction at a time, and each of its
//! statements is a wait for another thread. Behind pages that are being put together each of these waits would last for
//! milliseconds, and so would everybody's who wants to write next.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Of each thread. Futures nest for each member of the schema's roots, and those of a program that was not optimized are
/// large; only what is used takes memory.
pub const STACK: usize = 8 << 20;

/// The runtime. It ends without waiting for what runs on it, which has been told to end before.
pub struct Writing {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Writing {
    /// Starts it.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("vitagraph-writing")
            .thread_stack_size(STACK)
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Where tasks are spawned.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // It may be dropped by a task of another runtime, which must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
