//! The bus of all processes on one PostgreSQL: `LISTEN` and `NOTIFY`.

use std::time::Duration;

use entities::id::NodeId;
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use sea_orm::sqlx::{
    self, PgPool,
    postgres::{PgListener, PgPoolOptions},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{broadcast, mpsc},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::BroadcastStream;

use super::{Bus, CAPACITY, Heard, Hint};

const CHANNEL: &str = "vitagraph";
/// A notification has fewer than 8,000 bytes.
const MOST_BYTES: usize = 7_900;
/// So many hints go in one statement.
const BATCH: usize = 64;
/// Until the next try when the database is away.
const PAUSE: Duration = Duration::from_secs(1);
/// The database says nothing of a connection that it has lost.
const SILENCE: Duration = Duration::from_secs(30);

/// A hint, and the bus that it comes from.
#[derive(Serialize, Deserialize)]
struct Envelope {
    from: NodeId,
    /// Absent when it was too long to be carried.
    hint: Option<Hint>,
}

/// The bus. Hints for this process itself do not go by the database.
pub struct PostgresBus {
    from: NodeId,
    own: broadcast::Sender<Heard>,
    others: broadcast::Sender<Heard>,
    outbox: mpsc::UnboundedSender<String>,
    _tasks: JoinSet<()>,
}

impl PostgresBus {
    /// Joins the bus of a database. It goes on by itself when the database is away for a while.
    ///
    /// # Errors
    /// When the database is away now.
    pub async fn connect(url: &str) -> Result<Self, sqlx::Error> {
        let from = NodeId::new();
        // One connection listens, the other tells.
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .min_connections(0)
            .acquire_timeout(Duration::from_secs(10))
            .connect(url)
            .await?;
        let listener = listener(&pool).await?;
        let others = broadcast::channel(CAPACITY).0;
        let (outbox, queue) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(hear(pool.clone(), listener, from, others.clone()));
        tasks.spawn(tell(pool, queue));
        Ok(Self {
            from,
            own: broadcast::channel(CAPACITY).0,
            others,
            outbox,
            _tasks: tasks,
        })
    }
}

impl Bus for PostgresBus {
    fn publish(&self, hint: Hint) {
        let envelope = |hint| {
            let envelope = Envelope { from: self.from, hint };
            serde_json::to_string(&envelope).unwrap_or_default()
        };
        let mut text = envelope(Some(hint.clone()));
        if text.len() > MOST_BYTES {
            text = envelope(None);
        }
        // An error only says that nobody is listening now, or that the server ends.
        let _ = self.own.send(Heard::Hint(hint));
        let _ = self.outbox.send(text);
    }

    fn listen(&self) -> BoxStream<'static, Heard> {
        stream::select(heard(&self.own), heard(&self.others)).boxed()
    }

    fn others(&self) -> Option<BoxStream<'static, Heard>> {
        Some(heard(&self.others))
    }
}

fn heard(sender: &broadcast::Sender<Heard>) -> BoxStream<'static, Heard> {
    let heard = BroadcastStream::new(sender.subscribe());
    heard.map(|heard| heard.unwrap_or(Heard::Gap)).boxed()
}

async fn listener(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

/// Passes on what others tell.
async fn hear(pool: PgPool, mut listener: PgListener, from: NodeId, sender: broadcast::Sender<Heard>) {
    loop {
        // None says that the connection was lost, and that there is another one.
        while let Ok(heard) = listen_on(&mut listener).await {
            let Some(text) = heard else {
                let _ = sender.send(Heard::Gap);
                continue;
            };
            match serde_json::from_str::<Envelope>(&text) {
                Ok(envelope) if envelope.from == from => {}
                Ok(envelope) => drop(sender.send(envelope.hint.map_or(Heard::Gap, Heard::Hint))),
                // Another version's: what it means cannot be known.
                Err(_) => drop(sender.send(Heard::Gap)),
            }
        }
        listener = loop {
            sleep(PAUSE).await;
            match self::listener(&pool).await {
                Ok(listener) => break listener,
                Err(error) => tracing::warn!(%error, "what other servers tell cannot be heard; it is tried again"),
            }
        };
        let _ = sender.send(Heard::Gap);
    }
}

/// The next text; none for a gap.
async fn listen_on(listener: &mut PgListener) -> Result<Option<String>, sqlx::Error> {
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(heard) => return Ok(heard?.map(|told| told.payload().to_owned())),
            // Whether anybody is there at all; the listener would remember a channel once more.
            Err(_) => {
                sqlx::query("select 1").execute(&mut *listener).await?;
            }
        }
    }
}

/// Tells others, many hints at a time.
async fn tell(pool: PgPool, mut queue: mpsc::UnboundedReceiver<String>) {
    let mut texts = Vec::new();
    while queue.recv_many(&mut texts, BATCH).await > 0 {
        let told = sqlx::query("select pg_notify($1, told) from unnest($2) as told")
            .bind(CHANNEL)
            .bind(std::mem::take(&mut texts))
            .execute(&pool)
            .await;
        if let Err(error) = told {
            tracing::warn!(%error, "other servers could not be told of a change; they see it within a minute");
            sleep(PAUSE).await;
        }
    }
}
