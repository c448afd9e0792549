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

const CLIENTS: u64 = 8;

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
    let mut running = JoinSet::new();
    for client in 0..CLIENTS {
        let target = target.clone();
        running.spawn(async move { browse(&target, client, begun, lasting).await });
    }
    let mut times = Times::default();
    while let Some(done) = running.join_next().await {
        times.0.extend(done??.0);
    }
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

async fn browse(target: &Target, client: u64, begun: Instant, lasting: Duration) -> anyhow::Result<Times> {
    let mut connection = target.connect().await?;
    let mut times = Times::default();
    let random = &mut Random(0x9e37_79b9 + client * 7_919);
    while begun.elapsed() < lasting {
        // The tags are what one chooses a filter from.
        let tags = ask(target, &mut connection, &mut times, TAGS, json!({})).await?;
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
            let page = ask(target, &mut connection, &mut times, MEDIA_PAGE, variables.clone()).await?;
            let edges = page["media"]["edges"].as_array().cloned().unwrap_or_default();
            for _ in 0..random.below(3) {
                let Some(edge) = edges.get(random.below(edges.len() as u64) as usize) else {
                    break;
                };
                let id = &edge["node"]["id"];
                ask(target, &mut connection, &mut times, ITEM, json!({ "id": id })).await?;
                if random.below(12) == 0 {
                    let input = json!({ "input": { "id": id, "rating": random.below(101) } });
                    ask(target, &mut connection, &mut times, RATE, input).await?;
                }
            }
            if page["media"]["pageInfo"]["hasNextPage"] != true {
                break;
            }
            variables["after"] = page["media"]["pageInfo"]["endCursor"].clone();
        }
    }
    Ok(times)
}

async fn ask(
    target: &Target,
    connection: &mut Connection,
    times: &mut Times,
    document: &str,
    variables: Value,
) -> anyhow::Result<Value> {
    let (time, body) = connection.time(&target.graphql(document, &variables)).await?;
    times.0.push(time);
    data(&body)
}
