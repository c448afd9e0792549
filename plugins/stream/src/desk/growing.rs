//! A segment that is given away while it is made: whoever joins later gets all of it too.

use std::{io, time::Duration};

use bytes::{Buf, Bytes};
use futures_util::{Stream, stream};

use super::{NotMade, Ticket};

/// A segment that was asked for.
pub enum Opened {
    /// All of it.
    Whole(Bytes),
    /// It is being made.
    Growing(Growing),
}

/// A segment that is being made, with a place among those who wait for it.
pub struct Growing {
    ticket: Ticket,
    /// What was given away.
    given: Vec<Bytes>,
    is_over: bool,
}

/// How long a chunk may take before the answer is broken off; a machine that does much else is slow.
const STALLED: Duration = Duration::from_secs(60);

enum News {
    /// The next chunk.
    Chunk(Bytes),
    /// It is answered.
    Answered(Result<Bytes, NotMade>),
}

impl Growing {
    /// Waits so long until there is anything of the part.
    pub(super) async fn begin(ticket: Ticket, patience: Duration) -> Result<Opened, NotMade> {
        let mut growing = Self {
            ticket,
            given: Vec::new(),
            is_over: false,
        };
        let waited = tokio::time::timeout(patience, growing.wait()).await;
        match waited {
            Ok(true) => Ok(Opened::Growing(growing)),
            Ok(false) => growing.ticket.answer().await.map(Opened::Whole),
            Err(_) => {
                growing.ticket.leaves_work = true;
                Err(NotMade::NotYet)
            }
        }
    }

    /// Waits until there is another chunk, or false for the answer.
    async fn wait(&mut self) -> bool {
        let n_given = self.given.len();
        let Some(chunks) = &mut self.ticket.chunks else {
            return false;
        };
        let answer = &mut self.ticket.answer;
        tokio::select! {
            // The answer holds all chunks.
            biased;
            _ = answer.wait_for(Option::is_some) => false,
            grown = chunks.wait_for(|chunks| chunks.len() != n_given) => grown.is_ok(),
        }
    }

    async fn news(&mut self) -> io::Result<News> {
        if !self.wait().await {
            return Ok(News::Answered(self.ticket.answer().await));
        }
        let n_given = self.given.len();
        let chunks = self.ticket.chunks.as_ref().map(|chunks| chunks.borrow().clone());
        let chunks = chunks.unwrap_or_default();
        // Another head makes other bytes, and nobody can take back what was given away.
        if chunks.get(..n_given) != Some(&self.given[..]) {
            return Err(io::Error::other("the segment is made anew; ask again"));
        }
        Ok(News::Chunk(chunks[n_given].clone()))
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.is_over {
            return None;
        }
        let news = tokio::time::timeout(STALLED, self.news()).await;
        match news.unwrap_or_else(|_| Err(io::Error::other("the segment takes too long; ask again"))) {
            Ok(News::Chunk(chunk)) => {
                self.given.push(chunk.clone());
                Some(Ok(chunk))
            }
            Ok(News::Answered(answer)) => {
                self.is_over = true;
                Some(answer.map_err(io::Error::other).and_then(|whole| self.rest(&whole)))
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }

    /// What of the whole was not given away.
    fn rest(&self, whole: &Bytes) -> io::Result<Bytes> {
        let mut rest = whole.clone();
        for chunk in &self.given {
            if !rest.starts_with(chunk) {
                return Err(io::Error::other("the segment was made anew; ask again"));
            }
            rest.advance(chunk.len());
        }
        Ok(rest)
    }

    /// Chunk after chunk; an error breaks the answer off, so that nobody keeps half a segment.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::unfold(self, |mut growing| async move {
            let next = growing.next().await?;
            Some((next, growing))
        })
    }
}
