//! Passkeys, by an authenticator in software: made, used, listed and removed, and whatever is not theirs refused.

use anyhow::{Context, Error, ensure};
use ciborium::Value as Cbor;
use data_encoding::BASE64URL_NOPAD;
use reqwest::header::SET_COOKIE;
use ring::{
    digest, rand,
    rsa::PublicKeyComponents,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair},
};
use serde_json::{Value, json};
use tests::{on_both, server::TestServer};

use crate::provider::RSA_KEY;

/// The password of the harness's accounts.
const PASSWORD: &str = "correct horse battery";
/// Somebody was there, and it was the owner.
const VERIFIED: u8 = 0x05;

enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// An authenticator with one key.
struct Authenticator {
    key: Key,
    id: Vec<u8>,
    flags: u8,
    n_uses: u32,
}

impl Authenticator {
    fn new(key: Key) -> Self {
        let id: [u8; 16] = rand::generate(&rand::SystemRandom::new())
            .expect("random bytes")
            .expose();
        Self {
            key,
            id: id.to_vec(),
            flags: VERIFIED,
            n_uses: 1,
        }
    }

    fn p256() -> anyhow::Result<Self> {
        let random = rand::SystemRandom::new();
        let algorithm = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| anyhow::anyhow!("no key"))?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).map_err(Error::msg)?;
        Ok(Self::new(Key::P256(key)))
    }

    fn ed25519() -> anyhow::Result<Self> {
        let made = Ed25519KeyPair::generate_pkcs8(&rand::SystemRandom::new()).map_err(|_| anyhow::anyhow!("no key"))?;
        Ok(Self::new(Key::Ed25519(
            Ed25519KeyPair::from_pkcs8(made.as_ref()).map_err(Error::msg)?,
        )))
    }

    fn rsa() -> anyhow::Result<Self> {
        let bytes = data_encoding::BASE64.decode(RSA_KEY.as_bytes())?;
        Ok(Self::new(Key::Rsa(Box::new(
            RsaKeyPair::from_der(&bytes).map_err(Error::msg)?,
        ))))
    }

    /// The public key as COSE has it.
    fn cose(&self) -> Cbor {
        let pair = |label: i64, value: Cbor| (Cbor::from(label), value);
        Cbor::Map(match &self.key {
            Key::P256(key) => {
                let point = key.public_key().as_ref();
                let half = |from: usize| Cbor::Bytes(point[from..from + 32].to_vec());
                vec![
                    pair(1, 2.into()),
                    pair(3, (-7).into()),
                    pair(-1, 1.into()),
                    pair(-2, half(1)),
                    pair(-3, half(33)),
                ]
            }
            Key::Ed25519(key) => {
                let bytes = Cbor::Bytes(key.public_key().as_ref().to_vec());
                vec![
                    pair(1, 1.into()),
                    pair(3, (-8).into()),
                    pair(-1, 6.into()),
                    pair(-2, bytes),
                ]
            }
            Key::Rsa(key) => {
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(key.public());
                vec![
                    pair(1, 3.into()),
                    pair(3, (-257).into()),
                    pair(-1, Cbor::Bytes(n)),
                    pair(-2, Cbor::Bytes(e)),
                ]
            }
        })
    }

    fn data(&self, host: &str) -> Vec<u8> {
        let hash = digest::digest(&digest::SHA256, host.as_bytes());
        [hash.as_ref(), &[self.flags], &self.n_uses.to_be_bytes()].concat()
    }

    /// The answer to the making of a passkey.
    fn create(&self, options: &Value, origin: &str) -> anyhow::Result<Value> {
        let client = client("webauthn.create", options, origin);
        let mut data = self.data(options["rp"]["id"].as_str().context("a host")?);
        data[32] |= 0x40;
        data.extend([0; 16]);
        data.extend((self.id.len() as u16).to_be_bytes());
        data.extend(&self.id);
        ciborium::into_writer(&self.cose(), &mut data)?;
        let object = Cbor::Map(vec![
            ("fmt".into(), "none".into()),
            ("attStmt".into(), Cbor::Map(Vec::new())),
            ("authData".into(), Cbor::Bytes(data)),
        ]);
        let mut attestation = Vec::new();
        ciborium::into_writer(&object, &mut attestation)?;
        Ok(json!({ "name": "my phone", "clientData": text(&client), "attestation": text(&attestation) }))
    }

    /// The answer to a sign-in.
    fn get(&self, options: &Value, origin: &str) -> anyhow::Result<Value> {
        let client = client("webauthn.get", options, origin);
        let data = self.data(options["rpId"].as_str().context("a host")?);
        let hash = digest::digest(&digest::SHA256, &client);
        let message = [&data[..], hash.as_ref()].concat();
        let random = rand::SystemRandom::new();
        let signed = match &self.key {
            Key::P256(key) => key
                .sign(&random, &message)
                .map_err(|_| anyhow::anyhow!("unsigned"))?
                .as_ref()
                .to_vec(),
            Key::Ed25519(key) => key.sign(&message).as_ref().to_vec(),
            Key::Rsa(key) => {
                let mut signed = vec![0; key.public().modulus_len()];
                let signing = key.sign(&signature::RSA_PKCS1_SHA256, &random, &message, &mut signed);
                signing.map_err(|_| anyhow::anyhow!("unsigned"))?;
                signed
            }
        };
        Ok(
            json!({ "id": text(&self.id), "clientData": text(&client), "authenticatorData": text(&data), "signature": text(&signed) }),
        )
    }
}

fn client(kind: &str, options: &Value, origin: &str) -> Vec<u8> {
    json!({ "type": kind, "challenge": options["challenge"], "origin": origin, "crossOrigin": false })
        .to_string()
        .into_bytes()
}

fn text(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// A browser on the server's own pages.
struct Browser<'a> {
    server: &'a TestServer,
    http: reqwest::Client,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a TestServer) -> Self {
        Self {
            server,
            http: reqwest::Client::new(),
            cookie: None,
        }
    }

    async fn signed_in(server: &'a TestServer, name: &str) -> anyhow::Result<Self> {
        let mut browser = Self::new(server);
        let answer = browser
            .post("/auth/sign-in", &json!({ "name": name, "password": PASSWORD }))
            .await?;
        ensure!(answer["viewer"]["name"] == name, "{answer:#}");
        Ok(browser)
    }

    /// The answer of a route; a session's cookie is kept.
    async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let mut request = self.http.post(format!("{}{path}", self.server.address()));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let request = request
            .header("x-requested-with", "vitagraph")
            .header("origin", self.server.address());
        let response = request.json(body).send().await?;
        if let Some(set) = response.headers().get(SET_COOKIE) {
            self.cookie = set.to_str()?.split(';').next().map(str::to_owned);
        }
        Ok(response.json().await?)
    }

    async fn data(&mut self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let mut answer = self
            .post("/graphql", &json!({ "query": query, "variables": variables }))
            .await?;
        Ok(answer["data"].take())
    }

    async fn make(&mut self, authenticator: &Authenticator) -> anyhow::Result<Value> {
        let options = self
            .post("/auth/passkeys/options", &json!({ "password": PASSWORD }))
            .await?;
        let made = authenticator.create(&options, self.server.address())?;
        self.post("/auth/passkeys", &made).await
    }

    async fn options(&mut self) -> anyhow::Result<Value> {
        self.post("/auth/passkey/options", &json!({})).await
    }
}

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or("taken")
}

on_both! {
    async fn passkeys_of_each_kind_are_made_used_and_removed(backend: Backend) {
        let server = TestServer::start(backend).await?;
        for (authenticator, name) in [(Authenticator::p256()?, "viewer"), (Authenticator::ed25519()?, "editor"), (Authenticator::rsa()?, "viewer")] {
            let mut authenticator = authenticator;
            let mut browser = Browser::signed_in(&server, name).await?;
            let made = browser.make(&authenticator).await?;
            ensure!(made["name"] == "my phone", "{made:#}");
            ensure!(code(&browser.make(&authenticator).await?) == "PASSKEY_KNOWN");
            let mut fresh = Browser::new(&server);
            let options = fresh.options().await?;
            authenticator.n_uses += 1;
            let used = authenticator.get(&options, server.address())?;
            let welcome = fresh.post("/auth/passkey/sign-in", &used).await?;
            ensure!(welcome["viewer"]["name"] == name, "{welcome:#}");
            let mine = fresh.data("{ viewer { name } passkeys { id name lastUsedAt } }", json!({})).await?;
            let of = mine["passkeys"].as_array().context("a list")?.iter().find(|of| of["id"] == made["id"]).context("it")?.clone();
            ensure!(mine["viewer"]["name"] == name && !of["lastUsedAt"].is_null(), "{mine:#}");
            let remove = "mutation($id: ID!) { removePasskey(input: { id: $id }) { passkeyId } }";
            ensure!(Browser::signed_in(&server, "editor").await?.data(remove, json!({ "id": made["id"] })).await?.is_null() == (name != "editor"));
            if name != "editor" {
                ensure!(fresh.data(remove, json!({ "id": made["id"] })).await?["removePasskey"]["passkeyId"] == made["id"]);
            }
            authenticator.n_uses += 1;
            let options = fresh.options().await?;
            let gone = fresh.post("/auth/passkey/sign-in", &authenticator.get(&options, server.address())?).await?;
            ensure!(code(&gone) == "PASSKEY_REFUSED", "{gone:#}");
        }
    }

    async fn what_is_not_the_passkeys_is_refused(backend: Backend) {
        let server = TestServer::start(backend).await?;
        let mut authenticator = Authenticator::p256()?;
        let mut browser = Browser::signed_in(&server, "viewer").await?;
        let refused = async |browser: &mut Browser<'_>, used: Value| -> anyhow::Result<()> {
            let answer = browser.post("/auth/passkey/sign-in", &used).await?;
            ensure!(["PASSKEY_REFUSED", "BAD_INPUT"].contains(&code(&answer)), "{used:#}: {answer:#}");
            Ok(())
        };
        // A page of another site, somebody who is only there, a password that is not theirs.
        let options = browser.post("/auth/passkeys/options", &json!({ "password": PASSWORD })).await?;
        let elsewhere = authenticator.create(&options, "https://evil.example")?;
        ensure!(code(&browser.post("/auth/passkeys", &elsewhere).await?) == "PASSKEY_REFUSED");
        authenticator.flags = 0x01;
        let options = browser.post("/auth/passkeys/options", &json!({ "password": PASSWORD })).await?;
        ensure!(code(&browser.post("/auth/passkeys", &authenticator.create(&options, server.address())?).await?) == "PASSKEY_REFUSED");
        authenticator.flags = VERIFIED;
        let wrong = browser.post("/auth/passkeys/options", &json!({ "password": "not the password" })).await?;
        ensure!(code(&wrong) == "BAD_INPUT", "{wrong:#}");
        // A challenge that was made for another account.
        let options = Browser::signed_in(&server, "editor").await?.post("/auth/passkeys/options", &json!({ "password": PASSWORD })).await?;
        ensure!(code(&browser.post("/auth/passkeys", &authenticator.create(&options, server.address())?).await?) == "PASSKEY_REFUSED");
        browser.make(&authenticator).await?;

        authenticator.n_uses = 5;
        let options = browser.options().await?;
        let used = authenticator.get(&options, server.address())?;
        let mut thief = Browser::new(&server);
        let mut bent = used.clone();
        bent["signature"] = json!(text(&[1; 70]));
        refused(&mut thief, bent).await?;
        // A challenge is good for one answer, taken or not.
        refused(&mut thief, used).await?;
        let options = browser.options().await?;
        let good = authenticator.get(&options, server.address())?;
        ensure!(thief.post("/auth/passkey/sign-in", &good).await?["viewer"]["name"] == "viewer");
        refused(&mut Browser::new(&server), good).await?;
        // A copy counts on its own.
        let options = browser.options().await?;
        refused(&mut Browser::new(&server), authenticator.get(&options, server.address())?).await?;
        authenticator.n_uses = 9;
        for (what, used) in [
            ("another page", { let options = browser.options().await?; authenticator.get(&options, "https://evil.example")? }),
            ("no challenge of ours", authenticator.get(&json!({ "challenge": text(b"made up"), "rpId": "127.0.0.1" }), server.address())?),
            ("another host", {
                let mut options = browser.options().await?;
                options["rpId"] = json!("evil.example");
                authenticator.get(&options, server.address())?
            }),
            ("a challenge to make one", {
                let made = browser.post("/auth/passkeys/options", &json!({ "password": PASSWORD })).await?;
                authenticator.get(&json!({ "challenge": made["challenge"], "rpId": "127.0.0.1" }), server.address())?
            }),
        ] {
            refused(&mut Browser::new(&server), used).await.context(what)?;
        }
        let options = browser.options().await?;
        let late = authenticator.get(&options, server.address())?;
        server.server().kernel.clock.advance(std::time::Duration::from_secs(700));
        refused(&mut Browser::new(&server), late).await?;
        // An account that is disabled has no way in.
        let id = browser.data("{ viewer { id } }", json!({})).await?["viewer"]["id"].clone();
        let disable = "mutation($id: ID!) { updateUser(input: { id: $id, isDisabled: true }) { user { id } } }";
        server.admin().query(disable, json!({ "id": id })).await?;
        let mut fresh = Browser::new(&server);
        let options = fresh.options().await?;
        refused(&mut fresh, authenticator.get(&options, server.address())?).await?;
    }
}
