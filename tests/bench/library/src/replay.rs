//! Several people browse: they scroll the grid, open items, follow tags and people, search, and rate now and then. What
//! they look at is skewed, as in life: most stay near the beginning and with what is popular.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    http::{Connection, Target, Times, data},
    lists::MEDIA_PAGE,
    process, say,
};

/// How many browse.
pub const CLIENTS: u64 = 8;

const ITEM: &str = "query($id: ID!) { node(id: $id) { ... on Media { id title description date rating isFavorite
    tags(first: 50) { nodes { id name } } people(first: 50) { nodes { id name } } studio { id name }
    files { id path size streams { codec } } } } }";
const TAGS: &str =
    "{ tags(first: 50, sort: [{ field: MEDIA_COUNT, direction: DESC }]) { totalCount nodes { id name mediaCount } } }";
const RATE: &str = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id rating } } }";
const CACHES: &str = "{ system { caches { name hits misses coalesced weightedSize } } }";
const WORDS: [&str; 8] = [
    "harbor",
    "lantern",
    "river",
    "magic show",
    "garden",
    "winter",
    "signal",
    "glass",
];

/// Numbers that look random and repeat (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n.max(1)
    }

    /// Mostly small.
    fn skewed(&mut self, n: u64) -> u64 {
        let (one, other, third) = (self.below(n), self.below(n), self.below(n));
        one.min(other).min(third)
    }
}

/// Measures and prints all.
pub async fn measure(target: &Target, pid: u32, lasting: Duration) -> anyhow::Result<()> {
    let (before, memory) = (caches(target).await?, process::resident(pid)?);
    say(&format!(
        "memory before: {} MiB resident, {} MiB of it anonymous",
        memory.0, memory.1
    ));
    let begun = Instant::now();
    let times = Times(all_browse(target, lasting, None, |_| {}).await?);
    let n = times.0.len();
    say(&format!(
        "{n} requests of {CLIENTS} people in {:.0} s: {}",
        begun.elapsed().as_secs_f64(),
        times.show()
    ));
    let after = caches(target).await?;
    let (mut all_known, mut all) = (0, 0);
    for ((name, known, asked), (_, known_before, asked_before)) in after.iter().zip(&before) {
        let (known, asked) = (known - known_before, asked - asked_before);
        if asked > 0 {
            say(&format!(
                "  {name:20} {:5.1} % of {asked} from memory",
                100.0 * known as f64 / asked as f64
            ));
            (all_known, all) = (all_known + known, all + asked);
        }
    }
    say(&format!(
        "  {:20} {:5.1} % of {all} from memory (goal: over 90)",
        "all",
        100.0 * all_known as f64 / all.max(1) as f64
    ));
    let memory = process::resident(pid)?;
    say(&format!(
        "memory after: {} MiB resident, {} MiB of it anonymous",
        memory.0, memory.1
    ));
    Ok(())
}

/// Of each cache the keys that were known, and all that were asked for.
async fn caches(target: &Target) -> anyhow::Result<Vec<(String, i64, i64)>> {
    let answer = target.query(CACHES, &json!({})).await?;
    let caches = answer["system"]["caches"].as_array().cloned().unwrap_or_default();
    let number = |cache: &Value, field: &str| cache[field].as_i64().unwrap_or_default();
    let cache = |cache: &Value| {
        let known = number(cache, "hits") + number(cache, "coalesced");
        (cache["name"].to_string(), known, known + number(cache, "misses"))
    };
    Ok(caches.iter().map(cache).collect())
}

/// Lets all browse for a while, as fast as they are answered or each by a beat; tells of each time, and gives all of them.
pub async fn all_browse(
    target: &Target,
    lasting: Duration,
    beat: Option<Duration>,
    tell: impl Fn(Duration) + Clone + Send + 'static,
) -> anyhow::Result<Vec<Duration>> {
    let end = Instant::now() + lasting;
    let mut running = JoinSet::new();
    for client in 0..CLIENTS {
        let (target, tell) = (target.clone(), tell.clone());
        running.spawn(async move {
            let mut person = Person {
                connection: target.connect().await?,
                target,
                times: Vec::new(),
                // Not all at once.
                next: beat.map(|beat| Instant::now() + beat * client as u32 / CLIENTS as u32),
                beat: beat.unwrap_or_default(),
                tell,
            };
            person.browse(client, end).await?;
            anyhow::Ok(person.times)
        });
    }
    let mut times = Vec::new();
    while let Some(done) = running.join_next().await {
        times.extend(done??);
    }
    Ok(times)
}

struct Person<T> {
    target: Target,
    connection: Connection,
    times: Vec<Duration>,
    /// When the next request is due, where there is a beat.
    next: Option<Instant>,
    beat: Duration,
    tell: T,
}

impl<T: Fn(Duration)> Person<T> {
    async fn browse(&mut self, client: u64, end: Instant) -> anyhow::Result<()> {
        let random = &mut Random(0x9e37_79b9 + client * 7_919);
        while Instant::now() < end {
            // The tags are what one chooses a filter from.
            let tags = self.ask(TAGS, json!({})).await?;
            let mut variables = json!({ "first": 40 });
            match random.below(10) {
                0..5 => {}
                5 | 6 => {
                    let tag = &tags["tags"]["nodes"][random.skewed(50) as usize]["id"];
                    variables["filter"] = json!({ "tags": { "anyOf": [tag] } });
                }
                7 => variables["search"] = json!(WORDS[random.skewed(WORDS.len() as u64) as usize]),
                8 => variables["sort"] = json!([{ "field": "TITLE" }]),
                _ => variables["sort"] = json!([{ "field": "RATING", "direction": "DESC" }]),
            }
            for _ in 0..1 + random.skewed(12) {
                let page = self.ask(MEDIA_PAGE, variables.clone()).await?;
                let edges = page["media"]["edges"].as_array().cloned().unwrap_or_default();
                for _ in 0..random.below(3) {
                    let Some(edge) = edges.get(random.below(edges.len() as u64) as usize) else {
                        break;
                    };
                    let id = &edge["node"]["id"];
                    self.ask(ITEM, json!({ "id": id })).await?;
                    if random.below(12) == 0 {
                        let input = json!({ "input": { "id": id, "rating": random.below(101) } });
                        self.ask(RATE, input).await?;
                    }
                }
                if page["media"]["pageInfo"]["hasNextPage"] != true {
                    break;
                }
                variables["after"] = page["media"]["pageInfo"]["endCursor"].clone();
            }
        }
        Ok(())
    }

    /// Asks when it is due; a request that had to wait for the one before is as late as its answer.
    async fn ask(&mut self, document: &str, variables: Value) -> anyhow::Result<Value> {
        let request = self.target.graphql(document, &variables);
        let due = self.next.unwrap_or_else(Instant::now);
        tokio::time::sleep_until(due.into()).await;
        self.next = self.next.map(|next| next + self.beat);
        let body = self.connection.send(&request).await?;
        let time = due.elapsed();
        self.times.push(time);
        (self.tell)(time);
        data(&body)
    }
}
