//! Looks at files on their way into rows or failures.

use entities::{
    id::{FileId, MediaId},
    media,
};
use kernel::blob::Facts;

use crate::{
    describe::{self, Description},
    facts::{FileFacts, file_facts},
    failures::Fault,
    look::{Looked, Task},
};

/// Rows that go into one transaction.
const MAX_ROWS: usize = 500;

/// A file with its result.
pub struct Outcome {
    /// The file.
    pub task: Task,
    /// What was found in it, or why nothing was.
    pub result: Result<Box<Looked>, Fault>,
}

impl Outcome {
    fn n_rows(&self) -> usize {
        let probe = self.result.as_ref().ok().and_then(|looked| looked.probe.as_ref().ok());
        2 + probe.map_or(0, |probe| {
            probe.streams.len() + probe.chapters.len() + probe.pages.len()
        })
    }
}

/// Outcomes that wait for their transaction.
#[derive(Default)]
pub struct Batch {
    pub(super) outcomes: Vec<Outcome>,
    n_rows: usize,
}

impl Batch {
    /// Adds an outcome.
    pub fn push(&mut self, outcome: Outcome) {
        self.n_rows += outcome.n_rows();
        self.outcomes.push(outcome);
    }

    /// Whether it should be written now.
    pub fn is_full(&self) -> bool {
        self.n_rows >= MAX_ROWS
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }
}

/// A file whose facts are known, on its way into rows.
pub(super) struct Good {
    pub(super) task: Task,
    pub(super) facts: Facts,
    pub(super) fingerprint: Vec<u8>,
    pub(super) oshash: Option<i64>,
    pub(super) content_hash: Option<Vec<u8>>,
    pub(super) kind: media::MediaKind,
    pub(super) rows: FileFacts,
    pub(super) words: Description,
    pub(super) file: FileId,
    pub(super) media: MediaId,
    pub(super) joins: bool,
}

/// A file without facts, on its way into a failure.
pub(super) struct Bad {
    pub(super) task: Task,
    pub(super) looked: Option<(Facts, Vec<u8>, Option<i64>)>,
    pub(super) fault: Fault,
}

pub(super) fn sort_out(outcomes: Vec<Outcome>) -> (Vec<Good>, Vec<Bad>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for Outcome { task, result } in outcomes {
        let looked = match result {
            Ok(looked) => *looked,
            Err(fault) => {
                bad.push(Bad {
                    task,
                    looked: None,
                    fault,
                });
                continue;
            }
        };
        let at_path = task.found.at_path.as_ref();
        let file = at_path.map_or_else(FileId::new, |row| row.id);
        let media = at_path.map_or_else(MediaId::new, |row| row.media);
        let fingerprint = looked.fingerprint.blake3.to_vec();
        let oshash = looked.fingerprint.oshash;
        let probed = looked.probe.map(|probe| {
            let rows = file_facts(file, &probe);
            rows.kind.map(|kind| {
                (
                    kind,
                    describe::describe(&task.found.seen.name, kind, &probe, looked.nfo.as_ref()),
                    rows,
                )
            })
        });
        match probed {
            Ok(Some((kind, words, rows))) => good.push(Good {
                task,
                facts: looked.facts,
                fingerprint,
                oshash,
                content_hash: None,
                kind,
                rows,
                words,
                file,
                media,
                joins: false,
            }),
            Ok(None) => bad.push(Bad {
                task,
                looked: Some((looked.facts, fingerprint, oshash)),
                fault: Fault::no_media(),
            }),
            Err(fault) => bad.push(Bad {
                task,
                looked: Some((looked.facts, fingerprint, oshash)),
                fault,
            }),
        }
    }
    (good, bad)
}
