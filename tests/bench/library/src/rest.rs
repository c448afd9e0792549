//! What a server by hand would be: one handler with minimal SQL by rusqlite that writes the same JSON as the grid's
//! document gets, and the same bytes from memory. It checks no token and knows one account.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use axum::{
    Router,
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use data_encoding::{BASE32HEX_NOPAD, BASE64URL_NOPAD};
use rusqlite::{Connection, OpenFlags, Row, params};
use serde::Deserialize;
use serde_json::{Map, Value, json};

const PAGE: usize = 40;

struct Rest {
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
    viewer: i64,
    bytes: Vec<u8>,
}

/// Serves `/page` and `/bytes` until the process ends.
pub async fn serve(database: PathBuf, listen: &str) -> anyhow::Result<()> {
    let connection = open(&database)?;
    let viewer = connection.query_row(r#"select min(id) from "user""#, [], |row| row.get(0))?;
    let bytes = serde_json::to_vec(&page(&connection, viewer, None)?)?;
    let rest = Arc::new(Rest {
        database,
        idle: Mutex::new(vec![connection]),
        viewer,
        bytes,
    });
    let routes = Router::new().route("/page", get(answer)).route(
        "/bytes",
        get(async |State(rest): State<Arc<Rest>>| json_of(rest.bytes.clone())),
    );
    let listener = tokio::net::TcpListener::bind(listen).await?;
    Ok(axum::serve(listener, routes.with_state(rest)).await?)
}

fn open(database: &PathBuf) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // What our server gives each of its readers.
    connection.execute_batch("pragma mmap_size = 0; pragma cache_size = -16384; pragma temp_store = memory")?;
    Ok(connection)
}

fn json_of(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}

/// Which page.
#[derive(Deserialize)]
struct Asked {
    /// The cursor of the item before it.
    after: Option<String>,
}

async fn answer(State(rest): State<Arc<Rest>>, Query(asked): Query<Asked>) -> Response {
    let work = tokio::task::spawn_blocking(move || {
        let idle = || rest.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle().pop();
        let connection = match known {
            Some(connection) => connection,
            None => open(&rest.database)?,
        };
        let page = page(&connection, rest.viewer, asked.after.as_deref())?;
        idle().push(connection);
        anyhow::Ok(serde_json::to_vec(&page)?)
    });
    match work.await {
        Ok(Ok(bytes)) => json_of(bytes),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn id(prefix: &str, id: i64) -> String {
    let mut text = BASE32HEX_NOPAD.encode(&id.to_be_bytes());
    text.make_ascii_lowercase();
    format!("{prefix}_{text}")
}

fn moment(ms: i64) -> Value {
    jiff::Timestamp::from_millisecond(ms).map_or(Value::Null, |moment| json!(moment.to_string()))
}

fn seconds(us: Option<i64>) -> Value {
    us.map_or(Value::Null, |us| json!(us as f64 / 1e6))
}

struct Item {
    id: i64,
    added_at: i64,
    node: Map<String, Value>,
}

/// When the item of a cursor was added, and its id; what comes before all of them without one.
fn place(cursor: Option<&str>) -> anyhow::Result<(i64, i64)> {
    let Some(cursor) = cursor else {
        return Ok((i64::MAX, i64::MAX));
    };
    let parts: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(cursor.as_bytes())?)?;
    let part = |index: usize| parts[index].as_i64().context("a number in a cursor");
    Ok((part(3)?, part(2)?))
}

fn page(db: &Connection, viewer: i64, after: Option<&str>) -> anyhow::Result<Value> {
    let (added_at, id_of) = place(after)?;
    let total: i64 = db
        .prepare_cached("select coalesce(sum(n_media), 0) from library")?
        .query_row([], |row| row.get(0))?;
    let mut select = db.prepare_cached(
        "select m.id, m.kind, m.title, m.date, m.added_at, m.duration_us, m.width, m.height, m.frame_rate_num,
             m.frame_rate_den, m.video_codec, m.audio_codec, u.rating, u.is_favorite, u.n_views, u.position_us, s.id, s.name
         from media m left join media_user u on u.media_id = m.id and u.user_id = ?1 left join studio s on s.id = m.studio_id
         where m.missing_at is null and (m.added_at, m.id) < (?3, ?4) order by m.added_at desc, m.id desc limit ?2",
    )?;
    let rows = select.query_map(params![viewer, PAGE as i64 + 1, added_at, id_of], item)?;
    let mut items = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let has_next = items.len() > PAGE;
    items.truncate(PAGE);
    let ids: Vec<String> = items.iter().map(|item| item.id.to_string()).collect();
    let ids = ids.join(",");
    let mut tags = lists(
        db,
        &format!(
            "select mt.media_id, t.id, t.name, t.color from media_tag mt join tag t on t.id = mt.tag_id
             where mt.media_id in ({ids}) order by t.sort_name, t.id"
        ),
        |row| {
            Ok(
                json!({ "id": id("tag", row.get(1)?), "name": row.get::<_, String>(2)?, "color": row.get::<_, Option<String>>(3)? }),
            )
        },
    )?;
    let mut people = lists(
        db,
        &format!(
            "select mp.media_id, p.id, p.name from media_person mp join person p on p.id = mp.person_id
             where mp.media_id in ({ids}) order by mp.position, p.id"
        ),
        |row| Ok(json!({ "id": id("prs", row.get(1)?), "name": row.get::<_, String>(2)? })),
    )?;
    let mut files = lists(
        db,
        &format!(
            "select media_id, id, path, size, mtime_ns, container from file where media_id in ({ids}) order by status, id"
        ),
        |row| {
            let modified: i64 = row.get(4)?;
            Ok(
                json!({ "id": id("fil", row.get(1)?), "path": row.get::<_, String>(2)?, "size": row.get::<_, i64>(3)?,
                "modifiedAt": moment(modified.div_euclid(1_000_000)), "container": row.get::<_, Option<String>>(5)? }),
            )
        },
    )?;
    let mut edges = Vec::with_capacity(items.len());
    for mut item in items {
        let nodes = |of: &mut HashMap<i64, Vec<Value>>| {
            let mut nodes = of.remove(&item.id).unwrap_or_default();
            nodes.truncate(20);
            nodes
        };
        let (tags, people) = (nodes(&mut tags), nodes(&mut people));
        item.node.insert("tags".to_owned(), json!({ "nodes": tags }));
        item.node.insert("people".to_owned(), json!({ "nodes": people }));
        item.node.insert(
            "files".to_owned(),
            Value::Array(files.remove(&item.id).unwrap_or_default()),
        );
        let cursor = json!([1, "-AddedAt", item.id, item.added_at]).to_string();
        edges.push(json!({ "cursor": BASE64URL_NOPAD.encode(cursor.as_bytes()), "node": item.node }));
    }
    let cursor = |edge: Option<&Value>| edge.map_or(Value::Null, |edge| edge["cursor"].clone());
    let (first, last) = (cursor(edges.first()), cursor(edges.last()));
    let info =
        json!({ "hasNextPage": has_next, "hasPreviousPage": after.is_some(), "startCursor": first, "endCursor": last });
    Ok(json!({ "data": { "media": { "totalCount": total, "pageInfo": info, "edges": edges } } }))
}

fn item(row: &Row<'_>) -> rusqlite::Result<Item> {
    let (id_of, kind, added_at): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(4)?);
    let mut node = Map::new();
    let mut put = |name: &str, value: Value| drop(node.insert(name.to_owned(), value));
    put("__typename", json!(["Video", "Audio", "Image"][kind as usize % 3]));
    put("id", json!(id("med", id_of)));
    put("title", json!(row.get::<_, String>(2)?));
    put("date", json!(row.get::<_, Option<String>>(3)?));
    put("addedAt", moment(added_at));
    put("rating", json!(row.get::<_, Option<i64>>(12)?));
    put("isFavorite", json!(row.get::<_, Option<bool>>(13)?.unwrap_or_default()));
    put("viewCount", json!(row.get::<_, Option<i64>>(14)?.unwrap_or_default()));
    put("thumbnail", Value::Null);
    let studio = row.get::<_, Option<i64>>(16)?;
    let name = row.get::<_, Option<String>>(17)?;
    put(
        "studio",
        studio.map_or(Value::Null, |studio| json!({ "id": id("std", studio), "name": name })),
    );
    if kind != 2 {
        put("duration", seconds(row.get(5)?));
        put("resumePosition", seconds(row.get(15)?));
        let codecs = [row.get::<_, Option<String>>(10)?, row.get(11)?];
        put("codecs", json!(codecs.into_iter().flatten().collect::<Vec<_>>()));
    }
    if kind != 1 {
        put("width", json!(row.get::<_, Option<i64>>(6)?));
        put("height", json!(row.get::<_, Option<i64>>(7)?));
    }
    if kind == 0 {
        let rate = (row.get::<_, Option<i64>>(8)?).zip(row.get::<_, Option<i64>>(9)?);
        put(
            "frameRate",
            rate.map_or(Value::Null, |(num, den)| json!(num as f64 / den as f64)),
        );
        put("previewUrl", Value::Null);
        put("sprite", Value::Null);
    }
    Ok(Item {
        id: id_of,
        added_at,
        node,
    })
}

fn lists(
    db: &Connection,
    sql: &str,
    value: impl Fn(&Row<'_>) -> rusqlite::Result<Value>,
) -> anyhow::Result<HashMap<i64, Vec<Value>>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut lists: HashMap<i64, Vec<Value>> = HashMap::new();
    while let Some(row) = rows.next()? {
        lists.entry(row.get(0)?).or_default().push(value(row)?);
    }
    Ok(lists)
}
