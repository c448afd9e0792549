//! How the databases go about the statements behind the contract's pages: no page looks at every item, and none sorts
//! items that an index has in order. SQLite's plans are kept beside this file; `UPDATE_EXPECT=1` writes them anew.
//! `VITAGRAPH_EXPLAIN_MEDIA=100000` looks at a library of another size, and then compares no plans, only checks them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::ensure;
use expect_test::expect_file;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::{Value as Json, json};
use tests::{database::Backend, library::Library, on_both};

/// Items by default: enough for PostgreSQL to prefer indexes, and few enough for each test run.
const N_MEDIA: usize = 20_000;

const CARDS: &str = "query($first: Int, $after: String, $last: Int, $search: String, $filter: MediaFilter, $sort: [MediaSort!]) {
    media(first: $first, after: $after, last: $last, search: $search, filter: $filter, sort: $sort) {
        pageInfo { endCursor } nodes { id title rating tags { nodes { name } } people { nodes { name } } studio { name } files { path } } } }";
const TOTAL: &str =
    "query($search: String, $filter: MediaFilter) { media(first: 0, search: $search, filter: $filter) { totalCount } }";
const FILTERED: &str =
    "query($filter: MediaFilter, $search: String) { media(first: 40, search: $search, filter: $filter,
    sort: [{ field: RATING, direction: DESC }, { field: TITLE, direction: ASC }]) { totalCount nodes { id title }
    facets { tags(first: 10) { value { id name } count } kinds { value count } resolutions { value count } } } }";
const ORGANIZE: &str =
    "{ tags(first: 50, search: \"a\", sort: [{ field: MEDIA_COUNT, direction: DESC }]) { totalCount nodes { id name
        media(first: 4) { nodes { id } } } }
    people(first: 50) { nodes { id name mediaCount media(first: 4) { nodes { id } } } }
    studios(first: 50) { nodes { id name mediaCount media(first: 4) { nodes { id } } } }
    libraries { nodes { id name media(first: 4) { nodes { id } } } } }";

/// The contract's pages, each with its name.
async fn questions(library: &Library) -> anyhow::Result<Vec<(String, &'static str, Json)>> {
    let mut questions = Vec::new();
    for field in [
        "ADDED_AT",
        "TITLE",
        "DATE",
        "MODIFIED_AT",
        "SIZE",
        "DURATION",
        "HEIGHT",
        "BIT_RATE",
        "PATH",
        "RATING",
        "VIEW_COUNT",
        "LAST_VIEWED_AT",
        "RANDOM",
        "ID",
    ] {
        let sort = json!([{ "field": field, "direction": "DESC" }]);
        let first = library.data(CARDS, json!({ "first": 40, "sort": sort })).await?;
        let after = &first["media"]["pageInfo"]["endCursor"];
        questions.push((format!("by {field}"), CARDS, json!({ "first": 40, "sort": sort })));
        questions.push((
            format!("by {field}, the next"),
            CARDS,
            json!({ "first": 40, "sort": sort, "after": after }),
        ));
        questions.push((
            format!("by {field}, from the end"),
            CARDS,
            json!({ "last": 40, "sort": sort }),
        ));
    }
    let names = library
        .data("{ tags(first: 9, sort: [{ field: MEDIA_COUNT, direction: DESC }]) { nodes { id } } people(first: 1) { nodes { id } } }", json!({}))
        .await?;
    let tag = |n: usize| names["tags"]["nodes"][n]["id"].clone();
    let filter = json!({
        "and": [
            { "tags": { "anyOf": [tag(0)], "includeDescendants": true } },
            { "tags": { "allOf": [tag(1), tag(2)] } },
            { "or": [{ "rating": { "gte": 80 } }, { "isFavorite": { "eq": true } }, { "viewCount": { "gt": 10 } }] },
            { "not": { "people": { "anyOf": [names["people"]["nodes"][0]["id"]] } } },
        ],
        "kind": { "in": ["VIDEO", "AUDIO"] }, "duration": { "between": { "from": 60, "to": 5400 } },
        "height": { "gte": 720 }, "path": { "contains": "holidays" }, "videoCodec": { "in": ["h264", "hevc"] },
        "hasSubtitles": { "eq": true }, "addedAt": { "gte": "2020-01-01T00:00:00Z" },
    });
    let rare = json!({ "tags": { "anyOf": [tag(8)] } });
    let by_title = json!([{ "field": "TITLE" }]);
    for (name, document, variables) in [
        (
            "the whole filter",
            FILTERED,
            json!({ "filter": filter, "search": "harbor -draft" }),
        ),
        (
            "a tag, by title",
            CARDS,
            json!({ "first": 40, "filter": rare, "sort": by_title }),
        ),
        (
            "favorites",
            CARDS,
            json!({ "first": 40, "filter": { "isFavorite": { "eq": true } } }),
        ),
        ("a search", CARDS, json!({ "first": 40, "search": "harbor" })),
        (
            "a search, by title",
            CARDS,
            json!({ "first": 40, "search": "harbor", "sort": by_title }),
        ),
        (
            "a search by a word that nothing has",
            CARDS,
            json!({ "first": 40, "search": "xylophones" }),
        ),
        (
            "a search that rules out",
            CARDS,
            json!({ "first": 40, "search": "-harbor" }),
        ),
        ("the total of a search", TOTAL, json!({ "search": "harbor" })),
        (
            "the total of a search that rules out",
            TOTAL,
            json!({ "search": "-harbor" }),
        ),
        ("the total of all", TOTAL, json!({})),
        ("all that is organized", ORGANIZE, json!({})),
        (
            "ids for an export",
            "{ media(first: 1000, sort: [{ field: ID, direction: ASC }]) { nodes { id } } }",
            json!({}),
        ),
    ] {
        questions.push((name.to_owned(), document, variables));
    }
    Ok(questions)
}

/// A line of a plan: how deep it stands, and what it says.
type Line = (usize, String);

async fn plan(library: &Library, statement: &Statement) -> anyhow::Result<Vec<Line>> {
    let db = library.kernel.store.reader();
    let is_sqlite = statement.db_backend == DbBackend::Sqlite;
    let explain = if is_sqlite {
        "explain query plan"
    } else {
        "explain (costs off)"
    };
    let explained = Statement {
        sql: format!("{explain} {}", statement.sql),
        ..statement.clone()
    };
    let mut lines = Vec::new();
    let mut depths: BTreeMap<i64, usize> = BTreeMap::new();
    for row in db.query_all_raw(explained).await? {
        if !is_sqlite {
            let text: String = row.try_get_by_index(0)?;
            lines.push((text.len() - text.trim_start().len(), normal(text.trim_start())));
            continue;
        }
        let (id, parent): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let depth = depths.get(&parent).map_or(0, |depth| depth + 2);
        depths.insert(id, depth);
        lines.push((depth, row.try_get_by_index(3)?));
    }
    Ok(lines)
}

/// Without ids, moments and names of subplans, which differ from run to run.
fn normal(line: &str) -> String {
    let mut text = String::new();
    let mut digits = String::new();
    for sign in line.chars().chain(['\n']) {
        if sign.is_ascii_digit() {
            digits.push(sign);
            continue;
        }
        text.push_str(if digits.len() > 5 { "N" } else { &digits });
        digits.clear();
        text.push(sign);
    }
    // Lists of ids are as long as it happens.
    while text.contains("N,N") {
        text = text.replace("N,N", "N");
    }
    text.trim_end().to_owned()
}

/// What is wrong with how PostgreSQL leaves out what a list holds: a list that is long it looks through for each row.
fn faults_of_lists(lines: &[Line]) -> Vec<String> {
    let is_looked_through = |line: &str| line.contains("NOT (hashed SubPlan") || line.contains("NOT (SubPlan");
    let faults = lines.iter().filter(|(_, line)| is_looked_through(line));
    faults
        .map(|(_, line)| format!("looks through what is left out: {line}"))
        .collect()
}

/// What is wrong with a plan: an item's table that is read whole, or sorted although it is walked.
fn faults(lines: &[Line], counts: bool, has_limit: bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, (depth, line)) in lines.iter().enumerate() {
        let is_media = line.starts_with("SCAN media ")
            || line == "SCAN media"
            || line.contains("Seq Scan on media\n")
            || line.ends_with("Seq Scan on media");
        if !is_media {
            continue;
        }
        // A count must look at all that it counts: a subquery of its own.
        let above = lines[..at].iter().rev();
        let mut least = *depth;
        let mut is_counted = counts;
        for (other, line) in above {
            if *other < least {
                least = *other;
                is_counted |= line.starts_with("SCALAR SUBQUERY") || line.starts_with("InitPlan");
            }
        }
        if is_counted {
            continue;
        }
        let siblings = lines.iter().filter(|(other, _)| other == depth);
        let is_sorted = siblings
            .into_iter()
            .any(|(_, line)| line.contains("TEMP B-TREE FOR ORDER BY"));
        if is_sorted || line.contains("Seq Scan") {
            faults.push(format!("reads and sorts every item: {line}"));
        } else if !has_limit {
            // In the order of an index, or of the ids, a walk ends with its page.
            faults.push(format!("reads every item: {line}"));
        }
    }
    faults
}

on_both! {
    async fn the_contracts_pages_are_read_from_indexes(backend: Backend) {
        let size = std::env::var("VITAGRAPH_EXPLAIN_MEDIA").ok().and_then(|text| text.parse().ok());
        let library = Library::seeded(backend, size.unwrap_or(N_MEDIA)).await?;
        library.shared.answers.census.hold_off();
        let (mut text, mut known) = (String::new(), BTreeSet::new());
        let mut wrong = Vec::new();
        for (name, document, variables) in questions(&library).await? {
            let statements = library.statements(document, variables).await?;
            ensure!(statements.len() <= 8 || name == "all that is organized", "{name} costs {} statements", statements.len());
            let mut seen = Vec::new();
            for statement in &statements {
                let lines = plan(&library, statement).await?;
                // Facets and totals count; pages do not.
                let counts = statement.sql.to_lowercase().starts_with("select count(*)") || statement.sql.contains("GROUP BY") || statement.sql.contains("count(*) filter");
                let faults = faults(&lines, counts, statement.sql.contains("LIMIT")).into_iter().chain(faults_of_lists(&lines));
                wrong.extend(faults.map(|fault| format!("{name}: {fault}\n{}", statement.sql)));
                let shown: Vec<String> = lines.iter().map(|(depth, line)| format!("{}{line}\n", " ".repeat(depth + 2))).collect();
                seen.push(shown.concat());
            }
            if document == ORGANIZE {
                // Four lists at once: which of their rows are read together depends on who comes first.
                continue;
            }
            text.push_str(&format!("# {name}: {} statements\n", statements.len()));
            // Loaders that run side by side come in no order.
            seen.sort();
            // Rows are read alike on every page: one plan is enough.
            seen.retain(|plan| known.insert(plan.clone()));
            text.push_str(&seen.join("  --\n"));
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        // Which of two good plans PostgreSQL takes depends on when it last vacuumed: it is held to the rules alone.
        if size.is_some() || backend == Backend::Postgres {
            return Ok(());
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/explain/sqlite.txt");
        expect_file![path].assert_eq(&text);
    }
}
