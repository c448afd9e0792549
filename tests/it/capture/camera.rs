//! A camera: just enough RTSP (RFC 2326) to send pictures of a film in packets between its answers, and to ask for an
//! account.

use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{RATE, senders};
use crate::players::command;

/// `ann:secret`, as it is sent.
const ACCOUNT: &str = "Basic YW5uOnNlY3JldA==";
/// Packets are no longer than this.
const PACKET: usize = 1400;

/// A camera on this machine.
pub struct Camera {
    port: u16,
    serving: JoinHandle<()>,
}

impl Camera {
    /// A camera that sends so many pictures over each connection.
    pub async fn start(n_frames: u64) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let film = folder.path().join("film.mp4");
        senders::make(&film, senders::MOVING, n_frames / RATE).await?;
        let output = command("ffmpeg")
            .args(["-nostdin", "-v", "error", "-i"])
            .arg(&film)
            .args([
                "-c:v",
                "copy",
                "-an",
                "-bsf:v",
                "h264_mp4toannexb",
                "-f",
                "h264",
                "pipe:1",
            ])
            .output()
            .await?;
        let frames = frames(&output.stdout);
        ensure!(frames.len() as u64 == n_frames, "{} pictures in the film", frames.len());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let frames = frames.clone();
                // Whoever hangs up has had enough.
                tokio::spawn(async move { serve(stream, port, &frames).await.ok() });
            }
        });
        Ok(Self { port, serving })
    }

    /// Its URL, with its account.
    pub fn url(&self) -> String {
        format!("rtsp://ann:secret@127.0.0.1:{}/cam?channel=1", self.port)
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The units of each picture: a picture ends with its slice, and parameters belong to the one after them.
fn frames(stream: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut starts: Vec<usize> = stream
        .windows(3)
        .enumerate()
        .filter(|(_, window)| *window == [0, 0, 1])
        .map(|(at, _)| at + 3)
        .collect();
    starts.push(stream.len() + 3);
    let (mut frames, mut units) = (Vec::new(), Vec::new());
    for pair in starts.windows(2) {
        let mut unit = &stream[pair[0]..pair[1] - 3];
        while let [rest @ .., 0] = unit {
            unit = rest;
        }
        let Some(kind) = unit.first().map(|first| first & 0x1f) else {
            continue;
        };
        units.push(unit.to_vec());
        if matches!(kind, 1 | 5) {
            frames.push(std::mem::take(&mut units));
        }
    }
    frames
}

async fn serve(mut stream: TcpStream, port: u16, frames: &[Vec<Vec<u8>>]) -> anyhow::Result<()> {
    let base = format!("rtsp://127.0.0.1:{port}/cam");
    loop {
        let Some(request) = request(&mut stream).await? else {
            return Ok(());
        };
        let header = |name: &str| {
            let line = request
                .lines()
                .find(|line| line.to_lowercase().starts_with(&name.to_lowercase()));
            line.and_then(|line| line.split_once(':'))
                .map(|(_, value)| value.trim().to_owned())
        };
        let (method, number) = (
            request.split(' ').next().unwrap_or_default(),
            header("cseq").unwrap_or_default(),
        );
        let answer = |status: &str, headers: &str, body: &str| {
            let length = body.len();
            format!("RTSP/1.0 {status}\r\nCSeq: {number}\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
        };
        if header("authorization").as_deref() != Some(ACCOUNT) && method != "OPTIONS" {
            let asks = "WWW-Authenticate: Basic realm=\"camera\"\r\n";
            stream
                .write_all(answer("401 Unauthorized", asks, "").as_bytes())
                .await?;
            continue;
        }
        match method {
            "DESCRIBE" => {
                let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
                    c=IN IP4 0.0.0.0\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n";
                let headers = format!("Content-Type: application/sdp\r\nContent-Base: {base}/\r\n");
                stream.write_all(answer("200 OK", &headers, sdp).as_bytes()).await?;
            }
            "SETUP" => {
                let headers = "Session: 12345678\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0000002a\r\n";
                stream.write_all(answer("200 OK", headers, "").as_bytes()).await?;
            }
            "PLAY" => {
                let headers = format!("Session: 12345678\r\nRTP-Info: url={base}/track1;seq=1;rtptime=90000\r\n");
                stream.write_all(answer("200 OK", &headers, "").as_bytes()).await?;
                return play(stream, frames).await;
            }
            _ => {
                stream
                    .write_all(answer("200 OK", "Public: DESCRIBE, SETUP, PLAY\r\n", "").as_bytes())
                    .await?
            }
        }
    }
}

async fn request(stream: &mut TcpStream) -> anyhow::Result<Option<String>> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => bytes.push(byte),
            Err(_) if bytes.is_empty() => return Ok(None),
            Err(error) => return Err(error).context("half a request"),
        }
    }
    Ok(Some(String::from_utf8(bytes)?))
}

/// Sends all pictures at their speed, then hangs up. What the other side has said meanwhile is heard first: a connection
/// that is closed over it is reset, and takes the last pictures with it.
async fn play(mut stream: TcpStream, frames: &[Vec<Vec<u8>>]) -> anyhow::Result<()> {
    let mut pace = tokio::time::interval(Duration::from_millis(1000 / RATE));
    let mut number: u16 = 1;
    for (n, units) in frames.iter().enumerate() {
        pace.tick().await;
        let time = 90_000 + n as u32 * (90_000 / RATE as u32);
        let mut bytes = Vec::new();
        for (index, unit) in units.iter().enumerate() {
            let is_last_unit = index + 1 == units.len();
            let payloads = payloads(unit);
            let n_payloads = payloads.len();
            for (part, payload) in payloads.into_iter().enumerate() {
                let marker = if is_last_unit && part + 1 == n_payloads {
                    0x80
                } else {
                    0
                };
                bytes.extend([b'$', 0]);
                bytes.extend((payload.len() as u16 + 12).to_be_bytes());
                bytes.extend([0x80, marker | 96]);
                bytes.extend(number.to_be_bytes());
                bytes.extend(time.to_be_bytes());
                bytes.extend(42u32.to_be_bytes());
                bytes.extend(payload);
                number = number.wrapping_add(1);
            }
        }
        stream.write_all(&bytes).await?;
    }
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

/// A unit as it is, or in fragments (RFC 6184, 5.8).
fn payloads(unit: &[u8]) -> Vec<Vec<u8>> {
    if unit.len() <= PACKET {
        return vec![unit.to_vec()];
    }
    let (head, body) = (unit[0], &unit[1..]);
    let chunks: Vec<&[u8]> = body.chunks(PACKET).collect();
    let last = chunks.len() - 1;
    let fragment = |(n, chunk): (usize, &&[u8])| {
        let (start, end) = (u8::from(n == 0) << 7, u8::from(n == last) << 6);
        [&[head & 0xe0 | 28, start | end | head & 0x1f], *chunk].concat()
    };
    chunks.iter().enumerate().map(fragment).collect()
}
