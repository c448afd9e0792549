//! Signing in at a provider that speaks OpenID Connect: one in the test's process, with real signatures.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Error, ensure};
use axum::{
    Form, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use reqwest::header::{LOCATION, SET_COOKIE};
use ring::{
    digest, rand,
    rsa::PublicKeyComponents,
    signature::{self, EcdsaKeyPair, KeyPair, RsaKeyPair},
};
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};
use tokio::net::TcpListener;

/// A key for tests alone, in PKCS #1.
pub const RSA_KEY: &str = "\
    MIIEowIBAAKCAQEAs+OpXCWoydPbSVi0ZSovb0tmm2YVPwk+WDEA6VHxviSm26J99XL9Y8n1ExWOERsznCIOUw+peLbJMN6FcS4u5gfH1H1W5rG6yxK4\
    XnL4FXO6pSvPUg6YtMW9AXGGbiyXxSI2xaZFGRTL183F5XXfIeuq3Xg7g8Thrz8cdaZRLMJNLrcR2IUZECqEjwdDgzgAiC/BJI7shRW60CAp65OHWZUI\
    /mFXHAocOTktgEL37rNf6p3A0VDGZ7a0s8ROkaK9UlOR1JmhANXhtjwYVdx+mAgGTXeyNCeDiV41OmK1VYEsdxXLFEyieJw79FcPllfALFwTAXeAWvoD\
    S/j9Hl2BTwIDAQABAoIBACyqZARhw2mtpV6uXEhcM5/2QFlofPEEagr6y+ei9ZvJPPb+/ziBH0J2RFhDO12q++MSH61nD6TN+eGc9tQ16+Yo22i64Gdy\
    jNdcZBPrhwbIj/jwCk+tGSSVjor7ta3Ie7yydJgZ40FJhR2l1bPWUxt4iRnpfxmGOqVJTdc2fyRWBZgqL99FHWW0K4kCk2DiX5HttWZWZ/9Orc2oMzdL\
    bSw02XkX7NenM4YuMs9My7A8FfvzHV78u24eLK4qWRLwT+TgPhrvabtV+KAezJcGT2eXQmsI+2/BRfoI5PQfni+HZJyF1GiMDRabB+tohMDxv137fe/5\
    7l5MOnj71aCGSUkCgYEA4w434+hKCXQ/BA/gb3fee9/WbIV3idaUDHvC0nEI5in852PoQH6qHZW75PlTYNStK2h8lsBx1BL6K8CTnKDtdKiW2UZ/JTzw\
    3DhKuDmcupKkTUMA2TWHGpYNILNq3XPIS96tnAZAzBA5MiayMtHVKs+pp9rpn7SKMW6iOJs2W5kCgYEAytI1qbYJuv88Qjv1Uj1dpglLHIkyA7w85g4a\
    7EXKJ/3rgCFiiZVb2rdhC15kiOMjfKWqrlzzE7uHMtXNYfY5WWorbYCi8thb3LB9vdAzrT4Z3lZDTU5QZqIMAj0IwBm0F7K+TV1YJtHaTXvMhTYegcOi\
    UWvbI+Ck1ye1GmtiFScCgYB5zKLGq1EsCSPUtf+bTB4ZLVYFGQOq+WSp3aoA4Yn4jgWQytNH5aqz/CKzDdxgUTYj1wUeiVWGgjeZSNDmcJ1wuw9QtrR1\
    8V7zg27xrFYa75cbqxnFayVyaZPZOuXUrcuAh49x5xjTXtCPyppFELLdKFDGLnSsq1iGc+apnvll4QKBgGqXvaI6zLRdbcL1lgGpxKz9V19g70stQ+g4\
    Y4fnSc5o0bseUJY0S/kPxU3fRwD2NvFMc/59VTb6qJxb5zvj1tIaTUaYg4sTkHvUudDnOjGDYL8MIQTg8rpt0dffUdj76T1HMGKiezCzu4JbXOppvfC+\
    63DVOW+Kobd9491FsF+jAoGBANemf4STt0uNGBR09uEJIQjeoM5D3isNXS4ijPMKU7X98rZ0N77rFrGBFDCSdo1KDGNR86R5MTnP0YZPsXC6ZpfM1ef0\
    wXxL6qB+SwNtyW016hmMArvrYIQLvOxFdAzMnEyFCVF6J7/nj3N4MDX6GwuRfd6Nn55qf18S6Zd2Iv9O";
const SECRET: &str = "shared with: the provider";

/// What the provider does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trick {
    None,
    Elliptic,
    Nonce,
    Audience,
    Issuer,
    Over,
    Unsigned,
    Shared,
    OtherKey,
    Bent,
    Party,
}

/// What is known of a code that a browser has.
struct Granted {
    challenge: String,
    nonce: String,
    redirect: String,
    claims: Value,
}

struct Books {
    address: String,
    codes: HashMap<String, Granted>,
    trick: Trick,
    rsa: RsaKeyPair,
    other: RsaKeyPair,
    elliptic: EcdsaKeyPair,
}

#[derive(Clone)]
struct Provider(Arc<Mutex<Books>>);

impl Provider {
    async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let random = rand::SystemRandom::new();
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| anyhow::anyhow!("no key"))?;
        let rsa = || RsaKeyPair::from_der(&BASE64.decode(RSA_KEY.as_bytes())?).map_err(Error::msg);
        let provider = Self(Arc::new(Mutex::new(Books {
            address: format!("http://{}", listener.local_addr()?),
            codes: HashMap::new(),
            trick: Trick::None,
            rsa: rsa()?,
            other: rsa()?,
            elliptic: EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).map_err(Error::msg)?,
        })));
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(configuration))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(provider)
    }

    fn books<T>(&self, with: impl FnOnce(&mut Books) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn address(&self) -> String {
        self.books(|books| books.address.clone())
    }

    /// What somebody does there whom a server has sent: they sign in, and come back with a code.
    fn signs_in(&self, place: &str, claims: Value) -> anyhow::Result<(String, String)> {
        let query: HashMap<String, String> = url::Url::parse(place)?.query_pairs().into_owned().collect();
        let told = |name: &str| {
            query
                .get(name)
                .cloned()
                .with_context(|| format!("{place} has no {name}"))
        };
        ensure!(
            told("response_type")? == "code" && told("code_challenge_method")? == "S256",
            "{place}"
        );
        ensure!(
            told("client_id")? == "vitagraph" && told("scope")?.starts_with("openid"),
            "{place}"
        );
        let code = format!("code-{}", self.books(|books| books.codes.len()));
        let granted = Granted {
            challenge: told("code_challenge")?,
            nonce: told("nonce")?,
            redirect: told("redirect_uri")?,
            claims,
        };
        self.books(|books| books.codes.insert(code.clone(), granted));
        Ok((code, told("state")?))
    }
}

async fn configuration(State(provider): State<Provider>) -> Json<Value> {
    let at = provider.address();
    Json(
        json!({ "issuer": at, "authorization_endpoint": format!("{at}/authorize"), "token_endpoint": format!("{at}/token"),
        "jwks_uri": format!("{at}/keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"] }),
    )
}

async fn keys(State(provider): State<Provider>) -> Json<Value> {
    provider.books(|books| {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(books.rsa.public());
        let point = books.elliptic.public_key().as_ref();
        Json(json!({ "keys": [
            { "kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", "n": text(&n), "e": text(&e) },
            { "kty": "EC", "kid": "two", "use": "sig", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]) },
        ] }))
    })
}

async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let refused = |why: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response();
    let encoded = SECRET.replace(':', "%3A").replace(' ', "+");
    let expected = format!("Basic {}", BASE64.encode(format!("vitagraph:{encoded}").as_bytes()));
    if headers.get("authorization").map(|value| value.as_bytes()) != Some(expected.as_bytes()) {
        return refused("invalid_client");
    }
    let told = |name: &str| form.get(name).cloned().unwrap_or_default();
    provider.books(|books| {
        // A code is good once.
        let Some(granted) = books.codes.remove(&told("code")) else {
            return refused("invalid_grant");
        };
        let verifier = digest::digest(&digest::SHA256, told("code_verifier").as_bytes());
        if BASE64URL_NOPAD.encode(verifier.as_ref()) != granted.challenge || told("redirect_uri") != granted.redirect {
            return refused("invalid_grant");
        }
        Json(json!({ "access_token": "x", "token_type": "Bearer", "id_token": id_token(books, &granted) }))
            .into_response()
    })
}

fn id_token(books: &Books, granted: &Granted) -> String {
    let now = jiff::Timestamp::now().as_second();
    let trick = books.trick;
    let if_trick = |of: Trick, bad: &str, good: &str| json!(if trick == of { bad } else { good });
    let mut claims = granted.claims.clone();
    claims["iss"] = if_trick(Trick::Issuer, "https://evil.example", &books.address);
    claims["aud"] = if_trick(Trick::Audience, "another", "vitagraph");
    claims["nonce"] = if_trick(Trick::Nonce, "another", &granted.nonce);
    claims["iat"] = json!(now);
    claims["exp"] = json!(if trick == Trick::Over { now - 3_600 } else { now + 300 });
    if trick == Trick::Party {
        claims["aud"] = json!(["vitagraph", "another"]);
        claims["azp"] = json!("another");
    }
    let head = match trick {
        Trick::Unsigned => json!({ "alg": "none", "typ": "JWT" }),
        Trick::Shared => json!({ "alg": "HS256", "kid": "one" }),
        Trick::Elliptic => json!({ "alg": "ES256", "kid": "two" }),
        Trick::OtherKey => json!({ "alg": "RS256", "kid": "two" }),
        _ => json!({ "alg": "RS256", "kid": "one" }),
    };
    let text = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let message = format!("{}.{}", text(&head), text(&claims));
    let random = rand::SystemRandom::new();
    let signed = match trick {
        Trick::Unsigned => Vec::new(),
        // Whoever knows a public key could make this, if it were taken for a shared one.
        Trick::Shared => {
            let PublicKeyComponents { n, .. } = PublicKeyComponents::<Vec<u8>>::from(books.rsa.public());
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &n);
            ring::hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
        }
        Trick::Elliptic => {
            let signed = books.elliptic.sign(&random, message.as_bytes()).expect("a signature");
            signed.as_ref().to_vec()
        }
        _ => {
            let key = if trick == Trick::OtherKey {
                &books.other
            } else {
                &books.rsa
            };
            let mut signed = vec![0; key.public().modulus_len()];
            let signing = key.sign(&signature::RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signed);
            signing.expect("a signature");
            if trick == Trick::Bent {
                signed[0] ^= 1;
            }
            signed
        }
    };
    format!("{message}.{}", BASE64URL_NOPAD.encode(&signed))
}

/// A browser, with the cookies it was given.
struct Browser<'a> {
    server: &'a TestServer,
    http: reqwest::Client,
    cookies: HashMap<String, String>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a TestServer) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            server,
            http,
            cookies: HashMap::new(),
        })
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let response = request.header("cookie", cookies.join("; ")).send().await?;
        for set in response.headers().get_all(SET_COOKIE) {
            let pair = set.to_str()?.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').context("a cookie")?;
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        Ok(response)
    }

    /// Where a page sends the browser.
    async fn goes(&mut self, path: &str) -> anyhow::Result<String> {
        let response = self
            .send(self.http.get(format!("{}{path}", self.server.address())))
            .await?;
        ensure!(response.status() == 303, "{path}: {response:?}");
        Ok(response
            .headers()
            .get(LOCATION)
            .context("a place")?
            .to_str()?
            .to_owned())
    }

    async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.server.address()));
        let request = request
            .header("x-requested-with", "vitagraph")
            .header("origin", self.server.address())
            .json(body);
        Ok(self.send(request).await?.json().await?)
    }

    /// Signs in at the provider from the beginning; gives where it ended.
    async fn signs_in(&mut self, provider: &Provider, claims: Value) -> anyhow::Result<String> {
        let place = self.goes("/auth/provider/start?next=/collections").await?;
        let (code, state) = provider.signs_in(&place, claims)?;
        self.goes(&format!("/auth/provider/return?code={code}&state={state}"))
            .await
    }

    async fn viewer(&mut self) -> anyhow::Result<Value> {
        let query = json!({ "query": "{ viewer { name role libraryAccess { access } } }" });
        Ok(self.post("/graphql", &query).await?["data"]["viewer"].take())
    }
}

async fn server(
    backend: tests::database::Backend,
    provider: &Provider,
    more: &[(&str, &str)],
) -> anyhow::Result<TestServer> {
    let issuer = provider.address();
    let allow = format!("[\"{}\"]", issuer.trim_start_matches("http://"));
    let usual = [
        ("VITAGRAPH_EGRESS_ALLOW", allow.as_str()),
        ("VITAGRAPH_OIDC_ISSUER", issuer.as_str()),
        ("VITAGRAPH_OIDC_CLIENT_ID", "vitagraph"),
        ("VITAGRAPH_OIDC_CLIENT_SECRET", SECRET),
    ];
    TestServer::start_with(backend, &[&usual[..], more].concat()).await
}

const ROLES: [(&str, &str); 5] = [
    ("VITAGRAPH_OIDC_CREATE_ACCOUNTS", "true"),
    ("VITAGRAPH_OIDC_ROLE_CLAIM", "realm_access.roles"),
    ("VITAGRAPH_OIDC_ADMINS", "[\"chiefs\"]"),
    ("VITAGRAPH_OIDC_EDITORS", "[\"cutters\"]"),
    ("VITAGRAPH_OIDC_VIEWERS", "[\"everybody\"]"),
];

fn claims(subject: &str, roles: &[&str]) -> Value {
    json!({ "sub": subject, "preferred_username": format!("{subject} of the studio"), "realm_access": { "roles": roles } })
}

on_both! {
    async fn somebody_of_the_provider_has_an_account_and_the_role_it_says(backend: Backend) {
        let provider = Provider::start().await?;
        let server = server(backend, &provider, &ROLES).await?;
        let state = server.anonymous().request("GET", "/auth/state")?.send().await?.json::<Value>().await?;
        ensure!(state["provider"] == "single sign-on", "{state:#}");
        for (roles, expected) in [(&["everybody", "cutters"][..], "EDITOR"), (&["everybody"], "VIEWER"), (&["chiefs"], "ADMIN"), (&["cutters"], "EDITOR")] {
            let mut browser = Browser::new(&server)?;
            let place = browser.signs_in(&provider, claims("ada", roles)).await?;
            ensure!(place == "/collections", "{place}");
            let viewer = browser.viewer().await?;
            ensure!(viewer == json!({ "name": "ada of the studio", "role": expected, "libraryAccess": null }), "{viewer:#}");
        }
        provider.books(|books| books.trick = Trick::Elliptic);
        ensure!(Browser::new(&server)?.signs_in(&provider, claims("ada", &["cutters"])).await? == "/collections");
        provider.books(|books| books.trick = Trick::None);
        // Whom the provider gives no role, it lets in nowhere; neither does it somebody who is disabled here.
        for subject in ["ada", "eve"] {
            let place = Browser::new(&server)?.signs_in(&provider, claims(subject, &["others"])).await?;
            ensure!(place == "/login?problem=PROVIDER_ACCOUNT_UNKNOWN", "{place}");
        }
        let users = server.admin().query("{ users(first: 9) { nodes { id name } } }", json!({})).await?;
        let nodes = users["users"]["nodes"].as_array().context("a list")?;
        ensure!(nodes.len() == 4, "{users:#}");
        let ada = nodes.iter().find(|user| user["name"] == "ada of the studio").context("ada")?;
        let disable = "mutation($id: ID!) { updateUser(input: { id: $id, isDisabled: true }) { user { id } } }";
        server.admin().query(disable, json!({ "id": ada["id"] })).await?;
        let place = Browser::new(&server)?.signs_in(&provider, claims("ada", &["cutters"])).await?;
        ensure!(place == "/login?problem=PROVIDER_ACCOUNT_UNKNOWN", "{place}");
    }

    async fn what_the_provider_did_not_say_to_this_browser_is_refused(backend: Backend) {
        let provider = Provider::start().await?;
        let server = server(backend, &provider, &ROLES).await?;
        let refused = "/login?problem=PROVIDER_REFUSED";
        for trick in [Trick::Nonce, Trick::Audience, Trick::Issuer, Trick::Over, Trick::Unsigned, Trick::Shared, Trick::OtherKey, Trick::Bent, Trick::Party] {
            provider.books(|books| books.trick = trick);
            let mut browser = Browser::new(&server)?;
            let place = browser.signs_in(&provider, claims("ada", &["chiefs"])).await?;
            ensure!(place == refused, "{trick:?}: {place}");
            ensure!(browser.viewer().await?.is_null(), "{trick:?}");
        }
        provider.books(|books| books.trick = Trick::None);
        // A state that was made up, another browser, a code twice, and a sign-in that took too long.
        let mut browser = Browser::new(&server)?;
        let place = browser.goes("/auth/provider/start").await?;
        let (code, state) = provider.signs_in(&place, claims("ada", &["chiefs"]))?;
        ensure!(browser.goes(&format!("/auth/provider/return?code={code}&state=made-up")).await? == refused);
        let mut browser = Browser::new(&server)?;
        let place = browser.goes("/auth/provider/start").await?;
        let (code, state_of_other) = provider.signs_in(&place, claims("ada", &["chiefs"]))?;
        let back = format!("/auth/provider/return?code={code}&state={state_of_other}");
        ensure!(Browser::new(&server)?.goes(&back).await? == refused);
        let kept = browser.cookies.clone();
        ensure!(browser.goes(&back).await? == "/");
        browser.cookies = kept;
        ensure!(browser.goes(&back).await? == refused);
        ensure!(state != state_of_other);
        let mut slow = Browser::new(&server)?;
        let place = slow.goes("/auth/provider/start").await?;
        let (code, state) = provider.signs_in(&place, claims("ada", &["chiefs"]))?;
        server.server().kernel.clock.advance(std::time::Duration::from_secs(601));
        ensure!(slow.goes(&format!("/auth/provider/return?code={code}&state={state}")).await? == refused);
        ensure!(slow.goes("/auth/provider/return?error=access_denied&state=x").await? == refused);
        // Where it goes on is a path of ours.
        for next in ["//evil.example", "https://evil.example", "/%5Cevil.example", "/%0d%0aset-cookie:x=y"] {
            let mut browser = Browser::new(&server)?;
            let place = browser.goes(&format!("/auth/provider/start?next={next}")).await?;
            let (code, state) = provider.signs_in(&place, claims("ada", &["chiefs"]))?;
            let place = browser.goes(&format!("/auth/provider/return?code={code}&state={state}")).await?;
            ensure!(place == "/", "{next}: {place}");
        }
    }

    async fn an_account_is_somebodys_at_the_provider_once_it_is_linked(backend: Backend) {
        let provider = Provider::start().await?;
        let server = server(backend, &provider, &[("VITAGRAPH_OIDC_CREATE_ACCOUNTS", "true"), ("VITAGRAPH_OIDC_DEFAULT_ROLE", "viewer"), ("VITAGRAPH_OIDC_ALL_LIBRARIES", "false")]).await?;
        // An equal name is no proof.
        let claims = json!({ "sub": "1", "preferred_username": "Editor" });
        let place = Browser::new(&server)?.signs_in(&provider, claims.clone()).await?;
        ensure!(place == "/login?problem=PROVIDER_ACCOUNT_UNKNOWN", "{place}");
        let mut browser = Browser::new(&server)?;
        let password = "correct horse battery";
        browser.post("/auth/sign-in", &json!({ "name": "editor", "password": password })).await?;
        let wrong = browser.post("/auth/provider/link", &json!({ "password": "not this one" })).await?;
        ensure!(wrong["error"]["code"] == "BAD_INPUT", "{wrong:#}");
        let begun = browser.post("/auth/provider/link", &json!({ "password": password })).await?;
        let (code, state) = provider.signs_in(begun["url"].as_str().context("a place")?, claims.clone())?;
        ensure!(browser.goes(&format!("/auth/provider/return?code={code}&state={state}")).await? == "/settings");
        let mut browser = Browser::new(&server)?;
        ensure!(browser.signs_in(&provider, claims.clone()).await? == "/collections");
        let viewer = browser.viewer().await?;
        ensure!(viewer["name"] == "editor" && viewer["role"] == "EDITOR", "{viewer:#}");
        // It cannot be another's, too.
        let mut browser = Browser::new(&server)?;
        browser.post("/auth/sign-in", &json!({ "name": "viewer", "password": password })).await?;
        let begun = browser.post("/auth/provider/link", &json!({ "password": password })).await?;
        let (code, state) = provider.signs_in(begun["url"].as_str().context("a place")?, claims)?;
        let place = browser.goes(&format!("/auth/provider/return?code={code}&state={state}")).await?;
        ensure!(place == "/settings?problem=PROVIDER_ACCOUNT_UNKNOWN", "{place}");
        // Somebody new sees no library before an administrator says so.
        let mut browser = Browser::new(&server)?;
        ensure!(browser.signs_in(&provider, json!({ "sub": "2", "email": "eve@studio.example" })).await? == "/collections");
        ensure!(browser.viewer().await? == json!({ "name": "eve@studio.example", "role": "VIEWER", "libraryAccess": [] }));
        // A provider that is away says so.
        provider.books(|books| books.address = "http://127.0.0.1:1".to_owned());
        server.server().kernel.clock.advance(std::time::Duration::from_secs(4_000));
        let place = Browser::new(&server)?.goes("/auth/provider/start").await?;
        ensure!(place == "/login?problem=PROVIDER_FAILED", "{place}");
    }

    async fn an_account_is_linked_to_one_at_the_provider_until_its_owner_ends_that(backend: Backend) {
        let provider = Provider::start().await?;
        let server = server(backend, &provider, &[]).await?;
        let password = "correct horse battery";
        let list = json!({ "query": "{ providerAccounts { issuer subject } }" });
        let mut browser = Browser::new(&server)?;
        browser.post("/auth/sign-in", &json!({ "name": "editor", "password": password })).await?;
        for subject in ["1", "2"] {
            let begun = browser.post("/auth/provider/link", &json!({ "password": password })).await?;
            let (code, state) = provider.signs_in(begun["url"].as_str().context("a place")?, json!({ "sub": subject }))?;
            ensure!(browser.goes(&format!("/auth/provider/return?code={code}&state={state}")).await? == "/settings");
            // What is linked anew takes the place of what was.
            let linked = browser.post("/graphql", &list).await?;
            ensure!(linked["data"]["providerAccounts"] == json!([{ "issuer": provider.address(), "subject": subject }]), "{linked:#}");
        }
        let place = Browser::new(&server)?.signs_in(&provider, json!({ "sub": "1" })).await?;
        ensure!(place == "/login?problem=PROVIDER_ACCOUNT_UNKNOWN", "{place}");
        // It is nobody else's to see or to end.
        let unlink = json!({ "query": "mutation($input: UnlinkProviderAccountInput!) { unlinkProviderAccount(input: $input) { issuer } }",
            "variables": { "input": { "issuer": provider.address() } } });
        let mut other = Browser::new(&server)?;
        other.post("/auth/sign-in", &json!({ "name": "viewer", "password": password })).await?;
        ensure!(other.post("/graphql", &list).await?["data"]["providerAccounts"] == json!([]));
        let refused = other.post("/graphql", &unlink).await?;
        ensure!(refused["errors"][0]["extensions"]["code"] == "NOT_FOUND", "{refused:#}");
        ensure!(Browser::new(&server)?.signs_in(&provider, json!({ "sub": "2" })).await? == "/collections");
        let ended = browser.post("/graphql", &unlink).await?;
        ensure!(ended["data"]["unlinkProviderAccount"]["issuer"] == provider.address(), "{ended:#}");
        ensure!(browser.viewer().await?["name"] == "editor");
        let place = Browser::new(&server)?.signs_in(&provider, json!({ "sub": "2" })).await?;
        ensure!(place == "/login?problem=PROVIDER_ACCOUNT_UNKNOWN", "{place}");
    }
}
