//! Coalescing, invalidation, and what is not kept.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sea_orm::DbErr;
use tokio::sync::Semaphore;

use super::{Caches, Loaded, RowCache, STATED_BYTES};

struct Source {
    value: AtomicUsize,
    loads: AtomicUsize,
    gate: Semaphore,
}

fn cache_over(source: &Arc<Source>) -> RowCache<u32, usize> {
    let source = Arc::clone(source);
    Caches::default().rows(
        "test",
        1 << 20,
        |_| 8,
        move |keys: Vec<u32>| {
            let source = Arc::clone(&source);
            async move {
                source.loads.fetch_add(1, Ordering::SeqCst);
                let value = source.value.load(Ordering::SeqCst);
                source
                    .gate
                    .acquire()
                    .await
                    .map_err(|_| DbErr::Custom("closed".into()))?
                    .forget();
                Ok(keys
                    .into_iter()
                    .filter(|key| *key < 100)
                    .map(|key| (key, value))
                    .collect())
            }
        },
    )
}

fn source(permits: usize) -> Arc<Source> {
    Arc::new(Source {
        value: AtomicUsize::new(1),
        loads: AtomicUsize::new(0),
        gate: Semaphore::new(permits),
    })
}

#[tokio::test]
async fn a_thousand_cold_readers_cost_one_load() {
    let source = source(0);
    let cache = cache_over(&source);
    let readers: Vec<_> = (0..1000)
        .map(|_| {
            tokio::spawn({
                let cache = cache.clone();
                async move { cache.get_many([1, 2, 3]).await }
            })
        })
        .collect();
    while cache.stats().coalesced < 2997 {
        tokio::task::yield_now().await;
    }
    source.gate.add_permits(1);
    for reader in readers {
        assert_eq!(reader.await.expect("no panic").expect("a load").len(), 3);
    }
    assert_eq!(source.loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_value_read_before_an_invalidation_is_not_kept_after_it() {
    let source = source(0);
    let cache = cache_over(&source);
    let early = tokio::spawn({
        let cache = cache.clone();
        async move { cache.get(7).await }
    });
    while source.loads.load(Ordering::SeqCst) < 1 {
        tokio::task::yield_now().await;
    }
    source.value.store(2, Ordering::SeqCst);
    cache.invalidate([7]);
    source.gate.add_permits(2);
    assert_eq!(early.await.expect("no panic").expect("a load").as_deref(), Some(&1));
    assert_eq!(cache.get(7).await.expect("a load").as_deref(), Some(&2));
    assert_eq!(cache.get(7).await.expect("a load").as_deref(), Some(&2));
    assert_eq!(source.loads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_offered_row_is_kept_unless_something_was_invalidated_since() {
    let source = source(1);
    let cache = cache_over(&source);
    let moment = cache.moment();
    cache.offer(moment, [(1, 40)]);
    assert_eq!(cache.get(1).await.expect("a hit").as_deref(), Some(&40));
    cache.invalidate([2]);
    cache.offer(moment, [(1, 50), (2, 50)]);
    assert_eq!(cache.get(1).await.expect("a hit").as_deref(), Some(&40));
    assert_eq!(cache.get(2).await.expect("a load").as_deref(), Some(&1));
}

#[tokio::test]
async fn an_offered_row_takes_the_place_of_one_that_was_missing() {
    let cache = cache_over(&source(1));
    assert!(cache.get(500).await.expect("a load").is_none());
    cache.offer(cache.moment(), [(500, 40)]);
    assert_eq!(cache.get(500).await.expect("a hit").as_deref(), Some(&40));
}

#[tokio::test]
async fn a_missing_row_is_remembered_as_missing_and_an_error_is_not() {
    let source = source(1);
    let cache = cache_over(&source);
    assert!(cache.get(500).await.expect("a load").is_none());
    assert!(cache.get(500).await.expect("a load").is_none());
    assert_eq!(source.loads.load(Ordering::SeqCst), 1);
    source.gate.close();
    assert!(cache.get(1).await.is_err());
    assert!(cache.get(1).await.is_err());
    assert_eq!(source.loads.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn who_waits_for_a_caller_that_goes_away_loads_by_itself() {
    let source = source(1);
    let cache = cache_over(&source);
    let mut first = Box::pin(cache.get_many_by([1, 2], |_| std::future::pending::<Loaded<u32, usize>>()));
    assert!(futures_util::poll!(&mut first).is_pending());
    let mut second = Box::pin(cache.get_many_by([2], |_| async { panic!("somebody is loading it") }));
    assert!(futures_util::poll!(&mut second).is_pending());
    assert_eq!(source.loads.load(Ordering::SeqCst), 0);
    drop(first);
    assert_eq!(second.await.expect("a load").get(&2).map(|row| **row), Some(1));
    assert_eq!(source.loads.load(Ordering::SeqCst), 1);
    let own = cache.get_many_by([1, 2], |keys| async move {
        Ok(keys.into_iter().map(|key| (key, 9)).collect())
    });
    let own = own.await.expect("a load");
    assert_eq!((*own[&1], *own[&2]), (9, 1), "only what is missing is read");
}

#[tokio::test]
async fn what_a_caller_reads_itself_is_not_kept_after_an_invalidation() {
    let cache = cache_over(&source(1));
    let read = cache.get_many_by([7], |_| async {
        cache.invalidate([7]);
        Ok(HashMap::from([(7, 40)]))
    });
    assert_eq!(*read.await.expect("a load")[&7], 40);
    assert_eq!(cache.get(7).await.expect("a load").as_deref(), Some(&1));
}

#[test]
fn a_cache_holds_its_part_of_what_all_may_hold() {
    let capacity = |caches: &Caches| caches.stats()[0].capacity_bytes;
    for (bytes, expected) in [
        (STATED_BYTES / 4, 1 << 18),
        (STATED_BYTES, 1 << 20),
        (2 * STATED_BYTES, 1 << 21),
    ] {
        let caches = Caches::within(bytes);
        caches.answers::<u32>("test", 1 << 20, |_| 4);
        assert_eq!(capacity(&caches), expected);
    }
}
