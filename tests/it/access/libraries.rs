//! Accounts that see some libraries only: whatever is asked, nothing of the others comes out, and nothing in them changes.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{client::Client, on_both, server::TestServer, socket::Socket};

use super::calls::Calls;

/// Stands in every text of the library that the accounts of these tests do not see.
const CANARY: &str = "qzwhisper";

/// What an account without all libraries may ask: the field leaves out, or refuses, what is in the others.
const SOME_MAY: &[&str] = &[
    "abortUpload",
    "addToCollection",
    "apiTokens",
    "beginSecondFactor",
    "bulkUpdateMedia",
    "collection",
    "collections",
    "confirmSecondFactor",
    "createApiToken",
    "createClip",
    "createCollection",
    "createGallery",
    "createMarker",
    "createPerson",
    "createStudio",
    "createTag",
    "customFields",
    "deleteClip",
    "deleteMarker",
    "deleteSavedFilter",
    "galleries",
    "gallery",
    "jobChanges",
    "jobProgress",
    "jobs",
    "libraries",
    "library",
    "libraryChanges",
    "markers",
    "media",
    "mediaByFingerprint",
    "moveInCollection",
    "node",
    "nodes",
    "passkeys",
    "people",
    "person",
    "providerAccounts",
    "recordView",
    "removeFromCollection",
    "removePasskey",
    "removeSecondFactor",
    "renderProxy",
    "revokeApiToken",
    "revokeOtherSessions",
    "revokeSession",
    "saveFilter",
    "saveProgress",
    "savedFilter",
    "savedFilters",
    "scanFailures",
    "scanReport",
    "scanSchedules",
    "sessions",
    "startScan",
    "studio",
    "studios",
    "system",
    "tag",
    "tags",
    "undo",
    "unlinkProviderAccount",
    "updateMarker",
    "updateMedia",
    "updateUser",
    "uploads",
    "viewer",
];

/// A server with an open library, one that is hidden from `guest`, and something of every sort in both.
struct World {
    server: TestServer,
    /// May edit, but only in the open library.
    guest: Client,
    open: String,
    hidden: String,
    /// Ids of what is in the hidden library.
    secrets: Vec<String>,
    /// An item of each library.
    items: [String; 2],
}

const OPEN: &str = "open/film_one.mp4 2s\nopen/film_two.mp4 2s\nopen/pictures/a.png 16x16\nopen/pictures/b.png 16x16";
const HIDDEN: &str = "hidden/qzwhisper_film.mp4 2s\nhidden/qzwhisper_again.mp4 2s\n\
    hidden/qzwhisper_folder/qzwhisper_a.png 16x16\nhidden/qzwhisper_folder/qzwhisper_b.png 16x16";

async fn make(client: &Client, name: &str, field: &str, input: Value) -> anyhow::Result<String> {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let kind: String = first.into_iter().chain(letters).collect();
    let document = format!("mutation($input: {kind}Input!) {{ {name}(input: $input) {{ {field} {{ id }} }} }}");
    let made = client.query(&document, json!({ "input": input })).await?;
    let id = made[name][field]["id"]
        .as_str()
        .with_context(|| format!("{name}: {made}"))?;
    Ok(id.to_owned())
}

impl World {
    async fn new(backend: tests::database::Backend) -> anyhow::Result<Self> {
        let server = TestServer::start(backend).await?;
        let mut libraries = Vec::new();
        for (name, fixture) in [("open", OPEN), ("hidden", HIDDEN)] {
            tests::fixture::write(server.media(), fixture, &server.server().engine).await?;
            let shown = if name == "open" { "open" } else { "qzwhisper library" };
            let input = json!({ "name": shown, "paths": [server.media().join(name)] });
            let library = make(&server.admin(), "createLibrary", "library", input).await?;
            server.scan(&library).await?;
            libraries.push(library);
        }
        let [open, hidden]: [String; 2] = libraries.try_into().map_err(|_| anyhow::anyhow!("two libraries"))?;
        let guest = server.guest(json!([{ "libraryId": open, "access": "EDIT" }])).await?;
        let mut world = Self {
            server,
            guest,
            open,
            hidden,
            secrets: Vec::new(),
            items: Default::default(),
        };
        world.furnish().await?;
        Ok(world)
    }

    async fn ids(&self, library: &str) -> anyhow::Result<Vec<String>> {
        let document = "query($ids: [ID!]!) { media(first: 9, filter: { library: { anyOf: $ids } }, sort: [{ field: PATH, direction: ASC }])
            { nodes { id } } }";
        let found = self.server.admin().query(document, json!({ "ids": [library] })).await?;
        let nodes = found["media"]["nodes"].as_array().context("nodes")?;
        Ok(nodes
            .iter()
            .filter_map(|node| node["id"].as_str().map(str::to_owned))
            .collect())
    }

    async fn furnish(&mut self) -> anyhow::Result<()> {
        let (admin, editor) = (self.server.admin(), self.server.editor());
        let (open, hidden) = (self.ids(&self.open).await?, self.ids(&self.hidden).await?);
        ensure!(open.len() == 4 && hidden.len() == 4, "{open:?} {hidden:?}");
        let mut made = Vec::new();
        // One of each that only the hidden items have, one that both have.
        for (name, of) in [
            ("qzwhisper", &hidden[..]),
            ("shared", &[open[0].clone(), hidden[0].clone()]),
        ] {
            let tag = make(&editor, "createTag", "tag", json!({ "name": format!("{name} tag") })).await?;
            let person = make(
                &editor,
                "createPerson",
                "person",
                json!({ "name": format!("{name} person") }),
            )
            .await?;
            let studio = make(
                &editor,
                "createStudio",
                "studio",
                json!({ "name": format!("{name} studio") }),
            )
            .await?;
            for media in of {
                let change = json!({ "id": media, "addTagIds": [tag], "addPersonIds": [person], "studioId": studio });
                make(&editor, "updateMedia", "media", change).await?;
            }
            let input = json!({ "name": format!("{name} collection"), "mediaIds": of });
            let collection = make(&editor, "createCollection", "collection", input).await?;
            if name == "qzwhisper" {
                made.extend([tag, person, studio, collection]);
            }
        }
        let film = {
            let videos = "query($id: ID!) { library(id: $id) { media(first: 9) { nodes { id kind } } } }";
            let found = admin.query(videos, json!({ "id": self.hidden })).await?;
            let nodes = found["library"]["media"]["nodes"].as_array().context("nodes")?.clone();
            let film = nodes.iter().find(|node| node["kind"] == "VIDEO").context("a film")?;
            film["id"].as_str().context("an id")?.to_owned()
        };
        let only = make(&editor, "createTag", "tag", json!({ "name": "qzwhisper moment" })).await?;
        let marker = json!({ "mediaId": film, "title": "qzwhisper marker", "start": 0.5, "tagIds": [only] });
        made.push(make(&editor, "createMarker", "marker", marker).await?);
        made.push(only);
        let clip = json!({ "mediaId": film, "start": 0.2, "end": 0.9, "title": "qzwhisper clip" });
        made.push(make(&editor, "createClip", "clip", clip).await?);
        made.push(
            make(
                &editor,
                "renderProxy",
                "rendition",
                json!({ "mediaId": film, "kind": "PROXY_480P" }),
            )
            .await?,
        );
        made.push(
            make(
                &editor,
                "createShareLink",
                "shareLink",
                json!({ "mediaId": film, "name": "qzwhisper link" }),
            )
            .await?,
        );
        make(&editor, "createFolderGalleries", "job", json!({})).await?;
        self.server.idle().await?;
        let files = "query($id: ID!) { library(id: $id) { media(first: 9) { nodes { id files { id streams { id } chapters { id } } } } }
            galleries(first: 9) { nodes { id name } } jobs(first: 50) { nodes { id title } } }";
        let found = admin.query(files, json!({ "id": self.hidden })).await?;
        for media in found["library"]["media"]["nodes"].as_array().into_iter().flatten() {
            for file in media["files"].as_array().into_iter().flatten() {
                made.push(file["id"].as_str().context("an id")?.to_owned());
                made.extend(file["streams"][0]["id"].as_str().map(str::to_owned));
            }
        }
        for (list, text) in [("galleries", "name"), ("jobs", "title")] {
            let nodes = found[list]["nodes"].as_array().context("a list")?;
            let told = nodes
                .iter()
                .filter(|node| node[text].as_str().is_some_and(|text| text.contains(CANARY)));
            let ids: Vec<String> = told.filter_map(|node| node["id"].as_str().map(str::to_owned)).collect();
            ensure!(!ids.is_empty(), "no {list} of the hidden library: {found:#}");
            made.extend(ids);
        }
        self.items = [open[0].clone(), film];
        made.extend(hidden);
        made.push(self.hidden.clone());
        self.secrets = made;
        Ok(())
    }

    /// Refuses an answer that tells anything of the hidden library, beyond the id that was sent.
    fn must_hide(&self, answer: &Value, sent: &str, operation: &str) -> anyhow::Result<()> {
        let text = answer.to_string();
        ensure!(
            !text.to_lowercase().contains(CANARY),
            "{operation} told of the hidden library: {answer:#}"
        );
        let told = self
            .secrets
            .iter()
            .find(|secret| *secret != sent && text.contains(secret.as_str()));
        ensure!(
            told.is_none(),
            "{operation} told the id {told:?} of the hidden library: {answer:#}"
        );
        Ok(())
    }

    /// Everything that could be changed, as an administrator sees it.
    async fn snapshot(&self) -> anyhow::Result<Value> {
        let document = "{ media(first: 50) { totalCount nodes { id title description tags(first: 9) { nodes { name } }
                people(first: 9) { nodes { name } } studio { name } files { id path status }
                ... on Video { markers(first: 9) { nodes { title tags(first: 9) { nodes { name } } } } clips(first: 9) { nodes { title status } }
                renditions { kind status } } } }
            tags(first: 50) { nodes { id name } } people(first: 50) { nodes { id name } } studios(first: 50) { nodes { id name } }
            collections(first: 50) { nodes { id name itemCount } } galleries(first: 50) { nodes { id name itemCount } }
            libraries(first: 9) { nodes { id name mediaCount lastScannedAt } } shareLinks(first: 9) { nodes { id } } }";
        self.server.admin().query(document, json!({})).await
    }
}

on_both! {
    async fn an_account_of_some_libraries_is_let_to_fields_that_know_of_it(backend: Backend) {
        let calls = Calls::read()?;
        let server = TestServer::start(backend).await?;
        let guest = server.guest(json!([])).await?;
        for root in ["Query", "Mutation", "Subscription"] {
            for (field, operation) in calls.of(root) {
                let code = super::code(&guest, &operation).await?;
                let may = SOME_MAY.contains(&field.as_str());
                ensure!((code == "FORBIDDEN") != may, "{root}.{field} answered an account of some libraries with {code}: {operation}");
            }
        }
    }

    async fn nothing_of_a_hidden_library_comes_out_of_any_field(backend: Backend) {
        let world = World::new(backend).await?;
        let mut n_operations = 0;
        // What lists show, three objects deep.
        for (field, operation) in Calls::read()?.in_depth("Query") {
            if !SOME_MAY.contains(&field.as_str()) || field == "system" || operation.contains("\"nothing\"") {
                continue;
            }
            let answer = world.guest.send(&operation, json!({})).await?;
            world.must_hide(&answer, "", &operation)?;
            n_operations += 1;
        }
        // What fields make of the ids of hidden things, wherever they take one.
        for secret in &world.secrets {
            let calls = Calls::read()?.with_id(secret);
            for (field, operation) in calls.of("Query").into_iter().filter(|(_, operation)| operation.contains(secret)) {
                let answer = world.guest.send(&operation, json!({})).await?;
                world.must_hide(&answer, secret, &operation)?;
                let found = &answer["data"][&field];
                let nothing = found.is_null() || found.as_array().is_some_and(|all| all.iter().all(Value::is_null));
                ensure!(nothing || ["apiTokens", "sessions", "markers"].contains(&field.as_str()), "{operation} found {answer:#}");
                n_operations += 1;
            }
        }
        ensure!(n_operations > 200, "only {n_operations} operations were sent");
    }

    async fn nothing_in_a_hidden_library_can_be_changed(backend: Backend) {
        let world = World::new(backend).await?;
        let before = world.snapshot().await?;
        for secret in &world.secrets {
            let calls = Calls::read()?.with_id(secret);
            for (_, operation) in calls.of("Mutation").into_iter().filter(|(_, operation)| operation.contains(secret)) {
                let answer = world.guest.send(&operation, json!({})).await?;
                world.must_hide(&answer, secret, &operation)?;
            }
        }
        // Nothing hidden gets into what is open, either: what it is called would be told.
        let [open, hidden] = &world.items;
        let of = |prefix: &str| world.secrets.iter().find(|id| id.starts_with(prefix)).cloned().unwrap_or_default();
        for (document, id) in [
            ("mutation($m: ID!, $id: ID!) { updateMedia(input: { id: $m, addTagIds: [$id] }) { media { id } } }", of("tag_")),
            ("mutation($m: ID!, $id: ID!) { updateMedia(input: { id: $m, addPersonIds: [$id] }) { media { id } } }", of("prs_")),
            ("mutation($m: ID!, $id: ID!) { updateMedia(input: { id: $m, studioId: $id }) { media { id } } }", of("std_")),
            ("mutation($m: ID!, $id: ID!) { addToCollection(input: { id: $id, mediaIds: [$m] }) { undoToken } }", of("col_")),
            ("mutation($m: ID!, $id: ID!) { createCollection(input: { name: \"x\", parentId: $id, mediaIds: [$m] }) { undoToken } }", of("col_")),
            ("mutation($m: ID!, $id: ID!) { createMarker(input: { mediaId: $m, title: \"x\", start: 0, tagIds: [$id] }) { undoToken } }", of("tag_")),
            ("mutation($m: ID!, $id: ID!) { createTag(input: { name: \"x\", parentIds: [$id] }) { undoToken } }", of("tag_")),
            ("mutation($m: ID!, $id: ID!) { createGallery(input: { name: \"x\", mediaIds: [$m, $id] }) { undoToken } }", hidden.clone()),
        ] {
            let document = if document.contains("createTag") { document.replace("$m: ID!, ", "") } else { document.to_owned() };
            let code = world.guest.error_code(&document, json!({ "m": open, "id": id })).await?;
            ensure!(["BAD_INPUT", "NOT_FOUND"].contains(&code.as_str()), "{document} with {id}: {code}");
        }
        // Undo takes any token: those of the editor are not the guest's.
        let edits = world.server.admin().query("{ edits(first: 50) { nodes { id } } }", json!({})).await?;
        for edit in edits["edits"]["nodes"].as_array().context("edits")? {
            let undo = "mutation($token: ID!) { undo(input: { token: $token }) { changedCount } }";
            let answer = world.guest.send(undo, json!({ "token": edit["id"] })).await?;
            ensure!(answer["data"]["undo"].is_null(), "{answer:#}");
        }
        let all = "mutation { bulkUpdateMedia(input: { filter: {}, title: \"taken\" }) { matchedCount updatedCount } }";
        let done = world.guest.send(all, json!({})).await?;
        world.must_hide(&done, "", all)?;
        world.server.idle().await?;
        let after = world.snapshot().await?;
        let of_hidden = |seen: &Value| -> Vec<Value> {
            let nodes = seen["media"]["nodes"].as_array().cloned().unwrap_or_default();
            nodes.into_iter().filter(|node| world.secrets.iter().any(|secret| node["id"] == **secret)).collect()
        };
        ensure!(of_hidden(&before) == of_hidden(&after), "{:#?}\nbecame\n{:#?}", of_hidden(&before), of_hidden(&after));
        for list in ["tags", "people", "studios", "galleries", "libraries", "shareLinks"] {
            let told = |seen: &Value| {
                let nodes = seen[list]["nodes"].as_array().cloned().unwrap_or_default();
                nodes.into_iter().filter(|node| node.to_string().contains(CANARY)).collect::<Vec<_>>()
            };
            ensure!(told(&before) == told(&after), "{list} changed: {before:#}\n{after:#}");
        }
    }

    async fn lists_search_facets_and_counts_are_those_of_the_seen_libraries(backend: Backend) {
        let world = World::new(backend).await?;
        let document = "query($after: String, $search: String, $tag: [ID!]) {
            media(first: 2, after: $after, search: $search, filter: { tags: { anyOf: $tag } }, sort: [{ field: TITLE, direction: ASC }]) {
                totalCount nodes { id library { id } tags(first: 9) { totalCount nodes { name mediaCount media(first: 9) { totalCount nodes { id } } } } }
                pageInfo { endCursor hasNextPage }
                facets { libraries { count value { id } } tags { count value { name } } kinds { value count } years { count } } }
            tags(first: 9, sort: [{ field: MEDIA_COUNT, direction: DESC }]) { totalCount nodes { id name mediaCount } }
            collections(first: 9) { totalCount nodes { name itemCount items(first: 9) { totalCount nodes { media { id } } } } }
            galleries(first: 9) { totalCount nodes { name } }
            libraries(first: 9) { totalCount nodes { id mediaCount } } }";
        let guest = &world.guest;
        let all = guest.query(document, json!({})).await?;
        ensure!(all["media"]["totalCount"] == 4 && all["libraries"]["totalCount"] == 1, "{all:#}");
        ensure!(all["media"]["facets"]["libraries"] == json!([{ "count": 4, "value": { "id": world.open } }]), "{all:#}");
        let kinds = json!([{ "value": "VIDEO", "count": 2 }, { "value": "IMAGE", "count": 2 }]);
        ensure!(all["media"]["facets"]["kinds"] == kinds, "{all:#}");
        ensure!(all["tags"]["totalCount"] == 1 && all["tags"]["nodes"][0]["mediaCount"] == 1, "{all:#}");
        ensure!(all["collections"]["totalCount"] == 1 && all["collections"]["nodes"][0]["itemCount"] == 1, "{all:#}");
        ensure!(all["collections"]["nodes"][0]["items"]["totalCount"] == 1, "{all:#}");
        ensure!(all["galleries"]["totalCount"] == 1, "{all:#}");
        // The second page begins where the first ended.
        let next = guest.query(document, json!({ "after": all["media"]["pageInfo"]["endCursor"] })).await?;
        let ids = |seen: &Value| -> Vec<String> {
            let nodes = seen["media"]["nodes"].as_array().cloned().unwrap_or_default();
            nodes.iter().filter_map(|node| node["id"].as_str().map(str::to_owned)).collect()
        };
        let both: BTreeSet<String> = ids(&all).into_iter().chain(ids(&next)).collect();
        ensure!(both == world.ids(&world.open).await?.into_iter().collect(), "{both:?}");
        ensure!(next["media"]["pageInfo"]["hasNextPage"] == false, "{next:#}");
        let tag = &all["tags"]["nodes"][0]["id"];
        let tagged = guest.query(document, json!({ "tag": [tag] })).await?;
        ensure!(tagged["media"]["totalCount"] == 1, "{tagged:#}");
        for (search, n) in [("film", 2), (CANARY, 0), ("shared", 1)] {
            let found = guest.query(document, json!({ "search": search })).await?;
            ensure!(found["media"]["totalCount"] == n, "{search}: {found:#}");
        }
        // Nobody else's answers have become others by it.
        let admin = world.server.admin().query(document, json!({})).await?;
        ensure!(admin["media"]["totalCount"].as_i64() >= Some(8) && admin["libraries"]["totalCount"] == 2, "{admin:#}");
    }

    async fn grants_say_what_may_be_changed_and_hold_at_once(backend: Backend) {
        let world = World::new(backend).await?;
        let [open, hidden] = &world.items;
        let id = world.guest.query("{ viewer { id libraryAccess { access library { name } } } }", json!({})).await?;
        ensure!(id["viewer"]["libraryAccess"] == json!([{ "access": "EDIT", "library": { "name": "open" } }]), "{id:#}");
        let title = "mutation($id: ID!, $title: String!) { updateMedia(input: { id: $id, title: $title }) { media { title } } }";
        let rate = "mutation($id: ID!) { updateMedia(input: { id: $id, rating: 60 }) { media { rating } } }";
        let seen = "query($id: ID!) { node(id: $id) { id } media(first: 20) { totalCount } }";
        let grant = async |access: Value| {
            let input = json!({ "input": { "id": id["viewer"]["id"], "libraryAccess": access } });
            let document = "mutation($input: UpdateUserInput!) { updateUser(input: $input) { user { libraryAccess { access } } } }";
            world.server.admin().query(document, input).await
        };
        ensure!(world.guest.query(title, json!({ "id": open, "title": "mine" })).await?["updateMedia"]["media"]["title"] == "mine");
        ensure!(world.guest.error_code(title, json!({ "id": hidden, "title": "mine" })).await? == "NOT_FOUND");
        ensure!(world.guest.error_code(rate, json!({ "id": hidden })).await? == "NOT_FOUND");
        // To look at, but not to change.
        grant(json!([{ "libraryId": world.hidden, "access": "VIEW" }])).await?;
        ensure!(world.guest.error_code(title, json!({ "id": open, "title": "again" })).await? == "NOT_FOUND");
        ensure!(world.guest.error_code(title, json!({ "id": hidden, "title": "mine" })).await? == "FORBIDDEN");
        ensure!(world.guest.query(rate, json!({ "id": hidden })).await?["updateMedia"]["media"]["rating"] == 60);
        let found = world.guest.query(seen, json!({ "id": hidden })).await?;
        ensure!(found["node"]["id"] == **hidden, "{found:#}");
        let scan = "mutation($id: ID!) { startScan(input: { libraryId: $id }) { job { id } } }";
        ensure!(world.guest.error_code(scan, json!({ "id": world.hidden })).await? == "FORBIDDEN");
        ensure!(world.guest.error_code(scan, json!({ "id": world.open })).await? == "NOT_FOUND");
        // Asked again with nothing written between but the grants, so that a kept answer would be told.
        for (access, n) in [(json!([]), 0), (Value::Null, 9), (json!([{ "libraryId": world.open, "access": "VIEW" }]), 4)] {
            grant(access.clone()).await?;
            for _ in 0..2 {
                let found = world.guest.query(seen, json!({ "id": hidden })).await?;
                let all = found["media"]["totalCount"].as_i64().unwrap_or_default();
                // The clip has become an item of the hidden library, if it was made by now.
                ensure!(if n == 9 { all >= 8 } else { all == n }, "{access}: {found:#}");
                ensure!(found["node"].is_null() == (n != 9), "{access}: {found:#}");
            }
        }
        let admin = world.server.admin().query("{ viewer { id } }", json!({})).await?;
        let limit = "mutation($id: ID!) { updateUser(input: { id: $id, libraryAccess: [] }) { user { id } } }";
        ensure!(world.server.admin().error_code(limit, json!({ "id": admin["viewer"]["id"] })).await? == "BAD_INPUT");
        ensure!(world.server.editor().error_code(limit, json!({ "id": id["viewer"]["id"] })).await? == "FORBIDDEN");
    }

    async fn events_and_uploads_of_a_hidden_library_are_not_there(backend: Backend) {
        let world = World::new(backend).await?;
        let mut socket = Socket::open(&world.server, world.guest.token().context("a token")?).await?;
        socket.begin("jobs", "subscription { jobChanges { id title } }", json!({})).await?;
        socket.begin("items", "subscription { libraryChanges { __typename ... on MediaAdded { media { id title } }
            ... on MediaUpdated { media { id title } } ... on MediaRemoved { mediaId } ... on LibraryReset { reason } } }", json!({})).await?;
        // A beginning that both have heard of: only then they listen.
        for library in [&world.hidden, &world.open] {
            let folder = if *library == world.open { "open" } else { "hidden" };
            let name = if *library == world.open { "fresh" } else { "qzwhisper_fresh" };
            let fixture = format!("{folder}/{name}.mp4 1s");
            tests::fixture::write(world.server.media(), &fixture, &world.server.server().engine).await?;
        }
        let known = "query($id: ID!) { jobs(first: 1) { nodes { id } } node(id: $id) { id } }";
        world.guest.query(known, json!({ "id": world.hidden })).await?;
        let retitle = "mutation($id: ID!) { updateMedia(input: { id: $id, title: \"qzwhisper told\" }) { media { id } } }";
        world.server.editor().query(retitle, json!({ "id": world.items[1] })).await?;
        world.server.scan(&world.hidden).await?;
        let open = world.server.start_scan(&world.open).await?;
        world.server.finished(&open).await?;
        let (mut has_job, mut has_item) = (false, false);
        while !(has_job && has_item) {
            let heard = tokio::time::timeout(Duration::from_secs(120), socket.hear()).await.context("nothing came")??;
            world.must_hide(&heard, "", "a subscription")?;
            ensure!(heard["type"] == "next", "{heard:#}");
            has_job |= heard["payload"]["data"]["jobChanges"]["id"] == *open;
            has_item |= heard["payload"]["data"]["libraryChanges"]["__typename"] == "MediaAdded";
        }
        let progress = "subscription($id: ID!) { jobProgress(id: $id) { title } }";
        let job = world.secrets.iter().find(|id| id.starts_with("job_")).context("a job")?;
        socket.begin("one", progress, json!({ "id": job })).await?;
        loop {
            let heard = socket.hear().await?;
            world.must_hide(&heard, job, progress)?;
            if heard["id"] == "one" {
                ensure!(heard["payload"]["errors"][0]["extensions"]["code"] == "NOT_FOUND", "{heard:#}");
                break;
            }
        }
        for (library, expected) in [(&world.hidden, 404), (&world.open, 201)] {
            let metadata = data_encoding::BASE64.encode(library.as_bytes());
            let name = data_encoding::BASE64.encode(b"new.mp4");
            let begin = world.guest.request("POST", "/uploads")?.header("tus-resumable", "1.0.0").header("upload-length", "9");
            let begin = begin.header("upload-metadata", format!("filename {name},library {metadata}"));
            let status = begin.send().await?.status().as_u16();
            ensure!(status == expected || (expected == 404 && (400..500).contains(&status)), "{library}: {status}");
        }
    }
}
