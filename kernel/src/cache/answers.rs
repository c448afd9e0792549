//! Answers to whole questions, such as the ids of a page: kept by the question's own text, in which the epochs of what
//! was read stand too. A write raises an epoch, and the old answers are asked for no more.

use std::{
    collections::HashMap,
    fmt::Debug,
    future::Future,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;
use moka::{notification::RemovalCause, sync::Cache};
use tokio::sync::OnceCell;

use super::{AnyCache, CacheStats, Caches, Counters, TIME_TO_LIVE};

impl Caches {
    /// Makes a cache of answers that weigh so many bytes.
    pub fn answers<V>(&self, name: &'static str, capacity_bytes: u64, weigh: fn(&V) -> u32) -> AnswerCache<V>
    where
        V: Send + Sync + 'static,
    {
        self.answers_for(name, capacity_bytes, TIME_TO_LIVE, weigh)
    }

    /// The same with a life of their own.
    pub fn answers_for<V>(
        &self,
        name: &'static str,
        capacity_bytes: u64,
        life: Duration,
        weigh: fn(&V) -> u32,
    ) -> AnswerCache<V>
    where
        V: Send + Sync + 'static,
    {
        let capacity_bytes = self.share_of(capacity_bytes);
        let counters = Arc::new(Counters::default());
        let evicted = Arc::clone(&counters);
        #[expect(clippy::disallowed_methods, reason = "this is the one maker of caches")]
        let held = Cache::builder()
            .name(name)
            .max_capacity(capacity_bytes)
            // As for rows, forty bytes stand for the entry.
            .weigher(move |question: &Arc<str>, answer: &Arc<V>| 40 + question.len() as u32 + weigh(answer))
            .time_to_live(life)
            .eviction_listener(move |_, _, cause| {
                if matches!(cause, RemovalCause::Size | RemovalCause::Expired) {
                    evicted.evictions.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build_with_hasher(RandomState::default());
        let cache = AnswerCache {
            inner: Arc::new(Inner {
                name,
                capacity_bytes,
                held,
                flights: Mutex::default(),
                counters,
            }),
        };
        self.all
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Box::new(cache.clone()));
        cache
    }
}

type Flight<V> = Arc<OnceCell<Arc<V>>>;

struct Inner<V> {
    name: &'static str,
    capacity_bytes: u64,
    held: Cache<Arc<str>, Arc<V>, RandomState>,
    flights: Mutex<HashMap<Arc<str>, Flight<V>>>,
    counters: Arc<Counters>,
}

/// A cache of answers by question. Clones are handles to the same one.
pub struct AnswerCache<V> {
    inner: Arc<Inner<V>>,
}

impl<V> Clone for AnswerCache<V> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<V: Send + Sync + 'static> AnswerCache<V> {
    /// The answer to a question: from memory, from whoever is finding it out now, or by `load`. Where that fails or is
    /// given up, the next who waits tries; a failure is not kept.
    pub async fn get_or_load<E, F>(&self, question: &str, load: impl FnOnce() -> F) -> Result<Arc<V>, E>
    where
        F: Future<Output = Result<V, E>>,
    {
        let counters = &self.inner.counters;
        if let Some(answer) = self.inner.held.get(question) {
            counters.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(answer);
        }
        let boarded = match self.board(question) {
            Ok(boarded) => boarded,
            Err(answer) => return Ok(answer),
        };
        let answer = boarded.flight.get_or_try_init(|| async {
            let begun = Instant::now();
            let answer = load().await.map(Arc::new)?;
            counters.loads.fetch_add(1, Ordering::Relaxed);
            counters
                .load_us
                .fetch_add(begun.elapsed().as_micros() as u64, Ordering::Relaxed);
            self.inner
                .held
                .insert(Arc::clone(&boarded.question), Arc::clone(&answer));
            Ok(answer)
        });
        answer.await.map(Arc::clone)
    }

    /// The answer, if it is known.
    pub fn peek(&self, question: &str) -> Option<Arc<V>> {
        let found = self.inner.held.get(question);
        let counters = &self.inner.counters;
        let counter = if found.is_some() {
            &counters.hits
        } else {
            &counters.misses
        };
        counter.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Keeps an answer that came along with another one.
    pub fn put(&self, question: &str, answer: V) {
        self.inner.held.insert(question.into(), Arc::new(answer));
    }

    /// The counters as they are now.
    pub fn stats(&self) -> CacheStats {
        let Inner {
            name,
            capacity_bytes,
            held,
            counters,
            ..
        } = &*self.inner;
        held.run_pending_tasks();
        counters.reading(name, held.entry_count(), held.weighted_size(), *capacity_bytes)
    }

    /// Joins whoever is finding an answer out, or begins; or has it, when it has just been found.
    fn board(&self, question: &str) -> Result<Boarded<'_, V>, Arc<V>> {
        let inner = &*self.inner;
        let mut flights = inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((question, flight)) = flights.get_key_value(question) {
            inner.counters.coalesced.fetch_add(1, Ordering::Relaxed);
            return Ok(Boarded {
                inner,
                question: Arc::clone(question),
                flight: Arc::clone(flight),
            });
        }
        // An answer is held before its flight ends.
        if let Some(answer) = inner.held.get(question) {
            inner.counters.hits.fetch_add(1, Ordering::Relaxed);
            return Err(answer);
        }
        inner.counters.misses.fetch_add(1, Ordering::Relaxed);
        let (question, flight) = (Arc::<str>::from(question), Flight::default());
        flights.insert(Arc::clone(&question), Arc::clone(&flight));
        Ok(Boarded {
            inner,
            question,
            flight,
        })
    }
}

/// A place on a flight; the last to leave ends it.
struct Boarded<'a, V> {
    inner: &'a Inner<V>,
    question: Arc<str>,
    flight: Flight<V>,
}

impl<V> Drop for Boarded<'_, V> {
    fn drop(&mut self) {
        let mut flights = self.inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's own and this one. Others come and go only under the lock.
        if Arc::strong_count(&self.flight) <= 2
            && flights
                .get(&self.question)
                .is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            flights.remove(&self.question);
        }
    }
}

impl<V: Send + Sync + 'static> AnyCache for AnswerCache<V> {
    fn stats(&self) -> CacheStats {
        Self::stats(self)
    }

    fn clear(&self) {
        // Those under way are asked for by their question, which a write changes; this is for a cold start only.
        self.inner.held.invalidate_all();
    }
}

impl<V> Debug for AnswerCache<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AnswerCache").field(&self.inner.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_thousand_askers_of_one_question_cost_one_load() {
        let cache = Caches::default().answers::<usize>("test", 1 << 20, |_| 8);
        let (gate, loads) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let ask = |question: &'static str| {
            let (cache, gate, loads) = (cache.clone(), Arc::clone(&gate), Arc::clone(&loads));
            tokio::spawn(async move {
                let load = || async {
                    let n = loads.fetch_add(1, Ordering::SeqCst);
                    let _permit = gate.acquire().await.map_err(|_| "closed")?;
                    Ok::<_, &str>(n)
                };
                cache.get_or_load(question, load).await.map(|n| *n)
            })
        };
        let askers: Vec<_> = (0..1000).map(|_| ask("how many?")).collect();
        while cache.stats().coalesced < 999 {
            tokio::task::yield_now().await;
        }
        // Whoever began gives up; another goes on.
        askers[0].abort();
        gate.add_permits(1);
        for asker in askers.into_iter().skip(1) {
            assert!(asker.await.expect("no panic").is_ok());
        }
        assert!((1..=2).contains(&loads.load(Ordering::SeqCst)));
        let before = loads.load(Ordering::SeqCst);
        assert!(ask("how many?").await.expect("no panic").is_ok());
        assert_eq!(loads.load(Ordering::SeqCst), before, "it is known");
        assert!(ask("how many now?").await.expect("no panic").is_ok());
        assert_eq!(loads.load(Ordering::SeqCst), before + 1, "another question");
        assert!(cache.inner.flights.lock().expect("no panic").is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let cache = Caches::default().answers::<usize>("test", 1 << 20, |_| 8);
        assert_eq!(cache.get_or_load("q", || async { Err("no") }).await.err(), Some("no"));
        assert_eq!(
            cache
                .get_or_load("q", || async { Ok::<_, &str>(7) })
                .await
                .ok()
                .as_deref(),
            Some(&7)
        );
    }
}
