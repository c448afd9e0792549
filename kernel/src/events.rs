//! The facts that cross plugins, told in this process after the commit that made them true; [`relay`](crate::relay) tells
//! others of them.
//!
//! A fact is a hint for caches, subscriptions and hooks. What must not be missed is a job in the same transaction.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt::Debug,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use entities::id::{LibraryId, MediaId, PersonId, SessionId, StudioId, TagId, UserId};
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use crate::{changes::ChangeKind, relay::Common};

/// Something that happened and that others may want to know.
pub trait Fact: Debug + Send + Sync + 'static {
    /// What of it goes into the log of changes.
    fn change(&self) -> Option<(ChangeKind, &[MediaId])> {
        None
    }
}

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident $(logged as $kind:ident)? $(: $trait:ident)? { $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)? })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Serialize, Deserialize)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }
            impl Fact for $name {
                $(fn change(&self) -> Option<(ChangeKind, &[MediaId])> {
                    Some((ChangeKind::$kind, &self.media))
                })?
            }
            $(impl $trait for $name {
                const NAME: &'static str = stringify!($name);
            })?
        )+
    };
}

facts! {
    /// Items that are new in a library.
    MediaAdded logged as Added: Common {
        /// The library.
        library: LibraryId,
        /// The new items.
        media: Vec<MediaId>,
    }
    /// Items, their files, streams or edges changed.
    MediaChanged logged as Changed: Common {
        /// The changed items.
        media: Vec<MediaId>,
    }
    /// Items whose last file is gone, or that a user removed.
    MediaRemoved logged as Removed: Common {
        /// The items.
        media: Vec<MediaId>,
    }
    /// Files of items were measured: their `file_analysis` is new.
    MediaAnalyzed {
        /// The items.
        media: Vec<MediaId>,
    }
    /// The server itself has put files into a folder of a library.
    FilesAdded {
        /// The library.
        library: LibraryId,
        /// The folder, which is one of the library's paths or lies below one.
        folder: PathBuf,
    }
    /// A library's row, paths or counters changed.
    LibraryChanged: Common {
        /// The library.
        library: LibraryId,
    }
    /// Tags were renamed, merged, or their counters changed.
    TagChanged: Common {
        /// The tags.
        tags: Vec<TagId>,
    }
    /// People changed.
    PersonChanged: Common {
        /// The people.
        people: Vec<PersonId>,
    }
    /// Studios changed.
    StudioChanged: Common {
        /// The studios.
        studios: Vec<StudioId>,
    }
    /// An account's name, role or state changed.
    UserChanged: Common {
        /// The account.
        user: UserId,
    }
    /// A session ended before its time.
    SessionRevoked: Common {
        /// The session.
        session: SessionId,
    }
}

/// What a listener receives.
#[derive(Debug, Clone)]
pub enum Heard<F> {
    /// A fact.
    Fact(Arc<F>),
    /// Facts were lost because this listener was slow: read the present state again.
    Gap,
}

/// A listener that lags by more than this many facts hears a gap.
const CAPACITY: usize = 1024;

type Listener = Arc<dyn Fn(&(dyn Any + Send + Sync)) + Send + Sync>;

#[derive(Default)]
struct Topic {
    listeners: Vec<Listener>,
    sender: Option<Box<dyn Any + Send + Sync>>,
}

/// Where facts are told and heard. Clones are handles to the same one.
#[derive(Clone, Default)]
pub struct Events {
    topics: Arc<RwLock<HashMap<TypeId, Topic>>>,
}

impl Events {
    /// Tells a fact: listeners run before this returns, streams receive it soon.
    pub fn publish<F: Fact>(&self, fact: F) {
        let fact = Arc::new(fact);
        let (listeners, sender) = {
            let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
            let Some(topic) = topics.get(&TypeId::of::<F>()) else {
                return;
            };
            let sender = topic
                .sender
                .as_ref()
                .and_then(|any| any.downcast_ref::<broadcast::Sender<Arc<F>>>())
                .cloned();
            (topic.listeners.clone(), sender)
        };
        for listener in listeners {
            listener(&*fact);
        }
        if let Some(sender) = sender {
            // An error only says that nobody is listening now.
            let _ = sender.send(fact);
        }
    }

    /// Runs `listen` at every fact of this kind, inside `publish`: it must be quick and must not block.
    pub fn on<F: Fact>(&self, listen: impl Fn(&F) + Send + Sync + 'static) {
        let listener: Listener = Arc::new(move |fact| {
            if let Some(fact) = fact.downcast_ref::<F>() {
                listen(fact);
            }
        });
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        topics.entry(TypeId::of::<F>()).or_default().listeners.push(listener);
    }

    /// Every fact of this kind from now on.
    pub fn subscribe<F: Fact>(&self) -> impl Stream<Item = Heard<F>> + Send + Unpin + use<F> {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        let topic = topics.entry(TypeId::of::<F>()).or_default();
        let sender = topic
            .sender
            .get_or_insert_with(|| Box::new(broadcast::channel::<Arc<F>>(CAPACITY).0));
        let sender = sender
            .downcast_ref::<broadcast::Sender<Arc<F>>>()
            .expect("a topic's sender carries the topic's type");
        BroadcastStream::new(sender.subscribe()).map(|heard| match heard {
            Ok(fact) => Heard::Fact(fact),
            Err(BroadcastStreamRecvError::Lagged(_)) => Heard::Gap,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_that_lags_hears_a_gap_and_then_the_newest_facts() {
        let events = Events::default();
        let mut heard = events.subscribe::<LibraryChanged>();
        for key in 0..(CAPACITY as i64 + 5) {
            events.publish(LibraryChanged {
                library: LibraryId(key),
            });
        }
        assert!(matches!(heard.next().await, Some(Heard::Gap)));
        let Some(Heard::Fact(fact)) = heard.next().await else {
            panic!("a fact follows the gap")
        };
        assert_eq!(fact.library, LibraryId(5));
    }
}
