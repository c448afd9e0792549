//! Duplicates as a client sees them: who is grouped, what a merge keeps, and what stays dismissed.

pub mod plant;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use plant::{Plant, Planted, flipped, numbers, plant, plant_one_by_one, remeasure};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use tests::{client::Client, database::Backend, on_both, server::TestServer};

/// A hash with as many bits set as a real one.
const BASE: u64 = 0x5a5a_c3c3_0ff0_9966;

async fn world(backend: Backend) -> anyhow::Result<(TestServer, String)> {
    let server = TestServer::start(backend).await?;
    let library = server.library("").await?;
    Ok((server, library))
}

/// Compares to the end. It must succeed.
async fn index(server: &TestServer, input: Value) -> anyhow::Result<()> {
    let job = start(server, input).await?;
    let done = server.finished(&job).await?;
    ensure!(
        done["status"] == "SUCCEEDED" && done["kind"] == "similar.index",
        "{done:#}"
    );
    Ok(())
}

async fn start(server: &TestServer, input: Value) -> anyhow::Result<String> {
    let document = "mutation($input: IndexSimilarInput!) { indexSimilar(input: $input) { job { id } } }";
    let started = server.editor().query(document, json!({ "input": input })).await?;
    Ok(started["indexSimilar"]["job"]["id"]
        .as_str()
        .context("an id")?
        .to_owned())
}

/// The groups as lists of ids, with distance and reclaimable size.
async fn groups(client: &Client, arguments: &str) -> anyhow::Result<Vec<(Vec<String>, i64, i64)>> {
    let document = format!(
        "{{ duplicates(first: 100, {arguments}) {{ totalCount nodes {{ media {{ id title files {{ size path }} }} mediaCount distance reclaimableSize }} }} }}"
    );
    let mut data = client.query(&document, json!({})).await?;
    let Value::Array(nodes) = data["duplicates"]["nodes"].take() else {
        bail!("no list: {data}")
    };
    let total = data["duplicates"]["totalCount"].as_u64().unwrap_or_default() as usize;
    ensure!(
        total == nodes.len() || (total > 100 && nodes.len() == 100),
        "{total} groups, but {} nodes",
        nodes.len()
    );
    let group = |node: &Value| {
        let media = node["media"].as_array().into_iter().flatten();
        let ids: Vec<String> = media
            .filter_map(|media| Some(media["id"].as_str()?.to_owned()))
            .collect();
        let [distance, size] = ["distance", "reclaimableSize"].map(|field| node[field].as_i64().unwrap_or(-1));
        (ids, distance, size)
    };
    Ok(nodes.iter().map(group).collect())
}

fn ids(planted: &[Planted]) -> Vec<String> {
    planted.iter().map(|planted| planted.media.to_string()).collect()
}

async fn similar(client: &Client, of: Planted) -> anyhow::Result<Vec<String>> {
    let document = "query($id: ID!) { node(id: $id) { ... on Video { similar(first: 12) { nodes { id title } } }
        ... on Image { similar(first: 12) { nodes { id title } } } ... on Audio { similar(first: 12) { nodes { id title } } } } }";
    let data = client.query(document, json!({ "id": of.media.to_string() })).await?;
    let nodes = data["node"]["similar"]["nodes"].as_array().context("nodes")?;
    Ok(nodes
        .iter()
        .filter_map(|node| Some(node["id"].as_str()?.to_owned()))
        .collect())
}

/// All rows of some tables, without the times of the last change.
async fn rows(server: &TestServer) -> anyhow::Result<BTreeMap<&'static str, Vec<String>>> {
    let db = server.server().kernel.store.reader();
    let statements = [
        (
            "media",
            "select id, title, description, date, studio_id, primary_file_id, size, width, height, n_files, missing_at from media order by id",
        ),
        ("file", "select id, media_id, status from file order by id"),
        (
            "tags",
            "select media_id, tag_id, added_at from media_tag order by media_id, tag_id",
        ),
        (
            "people",
            "select media_id, person_id, role, position from media_person order by media_id, person_id",
        ),
        (
            "own",
            "select media_id, user_id, rating, is_favorite, n_views, last_viewed_at, position_us from media_user order by media_id, user_id",
        ),
        (
            "counts",
            "select id, n_media from tag union all select id, n_media from person union all select id, n_media from studio order by 1",
        ),
        ("library", "select n_media, total_size, total_duration_us from library"),
        (
            "dismissed",
            "select a_media_id, b_media_id from similar_dismissed order by 1, 2",
        ),
    ];
    let mut all = BTreeMap::new();
    for (name, text) in statements {
        // As JSON, so that a row of any types can be compared.
        let text = match db.get_database_backend() {
            sea_orm::DbBackend::Postgres => format!("select row_to_json(rows)::text from ({text}) as rows"),
            _ => {
                let columns = text
                    .trim_start_matches("select ")
                    .split(" from ")
                    .next()
                    .unwrap_or_default();
                let columns: Vec<String> = columns
                    .split(", ")
                    .map(|column| format!("'{column}', {column}"))
                    .collect();
                format!("select json_object({}) from ({text}) as rows", columns.join(", "))
            }
        };
        let found = db
            .query_all_raw(Statement::from_string(db.get_database_backend(), text))
            .await?;
        let texts = found.iter().map(|row| row.try_get_by_index::<String>(0));
        all.insert(name, texts.collect::<Result<_, _>>()?);
    }
    Ok(all)
}

async fn made(client: &Client, kind: &str, name: &str) -> anyhow::Result<String> {
    let field = kind.to_lowercase();
    let document =
        format!("mutation($name: String!) {{ create{kind}(input: {{ name: $name }}) {{ {field} {{ id }} }} }}");
    let data = client.query(&document, json!({ "name": name })).await?;
    Ok(data[format!("create{kind}")][field]["id"]
        .as_str()
        .context("an id")?
        .to_owned())
}

async fn update(client: &Client, input: Value) -> anyhow::Result<()> {
    let document = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
    client.query(document, json!({ "input": input })).await?;
    Ok(())
}

async fn merge(client: &Client, input: Value) -> anyhow::Result<Value> {
    let document = "mutation($input: MergeMediaInput!) { mergeMedia(input: $input) { undoToken media { id title description
        rating isFavorite viewCount tags(first: 9) { nodes { name } } people(first: 9) { nodes { name } } studio { name }
        files { id } ... on Video { height resumePosition } } } }";
    Ok(client.query(document, json!({ "input": input })).await?["mergeMedia"].take())
}

async fn mark(client: &Client, what: &str, media: &[String]) -> anyhow::Result<Value> {
    let kind = format!("{}{}", what[..1].to_uppercase(), &what[1..]);
    let document = format!("mutation($input: {kind}Input!) {{ {what}(input: $input) {{ pairs }} }}");
    Ok(client.query(&document, json!({ "input": { "ids": media } })).await?[what]["pairs"].take())
}

on_both! {
    async fn near_duplicates_are_grouped_by_their_distance(backend: Backend) {
        let (server, library) = world(backend).await?;
        let small = Plant { size: 400, height: 480, ..Plant::video(flipped(BASE, 5)) };
        let other_cut = Plant { seconds: 17, ..Plant::video(BASE) };
        let planted = plant(&server, &library, &[
            Plant::video(BASE),                    // 0
            small,                                 // 1: five bits from 0
            Plant::video(flipped(BASE, 12)),       // 2: seven bits from 1, twelve from 0
            other_cut,                             // 3: as 0, but seven seconds longer
            Plant::image(BASE),                    // 4: another kind
            Plant::image(flipped(BASE, 1)),        // 5: one bit from 4
            Plant::video(!BASE),                   // 6: nothing like them
            Plant::video(0), Plant::video(0),      // 7, 8: black, which says nothing
        ]).await?;
        index(&server, json!({})).await?;
        let id = ids(&planted);
        let viewer = server.viewer();
        ensure!(groups(&viewer, "maxDistance: 0").await?.is_empty());
        let near = groups(&viewer, "maxDistance: 6").await?;
        let images = (vec![id[4].clone(), id[5].clone()], 1, 1000);
        // The best comes first, and what is not the best can be reclaimed.
        let videos = (vec![id[0].clone(), id[1].clone()], 5, 400);
        ensure!(near == [images.clone(), videos.clone()], "the newest group first: {near:#?}");
        ensure!(groups(&viewer, "").await? == near, "six bits by default");
        let wide = groups(&viewer, "maxDistance: 10, kinds: [VIDEO]").await?;
        ensure!(wide == [(vec![id[0].clone(), id[2].clone(), id[1].clone()], 7, 1400)], "a chain: {wide:#?}");
        ensure!(groups(&viewer, "maxDistance: 10, kinds: [AUDIO]").await?.is_empty());

        let document = "query($after: String) { duplicates(first: 1, after: $after) { nodes { distance } pageInfo { endCursor hasNextPage } } }";
        let first = viewer.query(document, json!({})).await?;
        ensure!(first["duplicates"]["nodes"] == json!([{ "distance": 1 }]) && first["duplicates"]["pageInfo"]["hasNextPage"] == true);
        let second = viewer.query(document, json!({ "after": first["duplicates"]["pageInfo"]["endCursor"] })).await?;
        ensure!(second["duplicates"]["nodes"] == json!([{ "distance": 5 }]) && second["duplicates"]["pageInfo"]["hasNextPage"] == false);
        let back = viewer.query("query($before: String) { duplicates(last: 1, before: $before) { nodes { distance } } }",
            json!({ "before": second["duplicates"]["pageInfo"]["endCursor"] })).await?;
        ensure!(back["duplicates"]["nodes"] == json!([{ "distance": 1 }]), "{back:#}");

        ensure!(similar(&viewer, planted[1]).await? == [id[0].clone(), id[2].clone()], "nearest first");
        ensure!(similar(&viewer, planted[3]).await?.is_empty() && similar(&viewer, planted[7]).await?.is_empty());
        ensure!(viewer.error_code("{ duplicates(maxDistance: 11) { totalCount } }", json!({})).await? == "BAD_INPUT");
    }

    async fn an_archive_is_no_duplicate_of_the_picture_on_its_cover(backend: Backend) {
        let (server, library) = world(backend).await?;
        let planted = plant(&server, &library, &[
            Plant::image(BASE),
            Plant::archive(BASE),
            Plant::archive(flipped(BASE, 1)),
        ]).await?;
        index(&server, json!({})).await?;
        let id = ids(&planted);
        let found = groups(&server.viewer(), "").await?;
        ensure!(found == [(vec![id[1].clone(), id[2].clone()], 1, 1000)], "books with books alone: {found:#?}");
        ensure!(similar(&server.viewer(), planted[0]).await?.is_empty());
    }

    async fn a_file_that_is_there_twice_is_a_duplicate_of_itself(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.png 16x16\nb/a.png same:a.png\nc.png 16x16").await?;
        server.scan(&library).await?;
        let found = groups(&server.viewer(), "maxDistance: 0").await?;
        let size = std::fs::metadata(server.media().join("a.png"))?.len() as i64;
        ensure!(found.len() == 1 && found[0].0.len() == 1 && found[0].2 == size, "{found:?}, one of two files of {size} bytes");
        std::fs::remove_file(server.media().join("b/a.png"))?;
        server.scan(&library).await?;
        ensure!(groups(&server.viewer(), "maxDistance: 0").await?.is_empty());
    }

    async fn sounds_are_found_through_another_encoder_and_a_late_start(backend: Backend) {
        let (server, library) = world(backend).await?;
        let song = |seed: u64| {
            let mut next = numbers(seed);
            let mut word = next() as u32;
            (0..900).map(move |_| { word ^= (next() & next()) as u32; word }).collect::<Vec<u32>>()
        };
        let mut next = numbers(99);
        // One bit in thirty-two differs, and the first two seconds are missing.
        let encoded: Vec<u32> = song(1)[16..].iter().map(|word| word ^ 1 << (next() % 32)).collect();
        let planted = plant(&server, &library, &[Plant::audio(song(1)), Plant::audio(encoded), Plant::audio(song(2)), Plant::audio(vec![7; 900]), Plant::audio(vec![7; 900])]).await?;
        index(&server, json!({})).await?;
        let found = groups(&server.viewer(), "kinds: [AUDIO]").await?;
        ensure!(found.len() == 1 && found[0].1 == 2, "{found:?}");
        ensure!(found[0].0.iter().collect::<BTreeSet<_>>() == ids(&planted[..2]).iter().collect::<BTreeSet<_>>(), "{found:?}");
        ensure!(similar(&server.viewer(), planted[1]).await? == ids(&planted[..1]));
    }

    async fn every_pair_that_force_finds_is_found_through_cancels_and_additions(backend: Backend) {
        let (server, library) = world(backend).await?;
        let mut next = numbers(5);
        let mut hashes: Vec<u64> = Vec::new();
        for n in 0..2400 {
            let near = n % 3 == 2;
            let hash = if near { hashes[next() as usize % hashes.len()] } else { next() };
            hashes.push((0..if near { next() % 12 } else { 0 }).fold(hash, |hash, _| hash ^ 1 << (next() % 64)));
        }
        let plants: Vec<Plant> = hashes.iter().map(|hash| Plant::image(*hash)).collect();
        let mut planted = plant(&server, &library, &plants[..2000]).await?;
        // What a canceled comparison has done stays done, and the next one goes on.
        let job = start(&server, json!({})).await?;
        server.admin().send("mutation($id: ID!) { cancelJob(input: { id: $id }) { job { id } } }", json!({ "id": job })).await?;
        server.finished(&job).await?;
        planted.extend(plant(&server, &library, &plants[2000..]).await?);
        index(&server, json!({ "libraryId": library })).await?;
        server.idle().await?;

        let kernel = &server.server().kernel;
        let statement = Statement::from_string(kernel.store.backend(), "select a_file_id, b_file_id, distance from similar_pair");
        let mut found = BTreeSet::new();
        for row in kernel.store.reader().query_all_raw(statement).await? {
            found.insert((row.try_get_by_index::<i64>(0)?, row.try_get_by_index::<i64>(1)?, row.try_get_by_index::<i32>(2)?));
        }
        let mut expected = BTreeSet::new();
        for (a, one) in hashes.iter().enumerate() {
            for (b, other) in hashes.iter().enumerate().skip(a + 1) {
                let distance = (one ^ other).count_ones() as i32;
                if distance <= 10 {
                    expected.insert((planted[a].file.0, planted[b].file.0, distance));
                }
            }
        }
        ensure!(expected.len() > 600, "only {} pairs were planted", expected.len());
        let (missing, wrong): (Vec<_>, Vec<_>) = (expected.difference(&found).collect(), found.difference(&expected).collect());
        ensure!(found == expected, "{} missing, {} wrong of {}: {missing:?} {wrong:?}", missing.len(), wrong.len(), expected.len());
        // Again, from the beginning: nothing changes.
        let before = groups(&server.viewer(), "maxDistance: 10").await?;
        index(&server, json!({ "force": true })).await?;
        ensure!(groups(&server.viewer(), "maxDistance: 10").await? == before);
    }

    async fn what_is_measured_is_compared_by_itself(backend: Backend) {
        let (server, library) = world(backend).await?;
        let planted = plant(&server, &library, &[Plant::image(BASE)]).await?;
        let later = plant(&server, &library, &[Plant::image(flipped(BASE, 2)), Plant::image(!BASE)]).await?;
        let expected: BTreeSet<String> = [planted[0], later[0]].map(|planted| planted.media.to_string()).into();
        until(&server, |found| found.len() == 1 && found[0].0.iter().cloned().collect::<BTreeSet<_>>() == expected).await?;
        // Another picture under the same file is near another one.
        remeasure(&server, later[0], flipped(!BASE, 3)).await?;
        let expected: BTreeSet<String> = [later[0], later[1]].map(|planted| planted.media.to_string()).into();
        until(&server, |found| found.len() == 1 && found[0].0.iter().cloned().collect::<BTreeSet<_>>() == expected).await?;
    }

    async fn many_facts_are_one_comparison(backend: Backend) {
        let (server, library) = world(backend).await?;
        // The second is compared by its fact: from then on the keeper listens, and has heard everything before.
        for n in 1..=2 {
            plant(&server, &library, &[Plant::image(flipped(BASE, 10 * n))]).await?;
            all_compared(&server, n as usize).await?;
        }
        let before = kept_jobs(&server).await?;
        let mut numbers = numbers(7);
        let plants: Vec<Plant> = (0..600).map(|_| Plant::image(numbers())).collect();
        plant_one_by_one(&server, &library, &plants).await?;
        all_compared(&server, 602).await?;
        server.idle().await?;
        let jobs = kept_jobs(&server).await?.split_off(before.len());
        // One, unless the machine stands still for half a second between two facts.
        ensure!((1..=3).contains(&jobs.len()), "600 facts were {} comparisons: {jobs:?}", jobs.len());
        let longest = jobs.iter().map(|(_, payload)| payload.len()).max().unwrap_or_default();
        ensure!(longest < 20_000, "600 items are listed one by one: {longest} bytes");
        // Never two at a time: each was asked for when the one before had ended.
        let rows = kept_jobs(&server).await?;
        let ends = ended(&server).await?;
        for (before, after) in rows.iter().zip(&rows[1..]) {
            ensure!(ends[&before.0].1 <= ends[&after.0].0, "{before:?} had not ended when {after:?} began: {ends:?}");
        }
    }

    async fn a_selection_is_compared_and_nothing_else(backend: Backend) {
        let (server, library) = world(backend).await?;
        let small = Plant { height: 480, ..Plant::video(flipped(BASE, 3)) };
        let planted = plant(&server, &library, &[Plant::video(BASE), small.clone(), Plant::image(BASE), Plant { height: 480, ..Plant::image(!BASE) }]).await?;
        kept(&server, 1).await?;
        let before = groups(&server.viewer(), "").await?;
        ensure!(before.len() == 1, "{before:?}");
        let id = ids(&planted);
        let small_ones = json!({ "height": { "lt": 700 } });
        for (input, expected) in [
            (json!({ "filter": small_ones }), vec![1, 3]),
            (json!({ "filter": small_ones, "ids": [id[0], id[1]] }), vec![1]),
            (json!({ "libraryId": library, "ids": [id[2]] }), vec![2]),
            (json!({ "ids": [id[3], id[0], id[3]] }), vec![0, 3]),
            (json!({ "filter": { "height": { "lt": 100 } } }), vec![]),
            (json!({}), vec![0, 1, 2, 3]),
        ] {
            let versions = compared(&server).await?;
            let mut input = input;
            input["force"] = json!(true);
            index(&server, input.clone()).await?;
            let after = compared(&server).await?;
            let again: Vec<usize> = (0..4).filter(|at| after[&planted[*at].file.0] != versions[&planted[*at].file.0]).collect();
            ensure!(again == expected, "{input}: {again:?} were compared again");
            ensure!(groups(&server.viewer(), "").await? == before, "{input}");
        }
        let left = Statement::from_string(server.server().kernel.store.backend(), "select 1 from similar_request");
        ensure!(server.server().kernel.store.reader().query_all_raw(left).await?.is_empty(), "a request outlives its job");
        let document = "mutation($input: IndexSimilarInput!) { indexSimilar(input: $input) { job { id } } }";
        let nowhere = json!({ "input": { "libraryId": "lib_0000000000000", "ids": [id[0]] } });
        ensure!(server.editor().error_code(document, nowhere).await? == "SIMILAR_LIBRARY_NOT_FOUND");
        ensure!(server.viewer().error_code(document, json!({ "input": {} })).await? == "FORBIDDEN");
    }

    async fn what_is_dismissed_stays_dismissed(backend: Backend) {
        let (server, library) = world(backend).await?;
        let planted = plant(&server, &library, &[Plant::video(BASE), Plant::video(flipped(BASE, 1)), Plant::video(flipped(BASE, 2))]).await?;
        index(&server, json!({})).await?;
        let (id, editor) = (ids(&planted), server.editor());
        ensure!(groups(&editor, "").await?[0].0.len() == 3);
        ensure!(mark(&editor, "dismissDuplicate", &id).await? == 3);
        ensure!(groups(&editor, "").await?.is_empty() && similar(&editor, planted[0]).await?.is_empty());
        ensure!(mark(&editor, "dismissDuplicate", &id).await? == 0, "again it changes nothing");
        // Neither a new comparison nor a merge with a third forgets it.
        index(&server, json!({ "force": true })).await?;
        ensure!(groups(&editor, "").await?.is_empty());
        ensure!(mark(&editor, "undismissDuplicate", &id[1..]).await? == 1);
        ensure!(groups(&editor, "").await? == [(vec![id[1].clone(), id[2].clone()], 1, 1000)]);
        merge(&editor, json!({ "ids": id[1..], "keepId": id[2] })).await?;
        ensure!(similar(&editor, planted[0]).await?.is_empty(), "the dismissed pair of the merged item is its heir's");
        let unknown = json!({ "input": { "ids": [id[0], id[1]] } });
        let document = "mutation($input: DismissDuplicateInput!) { dismissDuplicate(input: $input) { pairs } }";
        ensure!(editor.error_code(document, unknown).await? == "SIMILAR_MEDIA_NOT_FOUND", "the merged item is gone");
    }

    async fn a_merge_keeps_everything_and_can_be_undone(backend: Backend) {
        let (server, library) = world(backend).await?;
        let best = Plant { size: 9000, height: 1080, ..Plant::video(flipped(BASE, 3)) };
        let planted = plant(&server, &library, &[Plant::video(BASE), best, Plant::video(flipped(BASE, 1)), Plant::image(BASE)]).await?;
        index(&server, json!({})).await?;
        let (id, editor, viewer) = (ids(&planted), server.editor(), server.viewer());
        let (drama, night) = (made(&editor, "Tag", "Drama").await?, made(&editor, "Tag", "Night").await?);
        let (ada, ben) = (made(&editor, "Person", "Ada").await?, made(&editor, "Person", "Ben").await?);
        let studio = made(&editor, "Studio", "Lantern").await?;
        update(&editor, json!({ "id": id[0], "title": "Kept", "tagIds": [drama], "personIds": [ada], "rating": 40 })).await?;
        update(&editor, json!({ "id": id[1], "tagIds": [drama, night], "personIds": [ben, ada], "studioId": studio, "description": "A night.", "rating": 90, "isFavorite": true })).await?;
        update(&viewer, json!({ "id": id[2], "rating": 70 })).await?;
        let kernel = &server.server().kernel;
        let tx = kernel.store.begin(kernel::store::Durability::Full).await?;
        for (n, views) in [(0, 2), (1, 3)] {
            let text = format!("update media_user set n_views = {views}, last_viewed_at = {views}000, position_us = {views}000000 where media_id = {}", planted[n].media.0);
            tx.execute_unprepared(&text).await?;
        }
        tx.commit().await?;
        kernel.caches.clear();
        let before = rows(&server).await?;
        let library_before = &before["library"];

        let merged = merge(&editor, json!({ "ids": [id[1], id[2]], "keepId": id[0] })).await?;
        let kept = &merged["media"];
        ensure!(kept["id"] == id[0] && kept["title"] == "Kept" && kept["description"] == "A night." && kept["studio"]["name"] == "Lantern", "{kept:#}");
        ensure!(kept["rating"] == 90 && kept["isFavorite"] == true && kept["viewCount"] == 5 && kept["resumePosition"] == 3.0, "{kept:#}");
        ensure!(kept["tags"]["nodes"] == json!([{ "name": "Drama" }, { "name": "Night" }]), "{kept:#}");
        ensure!(kept["people"]["nodes"] == json!([{ "name": "Ada" }, { "name": "Ben" }]), "{kept:#}");
        ensure!(kept["files"].as_array().context("files")?.len() == 3 && kept["height"] == 1080, "the best file is shown: {kept:#}");
        let found = viewer.query("{ media(first: 9, search: \"ben\") { nodes { id } } }", json!({})).await?;
        ensure!(found["media"]["nodes"] == json!([{ "id": id[0] }]), "it is found by what it was given: {found:#}");
        let of_viewer = viewer.query("query($id: ID!) { node(id: $id) { ... on Video { rating viewCount } } }", json!({ "id": id[0] })).await?;
        ensure!(of_viewer["node"] == json!({ "rating": 70, "viewCount": 0 }), "{of_viewer:#}");
        let gone = viewer.query("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id[1] })).await?;
        ensure!(gone["node"].is_null());
        let counts = viewer.query("{ tags(first: 9) { nodes { name mediaCount media(first: 9) { nodes { id } } } } people(first: 9) { nodes { mediaCount } } studios(first: 9) { nodes { mediaCount } } libraries { mediaCount totalSize totalDuration } }", json!({})).await;
        let counts = match counts {
            Ok(counts) => counts,
            Err(_) => viewer.query("{ tags(first: 9) { nodes { name mediaCount media(first: 9) { nodes { id } } } } people(first: 9) { nodes { mediaCount } } studios(first: 9) { nodes { mediaCount } } }", json!({})).await?,
        };
        for kind in ["tags", "people", "studios"] {
            for node in counts[kind]["nodes"].as_array().context("nodes")? {
                ensure!(node["mediaCount"] == 1, "{counts:#}");
            }
        }
        let after = rows(&server).await?;
        ensure!(after["library"] != *library_before && after["media"].len() == 2, "{after:#?}");
        // It shows up with its three files, as one item.
        let found = groups(&viewer, "kinds: [VIDEO]").await?;
        ensure!(found == [(vec![id[0].clone()], 0, 2000)], "{found:?}");

        let undo = "mutation($input: UndoMergeMediaInput!) { undoMergeMedia(input: $input) { media { id } } }";
        let token = json!({ "input": { "undoToken": merged["undoToken"] } });
        let undone = editor.query(undo, token.clone()).await?;
        ensure!(undone["undoMergeMedia"]["media"].as_array().is_some_and(|media| media.len() == 3), "{undone:#}");
        let restored = rows(&server).await?;
        for (table, wanted) in &before {
            ensure!(restored[table] == *wanted, "{table} was {wanted:#?}, is {:#?}", restored[table]);
        }
        ensure!(groups(&viewer, "kinds: [VIDEO]").await?[0].0.len() == 3);
        ensure!(editor.error_code(undo, token).await? == "SIMILAR_NOTHING_TO_UNDO");

        let merge_document = "mutation($input: MergeMediaInput!) { mergeMedia(input: $input) { media { id } } }";
        let mixed = json!({ "input": { "ids": [id[0], id[3]] } });
        ensure!(editor.error_code(merge_document, mixed).await? == "SIMILAR_NOT_MERGEABLE", "a video is no image");
        let alone = json!({ "input": { "ids": [id[0]], "keepId": id[0] } });
        ensure!(editor.error_code(merge_document, alone).await? == "BAD_INPUT");
        let by_itself = merge(&editor, json!({ "ids": id[..3] })).await?;
        ensure!(by_itself["media"]["id"] == id[1], "without a choice the best stays: {by_itself:#}");
    }

    async fn an_undone_merge_shows_the_file_that_was_shown(backend: Backend) {
        let (server, library) = world(backend).await?;
        let large = |height| Plant { height, ..Plant::video(BASE) };
        let planted = plant(&server, &library, &[large(480), large(720), large(1080)]).await?;
        kept(&server, 1).await?;
        let (id, editor) = (ids(&planted), server.editor());
        merge(&editor, json!({ "ids": id[..2], "keepId": id[0] })).await?;
        // Somebody chose the smaller one.
        let store = &server.server().kernel.store;
        let tx = store.begin(kernel::store::Durability::Full).await?;
        tx.execute_unprepared(&format!("update media set primary_file_id = {}, height = 480, width = 853 where id = {}", planted[0].file.0, planted[0].media.0)).await?;
        tx.commit().await?;
        let before = rows(&server).await?;
        let merged = merge(&editor, json!({ "ids": [id[0], id[2]], "keepId": id[0] })).await?;
        ensure!(merged["media"]["height"] == 1080, "{merged:#}");
        // The one `undo` of all changes takes it, too.
        let undo = "mutation($input: UndoInput!) { undo(input: $input) { changedCount undoToken } }";
        let token = json!({ "input": { "token": merged["undoToken"] } });
        ensure!(server.viewer().error_code(undo, token.clone()).await? == "FORBIDDEN");
        let undone = editor.query(undo, token.clone()).await?;
        ensure!(undone["undo"] == json!({ "changedCount": 2, "undoToken": null }), "{undone:#}");
        ensure!(editor.error_code(undo, token).await? == "SIMILAR_NOTHING_TO_UNDO");
        let after = rows(&server).await?;
        ensure!(after["media"] == before["media"], "{:#?} became {:#?}", before["media"], after["media"]);
    }

    async fn lists_cost_the_same_statements_at_any_size(backend: Backend) {
        let (server, library) = world(backend).await?;
        let mut next = numbers(11);
        let plants: Vec<Plant> = (0..200).flat_map(|_| {
            let hash = next();
            [Plant::video(hash), Plant::video(flipped(hash, 3))]
        }).collect();
        plant(&server, &library, &plants).await?;
        kept(&server, 1).await?;
        let viewer = server.viewer();
        let store = &server.server().kernel.store;
        let documents = [
            "query($n: Int!) { media(first: $n) { nodes { id similar(first: 3) { nodes { id title } } } } }",
            "query($n: Int!) { duplicates(first: $n) { nodes { media { id title files { size path } } distance reclaimableSize } } }",
        ];
        for document in documents {
            let mut costs = Vec::new();
            for n in [10, 100, 200] {
                let mut least = u64::MAX;
                // The job runner asks every few seconds what is ready: of three readings the least is the page's own.
                for _ in 0..3 {
                    server.server().kernel.caches.clear();
                    viewer.query("{ viewer { id } }", json!({})).await?;
                    let before = store.statements().statements;
                    let page = viewer.query(document, json!({ "n": n })).await?;
                    least = least.min(store.statements().statements - before);
                    let list = page.get("media").or(page.get("duplicates")).context("a list")?["nodes"].as_array().context("nodes")?.clone();
                    ensure!(list.len() == n, "{} of {n}", list.len());
                    let is_full = |node: &Value| node["similar"]["nodes"].as_array().or(node["media"].as_array()).is_some_and(|found| !found.is_empty());
                    ensure!(list.iter().all(is_full), "{page:#}");
                }
                costs.push((n, least));
            }
            println!("statements: {costs:?} for {document}");
            ensure!(costs.iter().all(|(_, cost)| *cost == costs[0].1 && *cost <= 4), "{costs:?} for {document}");
        }
    }
}

/// Waits until the keeper has had so many comparisons done, and nothing is left to do.
async fn kept(server: &TestServer, n_jobs: i64) -> anyhow::Result<()> {
    let store = &server.server().kernel.store;
    let text = "select count(*) from job where kind = 'similar.index' and state = 3";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let row = store
            .reader()
            .query_one_raw(Statement::from_string(store.backend(), text))
            .await?;
        if row.context("a count")?.try_get_by_index::<i64>(0)? >= n_jobs {
            return server.idle().await;
        }
        ensure!(tokio::time::Instant::now() < deadline, "nothing compares by itself");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The comparisons that there were, in their order: id and payload.
async fn kept_jobs(server: &TestServer) -> anyhow::Result<Vec<(i64, String)>> {
    let store = &server.server().kernel.store;
    let text = "select id, payload from job where kind = 'similar.index' order by id";
    let statement = Statement::from_string(store.backend(), text);
    let rows = store.reader().query_all_raw(statement).await?;
    let row = |row: &sea_orm::QueryResult| anyhow::Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
    rows.iter().map(row).collect()
}

/// When each comparison was asked for and when it ended.
async fn ended(server: &TestServer) -> anyhow::Result<BTreeMap<i64, (i64, i64)>> {
    let store = &server.server().kernel.store;
    let text = "select id, created_at, coalesce(finished_at, updated_at) from job where kind = 'similar.index'";
    let statement = Statement::from_string(store.backend(), text);
    let rows = store.reader().query_all_raw(statement).await?;
    let row = |row: &sea_orm::QueryResult| {
        let times = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        anyhow::Ok((row.try_get_by_index(0)?, times))
    };
    rows.iter().map(row).collect()
}

/// Waits until so many files are compared.
async fn all_compared(server: &TestServer, n_files: usize) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(100);
    loop {
        let n_compared = compared(server).await?.len();
        if n_compared >= n_files {
            return server.idle().await;
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "{n_compared} of {n_files} are compared"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The number that each file was entered under last.
async fn compared(server: &TestServer) -> anyhow::Result<BTreeMap<i64, i64>> {
    let store = &server.server().kernel.store;
    let text = "select file_id, version from similar_file where is_compared";
    let rows = store
        .reader()
        .query_all_raw(Statement::from_string(store.backend(), text))
        .await?;
    let row = |row: &sea_orm::QueryResult| anyhow::Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
    rows.iter().map(row).collect()
}

/// Waits until the groups are as expected. A list and its count may be of different moments while it is compared.
async fn until(server: &TestServer, is_so: impl Fn(&[(Vec<String>, i64, i64)]) -> bool) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(100);
    loop {
        let found = groups(&server.viewer(), "").await;
        if found.as_ref().is_ok_and(|found| is_so(found)) {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < deadline, "the groups are still {found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
