//! Whether anything was written that an answer may be of.

use std::sync::atomic::{AtomicU64, Ordering};

/// Tables that say who works on what, and who is signed in: no answer that is kept is of them.
const BOOKKEEPING: [&str; 10] = [
    "job",
    "job_attempt",
    "job_batch",
    "job_need",
    "job_schedule",
    "queue_limit",
    "node",
    "session",
    "api_token",
    "operation_hour",
];

/// Grows with every write. A statement counts when it has run, and its transaction once more when it has committed and
/// told its facts: whoever read in between may have seen the old rows.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    own: AtomicU64,
    others: AtomicU64,
}

impl Epoch {
    pub fn now(&self) -> u64 {
        self.own() + self.others.load(Ordering::SeqCst)
    }

    /// What of it this process has written.
    pub fn own(&self) -> u64 {
        self.own.load(Ordering::SeqCst)
    }

    /// Counts what another process has written.
    pub fn hear_of_others(&self) {
        self.others.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts a statement that has run.
    pub fn hear(&self, sql: &str) {
        if writes(sql) {
            self.own.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Counts the end of a transaction, if this process has written since it began, or it has facts to tell.
    pub fn end(&self, began_at: u64, has_facts: bool) {
        if has_facts || self.own() != began_at {
            self.own.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Whether a statement writes, but for bookkeeping. What is not known to be harmless writes.
fn writes(sql: &str) -> bool {
    let mut words = sql
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | ';'))
        .filter(|word| !word.is_empty());
    let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
    let Some(verb) = words.next() else { return false };
    const HARMLESS: [&str; 12] = [
        "select",
        "pragma",
        "begin",
        "commit",
        "rollback",
        "savepoint",
        "release",
        "explain",
        "analyze",
        "set",
        "lock",
        "show",
    ];
    if HARMLESS.iter().any(|harmless| is(verb, harmless)) {
        return false;
    }
    if !["insert", "update", "delete", "with"]
        .iter()
        .any(|known| is(verb, known))
    {
        return true;
    }
    // The name of a written table stands behind its verb.
    let (mut before, mut word) = ("", verb);
    loop {
        let into = match () {
            () if is(word, "into") || (is(word, "from") && is(before, "delete")) => true,
            // `for update` locks, and `do update set` belongs to an insert.
            () => is(word, "update") && !is(before, "for") && !is(before, "do"),
        };
        let Some(next) = words.next() else { return false };
        if into {
            let table = next.trim_matches('"');
            if !BOOKKEEPING.iter().any(|known| is(table, known)) {
                return true;
            }
            if !is(verb, "with") {
                return false;
            }
        }
        (before, word) = (word, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writes_is_told_from_what_reads_and_from_bookkeeping() {
        for sql in [
            "insert into tag (id) values (1)",
            "INSERT INTO \"media_user\" (\"a\") VALUES ($1) on conflict do update set a = 1",
            "update media set title = $1",
            "delete from tag_alias where tag_id = 1",
            "with fresh (a) as (values (1)) update tag set a = 1 from fresh",
            "with gone as (delete from job returning id) insert into edit (id) select id from gone",
            "insert or replace into media_search values (1)",
            "replace into tag values (1)",
            "create table x (y int)",
        ] {
            assert!(writes(sql), "{sql}");
        }
        for sql in [
            "select 1",
            "SELECT id FROM media WHERE id = 1 FOR UPDATE",
            "with recursive below (root) as (select 1) select * from below",
            "update job set status = 1 where id in (select id from job for update skip locked)",
            "with next as (select id from job for update skip locked) update job set a = 1 from next",
            "insert into \"job_attempt\" (id) values (1)",
            "delete from session where id = 1",
            "pragma optimize",
        ] {
            assert!(!writes(sql), "{sql}");
        }
    }

    #[test]
    fn a_commit_counts_once_more_if_somebody_wrote() {
        let epoch = Epoch::default();
        let began_at = epoch.own();
        epoch.hear("update job set a = 1");
        epoch.end(began_at, false);
        assert_eq!(epoch.now(), 0);
        epoch.hear("update tag set a = 1");
        assert_eq!(epoch.now(), 1);
        epoch.end(began_at, false);
        assert_eq!(epoch.now(), 2);
        epoch.end(epoch.own(), true);
        assert_eq!(epoch.now(), 3);
        // What another process wrote is no reason for this one to tell that it did.
        let began_at = epoch.own();
        epoch.hear_of_others();
        epoch.end(began_at, false);
        assert_eq!((epoch.now(), epoch.own()), (4, 3));
    }
}
