//! Edits that wait for SQLite's one writer at the same time share a transaction.
//!
//! The first begins one; instead of committing, it hands it on to the next who waits, and so forth. The last commits, and only
//! then does anybody hear that their edit is done. Each but the first writes behind a savepoint: one that fails takes back what
//! it wrote, and nothing of the others. Nobody waits for company: whoever finds nobody waiting commits at once.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};

use super::Turn;

/// So many share a transaction at most.
const MOST: usize = 64;
/// After so long a transaction takes in nobody more, for what is not shared waits for it, too. Tests are about who shares one,
/// however slow the machine.
const LONGEST: Duration = Duration::from_millis(if cfg!(test) { 60_000 } else { 20 });

/// Who waits to share a transaction.
#[derive(Default)]
pub(super) struct Group {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// Somebody has a transaction, or is about to begin one, and will turn to those who wait.
    is_led: bool,
    waiting: VecDeque<oneshot::Sender<Invitation>>,
}

/// What becomes of who waits.
pub(super) enum Invitation {
    /// To begin a transaction.
    Lead(Lead),
    /// To go on in the transaction of others, after [`Member::begin`].
    Join(Member),
}

/// The right to begin the next transaction. Dropped, it goes to the next who waits.
pub(super) struct Lead {
    group: Arc<Group>,
}

/// A place in a shared transaction. Dropped before [`Member::commit`], what was written from it is taken back.
pub(super) struct Member {
    /// Until it is committed.
    shared: Option<Shared>,
    /// What is to be taken back if it is given up.
    written: Written,
}

enum Written {
    /// It has written nothing yet.
    Nothing,
    /// All of the transaction is its own.
    All,
    /// What came after its savepoint.
    SinceSavepoint,
}

type Outcome = Option<Result<(), DbErr>>;

struct Shared {
    tx: DatabaseTransaction,
    turn: Turn,
    lead: Lead,
    outcome: watch::Sender<Outcome>,
    began: Instant,
    n_members: usize,
}

impl Group {
    /// Waits to be invited.
    pub async fn enter(self: &Arc<Self>) -> Result<Invitation, DbErr> {
        let invited = {
            let mut queue = self.queue();
            if !queue.is_led {
                queue.is_led = true;
                let group = Arc::clone(self);
                return Ok(Invitation::Lead(Lead { group }));
            }
            let (invite, invited) = oneshot::channel();
            queue.waiting.push_back(invite);
            invited
        };
        invited.await.map_err(|_| ended())
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut queue = self.group.queue();
        // Who waits no more is passed over here; who leaves just now drops a `Lead`, which comes here again.
        queue.waiting.retain(|invite| !invite.is_closed());
        let Some(next) = queue.waiting.pop_front() else {
            queue.is_led = false;
            return;
        };
        drop(queue);
        let group = Arc::clone(&self.group);
        drop(next.send(Invitation::Lead(Lead { group })));
    }
}

impl Member {
    /// The first in a transaction that has just begun.
    pub fn first(tx: DatabaseTransaction, turn: Turn, lead: Lead) -> Self {
        let shared = Shared {
            tx,
            turn,
            lead,
            outcome: watch::Sender::default(),
            began: Instant::now(),
            n_members: 1,
        };
        Self {
            shared: Some(shared),
            written: Written::All,
        }
    }

    /// Marks what was written before it.
    pub async fn begin(mut self) -> Result<Self, DbErr> {
        if let Some(shared) = &mut self.shared {
            shared.n_members += 1;
            shared.turn.watch.restart();
            let marked = shared.tx.execute_unprepared("savepoint member").await;
            marked.inspect_err(|_| shared.turn.watch.fail())?;
            self.written = Written::SinceSavepoint;
        }
        Ok(self)
    }

    /// The transaction.
    pub fn tx(&self) -> &DatabaseTransaction {
        let shared = self.shared.as_ref();
        &shared.expect("it is there until it is committed").tx
    }

    /// Hands the transaction on, and waits until it is committed.
    pub async fn commit(mut self) -> Result<(), DbErr> {
        let shared = self.shared.take().ok_or_else(ended)?;
        let mut outcome = shared.outcome.subscribe();
        shared.hand_on();
        let done = outcome.wait_for(Option::is_some).await.map_err(|_| ended())?;
        done.clone().unwrap_or(Ok(()))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        match self.written {
            Written::Nothing => shared.hand_on(),
            // Dropped, the transaction rolls back.
            Written::All => drop(shared),
            Written::SinceSavepoint => {
                if let Ok(runtime) = Handle::try_current() {
                    runtime.spawn(shared.take_back());
                }
            }
        }
    }
}

impl Shared {
    /// Gives the transaction to the next who waits, or commits it.
    fn hand_on(mut self) {
        // SQLite ends a transaction by itself after some failures. Only its own end says whether it is still there.
        while !self.turn.watch.has_failed() && self.n_members < MOST && self.began.elapsed() < LONGEST {
            let Some(next) = self.lead.group.queue().waiting.pop_front() else {
                break;
            };
            let member = Member {
                shared: Some(self),
                written: Written::Nothing,
            };
            match next.send(Invitation::Join(member)) {
                Err(Invitation::Join(mut back)) => match back.shared.take() {
                    Some(shared) => self = shared,
                    None => return,
                },
                _ => return,
            }
        }
        let Self {
            tx,
            turn,
            lead,
            outcome,
            ..
        } = self;
        drop(lead);
        // Whoever is the last may leave, and the others wait for it all the same. Without a runtime it rolls back.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let done = tx.commit().await;
                drop(turn);
                outcome.send_replace(Some(done));
            });
        }
    }

    /// Takes back what the last member wrote, and goes on with what the others did.
    async fn take_back(self) {
        match self.tx.execute_unprepared("rollback to member").await {
            Ok(_) => self.hand_on(),
            // The savepoint went with the transaction, and so did all that was in it.
            Err(error) => {
                self.outcome.send_replace(Some(Err(error)));
            }
        }
    }
}

fn ended() -> DbErr {
    DbErr::Custom("the transaction ended before it was committed".to_owned())
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use sea_orm::Statement;
    use tempfile::TempDir;
    use tokio::task::{JoinHandle, yield_now};

    use super::*;
    use crate::{
        clock::Clock,
        events::Events,
        store::{Durability, Store, StoreConfig, Tx},
    };

    /// A store with a table of numbers.
    async fn world() -> (Store, TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let config = StoreConfig::embedded(folder.path());
        let store = Store::open(&config, Clock::default(), Events::default()).await;
        let store = store.expect("a database");
        let made = store
            .migrator()
            .execute_unprepared("create table t (n integer primary key)");
        made.await.expect("a table");
        (store, folder)
    }

    async fn count<C: ConnectionTrait>(db: &C) -> i64 {
        let statement = Statement::from_string(db.get_database_backend(), "select count(*) from t");
        let row = db.query_one_raw(statement).await.expect("an answer").expect("a row");
        row.try_get_by_index(0).expect("a number")
    }

    async fn insert(tx: &Tx, n: usize) -> Result<(), DbErr> {
        let text = format!("insert or rollback into t values ({n})");
        let statement = Statement::from_string(tx.get_database_backend(), text);
        tx.execute_raw(statement).await.map(drop)
    }

    /// An edit that has written this, and is not committed.
    async fn written(store: &Store, n: usize) -> Result<Tx, DbErr> {
        let tx = store.begin_shared().await?;
        insert(&tx, n).await?;
        Ok(tx)
    }

    /// Lets all of these wait for one who writes, and then one after the other do what they are for.
    async fn at_once<F: Future<Output: Send + 'static> + Send + 'static>(
        store: &Store,
        edits: impl IntoIterator<Item = F>,
    ) -> Vec<JoinHandle<F::Output>> {
        let other = store.begin(Durability::Normal).await.expect("a transaction");
        let mut running = Vec::new();
        for edit in edits {
            running.push(tokio::spawn(edit));
            while store.inner.group.queue().waiting.len() + 1 < running.len() {
                yield_now().await;
            }
        }
        other.commit().await.expect("nothing to write");
        running
    }

    #[tokio::test]
    async fn who_waits_at_the_same_time_shares_a_commit() {
        let (store, _folder) = world().await;
        let edit = |n: usize| {
            let store = store.clone();
            async move {
                let tx = written(&store, n).await?;
                let seen = (count(&*tx).await, count(store.reader()).await);
                tx.commit().await?;
                Ok::<_, DbErr>((seen, count(store.reader()).await))
            }
        };
        let done = join_all(at_once(&store, (0..20).map(edit)).await).await;
        for (n, done) in done.into_iter().enumerate() {
            let (seen, afterwards) = done.expect("no panic").expect("room");
            assert_eq!(
                seen,
                (n as i64 + 1, 0),
                "all before it is there, and nobody else sees any of it"
            );
            assert_eq!(afterwards, 20);
        }
    }

    #[tokio::test]
    async fn what_is_given_up_is_taken_back_alone() {
        let (store, _folder) = world().await;
        let edit = |n: usize| {
            let store = store.clone();
            async move {
                let tx = written(&store, n).await?;
                match n % 3 {
                    0 => Ok(()),
                    _ => tx.commit().await,
                }
            }
        };
        let done = join_all(at_once(&store, (0..20).map(edit)).await).await;
        assert!(done.into_iter().all(|done| matches!(done, Ok(Ok(())))));
        assert_eq!(count(store.reader()).await, 13, "20 but 0, 3, … and 18");
    }

    #[tokio::test]
    async fn a_transaction_that_ended_by_itself_is_nobodys_success() {
        for gives_up in [true, false] {
            let (store, _folder) = world().await;
            let edit = |n: usize| {
                let store = store.clone();
                async move {
                    let tx = store.begin_shared().await?;
                    // The fourth one's is there already, and the whole transaction goes with it.
                    let inserted = insert(&tx, if n == 3 { 2 } else { n }).await;
                    if gives_up {
                        inserted?;
                    }
                    tx.commit().await
                }
            };
            let done = join_all(at_once(&store, (0..6).map(edit)).await).await;
            let was_done = done.into_iter().map(|done| matches!(done, Ok(Ok(()))));
            assert_eq!(was_done.collect::<Vec<_>>(), [false, false, false, false, true, true]);
            assert_eq!(count(store.reader()).await, 2, "what came after it was in another");
        }
    }

    #[tokio::test]
    async fn who_leaves_holds_up_nobody() {
        let (store, _folder) = world().await;
        let edit = |n: usize| {
            let store = store.clone();
            async move { written(&store, n).await?.commit().await }
        };
        for (round, leaves) in [vec![0], vec![1, 2], vec![0, 1, 2, 3]].into_iter().enumerate() {
            let other = store.begin(Durability::Normal).await.expect("a transaction");
            let before = count(store.reader()).await;
            let begun = (0..4).map(|n| tokio::spawn(edit(round * 4 + n)));
            let running: Vec<_> = begun.collect();
            while store.inner.group.queue().waiting.len() < 3 {
                yield_now().await;
            }
            for n in &leaves {
                running[*n].abort();
            }
            other.commit().await.expect("nothing to write");
            let done = join_all(running).await;
            let n_done = done.into_iter().filter(|done| matches!(done, Ok(Ok(())))).count();
            assert_eq!(n_done, 4 - leaves.len());
            assert_eq!(count(store.reader()).await, before + n_done as i64);
        }
    }
}
