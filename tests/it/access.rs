//! Who may ask what: every root field of the SDL is called as nobody and as each role.

mod calls;
mod libraries;

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tests::{client::Client, on_both, server::TestServer};

use self::calls::Calls;

/// What everybody may ask; `viewer` is null for nobody.
const PUBLIC: &[&str] = &["viewer"];
/// Mutations that a viewer may call: what is the viewer's own.
const VIEWER_MAY: &[&str] = &[
    "beginSecondFactor",
    "bulkUpdateMedia",
    "confirmSecondFactor",
    "createApiToken",
    "deleteSavedFilter",
    "recordView",
    "removePasskey",
    "removeSecondFactor",
    "revokeApiToken",
    "revokeOtherSessions",
    "revokeSession",
    "saveFilter",
    "saveProgress",
    "undo",
    "unlinkProviderAccount",
    "updateMedia",
    "updateUser",
];
/// Queries that need more than a viewer.
const VIEWER_MAY_NOT_SEE: &[&str] = &["autoTagPreview", "edits", "nameRulePreview", "shareLinks", "users"];

async fn code(client: &Client, operation: &str) -> anyhow::Result<String> {
    if operation.starts_with("subscription") {
        let body = json!({ "query": operation });
        let request = client
            .request("POST", "/graphql")?
            .header("accept", "text/event-stream")
            .json(&body);
        let mut response = request.send().await?;
        // The first bytes say whether it was refused; an open stream is an answer too.
        let first = tokio::time::timeout(std::time::Duration::from_secs(2), response.chunk()).await;
        let text = match first {
            Ok(chunk) => String::from_utf8_lossy(&chunk?.unwrap_or_default()).into_owned(),
            Err(_) => String::new(),
        };
        let known = ["UNAUTHENTICATED", "FORBIDDEN"]
            .into_iter()
            .find(|code| text.contains(code));
        return Ok(known.unwrap_or("answered").to_owned());
    }
    let response: Value = client.send(operation, json!({})).await?;
    Ok(response["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or("answered")
        .to_owned())
}

on_both! {
    async fn nobody_gets_an_answer_from_any_root_field(backend: Backend) {
        let calls = Calls::read()?;
        let server = TestServer::start(backend).await?;
        let nobody = server.anonymous();
        let mut n_fields = 0;
        for root in ["Query", "Mutation", "Subscription"] {
            for (field, operation) in calls.of(root) {
                let code = code(&nobody, &operation).await?;
                let is_public = PUBLIC.contains(&field.as_str());
                ensure!((code == "UNAUTHENTICATED") != is_public, "{root}.{field} answered nobody with {code}: {operation}");
                n_fields += 1;
            }
        }
        ensure!(n_fields > 30, "only {n_fields} root fields were found");
    }

    async fn a_viewer_can_change_only_what_is_the_viewers_own(backend: Backend) {
        let calls = Calls::read()?;
        let server = TestServer::start(backend).await?;
        let viewer = server.viewer();
        for (field, operation) in calls.of("Mutation") {
            let code = code(&viewer, &operation).await?;
            let may = VIEWER_MAY.contains(&field.as_str());
            ensure!((code == "FORBIDDEN") != may, "Mutation.{field} answered a viewer with {code}: {operation}");
        }
        for (field, operation) in calls.of("Query") {
            let code = code(&viewer, &operation).await?;
            let may_not = VIEWER_MAY_NOT_SEE.contains(&field.as_str());
            ensure!((code == "FORBIDDEN") == may_not, "Query.{field} answered a viewer with {code}: {operation}");
        }
    }

    async fn every_other_route_denies_or_is_meant_for_everybody(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let declared = declared_routes()?;
        for route in &declared {
            ensure!(ROUTES.iter().any(|(known, ..)| known == route), "the route {route} has no class: add it to ROUTES");
        }
        for (route, path, class) in ROUTES {
            ensure!(declared.contains(*route), "there is no route {route} any more");
            for (who, client) in [("nobody", server.anonymous()), ("a viewer", server.viewer()), ("an administrator", server.admin())] {
                let method = if [Class::Post, Class::AdminPost, Class::Account].contains(class) { "POST" } else { "GET" };
                let status = client.request(method, path)?.send().await?.status().as_u16();
                let expected: &[u16] = match (class, who) {
                    (Class::Public, _) => &[200],
                    // Without its header a state-changing route refuses before it looks at who asks.
                    (Class::Post, _) => &[403],
                    (Class::GraphQl, _) => &[400],
                    (Class::Signed, _) => &[403],
                    (Class::Link, _) => &[404],
                    (Class::Admin | Class::AdminPost | Class::Account, "nobody") => &[401],
                    (Class::Admin | Class::AdminPost, "a viewer") => &[403],
                    (Class::Admin, _) => &[200],
                    // The timer is the process's own, and another test's server may have it.
                    (Class::AdminPost, _) => &[200, 409],
                    (Class::Account, _) => &[400, 403, 404, 405, 412],
                };
                ensure!(expected.contains(&status), "{path} answered {who} with {status}, not {expected:?}");
            }
        }
        for path in ["/p/scan/anything", "/p/nothing", "/data/vitagraph.db", "/p/stream/../../metrics/x"] {
            let status = server.anonymous().request("GET", path)?.send().await?.status().as_u16();
            ensure!(status == 404, "{path} answered nobody with {status}");
        }
        let metrics = server.admin().request("GET", "/metrics")?.send().await?;
        ensure!(metrics.text().await?.contains("vitagraph_"));
    }

    async fn what_belongs_to_one_account_is_closed_to_another(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("film.mp4 1s").await?;
        server.scan(&library).await?;
        let (anna, bert) = (server.viewer(), server.second_viewer().await?);
        let media = anna.query("{ media(first: 1) { nodes { id } } }", json!({})).await?["media"]["nodes"][0]["id"].clone();
        let progress = "mutation($input: SaveProgressInput!) { saveProgress(input: $input) { media { id } } }";
        anna.query(progress, json!({ "input": { "id": media, "position": 0.4 } })).await?;
        let token = "mutation($input: CreateApiTokenInput!) { createApiToken(input: $input) { apiToken { id } } }";
        let token = anna.query(token, json!({ "input": { "name": "mine", "scopes": ["VIEW"] } })).await?;
        let filter = "mutation($input: SaveFilterInput!) { saveFilter(input: $input) { savedFilter { id } } }";
        let filter = anna.query(filter, json!({ "input": { "name": "mine", "filter": {} } })).await?;
        let viewer = anna.query("{ viewer { id } }", json!({})).await?;
        let sign_in = json!({ "name": "viewer", "password": "correct horse battery" });
        let signed_in = server.anonymous().request("POST", "/auth/sign-in")?.header("x-requested-with", "vitagraph").json(&sign_in).send().await?;
        ensure!(signed_in.status() == 200, "{signed_in:?}");
        let session = anna.query("{ sessions(first: 1) { nodes { id } } }", json!({})).await?;
        let share = "mutation($input: CreateShareLinkInput!) { createShareLink(input: $input) { shareLink { id } } }";
        let share = server.editor().query(share, json!({ "input": { "mediaId": media, "name": "mine" } })).await?;
        let begin = server.editor().request("POST", "/uploads")?.header("tus-resumable", "1.0.0").header("upload-length", "9");
        let upload = begin.send().await?;
        let upload = upload.headers().get("location").and_then(|at| at.to_str().ok()?.rsplit('/').next().map(str::to_owned));
        let upload = json!(upload.context("an upload")?);
        let theirs = [
            &token["createApiToken"]["apiToken"]["id"],
            &filter["saveFilter"]["savedFilter"]["id"],
            &viewer["viewer"]["id"],
            &session["sessions"]["nodes"][0]["id"],
            &share["createShareLink"]["shareLink"]["id"],
            &upload,
        ];
        let own = "{ viewer { id name role } apiTokens(first: 50) { nodes { id name revokedAt } } savedFilters { id name }
            media(first: 1) { nodes { id viewCount isFavorite lastViewedAt ... on Video { resumePosition } } } }";
        let before = anna.query(own, json!({})).await?;
        let unseen = bert.query(own, json!({})).await?;
        for id in theirs {
            let id = id.as_str().context("an id")?;
            ensure!(!unseen.to_string().contains(id), "{id} is in another account's lists: {unseen:#}");
            let calls = Calls::read()?.with_id(id);
            for root in ["Query", "Mutation"] {
                for (field, operation) in calls.of(root).into_iter().filter(|(_, operation)| operation.contains(id)) {
                    let answer = bert.send(&operation, json!({})).await?;
                    let found = &answer["data"][&field];
                    let is_nothing = found.is_null() || found.as_array().is_some_and(|all| all.iter().all(Value::is_null));
                    ensure!(is_nothing || TAKE_ANY_ID.contains(&field.as_str()), "{root}.{field} took {id} from another account: {answer:#}");
                }
            }
        }
        let head = bert.request("HEAD", &format!("/uploads/{}", upload.as_str().unwrap_or_default()))?.header("tus-resumable", "1.0.0");
        ensure!([403, 404].contains(&head.send().await?.status().as_u16()), "another's upload is told of");
        let tokens = "query($id: ID!) { apiTokens(userId: $id, first: 9) { totalCount nodes { id } } }";
        let seen = bert.query(tokens, json!({ "id": theirs[2] })).await?;
        ensure!(seen["apiTokens"] == json!({ "totalCount": 0, "nodes": [] }), "{seen:#}");
        let after = anna.query(own, json!({})).await?;
        ensure!(before == after, "another account changed {before:#} to {after:#}");
        let place = |seen: &Value| seen["media"]["nodes"][0]["resumePosition"].as_f64();
        ensure!(place(&before).is_some() && place(&unseen).is_none(), "{before:#} {unseen:#}");
        // What is not one's own looks like what is not there.
        let revoke = "mutation($id: ID!) { revokeApiToken(input: { id: $id }) { apiToken { id } } }";
        ensure!(bert.error_code(revoke, json!({ "id": theirs[0] })).await? == "API_TOKEN_NOT_FOUND");
        ensure!(anna.query(revoke, json!({ "id": theirs[0] })).await?["revokeApiToken"]["apiToken"]["id"] == *theirs[0]);
    }
}

/// What a request without credentials, parameters and headers gets of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// An answer.
    Public,
    /// A refusal: it changes something, and needs a header that no other site can send.
    Post,
    /// A refusal: it needs a document, and the document's fields decide.
    GraphQl,
    /// A refusal: its URL must be signed.
    Signed,
    /// Nothing: only who has the secret in its path finds what is there.
    Link,
    /// An answer for administrators.
    Admin,
    /// The same, by a request that may change something.
    AdminPost,
    /// An answer for accounts.
    Account,
}

/// Every route as its source declares it, one that fits it, and its class.
const ROUTES: &[(&str, &str, Class)] = &[
    ("/uploads", "/uploads", Class::Account),
    ("/uploads/", "/uploads/", Class::Account),
    ("/uploads/{id}", "/uploads/upl_0000000000001", Class::Account),
    ("/graphql", "/graphql", Class::GraphQl),
    ("/healthz", "/healthz", Class::Public),
    ("/readyz", "/readyz", Class::Public),
    ("/metrics", "/metrics", Class::Admin),
    ("/admin/profile/cpu", "/admin/profile/cpu?seconds=1", Class::AdminPost),
    ("/admin/profile/heap", "/admin/profile/heap?seconds=1", Class::AdminPost),
    ("/auth/state", "/auth/state", Class::Public),
    ("/auth/setup", "/auth/setup", Class::Post),
    ("/auth/sign-in", "/auth/sign-in", Class::Post),
    ("/auth/sign-out", "/auth/sign-out", Class::Post),
    ("/auth/passkey/options", "/auth/passkey/options", Class::Post),
    ("/auth/passkey/sign-in", "/auth/passkey/sign-in", Class::Post),
    ("/auth/passkeys/options", "/auth/passkeys/options", Class::Post),
    ("/auth/passkeys", "/auth/passkeys", Class::Post),
    ("/auth/provider/start", "/auth/provider/start", Class::Link),
    ("/auth/provider/return", "/auth/provider/return", Class::Link),
    ("/auth/provider/link", "/auth/provider/link", Class::Post),
    (
        "/share/{token}",
        "/share/vgl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        Class::Link,
    ),
    (
        "/file/{file_id}/{filename}",
        "/p/stream/file/fil_0000000000000/a.mp4",
        Class::Signed,
    ),
    (
        "/play/{file_id}/{part}/{name}",
        "/p/stream/play/fil_0000000000000/a/b.m3u8",
        Class::Signed,
    ),
    ("/{name}", "/p/backup/backup-1.db", Class::Signed),
    ("/rendition/{name}", "/p/clips/rendition/a.mp4", Class::Signed),
    (
        "/live/{capture}/index.m3u8",
        "/p/capture/live/cap_0000000000000/index.m3u8",
        Class::Signed,
    ),
    (
        "/live/{capture}/{part}/{span}",
        "/p/capture/live/cap_0000000000000/cpt_0000000000000/0-1.mp4",
        Class::Signed,
    ),
    (
        "/snapshot/{capture}/{tick}",
        "/p/capture/snapshot/cap_0000000000000/1.jpg",
        Class::Signed,
    ),
    ("/poster/{formats}", "/p/pictures/poster/a", Class::Signed),
    ("/sprite/{name}", "/p/pictures/sprite/a", Class::Signed),
    ("/preview/{name}", "/p/pictures/preview/a", Class::Signed),
    ("/vtt/{key}/{name}", "/p/pictures/vtt/a/b", Class::Signed),
    ("/waveform/{key}/{name}", "/p/pictures/waveform/a/b", Class::Signed),
    (
        "/at/{file}/{stamp}/{at}/{width}",
        "/p/pictures/at/fil_0000000000000/1/1/1",
        Class::Signed,
    ),
    (
        "/page/{file}/{stamp}/{at}/{width}",
        "/p/pictures/page/fil_0000000000000/1/1/1",
        Class::Signed,
    ),
];

/// Fields that use no account's things by the ids they are given.
const TAKE_ANY_ID: &[&str] = &["apiTokens", "sessions"];

/// The paths of `.route(..)` in the sources of the server and its plugins.
fn declared_routes() -> anyhow::Result<BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("server/src"), root.join("plugins")];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let text = std::fs::read_to_string(&path)?;
                for piece in text.split(".route(").skip(1) {
                    let piece = piece.trim_start();
                    let route = piece.strip_prefix('"').and_then(|piece| piece.split('"').next());
                    found.insert(
                        route
                            .with_context(|| format!("a route of {} is no plain text: {piece:.60}", path.display()))?
                            .to_owned(),
                    );
                }
            }
        }
    }
    Ok(found)
}

#[test]
fn every_root_field_has_one_owner() -> anyhow::Result<()> {
    let calls = Calls::read()?;
    for root in ["Query", "Mutation", "Subscription"] {
        let names: Vec<_> = calls.of(root).into_iter().map(|(name, _)| name).collect();
        let members = server::plugins::root_fields(root);
        let mut owned = BTreeSet::new();
        for (owner, fields) in &members {
            for field in fields {
                ensure!(
                    owned.insert(field.clone()),
                    "{root}.{field} has a second owner: {owner}"
                );
            }
        }
        let listed: BTreeSet<_> = names.into_iter().collect();
        ensure!(
            owned == listed,
            "{root}: the members own {owned:?}, the schema has {listed:?}"
        );
    }
    Ok(())
}
