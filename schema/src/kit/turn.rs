//! When a request's loaders read: once it stands still, so that whatever its fields want by then is one batch.
//!
//! A request is one task. As long as some of its fields can go on, they may want more rows; when none can, and nothing
//! is being read, all that is wanted is read at once. So the batches of a request depend on its document and on what
//! there is, and not on who wakes first.

use std::{
    future::{Future, poll_fn},
    hash::Hash,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use kernel::error::Failure;
use tokio::sync::watch;

type Reading<T = ()> = Pin<Box<dyn Future<Output = T> + Send>>;
type Departure = Box<dyn FnOnce() -> Reading + Send>;

/// What a request has wanted since it last stood still.
#[derive(Default)]
struct Turn {
    /// Reads that ask others, and so come before them.
    asking: Mutex<Vec<Departure>>,
    reading: Mutex<Vec<Departure>>,
}

fn take(departures: &Mutex<Vec<Departure>>) -> impl Iterator<Item = Reading> {
    let due = std::mem::take(&mut *departures.lock().unwrap_or_else(PoisonError::into_inner));
    due.into_iter().map(|depart| depart())
}

tokio::task_local! {
    static TURN: Arc<Turn>;
}

/// Runs a request; its [`Batches`] read whenever it stands still.
pub async fn drive<F>(run: F) -> F::Output
where
    F: Future + Send,
    F::Output: Send,
{
    let turn = Arc::new(Turn::default());
    // Tokio's budget would make the request look as if it stood still.
    let run = tokio::task::unconstrained(TURN.scope(Arc::clone(&turn), run));
    let mut run = Box::pin(run);
    let watch = Arc::new(Watch {
        was_woken: AtomicBool::new(false),
        above: Mutex::new(Waker::noop().clone()),
    });
    let waker = Waker::from(Arc::clone(&watch));
    let (mut asking, mut reading) = (FuturesUnordered::new(), FuturesUnordered::new());
    poll_fn(move |above| {
        watch
            .above
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(above.waker());
        let cx = &mut Context::from_waker(&waker);
        let mut may_go_on = true;
        loop {
            may_go_on |= land(&turn, &mut reading, cx) | land(&turn, &mut asking, cx);
            if !may_go_on {
                return Poll::Pending;
            }
            may_go_on = false;
            watch.was_woken.store(false, Ordering::SeqCst);
            if let Poll::Ready(output) = run.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            // Whoever woke it while it ran has more for it to do.
            if watch.was_woken.load(Ordering::SeqCst) || !reading.is_empty() {
                return Poll::Pending;
            }
            asking.extend(take(&turn.asking));
            may_go_on |= land(&turn, &mut asking, cx);
            reading.extend(take(&turn.reading));
            if reading.is_empty() && !may_go_on {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// Goes on with reads; says whether one has ended.
fn land(turn: &Arc<Turn>, reads: &mut FuturesUnordered<Reading>, cx: &mut Context<'_>) -> bool {
    let mut has_landed = false;
    TURN.sync_scope(Arc::clone(turn), || {
        while let Poll::Ready(Some(())) = reads.poll_next_unpin(cx) {
            has_landed = true;
        }
    });
    has_landed
}

/// Passes wakes on, and remembers that there was one.
struct Watch {
    was_woken: AtomicBool,
    above: Mutex<Waker>,
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.was_woken.store(true, Ordering::SeqCst);
        self.above.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
    }
}

/// Gathers what the fields of a request want, and reads it at once. Outside of [`drive`] everything is read by itself.
pub struct Batches<K, A> {
    inner: Arc<Inner<K, A>>,
}

struct Inner<K, A> {
    asks_others: bool,
    read: Box<dyn Fn(Vec<K>) -> Reading<A> + Send + Sync>,
    boarding: Mutex<Option<Boarding<K, A>>>,
}

struct Boarding<K, A> {
    /// Whose standstill it waits for.
    turn: Weak<Turn>,
    keys: Vec<K>,
    landing: watch::Receiver<Option<A>>,
}

impl<K, A> Batches<K, A>
where
    K: Send + 'static,
    A: Clone + Send + Sync + 'static,
{
    /// `read` gets all keys of a batch, each as often as it was asked for.
    pub fn new<F>(read: impl Fn(Vec<K>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = A> + Send + 'static,
    {
        Self::made(false, read)
    }

    /// The same for a `read` that asks other batches itself.
    pub fn over_others<F>(read: impl Fn(Vec<K>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = A> + Send + 'static,
    {
        Self::made(true, read)
    }

    fn made<F>(asks_others: bool, read: impl Fn(Vec<K>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = A> + Send + 'static,
    {
        Self {
            inner: Arc::new(Inner {
                asks_others,
                read: Box::new(move |keys| Box::pin(read(keys))),
                boarding: Mutex::default(),
            }),
        }
    }

    /// What was read for a batch that holds these keys.
    ///
    /// # Errors
    /// When the request ended meanwhile.
    pub async fn get(&self, keys: impl IntoIterator<Item = K>) -> Result<A, Failure> {
        let Ok(turn) = TURN.try_with(Arc::clone) else {
            return Ok((self.inner.read)(keys.into_iter().collect()).await);
        };
        let mut landing = self.board(&turn, keys);
        let landed = landing.wait_for(Option::is_some).await;
        let answer = landed.ok().and_then(|landed| landed.clone());
        answer.ok_or_else(|| Failure::internal("a request ended before it read what it wanted"))
    }

    fn board(&self, turn: &Arc<Turn>, keys: impl IntoIterator<Item = K>) -> watch::Receiver<Option<A>> {
        let mut boarding = self.inner.boarding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(boarding) = boarding
            .as_mut()
            .filter(|known| known.turn.ptr_eq(&Arc::downgrade(turn)))
        {
            boarding.keys.extend(keys);
            return boarding.landing.clone();
        }
        let (sender, landing) = watch::channel(None);
        *boarding = Some(Boarding {
            turn: Arc::downgrade(turn),
            keys: keys.into_iter().collect(),
            landing: landing.clone(),
        });
        let inner = Arc::clone(&self.inner);
        let depart = move || -> Reading {
            let boarded = inner.boarding.lock().unwrap_or_else(PoisonError::into_inner).take();
            Box::pin(async move {
                if let Some(boarded) = boarded {
                    sender.send_replace(Some((inner.read)(boarded.keys).await));
                }
            })
        };
        let due = if self.inner.asks_others {
            &turn.asking
        } else {
            &turn.reading
        };
        due.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Box::new(depart));
        landing
    }
}

/// Each key once.
pub fn distinct<K: Hash + Eq + Clone>(keys: Vec<K>) -> Vec<K> {
    let mut seen = std::collections::HashSet::with_capacity(keys.len());
    keys.into_iter().filter(|key| seen.insert(key.clone())).collect()
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    type Echo = Batches<u32, Arc<Vec<u32>>>;
    type Sizes = Arc<Mutex<Vec<usize>>>;

    /// A reader that answers with the batch itself, and remembers its size.
    fn echo() -> (Echo, Sizes) {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sizes);
        let batches = Batches::new(move |keys: Vec<u32>| {
            let seen = Arc::clone(&seen);
            async move {
                tokio::task::yield_now().await;
                seen.lock().expect("no panic").push(keys.len());
                Arc::new(keys)
            }
        });
        (batches, sizes)
    }

    /// Goes on at the next poll, and asks for it.
    async fn again() {
        let mut has_rested = false;
        let rest = poll_fn(|cx| {
            if std::mem::replace(&mut has_rested, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        rest.await;
    }

    #[tokio::test]
    async fn fields_that_get_there_by_different_ways_share_a_batch() {
        let (batches, sizes) = echo();
        let (batches, late) = (&batches, tokio::sync::Semaphore::new(0));
        let late = &late;
        drive(async {
            let slow = |n: u32| async move {
                // Some yield often, and some wait for another; none of them waits for anything outside.
                for _ in 0..n % 7 {
                    again().await;
                }
                if n == 0 {
                    late.add_permits(1);
                }
                if n == 1 {
                    late.acquire().await.expect("open").forget();
                }
                let first = batches.get([n]).await.expect("a batch");
                assert!(first.contains(&n));
                batches.get([n + 1000]).await.expect("a batch").len()
            };
            assert!(join_all((0..500).map(slow)).await.into_iter().all(|n| n == 500));
        })
        .await;
        assert_eq!(*sizes.lock().expect("no panic"), [500, 500]);
    }

    #[tokio::test]
    async fn a_request_that_ended_early_leaves_nothing_for_the_next() {
        let (batches, sizes) = echo();
        let batches = &batches;
        drive(async {
            let mut waits = Box::pin(batches.get([1]));
            assert!(futures_util::poll!(&mut waits).is_pending());
        })
        .await;
        let second = drive(async { batches.get([2]).await.expect("a batch") }).await;
        assert_eq!(*second, [2]);
        assert_eq!(
            *batches.get([3]).await.expect("a batch"),
            [3],
            "outside of a request it reads at once"
        );
        assert_eq!(*sizes.lock().expect("no panic"), [1, 1]);
    }
}
