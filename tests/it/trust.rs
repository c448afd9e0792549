//! Where an account is signed in and how that ends, second factors, and links that show one thing to whoever has them.

use anyhow::{Context, ensure};
use reqwest::header::{RETRY_AFTER, SET_COOKIE};
use schema::user::one_time;
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};

/// The password of the harness's accounts.
const PASSWORD: &str = "correct horse battery";

/// A browser: it has a cookie once it has signed in.
struct Browser<'a> {
    server: &'a TestServer,
    http: reqwest::Client,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a TestServer, name: &str) -> anyhow::Result<Self> {
        Ok(Self {
            server,
            http: reqwest::Client::builder().user_agent(name).build()?,
            cookie: None,
        })
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<reqwest::Response> {
        let mut request = self.http.post(format!("{}{path}", self.server.address()));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        Ok(request
            .header("x-requested-with", "vitagraph")
            .json(body)
            .send()
            .await?)
    }

    /// Signs in; gives the code of the error where that fails.
    async fn sign_in(&mut self, name: &str, code: Option<&str>) -> anyhow::Result<Option<String>> {
        let mut body = json!({ "name": name, "password": PASSWORD });
        if let Some(code) = code {
            body["code"] = json!(code);
        }
        let response = self.post("/auth/sign-in", &body).await?;
        if !response.status().is_success() {
            ensure!(response.status() != 429 || response.headers().contains_key(RETRY_AFTER));
            let answer: Value = response.json().await?;
            return Ok(answer["error"]["code"].as_str().map(str::to_owned));
        }
        let set = response.headers().get(SET_COOKIE).context("a cookie")?.to_str()?;
        self.cookie = set.split(';').next().map(str::to_owned);
        Ok(None)
    }

    async fn ask(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let body = json!({ "query": query, "variables": variables });
        Ok(self.post("/graphql", &body).await?.json().await?)
    }

    async fn is_signed_in(&self) -> anyhow::Result<bool> {
        Ok(!self.ask("{ viewer { id } }", json!({})).await?["data"]["viewer"].is_null())
    }
}

fn nodes(answer: &Value, field: &str) -> Vec<Value> {
    answer["data"][field]["nodes"].as_array().cloned().unwrap_or_default()
}

const SESSIONS: &str = "query($user: ID) { sessions(first: 20, userId: $user) { totalCount nodes { id userAgent address
    isCurrent createdAt lastUsedAt expiresAt user { name } } } }";
const REVOKE: &str = "mutation($id: ID!) { revokeSession(input: { id: $id }) { sessionId } }";
const REVOKE_OTHERS: &str = "mutation($user: ID) { revokeOtherSessions(input: { userId: $user }) { sessionCount } }";
const BEGIN: &str = "mutation($password: String!) { beginSecondFactor(input: { password: $password }) { secret uri } }";
const CONFIRM: &str = "mutation($code: String!) { confirmSecondFactor(input: { code: $code }) { recoveryCodes } }";
const REMOVE: &str = "mutation($user: ID, $password: String) {
    removeSecondFactor(input: { userId: $user, password: $password }) { user { id } } }";
const SHARE: &str = "mutation($input: CreateShareLinkInput!) {
    createShareLink(input: $input) { url shareLink { id name hasPassword expiresAt lastOpenedAt media { id } } } }";
const LINKS: &str = "{ shareLinks(first: 20) { totalCount nodes { id name hasPassword lastOpenedAt user { name } } } }";
const UNSHARE: &str = "mutation($id: ID!) { revokeShareLink(input: { id: $id }) { shareLinkId } }";

on_both! {
    async fn sessions_are_told_and_end_from_elsewhere(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let mut browsers = Vec::new();
        for name in ["Firefox", "Phone", "Library computer"] {
            let mut browser = Browser::new(&server, name)?;
            ensure!(browser.sign_in("viewer", None).await?.is_none());
            browsers.push(browser);
        }
        let mut other = Browser::new(&server, "Another's")?;
        ensure!(other.sign_in("editor", None).await?.is_none());

        let told = browsers[0].ask(SESSIONS, json!({})).await?;
        let own = nodes(&told, "sessions");
        let agents: Vec<_> = own.iter().map(|session| session["userAgent"].clone()).collect();
        ensure!(agents == ["Library computer", "Phone", "Firefox"], "{told:#}");
        ensure!(told["data"]["sessions"]["totalCount"] == 3, "{told:#}");
        let current: Vec<_> = own.iter().map(|session| session["isCurrent"] == true).collect();
        ensure!(current == [false, false, true], "{told:#}");

        // Another's session is not there for a viewer, and is for an administrator.
        let foreign = nodes(&other.ask(SESSIONS, json!({})).await?, "sessions")[0]["id"].clone();
        let refused = browsers[0].ask(REVOKE, json!({ "id": foreign })).await?;
        ensure!(refused["errors"][0]["extensions"]["code"] == "SESSION_NOT_FOUND", "{refused:#}");
        let node = browsers[0].ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": foreign })).await?;
        ensure!(node["data"]["node"].is_null(), "{node:#}");
        let editor = nodes(&json!({ "data": server.admin().query("{ users(first: 9) { nodes { id name } } }", json!({})).await? }), "users");
        let editor = editor.iter().find(|user| user["name"] == "editor").context("the editor")?["id"].clone();
        let refused = browsers[0].ask(REVOKE_OTHERS, json!({ "user": editor })).await?;
        ensure!(refused["errors"][0]["extensions"]["code"] == "FORBIDDEN", "{refused:#}");
        ensure!(other.is_signed_in().await?);
        let all = server.admin().query(SESSIONS, json!({})).await?;
        ensure!(all["sessions"]["totalCount"] == 4, "{all:#}");

        // One, then all others: at once, and only those.
        browsers[0].ask(REVOKE, json!({ "id": own[0]["id"] })).await?;
        ensure!(!browsers[2].is_signed_in().await? && browsers[1].is_signed_in().await?);
        let ended = browsers[0].ask(REVOKE_OTHERS, json!({})).await?;
        ensure!(ended["data"]["revokeOtherSessions"]["sessionCount"] == 1, "{ended:#}");
        ensure!(!browsers[1].is_signed_in().await? && browsers[0].is_signed_in().await? && other.is_signed_in().await?);
        server.admin().query(REVOKE, json!({ "id": foreign })).await?;
        ensure!(!other.is_signed_in().await?);
    }

    async fn a_second_factor_is_asked_for_and_each_code_is_good_once(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let mut browser = Browser::new(&server, "Firefox")?;
        let mut elsewhere = Browser::new(&server, "Elsewhere")?;
        ensure!(browser.sign_in("viewer", None).await?.is_none() && elsewhere.sign_in("viewer", None).await?.is_none());
        let wrong = browser.ask(BEGIN, json!({ "password": "not it, really" })).await?;
        ensure!(wrong["errors"][0]["extensions"]["code"] == "BAD_INPUT", "{wrong:#}");
        let begun = browser.ask(BEGIN, json!({ "password": PASSWORD })).await?;
        let secret = begun["data"]["beginSecondFactor"]["secret"].as_str().with_context(|| format!("{begun:#}"))?;
        let uri = begun["data"]["beginSecondFactor"]["uri"].as_str().context("an address")?;
        ensure!(uri == format!("otpauth://totp/Vitagraph:viewer?secret={secret}&issuer=Vitagraph"), "{uri}");
        let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes())?;
        let clock = server.server().kernel.clock.clone();
        let code = || one_time::code_of(&secret, one_time::step_at(clock.now_ms()));
        let next = || clock.advance(std::time::Duration::from_secs(30));

        // Begun is not enough: nobody is locked out by half of it.
        ensure!(Browser::new(&server, "New")?.sign_in("viewer", None).await?.is_none());
        let wrong = browser.ask(CONFIRM, json!({ "code": "000000" })).await?;
        ensure!(wrong["errors"][0]["extensions"]["code"] == "BAD_INPUT", "{wrong:#}");
        let confirming = code();
        let confirmed = browser.ask(CONFIRM, json!({ "code": confirming })).await?;
        let recovery = confirmed["data"]["confirmSecondFactor"]["recoveryCodes"].as_array().with_context(|| format!("{confirmed:#}"))?;
        ensure!(recovery.len() == 10, "{confirmed:#}");
        ensure!(browser.is_signed_in().await? && !elsewhere.is_signed_in().await?, "the other sessions end");
        let has = browser.ask("{ viewer { hasSecondFactor } }", json!({})).await?;
        ensure!(has["data"]["viewer"]["hasSecondFactor"] == true, "{has:#}");
        let again = browser.ask(BEGIN, json!({ "password": PASSWORD })).await?;
        ensure!(again["errors"][0]["extensions"]["code"] == "SECOND_FACTOR_EXISTS", "{again:#}");

        let mut new = Browser::new(&server, "New")?;
        ensure!(new.sign_in("viewer", None).await?.as_deref() == Some("SECOND_FACTOR_NEEDED"));
        ensure!(new.sign_in("viewer", Some(&confirming)).await?.as_deref() == Some("SECOND_FACTOR_WRONG"), "it confirmed already");
        next();
        let present = code();
        ensure!(new.sign_in("viewer", Some(&present)).await?.is_none() && new.is_signed_in().await?);
        ensure!(Browser::new(&server, "Thief")?.sign_in("viewer", Some(&present)).await?.as_deref() == Some("SECOND_FACTOR_WRONG"), "twice");
        let lost = recovery[3].as_str().context("a code")?;
        ensure!(new.sign_in("viewer", Some(&lost.to_lowercase().replace('-', " "))).await?.is_none());
        ensure!(new.sign_in("viewer", Some(lost)).await?.as_deref() == Some("SECOND_FACTOR_WRONG"), "twice");

        // Guesses wait like those at passwords.
        let mut thief = Browser::new(&server, "Thief")?;
        let mut answers = Vec::new();
        // On a slow machine a pause may be over before the next guess; they grow.
        while answers.last().is_none_or(|last| last == "SECOND_FACTOR_WRONG") && answers.len() < 30 {
            answers.push(thief.sign_in("viewer", Some("123456")).await?.unwrap_or_default());
        }
        ensure!(answers.last().map(String::as_str) == Some("SIGN_IN_THROTTLED"), "{answers:?}");

        let without = new.ask(REMOVE, json!({})).await?;
        ensure!(without["errors"][0]["extensions"]["code"] == "BAD_INPUT", "{without:#}");
        let viewer = server.viewer().query("{ viewer { id } }", json!({})).await?["viewer"]["id"].clone();
        ensure!(server.editor().error_code(REMOVE, json!({ "user": viewer })).await? == "FORBIDDEN");
        server.admin().query(REMOVE, json!({ "user": viewer })).await?;
        clock.advance(std::time::Duration::from_secs(120));
        ensure!(Browser::new(&server, "New")?.sign_in("viewer", None).await?.is_none());
    }

    async fn a_link_shows_what_it_was_made_for_and_nothing_else(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let library = server.library("a.mp4 h264 160x120 1s\nb.jpg 64x64\nsecret.mp4 h264 160x120 2s").await?;
        server.scan(&library).await?;
        server.idle().await?;
        let found = server.admin().query("{ media(first: 9, sort: [{ field: TITLE }]) { nodes { id title } } }", json!({})).await?;
        let items = found["media"]["nodes"].as_array().cloned().context("items")?;
        let make = "mutation($input: CreateCollectionInput!) { createCollection(input: $input) { collection { id } } }";
        let two = json!({ "input": { "name": "<b>Holiday</b>", "mediaIds": [items[0]["id"], items[1]["id"]] } });
        let collection = server.editor().query(make, two).await?;
        let collection = collection["createCollection"]["collection"]["id"].clone();

        let editor = server.editor();
        let made = editor.query(SHARE, json!({ "input": { "collectionId": collection, "name": "for aunt" } })).await?;
        let url = made["createShareLink"]["url"].as_str().context("an address")?.to_owned();
        let nobody = server.anonymous();
        let shown: Value = nobody.request("GET", &url)?.send().await?.json().await?;
        let titles: Vec<_> = shown["items"].as_array().context("items")?.iter().map(|item| item["title"].clone()).collect();
        ensure!(titles == [items[0]["title"].clone(), items[1]["title"].clone()] && shown["next"].is_null(), "{shown:#}");
        ensure!(!shown.to_string().contains("secret"), "{shown:#}");
        for item in shown["items"].as_array().context("items")? {
            let file = item["files"][0]["url"].as_str().context("a file")?;
            let response = nobody.request("GET", file)?.send().await?;
            ensure!(response.status() == 200 && response.bytes().await?.len() > 100, "{file}");
        }
        let page = nobody.request("GET", &url)?.header("accept", "text/html").send().await?;
        for (name, value) in [("referrer-policy", "no-referrer"), ("cache-control", "no-store"), ("x-robots-tag", "noindex, nofollow")] {
            ensure!(page.headers().get(name).is_some_and(|found| found == value), "{name}: {:?}", page.headers());
        }
        let page = page.text().await?;
        ensure!(page.contains("&lt;b&gt;Holiday") && page.contains("<video controls") && page.contains("<img"), "{page}");
        // Whoever has a link is nobody elsewhere, and its token is no other secret.
        let token = url.rsplit('/').next().context("a token")?;
        let as_token = tests::client::Client::new(server.address(), Some(token.to_owned()));
        ensure!(as_token.error_code("{ media(first: 1) { nodes { id } } }", json!({})).await? == "UNAUTHENTICATED");
        for other in ["/share/vgl_", &format!("/share/{}", &token[..token.len() - 1]), &url.replace("vgl_", "vg_")] {
            let status = nobody.request("GET", other)?.send().await?.status();
            ensure!(status == 404, "{other}: {status}");
        }

        // With a password, until a time.
        let expires_at = server.server().kernel.clock.now_ms() + 3_600_000;
        let expires_at = jiff::Timestamp::from_millisecond(expires_at)?.to_string();
        let input = json!({ "mediaId": items[2]["id"], "name": "secret", "password": "open sesame", "expiresAt": expires_at });
        let made = editor.query(SHARE, json!({ "input": input })).await?;
        let locked = made["createShareLink"]["url"].as_str().context("an address")?.to_owned();
        let refused: Value = nobody.request("GET", &locked)?.send().await?.json().await?;
        ensure!(refused["error"]["code"] == "SHARE_PASSWORD_NEEDED", "{refused:#}");
        let form = |password: &'static str| nobody.request("POST", &locked).map(|request| {
            request.header("accept", "text/html").header("content-type", "application/x-www-form-urlencoded").body(format!("password={password}"))
        });
        let opened = form("open+sesame")?.send().await?;
        ensure!(opened.status() == 200 && opened.text().await?.contains("<video"));
        let body = nobody.request("POST", &locked)?.json(&json!({ "password": "open sesame" })).send().await?;
        ensure!(body.json::<Value>().await?["items"][0]["title"] == items[2]["title"]);
        let mut statuses = Vec::new();
        while statuses.last().is_none_or(|last| *last == 401) && statuses.len() < 30 {
            statuses.push(form("guess")?.send().await?.status().as_u16());
        }
        ensure!(statuses[0] == 401 && statuses.last() == Some(&429), "{statuses:?}");
        server.server().kernel.clock.advance(std::time::Duration::from_secs(3_700));
        let late: Value = nobody.request("POST", &locked)?.json(&json!({ "password": "open sesame" })).send().await?.json().await?;
        ensure!(late["error"]["code"] == "SHARE_NOT_FOUND", "{late:#}");

        // They are told to who made them, and end.
        let told = editor.query(LINKS, json!({})).await?;
        ensure!(told["shareLinks"]["totalCount"] == 2 && !told.to_string().contains("vgl_"), "{told:#}");
        ensure!(told["shareLinks"]["nodes"][1]["lastOpenedAt"].is_string(), "{told:#}");
        let link = made["createShareLink"]["shareLink"]["id"].clone();
        ensure!(server.viewer().error_code(SHARE, json!({ "input": { "mediaId": items[0]["id"], "name": "x" } })).await? == "FORBIDDEN");
        server.admin().query(UNSHARE, json!({ "id": link })).await?;
        ensure!(editor.error_code(UNSHARE, json!({ "id": link })).await? == "SHARE_NOT_FOUND");
        let first = told["shareLinks"]["nodes"][1]["id"].clone();
        editor.query(UNSHARE, json!({ "id": first })).await?;
        ensure!(nobody.request("GET", &url)?.send().await?.status() == 404);

        // Who may not share any more has shared nothing.
        let made = editor.query(SHARE, json!({ "input": { "mediaId": items[0]["id"], "name": "x" } })).await?;
        let url = made["createShareLink"]["url"].as_str().context("an address")?.to_owned();
        ensure!(nobody.request("GET", &url)?.send().await?.status() == 200);
        let owner = editor.query("{ viewer { id } }", json!({})).await?["viewer"]["id"].clone();
        let demote = "mutation($id: ID!) { updateUser(input: { id: $id, isDisabled: true }) { user { id } } }";
        server.admin().query(demote, json!({ "id": owner })).await?;
        ensure!(nobody.request("GET", &url)?.send().await?.status() == 404);
    }
}
