//! Two servers on one database, as while one is replaced by its next version: one after the other they are stopped, killed and
//! started again while a scan runs and people work with both, and their clocks are twenty minutes apart. Who tries the other
//! one after a failure never fails, what one server writes the other soon shows, URLs that one signs the other serves, no job
//! runs twice at once, and the rows become those of a scan by one server alone.

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tests::{client::Client, database::Backend};
use tokio::time::{Instant, sleep};

use super::{life::Life, process::World, rows::Rows, tree};

const FILES: u64 = 300;
/// How wrong the clocks are, in seconds.
const CLOCKS: [i64; 2] = [600, -600];
/// A cache that nobody tells of a change keeps a row for a minute.
const SOON: Duration = Duration::from_secs(25);
const RATE: &str = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { rating } } }";
const RENAME: &str = "mutation($input: UpdateTagInput!) { updateTag(input: $input) { tag { name } } }";
const LOOK: &str = "query($item: ID!, $tag: ID!) { item: node(id: $item) { ... on Media { rating } } \
    tag: node(id: $tag) { ... on Tag { name } } }";

/// Where both are now.
struct Both([Mutex<Client>; 2]);

impl Both {
    fn client(&self, which: usize) -> Client {
        self.0[which].lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn moved(&self, which: usize, client: Client) {
        *self.0[which].lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    /// Asks one server, and if it cannot answer the other one. Says which one did.
    async fn ask(&self, which: usize, query: &str, variables: &Value) -> anyhow::Result<(usize, Value)> {
        for which in [which, 1 - which] {
            let answer = self.client(which).send(query, variables.clone()).await;
            let Ok(answer) = answer else { continue };
            let code = answer["errors"][0]["extensions"]["code"].as_str();
            match code {
                None => return Ok((which, answer["data"].clone())),
                // It is on its way out.
                Some("UNAVAILABLE") => {}
                Some(_) => bail!("{answer:#}"),
            }
        }
        bail!("neither server answered")
    }
}

/// What somebody met who works with both.
#[derive(Default)]
struct Met {
    n_written: usize,
    longest: Duration,
}

/// How far they are.
#[derive(Default)]
struct Course {
    is_over: AtomicBool,
    /// How often something was written to one server and then read from the other.
    n_shown: AtomicUsize,
}

/// Rates an item and renames a tag, now here, now there, and looks at the other server until it shows that.
async fn work(both: &Both, item: &str, tag: &str, course: &Course) -> anyhow::Result<Met> {
    let mut met = Met::default();
    let seen = json!({ "item": item, "tag": tag });
    while !course.is_over.load(Ordering::Relaxed) {
        let n = met.n_written + 1;
        let (here, there) = (n % 2, 1 - n % 2);
        // Both have the rows in memory now.
        for which in [here, there] {
            both.ask(which, LOOK, &seen).await?;
        }
        let (rating, name) = (n as i64 % 100, format!("common {n}"));
        let (wrote, _) = both
            .ask(here, RATE, &json!({ "input": { "id": item, "rating": rating } }))
            .await?;
        both.ask(wrote, RENAME, &json!({ "input": { "id": tag, "name": name } }))
            .await?;
        met.n_written += 1;
        let begun = Instant::now();
        loop {
            let (read, data) = both.ask(1 - wrote, LOOK, &seen).await?;
            if data["item"]["rating"] == rating && data["tag"]["name"] == *name {
                course.n_shown.fetch_add(usize::from(read != wrote), Ordering::Relaxed);
                met.longest = met.longest.max(begun.elapsed());
                break;
            }
            ensure!(
                begun.elapsed() < SOON,
                "after {SOON:?} one server still says {data}, the other wrote {rating} and `{name}`"
            );
            sleep(Duration::from_millis(5)).await;
        }
    }
    Ok(met)
}

/// Stops one after the other, as an upgrade does, and then lets one die. Those who are there then get a scan of their own, as the
/// first one may have ended before anybody was replaced.
async fn replace(world: &World, both: &Both, mut lives: [Life; 2], course: &Course) -> anyhow::Result<[Life; 2]> {
    // As long as somebody has seen of both that they tell each other.
    let some_time = async || {
        let enough = course.n_shown.load(Ordering::Relaxed) + 4;
        while course.n_shown.load(Ordering::Relaxed) < enough {
            sleep(Duration::from_millis(20)).await;
        }
    };
    for which in [0, 1, 0] {
        some_time().await;
        let life = world.serve_elsewhere(CLOCKS[which], false)?;
        let old = std::mem::replace(&mut lives[which], life);
        match which {
            0 => old.end().await?,
            _ => old.crash().await?,
        }
        both.moved(which, lives[which].ready().await?);
    }
    lives[0].all_succeeded(world).await?;
    lives[0].start_scan(world).await?;
    some_time().await;
    Ok(lives)
}

async fn first(client: &Client, query: &str) -> anyhow::Result<String> {
    let list = client.query(query, json!({})).await?;
    let id = list["media"]["nodes"][0]["id"]
        .as_str()
        .or(list["createTag"]["tag"]["id"].as_str());
    Ok(id.with_context(|| format!("{list:#}"))?.to_owned())
}

/// The bytes of a file from one server, by a URL that is signed by the other one.
async fn serves_what_another_signed(server: &Client, other: &Client, item: &str) -> anyhow::Result<()> {
    let query = "query($id: ID!) { node(id: $id) { ... on Media { files { url } } } }";
    let data = other.query(query, json!({ "id": item })).await?;
    let url = data["node"]["files"][0]["url"].as_str();
    let path = url.with_context(|| format!("{data:#}"))?.replace(other.address(), "");
    let stranger = Client::new(server.address(), None);
    let status = stranger.request("GET", &path)?.send().await?.status();
    ensure!(
        status.is_success(),
        "a server answers {status} to what another one signed"
    );
    Ok(())
}

/// The time that a server says it is, in seconds.
async fn says_it_is(server: &Client) -> anyhow::Result<i64> {
    let answer = server.request("GET", "/healthz")?.send().await?;
    let date = answer.headers().get("date").context("a date")?.to_str()?;
    Ok(jiff::fmt::rfc2822::parse(date)?.timestamp().as_second())
}

/// The rows after a scan by one server.
async fn undisturbed(home: &Path, media: &Path) -> anyhow::Result<Rows> {
    let world = World::make(home, Backend::Postgres, media).await?;
    let life = world.serve()?;
    life.ready().await?;
    life.start_scan(&world).await?;
    life.all_succeeded(&world).await?;
    life.end().await?;
    world.rows().await
}

async fn two_servers(home: &Path) -> anyhow::Result<()> {
    let media = home.join("media");
    tree::write(&media, FILES).await?;
    let wanted = undisturbed(&home.join("alone"), &media).await?;

    let world = World::make(&home.join("both"), Backend::Postgres, &media).await?;
    let lives = [
        world.serve_elsewhere(CLOCKS[0], true)?,
        world.serve_elsewhere(CLOCKS[1], true)?,
    ];
    let both = Both([Mutex::new(lives[0].ready().await?), Mutex::new(lives[1].ready().await?)]);
    let apart = says_it_is(&both.client(0)).await? - says_it_is(&both.client(1)).await?;
    ensure!(
        (apart - (CLOCKS[0] - CLOCKS[1])).abs() < 60,
        "the clocks are {apart} s apart"
    );
    lives[0].start_scan(&world).await?;
    let client = both.client(1);
    let begun = Instant::now();
    let item = loop {
        match first(&client, "{ media(first: 1) { nodes { id } } }").await {
            Ok(item) => break item,
            Err(error) => ensure!(begun.elapsed() < Duration::from_secs(120), "{error:#}"),
        }
        sleep(Duration::from_millis(20)).await;
    };
    let tag = first(
        &client,
        "mutation { createTag(input: { name: \"common 0\" }) { tag { id } } }",
    )
    .await?;

    let course = Course::default();
    let upgrade = async {
        let lives = replace(&world, &both, lives, &course).await;
        course.is_over.store(true, Ordering::Relaxed);
        lives
    };
    let (lives, met) = tokio::try_join!(upgrade, work(&both, &item, &tag, &course))?;
    for which in [0, 1] {
        serves_what_another_signed(&both.client(which), &both.client(1 - which), &item).await?;
    }
    println!(
        "{} times written, {} times read from the other server, after {:.0?} at most",
        met.n_written,
        course.n_shown.into_inner(),
        met.longest
    );
    lives[0].all_succeeded(&world).await?;
    let deleted = "mutation($id: ID!) { deleteTag(input: { id: $id }) { deletedId } }";
    both.client(0).query(deleted, json!({ "id": tag })).await?;
    for life in lives {
        life.end().await?;
    }
    world.rows().await?.ensure_equals(&wanted)?;
    let twice = "select count(*) from job_attempt a join job_attempt b on a.job_id = b.job_id and a.attempt < b.attempt \
        where b.started_at < a.ended_at";
    ensure!(world.number(twice).await? == 0, "a job was run twice at once");
    let n_again = world
        .number("select count(*) from job_attempt where attempt > 1")
        .await?;
    let n_nodes = world.number("select count(distinct node_id) from job_attempt").await?;
    println!("{n_again} jobs were gone on with; {n_nodes} servers took part");
    ensure!(n_nodes > 1, "one server did everything");
    Ok(())
}

#[test]
fn two_servers_are_replaced_while_people_work() -> anyhow::Result<()> {
    if !Backend::Postgres.is_available() {
        return Ok(());
    }
    tests::database::run(async {
        let home = tempfile::tempdir()?;
        let ended = two_servers(home.path()).await;
        tests::database::clear().await?;
        ended
    })
}
