//! Takes connections of HTTP/1.1 and HTTP/2. Whoever does not say in time what is wanted is let go, which axum's own loop
//! does not do: connections that stay silent would use up all descriptors.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a client may take for the headers of a request, and leave a connection unused.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long nothing is accepted where the system has no descriptors left.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers requests until `stop` is canceled, then lets connections finish what they are at.
pub async fn serve(listener: TcpListener, router: Router, patience: Duration, stop: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience)
        // WebSockets come so: RFC 8441.
        .enable_connect_protocol();
    let connections = GracefulShutdown::new();
    while let Some((stream, peer)) = stop.run_until_cancelled(accept(&listener)).await {
        let router = router.clone();
        let has_asked = CancellationToken::new();
        let asks = has_asked.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            asks.cancel();
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let connection = connections.watch(connection.into_owned());
        tokio::spawn(async move {
            // The parts wait for headers, and not for the words that tell which version of HTTP it is.
            let silence = async {
                if tokio::time::timeout(patience, has_asked.cancelled()).await.is_ok() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "a connection ended badly");
                    }
                }
                () = silence => tracing::debug!(%peer, "a connection asked for nothing"),
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Chunks of segments are small, and players wait for the first.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "a connection waits for more bytes before it sends");
                }
                return (stream, peer);
            }
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use axum::http::Uri;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);

    /// Says so much and nothing more, and hears until the other side ends.
    async fn hears(address: SocketAddr, says: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(says.as_bytes()).await.expect("it is taken");
        let mut heard = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut heard)).await;
        ended.expect("it ends").ok();
        String::from_utf8_lossy(&heard).into_owned()
    }

    #[tokio::test]
    async fn silent_clients_are_let_go_and_slow_answers_arrive() {
        let answer = |ConnectInfo(peer): ConnectInfo<SocketAddr>, uri: Uri| async move {
            if uri.path() == "/slow" {
                tokio::time::sleep(SHORT * 3).await;
            }
            peer.ip().to_string()
        };
        let router = Router::new().fallback(answer);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, router, SHORT, stop.clone()));

        for silent in ["", "PRI * HTTP", "GET /slow HTTP/1.1\r\nhost: x\r\n"] {
            let heard = hears(address, silent).await;
            assert!(!heard.contains("200"), "{silent}: {heard}");
        }
        let heard = hears(address, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(
            heard.starts_with("HTTP/1.1 200") && heard.ends_with("127.0.0.1"),
            "{heard}"
        );
        let twice = "GET /peer HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2);
        let heard = hears(address, &twice).await;
        assert_eq!(heard.matches("127.0.0.1").count(), 2, "{heard}");

        stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(60), serving).await;
        ended.expect("it ends").expect("it does not panic");
    }
}
