//! What one process has the others on its database hear: its facts, and that it has written something. Hints may be lost: what
//! is in caches lives no longer than a minute, so that this is quick and not more.

use std::{cell::Cell, collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::BoxStream};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{
    bus::{Bus, Heard, Hint},
    cache::Caches,
    events::{
        Events, Fact, LibraryChanged, MediaAdded, MediaChanged, MediaRemoved, PersonChanged, SessionRevoked,
        StudioChanged, TagChanged, UserChanged,
    },
    store::Store,
};

/// How often is looked whether something was written.
const PERIOD: Duration = Duration::from_millis(200);
/// A longer list goes in parts, each of which a bus can carry.
const LONGEST: usize = 250;

/// A fact that is as true for the other processes.
pub trait Common: Fact + Serialize + DeserializeOwned {
    /// Its name between processes.
    const NAME: &'static str;
}

thread_local! {
    /// Whether the fact that is told on this thread comes from another process.
    static IS_FROM_ELSEWHERE: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread until it is dropped, also by a panic of a listener.
struct FromElsewhere;

impl FromElsewhere {
    fn mark() -> Self {
        IS_FROM_ELSEWHERE.set(true);
        Self
    }
}

impl Drop for FromElsewhere {
    fn drop(&mut self) {
        IS_FROM_ELSEWHERE.set(false);
    }
}

type Tell = Box<dyn Fn(&Events, Value) -> Result<(), serde_json::Error> + Send + Sync>;

/// Carries facts between this process and others.
pub struct Relay {
    events: Events,
    bus: Arc<dyn Bus>,
    known: HashMap<&'static str, Tell>,
}

impl Relay {
    /// Carries the kernel's own facts.
    pub fn new(events: &Events, bus: Arc<dyn Bus>) -> Self {
        let mut relay = Self {
            events: events.clone(),
            bus,
            known: HashMap::new(),
        };
        relay.carry::<MediaAdded>();
        relay.carry::<MediaChanged>();
        relay.carry::<MediaRemoved>();
        relay.carry::<LibraryChanged>();
        relay.carry::<TagChanged>();
        relay.carry::<PersonChanged>();
        relay.carry::<StudioChanged>();
        relay.carry::<UserChanged>();
        relay.carry::<SessionRevoked>();
        relay
    }

    /// Carries facts of another kind, too.
    pub fn carry<F: Common>(&mut self) {
        let bus = Arc::clone(&self.bus);
        self.events.on::<F>(move |fact| {
            if IS_FROM_ELSEWHERE.get() {
                return;
            }
            for body in serde_json::to_value(fact).map_or_else(|_| Vec::new(), parts) {
                let fact = F::NAME.to_owned();
                bus.publish(Hint::Told { fact, body });
            }
        });
        let tell: Tell = Box::new(|events, body| {
            let fact: F = serde_json::from_value(body)?;
            let _marked = FromElsewhere::mark();
            events.publish(fact);
            Ok(())
        });
        self.known.insert(F::NAME, tell);
    }

    /// Works until it is stopped; `others` are the hints of the other processes.
    pub async fn run(
        self,
        mut others: BoxStream<'static, Heard>,
        store: Store,
        caches: Caches,
        stop: CancellationToken,
    ) {
        let mut period = interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = store.written();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = period.tick() => {
                    let written = store.written();
                    if written != told {
                        told = written;
                        self.bus.publish(Hint::Written);
                    }
                }
                heard = others.next() => match heard {
                    Some(heard) => self.heed(heard, &store, &caches),
                    None => return,
                }
            }
        }
    }

    fn heed(&self, heard: Heard, store: &Store, caches: &Caches) {
        match heard {
            Heard::Hint(Hint::Told { fact, body }) => match self.known.get(&*fact).map(|tell| tell(&self.events, body))
            {
                Some(Ok(())) => store.others_have_written(),
                // Another version's.
                Some(Err(_)) | None => forget_all(store, caches),
            },
            Heard::Hint(Hint::Written) => store.others_have_written(),
            Heard::Hint(_) => {}
            Heard::Gap => forget_all(store, caches),
        }
    }
}

fn forget_all(store: &Store, caches: &Caches) {
    caches.clear();
    store.others_have_written();
}

/// A fact with a long list as several with short ones.
fn parts(body: Value) -> Vec<Value> {
    let is_long = |value: &Value| value.as_array().is_some_and(|list| list.len() > LONGEST);
    let Value::Object(fields) = &body else {
        return vec![body];
    };
    let Some((name, list)) = fields.iter().find(|(_, value)| is_long(value)) else {
        return vec![body];
    };
    let parts = list.as_array().map_or(&[][..], Vec::as_slice).chunks(LONGEST);
    parts
        .map(|part| {
            let mut fields = fields.clone();
            fields.insert(name.clone(), part.into());
            Value::Object(fields)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use entities::id::{MediaId, TagId};
    use tokio::sync::mpsc;

    use super::*;
    use crate::bus::LocalBus;

    #[test]
    fn a_long_list_goes_in_parts() {
        let fact = MediaChanged {
            media: (0..600).map(MediaId).collect(),
        };
        let parts = parts(serde_json::to_value(&fact).expect("a fact"));
        let again: Vec<MediaChanged> = parts
            .into_iter()
            .map(|part| serde_json::from_value(part).expect("a part"))
            .collect();
        assert_eq!(
            again.iter().map(|fact| fact.media.len()).collect::<Vec<_>>(),
            [250, 250, 100]
        );
        assert_eq!(
            again.into_iter().flat_map(|fact| fact.media).collect::<Vec<_>>(),
            fact.media
        );
    }

    #[tokio::test]
    async fn a_fact_from_elsewhere_is_heard_and_not_told_again() {
        let bus = Arc::new(LocalBus::default());
        let (here, there) = (Events::default(), Events::default());
        let (_here, there_relay) = (Relay::new(&here, bus.clone()), Relay::new(&there, bus.clone()));
        let (sender, mut heard) = mpsc::unbounded_channel();
        there.on::<TagChanged>(move |fact| drop(sender.send(fact.tags.clone())));
        let mut hints = bus.listen();
        here.publish(TagChanged { tags: vec![TagId(7)] });
        let Some(Heard::Hint(Hint::Told { fact, body })) = hints.next().await else {
            panic!("it is told")
        };
        there_relay.known[&*fact](&there, body).expect("it is known");
        assert_eq!(heard.try_recv().expect("it is heard"), [TagId(7)]);
        bus.publish(Hint::Written);
        assert!(
            matches!(hints.next().await, Some(Heard::Hint(Hint::Written))),
            "nothing was told in between"
        );
    }
}
