//! Pages from the beginning to the end of each order, and what is asked about lists. Before each measurement an edit
//! makes the server forget every answer about lists, so that each is found out anew; rows stay in memory.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::{
    http::{Connection, Request, Target, Times, data},
    say,
};

/// The grid of the web app.
pub const MEDIA_PAGE: &str =
    "query MediaPage($first: Int!, $after: String, $search: String, $filter: MediaFilter, $sort: [MediaSort!]) {
  media(first: $first, after: $after, search: $search, filter: $filter, sort: $sort) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    edges { cursor node { ...MediaCard } }
  }
}
fragment MediaCard on Media {
  __typename
  id title date addedAt rating isFavorite viewCount
  thumbnail { url thumbhash srcset { url width } }
  tags(first: 20) { nodes { id name color } }
  people(first: 20) { nodes { id name } }
  studio { id name }
  files { id path size modifiedAt container }
  ... on Video { duration width height frameRate resumePosition codecs previewUrl sprite { vttUrl } }
  ... on Audio { duration codecs resumePosition }
  ... on Image { width height }
}";

const IDS: &str = "query($first: Int, $after: String, $last: Int, $sort: [MediaSort!]) {
  media(first: $first, after: $after, last: $last, sort: $sort) { pageInfo { startCursor endCursor } nodes { id } } }";

/// A page with the lines that were searched for.
const SAID: &str = "query($first: Int!, $search: String!) { media(first: $first, search: $search) {
    totalCount nodes { id title highlights(search: $search) { field at pieces { text isMatch } } } } }";

const FACETS: &str = "query($search: String, $filter: MediaFilter) { media(first: 40, search: $search, filter: $filter) {
  nodes { id title } facets { tags(first: 10) { value { id name } count } kinds { value count } resolutions { value count } } } }";

const EVERY_FACET: &str =
    "query($search: String, $filter: MediaFilter) { media(first: 40, search: $search, filter: $filter) {
  nodes { id title } facets { tags { value { id } count } people { value { id } count } studios { value { id } count }
  libraries { value { id } count } kinds { value count } resolutions { value count } videoCodecs { value count }
  audioCodecs { value count } years { value count } ratings { from count } } } }";

/// Makes the server forget what it knows about lists.
pub struct Forgetting {
    connection: Connection,
    target: Target,
    media: Value,
    n: usize,
}

impl Forgetting {
    /// Over the newest item.
    pub async fn new(target: &Target) -> anyhow::Result<Self> {
        let newest = target.query("{ media(first: 1) { nodes { id } } }", &json!({})).await?;
        Ok(Self {
            connection: target.connect().await?,
            target: target.clone(),
            media: newest["media"]["nodes"][0]["id"].clone(),
            n: 0,
        })
    }

    /// Edits the item.
    pub async fn forget(&mut self) -> anyhow::Result<()> {
        self.n += 1;
        let document = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
        let input = json!({ "input": { "id": self.media, "description": format!("measured {} times", self.n), "rating": self.n % 100 } });
        let answer = self.connection.send(&self.target.graphql(document, &input)).await?;
        data(&answer).map(drop)
    }
}

/// Measures and prints all.
pub async fn measure(target: &Target, rounds: usize) -> anyhow::Result<()> {
    let mut forgetting = Forgetting::new(target).await?;
    let mut connection = target.connect().await?;
    let all = target.query("{ media(first: 0) { totalCount } }", &json!({})).await?;
    let n_media = all["media"]["totalCount"].as_u64().context("a total")?;
    say(&format!(
        "{n_media} items; pages of 40 cards, {rounds} rounds, ids anew in each, rows warm"
    ));
    for (name, sort) in [
        ("added", json!([{ "field": "ADDED_AT", "direction": "DESC" }])),
        ("date", json!([{ "field": "DATE", "direction": "DESC" }])),
        ("title", json!([{ "field": "TITLE" }])),
        ("rating", json!([{ "field": "RATING", "direction": "DESC" }])),
        ("size", json!([{ "field": "SIZE", "direction": "DESC" }])),
        ("random", json!([{ "field": "RANDOM", "seed": 7 }])),
    ] {
        let middle = middle(target, &sort, n_media / 2).await?;
        let last = target.query(IDS, &json!({ "last": 41, "sort": sort })).await?;
        let last = last["media"]["pageInfo"]["startCursor"].clone();
        let mut medians = Vec::new();
        for (place, after) in [("first", json!(null)), ("middle", middle), ("last", last)] {
            let request = target.graphql(MEDIA_PAGE, &json!({ "first": 40, "after": after, "sort": sort }));
            let times = times(&mut connection, &mut forgetting, &request, rounds).await?;
            medians.push(times.at(500));
            say(&format!("page by {name:7} {place:7} {}", times.show()));
        }
        say(&format!("page by {name:7} last/first {:.2}", medians[2] / medians[0]));
    }
    await_census(target, &mut connection, &mut forgetting).await?;
    let filtered = filter(target).await?;
    let search = |text: &str| json!({ "first": 40, "search": text });
    for (name, document, variables) in [
        ("search, one frequent word", MEDIA_PAGE, search("harbor")),
        (
            "search, several words",
            MEDIA_PAGE,
            search("lantern -draft \"magic show\""),
        ),
        ("search, a rare pair", MEDIA_PAGE, search("velvet zeppelin")),
        ("search, a beginning", MEDIA_PAGE, search("lant*")),
        ("search, mistyped", MEDIA_PAGE, search("harbro")),
        ("search, only in paths", MEDIA_PAGE, search("mp4")),
        ("search that rules out", MEDIA_PAGE, search("-mp4")),
        ("search, only in subtitles", MEDIA_PAGE, search("nobody")),
        ("search, what was said", SAID, search("\"did you see the lantern\"")),
        (
            "search through a filter",
            MEDIA_PAGE,
            json!({ "first": 40, "search": "harbor", "filter": { "tags": filtered["filter"]["and"][1]["tags"] } }),
        ),
        (
            "search by title",
            MEDIA_PAGE,
            json!({ "first": 40, "search": "harbor", "sort": [{ "field": "TITLE" }] }),
        ),
        ("filter, media-filter.graphql", MEDIA_PAGE, filtered.clone()),
        (
            "filter, half of all",
            MEDIA_PAGE,
            json!({ "first": 40, "filter": { "kind": { "eq": "VIDEO" } } }),
        ),
        ("facets, media-filter.graphql", FACETS, filtered.clone()),
        ("facets of all", FACETS, json!({})),
        ("facets of a search", FACETS, json!({ "search": "harbor" })),
        (
            "facets of half",
            FACETS,
            json!({ "filter": { "kind": { "eq": "VIDEO" } } }),
        ),
        ("every facet of all", EVERY_FACET, json!({})),
        ("total of all", "{ media(first: 0) { totalCount } }", json!({})),
        (
            "total of a filter",
            "query($filter: MediaFilter) { media(first: 0, filter: $filter) { totalCount } }",
            json!({ "filter": { "height": { "gte": 720 } } }),
        ),
        (
            "libraries",
            "{ libraries { nodes { id name paths kind mediaCount totalSize totalDuration lastScannedAt isOnline } } }",
            json!({}),
        ),
        (
            "tags with their newest",
            "{ tags(first: 50, sort: [{ field: MEDIA_COUNT, direction: DESC }]) { totalCount nodes { id name mediaCount media(first: 4) { nodes { id thumbnail { url } } } } } }",
            json!({}),
        ),
    ] {
        let request = target.graphql(document, &variables);
        // A server of an earlier build may lack a field.
        if let Err(error) = data(&connection.send(&request).await?) {
            say(&format!("{name:30} skipped: {error}"));
            continue;
        }
        let anew = times(&mut connection, &mut forgetting, &request, rounds.min(20)).await?;
        let mut again = Times::default();
        for _ in 0..rounds {
            again.0.push(connection.time(&request).await?.0);
        }
        say(&format!("{name:30} anew {}   again {}", anew.show(), again.show()));
    }
    Ok(())
}

/// Asks for what is slow without the census until it is there, or for half a minute: small libraries need none.
async fn await_census(target: &Target, connection: &mut Connection, forgetting: &mut Forgetting) -> anyhow::Result<()> {
    let request = target.graphql(FACETS, &json!({ "filter": { "kind": { "eq": "VIDEO" } } }));
    let begun = Instant::now();
    let mut first = None;
    loop {
        forgetting.forget().await?;
        let took = connection.time(&request).await?.0;
        let first = *first.get_or_insert(took);
        if took * 2 < first || took < Duration::from_millis(20) || begun.elapsed() > Duration::from_secs(30) {
            say(&format!(
                "facets of half before the census: {:.1} ms; {:.1} ms {:.1} s later",
                first.as_secs_f64() * 1e3,
                took.as_secs_f64() * 1e3,
                begun.elapsed().as_secs_f64()
            ));
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn times(
    connection: &mut Connection,
    forgetting: &mut Forgetting,
    request: &Request,
    rounds: usize,
) -> anyhow::Result<Times> {
    data(&connection.send(request).await?)?;
    let mut times = Times::default();
    for _ in 0..rounds {
        forgetting.forget().await?;
        times.0.push(connection.time(request).await?.0);
    }
    Ok(times)
}

/// A cursor after about so many items.
async fn middle(target: &Target, sort: &Value, n: u64) -> anyhow::Result<Value> {
    let mut connection = target.connect().await?;
    let mut after = json!(null);
    for _ in 0..(n / 1000).max(1) {
        let request = target.graphql(IDS, &json!({ "first": 1000, "after": after, "sort": sort }));
        let page = data(&connection.send(&request).await?)?;
        after = page["media"]["pageInfo"]["endCursor"].clone();
        ensure!(!after.is_null(), "a page without end");
    }
    Ok(after)
}

/// The variables of `media-filter.graphql` for this library.
async fn filter(target: &Target) -> anyhow::Result<Value> {
    let names = target
        .query(
            "{ tags(first: 6, sort: [{ field: MEDIA_COUNT, direction: DESC }]) { nodes { id } }
               people(first: 1, sort: [{ field: MEDIA_COUNT, direction: DESC }]) { nodes { id } } }",
            &json!({}),
        )
        .await?;
    let tag = |n: usize| names["tags"]["nodes"][n]["id"].clone();
    let filter = json!({
        "and": [
            { "tags": { "anyOf": [tag(0), tag(3)], "includeDescendants": true } },
            { "tags": { "allOf": [tag(1)] } },
            { "or": [{ "rating": { "gte": 80 } }, { "isFavorite": { "eq": true } }, { "viewCount": { "gt": 10 } }] },
            { "not": { "people": { "anyOf": [names["people"]["nodes"][0]["id"]] } } },
        ],
        "kind": { "in": ["VIDEO", "AUDIO"] },
        "duration": { "between": { "from": 60, "to": 5400 } },
        "height": { "gte": 720 },
        "path": { "contains": "holidays" },
        "videoCodec": { "in": ["h264", "hevc"] },
        "addedAt": { "gte": "2020-01-01T00:00:00Z" },
    });
    let sort = json!([{ "field": "RATING", "direction": "DESC" }, { "field": "TITLE", "direction": "ASC" }]);
    Ok(json!({ "first": 40, "filter": filter, "sort": sort }))
}
