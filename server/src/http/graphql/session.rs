//! Watches whether a long-lived connection may go on: once a minute, and at once when a session or account changes.

use std::{pin::Pin, time::Duration};

use axum::http::HeaderMap;
use futures_util::{Stream, StreamExt};
use kernel::{
    events::{Heard, SessionRevoked, UserChanged},
    plugin::Kernel,
};
use schema::kit::access::{Access, Via};
use tokio::time::Interval;

use crate::http::auth;

/// How often the session is asked for again without any sign.
const PERIOD: Duration = Duration::from_secs(60);

/// Why a connection may not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// For the client and the log.
    pub reason: &'static str,
}

/// The watch over one connection's access.
pub struct Watch {
    access: Access,
    period: Interval,
    signs: Pin<Box<dyn Stream<Item = ()> + Send>>,
}

impl Watch {
    /// Begins to watch the access that a connection was opened with.
    pub fn new(kernel: &Kernel, access: Access) -> Self {
        let mut period = tokio::time::interval(PERIOD);
        period.reset();
        let (user, session) = match &access {
            Access::Viewer(viewer) => match viewer.via {
                Via::Session(session) => (Some(viewer.user), Some(session)),
                Via::Token(_) | Via::System => (Some(viewer.user), None),
            },
            Access::Anonymous => (None, None),
        };
        // A gap may have been our fact.
        let revoked = kernel
            .events
            .subscribe::<SessionRevoked>()
            .filter_map(move |heard| async move {
                let is_ours = match heard {
                    Heard::Fact(fact) => session == Some(fact.session),
                    Heard::Gap => true,
                };
                is_ours.then_some(())
            });
        let changed = kernel
            .events
            .subscribe::<UserChanged>()
            .filter_map(move |heard| async move {
                let is_ours = match heard {
                    Heard::Fact(fact) => user == Some(fact.user),
                    Heard::Gap => true,
                };
                is_ours.then_some(())
            });
        let signs = futures_util::stream::select(revoked.boxed(), changed.boxed());
        Self {
            access,
            period,
            signs: Box::pin(signs),
        }
    }

    /// Waits until the access that the connection was opened with is no longer given. Cancel safe.
    pub async fn ended(&mut self, kernel: &Kernel, headers: &HeaderMap) -> Ended {
        loop {
            tokio::select! {
                _ = self.period.tick() => {}
                Some(()) = self.signs.next() => {}
            }
            match auth::authenticate(headers, kernel).await {
                Ok(access) if access == self.access => {}
                Ok(_) => {
                    return Ended {
                        reason: "the account changed or signed out; connect again",
                    };
                }
                Err(failure) if failure.code.category.is_servers_own() => {
                    // The database's trouble is no reason to send people away; the next minute tells.
                    tracing::warn!(error = %failure, "a session could not be checked");
                }
                Err(_) => {
                    return Ended {
                        reason: "the session ended or the token was revoked",
                    };
                }
            }
        }
    }
}
