//! An address that stays while servers come and go behind it. It counts what clients send, so that what was sent again is known
//! without asking them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// What is passed on at once.
const PIECE: usize = 64 * 1024;

/// The address.
pub struct Front {
    address: String,
    server: watch::Sender<Option<String>>,
    n_bytes: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Front {
    /// Leads to nowhere yet.
    pub async fn open() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let (server, behind) = watch::channel(None);
        let n_bytes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&n_bytes);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((client, _)) = accepted else { continue };
                        let server: Option<String> = behind.borrow().clone();
                        // Where there is no server, whoever comes is left at once.
                        if let Some(server) = server {
                            connections.spawn(pass(client, server, Arc::clone(&counted)));
                        }
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self {
            address,
            server,
            n_bytes,
            serving,
        })
    }

    /// `http://…`, without a final slash.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Leads to the server at `http://…`, or to nowhere.
    pub fn lead_to(&self, server: Option<&str>) {
        let server = server.map(|address| address.trim_start_matches("http://").to_owned());
        self.server.send_replace(server);
    }

    /// How many bytes clients have sent.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes.load(Ordering::SeqCst)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(client: TcpStream, server: String, n_bytes: Arc<AtomicU64>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        copy(from_client, to_server, |n| {
            n_bytes.fetch_add(n, Ordering::SeqCst);
        }),
        copy(from_server, to_client, |_| {}),
    );
}

/// Hands on what comes, until either side ends.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, note: impl Fn(u64)) {
    let mut piece = vec![0; PIECE];
    while let Ok(n @ 1..) = from.read(&mut piece).await {
        note(n as u64);
        if to.write_all(&piece[..n]).await.is_err() {
            return;
        }
    }
    // Whoever is gone needs not be told.
    let _ = to.shutdown().await;
}
