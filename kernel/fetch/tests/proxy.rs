//! The proxy for programs of other makers: it serves who knows its secret, connects to where the rules allow, and lets no more
//! bytes through than it may.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, sync::Arc};

use data_encoding::BASE64;
use fetch::proxy::{Proxy, Witness};
use kernel::egress::{Egress, EgressConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// A server that answers each connection with the head that it was sent, and then many bytes.
async fn origin(n_bytes: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap_or(0) > 0 {}
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await;
                let _ = stream.write_all(&head).await;
                let _ = stream.write_all(&vec![b'x'; n_bytes]).await;
            });
        }
    });
    address
}

struct Served {
    address: SocketAddr,
    secret: String,
    witness: Witness,
    task: AbortHandle,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(allow: &[String], max_bytes: u64) -> Served {
    let config = EgressConfig {
        allow: allow.to_vec(),
        ..EgressConfig::default()
    };
    let egress = Arc::new(Egress::new(&config).unwrap());
    let proxy = Proxy::open(egress, max_bytes).await.unwrap();
    let url = proxy.url();
    let account = url.strip_prefix("http://").unwrap().split_once('@').unwrap().0;
    Served {
        address: SocketAddr::from(([127, 0, 0, 1], proxy.port())),
        secret: format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(account.as_bytes())),
        witness: proxy.witness(),
        task: tokio::spawn(proxy.serve()).abort_handle(),
    }
}

/// Sends bytes and hears all that comes.
async fn said(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is cut has said what it had.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn who_knows_the_secret_gets_where_the_rules_allow() {
    let origin = origin(0).await;
    let served = serve(&[origin.to_string()], 1 << 20).await;
    let secret = &served.secret;
    let plain = format!(
        "GET http://{origin}/a?b=c HTTP/1.1\r\nHost: elsewhere\r\n{secret}Connection: keep-alive\r\nX-Own: 1\r\n\r\n"
    );
    let answer = said(served.address, &plain).await;
    let wanted = format!("GET /a?b=c HTTP/1.1\r\nHost: {origin}\r\nConnection: close\r\nX-Own: 1\r\n\r\n");
    assert!(answer.ends_with(&wanted), "{answer}");
    let tunnel = format!("CONNECT {origin} HTTP/1.1\r\n{secret}\r\nhello\r\n\r\n");
    let answer = said(served.address, &tunnel).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello\r\n\r\n"),
        "{answer}"
    );
    assert!(served.witness.n_bytes() > 100 && served.witness.take_refused().is_none());

    for wrong in [
        "",
        "Proxy-Authorization: Basic dml0YWdyYXBoOg==\r\n",
        "Proxy-Authorization: Bearer x\r\n",
    ] {
        let answer = said(served.address, &format!("CONNECT {origin} HTTP/1.1\r\n{wrong}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 407 "), "{wrong}: {answer}");
    }
}

#[tokio::test]
async fn nobody_is_connected_to_past_the_rules() {
    let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = canary.local_addr().unwrap().port();
    let served = serve(&[], 1 << 20).await;
    let secret = &served.secret;
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
        "localhost",
    ] {
        for request in [
            format!("CONNECT {host}:{port} HTTP/1.1\r\n{secret}\r\n"),
            format!("GET http://{host}:{port}/ HTTP/1.1\r\n{secret}\r\n"),
        ] {
            let answer = said(served.address, &request).await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{request}: {answer}");
            let refused = served.witness.take_refused().expect("it is remembered").to_string();
            assert!(refused.contains("not a public address"), "{refused}");
        }
    }
    for odd in [
        format!("CONNECT a@127.0.0.1:{port} HTTP/1.1\r\n{secret}\r\n"),
        format!("CONNECT 127.0.0.1:{port}/x HTTP/1.1\r\n{secret}\r\n"),
        format!("GET https://127.0.0.1:{port}/ HTTP/1.1\r\n{secret}\r\n"),
        format!("GET file:///etc/passwd HTTP/1.1\r\n{secret}\r\n"),
        format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{secret}\r\n"),
        "nonsense\r\n\r\n".to_owned(),
        format!("GET http://a/ HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(20_000)),
    ] {
        let answer = said(served.address, &odd).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{odd:.60}: {answer}");
    }
    let came = tokio::select! {
        biased;
        came = canary.accept() => Some(came),
        () = std::future::ready(()) => None,
    };
    assert!(came.is_none(), "somebody came: {came:?}");
}

#[tokio::test]
async fn no_more_bytes_come_through_than_may() {
    let origin = origin(300_000).await;
    let served = serve(&[origin.to_string()], 100_000).await;
    let get = format!("GET http://{origin}/ HTTP/1.1\r\n{}\r\n", served.secret);
    let answer = said(served.address, &get).await;
    assert!(answer.len() <= 100_000 && served.witness.is_spent(), "{}", answer.len());
    assert!(said(served.address, &get).await.starts_with("HTTP/1.1 403 "));
}
