//! Accounts, sessions and tokens against a real database: what is granted, for how long, and at what cost.

// As in the server: merged roots nest one future for each member.
#![recursion_limit = "512"]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test names what it checks")]

use std::{sync::Arc, time::Duration};

use async_graphql::{Request, Schema, Value};
use entities::user::{self, Role};
use kernel::{
    bus::LocalBus,
    cache::Caches,
    clock::Clock,
    events::Events,
    jobs::{JobSettings, Jobs},
    parts::Parts,
    plugin::Kernel,
    signing::Signer,
    store::{Store, StoreConfig},
    telemetry::Metrics,
};
use migration::Migrator;
use schema::{
    SharedCaches,
    kit::access::{Access, Via, Viewer},
    user::{
        authenticator::{Authenticator, Credentials, SignInError},
        rules::{self, NewUser, UserChanges},
        sessions::{self, Device, NewToken},
    },
};
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use sea_orm_migration::MigratorTrait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

const DAY: Duration = Duration::from_secs(86_400);
const PASSWORD: &str = "correct horse";

struct World {
    kernel: Kernel,
    shared: SharedCaches,
    api: Schema<schema::Query, schema::Mutation, schema::Subscription>,
    _folder: tempfile::TempDir,
}

impl World {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::embedded(folder.path());
        Self::over(config, folder).await
    }

    /// `None` without a server, with a word about it.
    async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var("VITAGRAPH_TEST_POSTGRES") else {
            eprintln!("skipped on PostgreSQL: VITAGRAPH_TEST_POSTGRES names no server");
            return None;
        };
        let name = format!("access_{:016x}", rand::random::<u64>());
        let admin = Database::connect(ConnectOptions::new(&server)).await.unwrap();
        admin
            .execute_unprepared(&format!("create database {name}"))
            .await
            .unwrap();
        admin.close().await.unwrap();
        let base = server.rsplit_once('/').map_or(server.as_str(), |(base, _)| base);
        Some(Self::over(StoreConfig::new(format!("{base}/{name}")), tempfile::tempdir().unwrap()).await)
    }

    async fn over(config: StoreConfig, folder: tempfile::TempDir) -> Self {
        let (clock, events) = (Clock::default(), Events::default());
        let store = Store::open(&config, clock.clone(), events.clone()).await.unwrap();
        Migrator::up(store.migrator(), None).await.unwrap();
        let kernel = Kernel {
            jobs: Jobs::new(store.clone(), Arc::new(LocalBus::default()), JobSettings::for_tests()),
            signer: Signer::open(&store).await.unwrap(),
            store,
            clock,
            events,
            caches: Caches::default(),
            metrics: Metrics::default(),
            parts: Parts::default(),
            data_dir: Arc::new(folder.path().to_owned()),
        };
        let shared = schema::context(&kernel);
        let roots = (
            schema::Query::default(),
            schema::Mutation::default(),
            schema::Subscription::default(),
        );
        let api = Schema::build(roots.0, roots.1, roots.2)
            .data(kernel.clone())
            .data(shared.clone())
            .finish();
        Self {
            kernel,
            shared,
            api,
            _folder: folder,
        }
    }

    async fn user(&self, name: &str, role: Role) -> user::Model {
        let new = NewUser {
            name: name.to_owned(),
            password: secret(PASSWORD),
            role,
            libraries: None,
        };
        rules::create_user(&self.kernel, new).await.unwrap()
    }

    async fn token(&self, user: &user::Model, scope: Role) -> String {
        let new = NewToken {
            name: "test".to_owned(),
            scope,
            expires_at: None,
        };
        let (secret, _) = sessions::create_token(&self.kernel, user.id, user.role, new)
            .await
            .unwrap();
        secret.expose_secret().to_owned()
    }

    async fn sign_in(&self, name: &str) -> (String, Viewer) {
        let signed_in = self
            .authenticator()
            .sign_in(&self.kernel, credentials(name, PASSWORD), Device::default())
            .await
            .unwrap();
        (signed_in.secret.expose_secret().to_owned(), signed_in.viewer)
    }

    fn authenticator(&self) -> Arc<Authenticator> {
        Authenticator::of(&self.kernel)
    }

    async fn by_token(&self, token: &str) -> Option<Viewer> {
        self.authenticator().token(&self.kernel, token).await.unwrap()
    }

    async fn by_session(&self, session: &str) -> Option<Viewer> {
        self.authenticator().session(&self.kernel, session).await.unwrap()
    }

    /// The answer's data, or the first error's code.
    async fn ask(&self, access: Access, document: &str) -> Result<Value, String> {
        let mut request = Request::new(document);
        request.data = schema::request_data(&self.kernel, &self.shared, access);
        let response = self.api.execute(request).await;
        match response.errors.first() {
            None => Ok(response.data),
            Some(error) => {
                let code = error
                    .extensions
                    .as_ref()
                    .and_then(|extensions| extensions.get("code"))
                    .cloned();
                Err(code.map_or_else(|| error.message.clone(), |code| code.to_string().replace('"', "")))
            }
        }
    }
}

fn credentials(name: &str, password: &str) -> Credentials {
    Credentials {
        name: name.to_owned(),
        password: secret(password),
        code: None,
    }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text.to_owned())
}

fn system() -> Viewer {
    Viewer::of_system(entities::id::UserId::new(), "system".to_owned(), Role::Admin)
}

macro_rules! on_both {
    ($(async fn $name:ident($world:ident: World) $body:block)+) => {
        $(async fn $name($world: World) $body)+

        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::World::sqlite().await).await;
            })+
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                if let Some(world) = super::World::postgres().await {
                    super::$name(world).await;
                }
            })+
        }
    };
}

on_both! {
    async fn of_several_first_accounts_one_is_made(world: World) {
        assert!(world.authenticator().setup_needed(&world.kernel).await.unwrap());
        let make = |n: usize| rules::create_first_user(&world.kernel, format!("admin{n}"), secret(PASSWORD));
        let made = futures_util::future::join_all((0..4).map(make)).await;
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
        assert!(made.iter().flat_map(|made| made.as_ref().err()).all(|failure| failure.code.name == "SETUP_DONE"));
        assert!(!world.authenticator().setup_needed(&world.kernel).await.unwrap());
    }

    async fn a_name_is_unique_without_regard_to_case(world: World) {
        world.user("Ada", Role::Admin).await;
        let again = NewUser { name: " aDA ".to_owned(), password: secret(PASSWORD), role: Role::Viewer, libraries: None };
        assert_eq!(rules::create_user(&world.kernel, again).await.unwrap_err().code.name, "USER_NAME_TAKEN");
        assert_eq!(world.sign_in("ADA").await.1.name, "Ada");
        for bad in ["", "a\u{202e}b", "a\0b", &"x".repeat(65)] {
            let new = NewUser { name: bad.to_owned(), password: secret(PASSWORD), role: Role::Viewer, libraries: None };
            assert_eq!(rules::create_user(&world.kernel, new).await.unwrap_err().code.name, "BAD_INPUT", "{bad:?}");
        }
    }

    async fn unknown_names_wrong_passwords_and_disabled_accounts_get_one_answer(world: World) {
        let ada = world.user("ada", Role::Admin).await;
        let bob = world.user("bob", Role::Viewer).await;
        let off = UserChanges { is_disabled: Some(true), ..UserChanges::default() };
        rules::update_user(&world.kernel, &system(), bob.id, off, None).await.unwrap();
        let mut answers = Vec::new();
        for (name, password) in [("nobody", PASSWORD), ("ada", "wrong horse"), ("bob", PASSWORD), ("a\0", PASSWORD)] {
            let failure = rules::authenticate_password(&world.kernel, name, secret(password)).await.unwrap_err();
            answers.push((failure.code.name, failure.message));
        }
        assert!(answers.iter().all(|answer| answer == &answers[0] && answer.0 == "SIGN_IN_FAILED"), "{answers:?}");
        assert_eq!(rules::authenticate_password(&world.kernel, "ada", secret(PASSWORD)).await.unwrap().id, ada.id);
    }

    async fn guesses_are_delayed_and_the_delay_says_how_long(world: World) {
        world.user("ada", Role::Admin).await;
        let guess = |password: &'static str| {
            let authenticator = world.authenticator();
            let kernel = world.kernel.clone();
            async move { authenticator.sign_in(&kernel, credentials("ada", password), Device::default()).await }
        };
        for _ in 0..4 {
            assert!(matches!(guess("wrong horse").await, Err(SignInError::Refused(_))));
        }
        let Err(SignInError::Throttled { seconds }) = guess(PASSWORD).await else { panic!("the fifth must wait") };
        world.kernel.clock.advance(Duration::from_secs(seconds));
        assert!(guess(PASSWORD).await.is_ok());
    }

    async fn a_warm_session_or_token_costs_no_statement(world: World) {
        let ada = world.user("ada", Role::Admin).await;
        let token = world.token(&ada, Role::Editor).await;
        let (session, _) = world.sign_in("ada").await;
        // The first use also writes that the token is in use.
        assert_eq!(world.by_token(&token).await.unwrap().role, Role::Editor);
        assert_eq!(world.by_session(&session).await.unwrap().role, Role::Admin);
        let before = world.kernel.store.statements().statements;
        for _ in 0..100 {
            assert!(world.by_token(&token).await.is_some() && world.by_session(&session).await.is_some());
            assert!(world.by_token("vg_nonsense").await.is_none());
        }
        assert_eq!(world.kernel.store.statements().statements, before);
        world.kernel.clock.advance(Duration::from_secs(31));
        assert!(world.by_token(&token).await.is_some());
        assert_eq!(world.kernel.store.statements().statements, before + 1, "looked up again after thirty seconds");
    }

    async fn a_session_ends_at_once_when_it_is_ended(world: World) {
        let ada = world.user("ada", Role::Admin).await;
        let (first, viewer) = world.sign_in("ada").await;
        let (second, _) = world.sign_in("ada").await;
        assert!(world.by_session(&first).await.is_some() && world.by_session(&second).await.is_some());
        let Via::Session(id) = viewer.via else { panic!("a session") };
        sessions::revoke_session(&world.kernel, id).await.unwrap();
        assert!(world.by_session(&first).await.is_none());
        assert!(world.by_session(&second).await.is_some());

        let (third, viewer) = world.sign_in("ada").await;
        let fresh = || UserChanges { password: Some(secret("another horse")), ..UserChanges::default() };
        let refused = rules::update_user(&world.kernel, &viewer, ada.id, fresh(), Some(secret("wrong horse"))).await;
        assert_eq!(refused.unwrap_err().fields[0].path, "input.currentPassword");
        rules::update_user(&world.kernel, &viewer, ada.id, fresh(), Some(secret(PASSWORD))).await.unwrap();
        assert!(world.by_session(&second).await.is_none(), "a new password ends the other sessions");
        assert!(world.by_session(&third).await.is_some());
    }

    async fn a_session_ends_when_idle_and_after_ninety_days(world: World) {
        world.user("ada", Role::Admin).await;
        let (idle, _) = world.sign_in("ada").await;
        let (busy, _) = world.sign_in("ada").await;
        for _ in 0..3 {
            world.kernel.clock.advance(29 * DAY);
            assert!(world.by_session(&busy).await.is_some());
        }
        assert!(world.by_session(&idle).await.is_none());
        world.kernel.clock.advance(4 * DAY);
        assert!(world.by_session(&busy).await.is_none(), "however much it is used");
    }

    async fn that_a_token_is_in_use_is_written_every_five_minutes(world: World) {
        let ada = world.user("ada", Role::Admin).await;
        let token = world.token(&ada, Role::Viewer).await;
        assert!(world.by_token(&token).await.is_some());
        let writes = || world.kernel.store.statements().writes;
        let before = writes();
        for _ in 0..100 {
            world.kernel.clock.advance(Duration::from_secs(6));
            assert!(world.by_token(&token).await.is_some());
        }
        assert_eq!(writes() - before, 2, "ten minutes");
    }

    async fn no_key_makes_a_wider_key(world: World) {
        let ada = world.user("ada", Role::Admin).await;
        let token = world.token(&ada, Role::Viewer).await;
        let narrow = Access::Viewer(world.by_token(&token).await.unwrap());
        let make = |scope: &str| {
            format!(r#"mutation {{ createApiToken(input: {{ name: "x", scopes: [{scope}] }}) {{ token apiToken {{ scopes user {{ name }} }} }} }}"#)
        };
        assert_eq!(world.ask(narrow.clone(), &make("ADMIN")).await.unwrap_err(), "API_TOKEN_TOO_WIDE");
        assert_eq!(world.ask(narrow.clone(), &make("")).await.unwrap_err(), "BAD_INPUT");
        let made = world.ask(narrow.clone(), &make("VIEW")).await.unwrap();
        let made = made.into_json().unwrap();
        let expected = json!({ "scopes": ["VIEW"], "user": { "name": "ada" } });
        assert_eq!(made["createApiToken"]["apiToken"], expected);
        let hijack = format!(r#"mutation {{ updateUser(input: {{ id: "{}", password: "another horse" }}) {{ user {{ id }} }} }}"#, ada.id);
        assert_eq!(world.ask(narrow.clone(), &hijack).await.unwrap_err(), "BAD_INPUT", "the present password is missing");
        let promote = format!(r#"mutation {{ updateUser(input: {{ id: "{}", role: ADMIN }}) {{ user {{ id }} }} }}"#, ada.id);
        assert_eq!(world.ask(narrow.clone(), &promote).await.unwrap_err(), "FORBIDDEN");
        let create = r#"mutation { createUser(input: { name: "eve", password: "12345678", role: ADMIN }) { user { id } } }"#;
        assert_eq!(world.ask(narrow.clone(), create).await.unwrap_err(), "FORBIDDEN");
        assert_eq!(world.ask(Access::Anonymous, create).await.unwrap_err(), "UNAUTHENTICATED");
    }

    async fn a_token_ends_when_revoked_expired_or_with_its_account(world: World) {
        let ada = world.user("ada", Role::Admin).await;
        let bob = world.user("bob", Role::Editor).await;
        let (secret, row) = sessions::create_token(&world.kernel, ada.id, Role::Admin, NewToken {
            name: "short".to_owned(),
            scope: Role::Admin,
            expires_at: Some(world.kernel.clock.now_ms() + 3_600_000),
        })
        .await
        .unwrap();
        let (short, revoked, bobs) =
            (secret.expose_secret().to_owned(), world.token(&ada, Role::Admin).await, world.token(&bob, Role::Editor).await);
        for token in [&short, &revoked, &bobs] {
            assert!(world.by_token(token).await.is_some());
        }
        let others = sessions::revoke_token(&world.kernel, row.id, Some(bob.id)).await;
        assert_eq!(others.unwrap_err().code.name, "API_TOKEN_NOT_FOUND");
        let Via::Token(id) = world.by_token(&revoked).await.unwrap().via else { panic!("a token") };
        sessions::revoke_token(&world.kernel, id, Some(ada.id)).await.unwrap();
        assert!(world.by_token(&revoked).await.is_none(), "at once");

        let demote = UserChanges { role: Some(Role::Viewer), ..UserChanges::default() };
        rules::update_user(&world.kernel, &system(), bob.id, demote, None).await.unwrap();
        assert_eq!(world.by_token(&bobs).await.unwrap().role, Role::Viewer, "never more than the account");
        let disable = UserChanges { is_disabled: Some(true), ..UserChanges::default() };
        rules::update_user(&world.kernel, &system(), bob.id, disable, None).await.unwrap();
        assert!(world.by_token(&bobs).await.is_none());
        world.kernel.clock.advance(Duration::from_secs(3601));
        assert!(world.by_token(&short).await.is_none());
    }

    async fn the_last_administrator_stays(world: World) {
        let ada = world.user("ada", Role::Admin).await;
        let demote = || UserChanges { role: Some(Role::Editor), ..UserChanges::default() };
        let disable = || UserChanges { is_disabled: Some(true), ..UserChanges::default() };
        for changes in [demote(), disable()] {
            let refused = rules::update_user(&world.kernel, &system(), ada.id, changes, None).await;
            assert_eq!(refused.unwrap_err().code.name, "USER_LAST_ADMIN");
        }
        let eve = world.user("eve", Role::Admin).await;
        let actor = system();
        let both = [ada.id, eve.id].map(|id| rules::update_user(&world.kernel, &actor, id, demote(), None));
        let done = futures_util::future::join_all(both).await;
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "of two at once, one stays");
    }

    async fn lists_show_what_the_viewer_may_know(world: World) {
        let ada = world.user("ada", Role::Admin).await;
        let bob = world.user("bob", Role::Viewer).await;
        let (adas, bobs) = (world.token(&ada, Role::Admin).await, world.token(&bob, Role::Viewer).await);
        let (admin, viewer) = (world.by_token(&adas).await.unwrap(), world.by_token(&bobs).await.unwrap());
        let (admin, viewer) = (Access::Viewer(admin), Access::Viewer(viewer));
        let json = async |access: &Access, document: &str| {
            world.ask(access.clone(), document).await.map(|data| data.into_json().unwrap())
        };
        let users = "{ users(first: 1) { totalCount nodes { name role isDisabled } pageInfo { hasNextPage } } }";
        assert_eq!(
            json(&admin, users).await.unwrap()["users"],
            json!({
                "totalCount": 2,
                "nodes": [{ "name": "ada", "role": "ADMIN", "isDisabled": false }],
                "pageInfo": { "hasNextPage": true },
            })
        );
        assert_eq!(json(&viewer, users).await.unwrap_err(), "FORBIDDEN");
        let tokens = "{ apiTokens { totalCount nodes { user { name } } } }";
        let (bobs, adas) = (json!({ "user": { "name": "bob" } }), json!({ "user": { "name": "ada" } }));
        let answer = json(&admin, tokens).await.unwrap();
        assert_eq!(answer["apiTokens"], json!({ "totalCount": 2, "nodes": [bobs.clone(), adas] }));
        let answer = json(&viewer, tokens).await.unwrap();
        assert_eq!(answer["apiTokens"], json!({ "totalCount": 1, "nodes": [bobs] }));
        let other = format!(r#"{{ apiTokens(userId: "{}") {{ totalCount }} node(id: "{}") {{ id }} }}"#, ada.id, ada.id);
        let answer = json(&viewer, &other).await.unwrap();
        assert_eq!(answer, json!({ "apiTokens": { "totalCount": 0 }, "node": null }));
        let who = "{ viewer { name role permissions } }";
        assert_eq!(json(&Access::Anonymous, who).await.unwrap(), json!({ "viewer": null }));
        let answer = json(&viewer, who).await.unwrap();
        assert_eq!(answer["viewer"], json!({ "name": "bob", "role": "VIEWER", "permissions": ["VIEW"] }));
        let jobs = "{ jobs(first: 5, filter: { status: { in: [FAILED] } }) { totalCount nodes { id parent { id } } } }";
        assert_eq!(json(&admin, jobs).await.unwrap()["jobs"], json!({ "totalCount": 0, "nodes": [] }));
        let system = "{ system { storage { mediaSize databaseSize freeSpace } caches { name hitRate } } }";
        let answer = json(&admin, system).await.unwrap();
        assert!(answer["system"]["storage"]["databaseSize"].as_i64().unwrap() > 4096, "{answer}");
        assert!(answer["system"]["storage"]["freeSpace"].as_i64().unwrap() > 0, "{answer}");
        assert!(answer["system"]["caches"].as_array().unwrap().iter().any(|cache| cache["name"] == "user.api_token"));
        assert_eq!(json(&viewer, "{ system { caches { name } } }").await.unwrap_err(), "FORBIDDEN");
    }
}
