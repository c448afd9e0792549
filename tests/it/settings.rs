//! Settings in the API: what is decided there holds after the next start, below what file and environment say; and plugins
//! that are switched off.

use anyhow::{Context, ensure};
use kernel::config::{Config, Source};
use serde_json::{Value, json};
use server::{plugins::Plugins, setting_book};
use tests::{client::Client, on_both, server::TestServer};

const SETTINGS: &str =
    "{ system { settings { key section plugin description kind choices minimum maximum default value source
    nextValue isPending variable isSecret isEditable needsRestart } } }";
const UPDATE: &str = "mutation($values: [SettingValueInput!]!) { updateSettings(input: { values: $values }) {
    settings { key value nextValue isPending source } needsRestart undoToken } }";
const ENABLE: &str =
    "mutation($name: String!, $on: Boolean!) { setPluginEnabled(input: { name: $name, isEnabled: $on }) {
    setting { key value nextValue } needsRestart undoToken } }";

async fn setting(client: &Client, key: &str) -> anyhow::Result<Value> {
    let data = client.query(SETTINGS, json!({})).await?;
    let all = data["system"]["settings"].as_array().context("a list")?;
    let found = all.iter().find(|setting| setting["key"] == key);
    found.cloned().with_context(|| format!("no setting {key}"))
}

async fn update(client: &Client, values: Value) -> anyhow::Result<Value> {
    Ok(client.query(UPDATE, json!({ "values": values })).await?["updateSettings"].take())
}

/// The settings that the next start would have.
async fn next_start(server: &TestServer) -> anyhow::Result<Config> {
    let variables = [("VITAGRAPH_SCAN_WATCH".to_owned(), "false".to_owned())];
    let outside = Config::load(None, variables, &[Plugins::NAMES, &["egress", "media"]].concat())?;
    setting_book::with_stored(&outside, &server.server().kernel.store).await
}

on_both! {
    async fn what_is_decided_in_the_app_holds_from_the_next_start_and_can_be_undone(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let admin = server.admin();
        let before = setting(&admin, "stream.url_hours").await?;
        let expected = json!({
            "key": "stream.url_hours", "section": "stream", "plugin": "stream", "kind": "INTEGER", "choices": [],
            "description": "How many hours a URL of a file is valid, at most 6. It is promised for half of them.",
            "minimum": 1.0, "maximum": 6.0, "default": 6, "value": 6, "source": "DEFAULT", "nextValue": 6, "isPending": false,
            "variable": "VITAGRAPH_STREAM_URL_HOURS", "isSecret": false, "isEditable": true, "needsRestart": true,
        });
        ensure!(before == expected, "{before:#}");
        let updated = update(&admin, json!([
            { "key": "stream.url_hours", "value": 3 },
            { "key": "media.background", "value": "normal" },
            // What holds anyway is left to later versions.
            { "key": "upload.max_open", "value": 16 },
        ])).await?;
        ensure!(updated["needsRestart"] == true, "{updated:#}");
        ensure!(updated["settings"][0] == json!({ "key": "stream.url_hours", "value": 6, "nextValue": 3, "isPending": true,
            "source": "DEFAULT" }), "{updated:#}");
        ensure!(updated["settings"][2]["isPending"] == false, "{updated:#}");
        let held = next_start(&server).await?;
        let (hours, source) = held.get("stream", "url_hours").context("it is kept")?;
        ensure!(hours.as_integer() == Some(3) && source == Source::Stored);
        ensure!(held.get("media", "background").is_some() && held.get("upload", "max_open").is_none());

        let edits = "{ edits(first: 1) { nodes { action actor changedCount changes(first: 9) { nodes { kind differences { table after } } } } } }";
        let edits = admin.query(edits, json!({})).await?;
        let edit = &edits["edits"]["nodes"][0];
        ensure!(edit["action"] == "updateSettings" && edit["actor"] == "admin" && edit["changedCount"] == 2, "{edit:#}");
        ensure!(edit["changes"]["nodes"][0]["kind"] == "SETTING", "{edit:#}");

        let undo = "mutation($token: ID!) { undo(input: { token: $token }) { __typename } }";
        let token = json!({ "token": updated["undoToken"] });
        let refused = server.editor().error_code(undo, token.clone()).await?;
        ensure!(refused == "FORBIDDEN", "{refused}");
        admin.query(undo, token).await?;
        let after = setting(&admin, "stream.url_hours").await?;
        ensure!(after == expected, "{after:#}");
        // Null is what holds when nobody says anything.
        update(&admin, json!([{ "key": "stream.url_hours", "value": 2 }])).await?;
        let reset = update(&admin, json!([{ "key": "stream.url_hours", "value": null }])).await?;
        ensure!(reset["settings"][0]["isPending"] == false && next_start(&server).await?.get("stream", "url_hours").is_none());
    }

    async fn a_wrong_value_is_refused_with_its_key_and_what_is_allowed(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let admin = server.admin();
        for (key, value, says) in [
            ("stream.url_hours", json!(9), "`stream.url_hours` must be a whole number from 1 to 6"),
            ("stream.url_hours", json!("3"), "`stream.url_hours` must be a whole number from 1 to 6"),
            ("stream.preset", json!("slowest"), "`stream.preset` must be one of `ultrafast`"),
            ("pictures.sprites", json!("yes"), "`pictures.sprites` must be true or false"),
            ("upload.template", json!("{nonsense}"), "`template` in `[upload]`"),
            ("stream.media_base_url", json!("ftp://somewhere"), "must begin with http"),
            ("egress.allow", json!(["10.0.0.0/8"]), "only the file and the environment may say"),
            ("scan.watch", json!(true), "the environment says what it is"),
            ("scan.nothing", json!(1), "there is no setting `scan.nothing`"),
            ("server.database", json!("postgres://elsewhere"), "there is no setting `server.database`"),
        ] {
            let values = json!([{ "key": "clips.url_hours", "value": 2 }, { "key": key, "value": value }]);
            let answer = admin.send(UPDATE, json!({ "values": values })).await?;
            let error = &answer["errors"][0];
            ensure!(error["extensions"]["code"] == "BAD_INPUT", "{key}: {answer:#}");
            let fault = &error["extensions"]["fields"][0];
            ensure!(fault["path"].as_str().is_some_and(|path| path.starts_with("input.values[1]")), "{fault}");
            ensure!(fault["message"].as_str().is_some_and(|text| text.contains(says)), "{key}: {fault}");
        }
        let twice = json!([{ "key": "clips.url_hours", "value": 2 }, { "key": "clips.url_hours", "value": 3 }]);
        ensure!(admin.error_code(UPDATE, json!({ "values": twice })).await? == "BAD_INPUT");
        ensure!(setting(&admin, "clips.url_hours").await?["isPending"] == false, "a refused change changed something");
        ensure!(setting(&admin, "scan.watch").await?["isEditable"] == false);
        for client in [server.editor(), server.viewer()] {
            for document in [SETTINGS, "{ system { backups { name } } }"] {
                ensure!(client.error_code(document, json!({})).await? == "FORBIDDEN", "{document}");
            }
        }
    }

    async fn what_a_version_cannot_use_does_not_keep_it_from_starting(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let admin = server.admin();
        update(&admin, json!([{ "key": "clips.url_hours", "value": 2 }, { "key": "upload.max_open", "value": 3 }])).await?;
        let kernel = &server.server().kernel;
        let tx = kernel.store.begin(kernel::store::Durability::Full).await?;
        for (id, name, value) in [
            (1_i64, "stream.preset", "\"gone\""), (2, "nobody.knows", "1"), (3, "upload.template", "\"{nonsense}\""),
            (4, "scan.watch", "true"),
        ] {
            let text = "insert into server_setting (id, name, value, created_at, updated_at) values ($1, $2, $3, 0, 0)";
            kernel::sql::execute(&*tx, text, [id.into(), name.into(), value.into()]).await?;
        }
        tx.commit().await?;
        let held = next_start(&server).await?;
        ensure!(held.get("clips", "url_hours").is_some() && held.get("stream", "preset").is_none());
        ensure!(held.get("upload", "max_open").is_none(), "a section that means nothing is passed over whole");
        ensure!(held.get("scan", "watch").is_some_and(|(_, source)| source == Source::Environment));
        Plugins::check(&held)?;
        // It can be mended where it is shown.
        let mended = update(&admin, json!([{ "key": "upload.template", "value": null }])).await?;
        ensure!(mended["settings"][0]["isPending"] == false, "{mended:#}");
        ensure!(next_start(&server).await?.get("upload", "max_open").is_some());
    }

    async fn a_plugin_that_is_switched_off_answers_nothing_and_keeps_what_it_has(backend: Backend) {
        // What is wrong with its settings does not matter then.
        let off = [("VITAGRAPH_CAPTURE_ENABLED", "false"), ("VITAGRAPH_CAPTURE_FILE_MINUTES", "0")];
        let server = TestServer::start_with(backend, &off).await?;
        let admin = server.admin();
        let sources = "{ captureSources(first: 1) { totalCount } }";
        let refused = admin.send(sources, json!({})).await?;
        ensure!(refused["errors"][0]["extensions"]["code"] == "PLUGIN_OFF", "{refused:#}");
        ensure!(refused["errors"][0]["message"].as_str().is_some_and(|text| text.contains("`capture` is switched off")), "{refused:#}");
        ensure!(server.anonymous().error_code(sources, json!({})).await? == "UNAUTHENTICATED");
        let route = "/p/capture/snapshot/cap_0000000000000/1.jpg";
        ensure!(server.admin().request("GET", route)?.send().await?.status() == 404);
        let plugins = admin.query("{ system { plugins { name isEnabled } } trash(first: 1) { totalCount } }", json!({})).await?;
        for plugin in plugins["system"]["plugins"].as_array().context("a list")? {
            ensure!(plugin["isEnabled"] == (plugin["name"] != "capture"), "{plugin}");
        }
        let tables = kernel::sql::rows(server.server().kernel.store.reader(), "select count(*) from capture_source", []).await?;
        ensure!(tables.len() == 1, "its tables are there");

        // In the app the same is decided for another one.
        let fixed = admin.send(ENABLE, json!({ "name": "capture", "on": true })).await?;
        ensure!(fixed["errors"][0]["extensions"]["code"] == "BAD_INPUT", "{fixed:#}");
        let similar = admin.query(ENABLE, json!({ "name": "similar", "on": false })).await?;
        let payload = &similar["setPluginEnabled"];
        ensure!(payload["setting"] == json!({ "key": "similar.enabled", "value": true, "nextValue": false }), "{payload:#}");
        ensure!(payload["needsRestart"] == true && payload["undoToken"].is_string(), "{payload:#}");
        let held = next_start(&server).await?;
        ensure!(!held.is_enabled("similar")? && held.is_enabled("upload")?);
        let next = Plugins::new(&server.server().kernel, &held)?;
        ensure!(next.off().iter().eq(["similar"].iter()) && next.working().len() + 1 == Plugins::NAMES.len());
        let back = admin.query(ENABLE, json!({ "name": "similar", "on": true })).await?;
        ensure!(back["setPluginEnabled"]["needsRestart"] == false && next_start(&server).await?.is_enabled("similar")?);
        let unknown = admin.send(ENABLE, json!({ "name": "nothing", "on": false })).await?;
        ensure!(unknown["errors"][0]["extensions"]["code"] == "BAD_INPUT", "{unknown:#}");
    }
}
