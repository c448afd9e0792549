//! A crowd at one server, a process of its own: what each subscriber takes, how late news come, and what others' queries feel
//! of it. A tenth of the crowd reads slowly. `VITAGRAPH_TEST_CROWD` says how many (10,000 for a whole run, by
//! `tests/kill/crowd` in a network of its own), `VITAGRAPH_TEST_CROWD_SECONDS` for how long, `VITAGRAPH_TEST_CROWD_RATE` how
//! many news a second reach somebody. Figures are told; what must hold anywhere is that nobody who reads misses anything.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tests::socket::{PATIENCE, Socket};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::process::{Administrator, Process};

const FOLLOW: &str = "subscription { libraryChanges { __typename ... on MediaUpdated { media { title } } } }";
const QUERY: &str = "{ media(first: 20) { totalCount nodes { id title } } }";
/// Sockets that are being opened at once.
const AT_ONCE: usize = 64;
/// Queries whose times are compared.
const N_QUERIES: usize = 200;

fn number(name: &str, default: u64) -> anyhow::Result<u64> {
    std::env::var(name).map_or(Ok(default), |text| text.parse().with_context(|| name.to_owned()))
}

/// A sound of a second, which needs no engine to be made.
fn silence() -> Vec<u8> {
    let n = 8_000_u32;
    let mut wave = b"RIFF".to_vec();
    wave.extend((36 + n).to_le_bytes());
    wave.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data");
    wave.extend(n.to_le_bytes());
    wave.extend(std::iter::repeat_n(0x80, n as usize));
    wave
}

/// Resident memory of a process, in bytes.
fn resident(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("its memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

async fn queries(administrator: &Administrator, process: &Process) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for _ in 0..N_QUERIES {
        let begun = Instant::now();
        administrator.ask(process, QUERY, json!({})).await?;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    Ok(took)
}

/// When each piece of news went out, by its number.
type Sent = Arc<Vec<AtomicU64>>;

/// Hears all news to the last; gives how late each was.
async fn listen(mut socket: Socket, is_slow: bool, sent: Sent, clock: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut late = Vec::new();
    loop {
        if is_slow {
            sleep(Duration::from_millis(500)).await;
        }
        let said = socket.hear().await?;
        let change = &said["payload"]["data"]["libraryChanges"];
        let title = change["media"]["title"].as_str().unwrap_or_default();
        let Some(news) = title
            .strip_prefix("news ")
            .and_then(|number| number.parse::<usize>().ok())
        else {
            ensure!(said["type"] == "next", "{said}");
            continue;
        };
        let at = Duration::from_micros(sent.get(news).context("news")?.load(Ordering::SeqCst));
        late.push(clock.elapsed().saturating_sub(at));
        if news + 1 == sent.len() {
            return Ok(late);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_hears_all_news() -> anyhow::Result<()> {
    let n = number("VITAGRAPH_TEST_CROWD", 60)? as usize;
    let seconds = number("VITAGRAPH_TEST_CROWD_SECONDS", 3)?;
    let rate = number("VITAGRAPH_TEST_CROWD_RATE", 1_000)?;
    // Each of them is a descriptor here and one there.
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: most.maximum,
        maximum: most.maximum,
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised)?;

    let home = tempfile::tempdir()?;
    let media = home.path().join("media");
    std::fs::create_dir(&media)?;
    std::fs::write(media.join("news.wav"), silence())?;
    let mut process = Process::start(
        home.path(),
        &[
            ("VITAGRAPH_SCAN_SETTLE_SECONDS", "0.0"),
            ("VITAGRAPH_SCAN_WATCH", "false"),
        ],
    )?;
    let administrator = process.administrator().await?;
    let library = administrator.library(&process, &media).await?;
    let scan = "mutation($id: ID!) { startScan(input: { libraryId: $id }) { job { id } } }";
    administrator.ask(&process, scan, json!({ "id": library })).await?;
    let deadline = Instant::now() + PATIENCE;
    let item = loop {
        let found = administrator.ask(&process, QUERY, json!({})).await?;
        if let Some(id) = found["media"]["nodes"][0]["id"].as_str() {
            break id.to_owned();
        }
        ensure!(Instant::now() < deadline, "nothing was found: {}", process.log());
        sleep(Duration::from_millis(50)).await;
    };
    let make = "mutation { createApiToken(input: { name: \"crowd\", scopes: [VIEW] }) { token } }";
    let token = administrator.ask(&process, make, json!({})).await?["createApiToken"]["token"].take();
    let token = token.as_str().context("a token")?.to_owned();

    let before = queries(&administrator, &process).await?;
    let memory = resident(process.id())?;
    let address = process.address().await?;
    let open = |_| {
        let (address, token) = (address.clone(), token.clone());
        async move {
            let mut socket = Socket::open_at(&address, &token).await?;
            socket.subscribe(FOLLOW, json!({})).await?;
            // It is heard of once it answers to something: only then it listens.
            socket.begin("here", "{ viewer { name } }", json!({})).await?;
            loop {
                let said = socket.hear().await?;
                if said["id"] == "here" && said["type"] == "complete" {
                    break;
                }
            }
            anyhow::Ok(socket)
        }
    };
    let opened = stream::iter(0..n).map(open).buffer_unordered(AT_ONCE);
    let sockets: Vec<anyhow::Result<Socket>> = opened.collect().await;
    let grown = resident(process.id())?.saturating_sub(memory);

    let pause = Duration::from_secs_f64(n as f64 / rate as f64).max(Duration::from_millis(300));
    let n_news = (Duration::from_secs(seconds).as_secs_f64() / pause.as_secs_f64())
        .ceil()
        .max(2.0) as usize;
    let sent: Sent = Arc::new((0..n_news).map(|_| AtomicU64::new(0)).collect());
    let clock = Instant::now();
    let mut crowd = JoinSet::new();
    for (index, socket) in sockets.into_iter().enumerate() {
        let (socket, sent, is_slow) = (socket?, Arc::clone(&sent), index % 10 == 9);
        crowd.spawn(async move { Ok::<_, anyhow::Error>((is_slow, listen(socket, is_slow, sent, clock).await?)) });
    }
    let (done, mut is_done) = watch::channel(false);
    let tell = async {
        let title =
            "mutation($id: ID!, $title: String!) { updateMedia(input: { id: $id, title: $title }) { media { id } } }";
        for (news, at) in sent.iter().enumerate() {
            at.store(clock.elapsed().as_micros() as u64, Ordering::SeqCst);
            let input = json!({ "id": item, "title": format!("news {news}") });
            administrator.ask(&process, title, input).await?;
            sleep(pause).await;
        }
        done.send(true)?;
        anyhow::Ok(())
    };
    let ask = async {
        let mut took = Vec::new();
        while !*is_done.borrow_and_update() {
            took.extend(queries(&administrator, &process).await?);
        }
        took.sort_unstable();
        anyhow::Ok(took)
    };
    let (told, during) = tokio::join!(tell, ask);
    told?;
    let during = during?;
    let mut late = Vec::new();
    for _ in 0..n {
        let heard = timeout(PATIENCE * 2, crowd.join_next())
            .await
            .context("somebody waits for news")?;
        let (is_slow, own) = heard.context("a listener")???;
        // News that come faster than four a second are told together, and a title has one value at a time.
        ensure!(!own.is_empty(), "somebody has heard nothing");
        if !is_slow {
            late.extend(own);
        }
    }
    late.sort_unstable();
    println!(
        "{n} subscribers: {} KiB each, {} pieces of news, late by {:?} at the median and {:?} at p99; a query takes {:?} at p99 before and {:?} during",
        grown / 1024 / n.max(1) as u64,
        n_news,
        percentile(&late, 50),
        percentile(&late, 99),
        percentile(&before, 99),
        percentile(&during, 99),
    );
    process.stop().await?;
    Ok(())
}
