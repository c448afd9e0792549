//! Signing in at a provider that speaks OpenID Connect: its addresses and keys, and the code flow with PKCE, state and nonce.
//! Every call goes through `kernel::egress`. Off unless `[oidc]` names an issuer.

pub mod account;
pub mod token;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use data_encoding::BASE64URL_NOPAD;
use entities::{id::UserId, user::Role};
use fetch::{Client, Limits};
use jsonwebtoken::jwk::JwkSet;
use kernel::{
    egress::{Egress, target::Target},
    error::Failure,
    plugin::Kernel,
    seal::Sealer,
};
use schema::user::codes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use self::token::{Claims, Expected};

/// The `[oidc]` section.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderConfig {
    /// The provider, as its tokens name it, such as `https://login.example/realms/studio`; nobody signs in there when absent.
    pub issuer: Option<String>,
    /// By what the provider knows this server.
    pub client_id: String,
    /// What this server proves itself to the provider by; none for a public client.
    #[schemars(extend("secret" = true))]
    pub client_secret: Option<String>,
    /// What the button on the sign-in page says.
    pub label: String,
    /// What is asked for, besides `openid`.
    pub scopes: String,
    /// The claim that a new account's name is made of.
    pub name_claim: String,
    /// The claim that says the role, such as `groups`; dots lead into objects, as in `realm_access.roles`.
    pub role_claim: Option<String>,
    /// Values of that claim that make an administrator.
    pub admins: Vec<String>,
    /// Values of that claim that make an editor.
    pub editors: Vec<String>,
    /// Values of that claim that make a viewer.
    pub viewers: Vec<String>,
    /// The role where the claim says none: `viewer`, `editor` or `admin`. Without it nobody gets in by accident.
    pub default_role: Option<String>,
    /// Whether somebody who has no account here gets one. Otherwise accounts are linked in the settings first.
    pub create_accounts: bool,
    /// Whether such an account sees all libraries; otherwise an administrator grants it some.
    pub all_libraries: bool,
}

impl Default for ProviderConfig {
    fn default() -> Self {
        Self {
            issuer: None,
            client_id: String::new(),
            client_secret: None,
            label: "single sign-on".to_owned(),
            scopes: "profile email".to_owned(),
            name_claim: "preferred_username".to_owned(),
            role_claim: None,
            admins: Vec::new(),
            editors: Vec::new(),
            viewers: Vec::new(),
            default_role: None,
            create_accounts: false,
            all_libraries: true,
        }
    }
}

/// The provider's answers are short, and somebody waits for them.
const LIMITS: Limits = Limits {
    idle: Duration::from_secs(20),
    max_bytes: 1 << 20,
};
/// How long addresses and keys of the provider are believed.
const FRESH_MS: i64 = 3_600_000;
/// A token by an unknown key has them read again, but not more often.
const AGAIN_MS: i64 = 60_000;
/// How long signing in may take.
const PATIENCE_MS: i64 = 600_000;
/// What the state of a sign-in is sealed for.
const PLACE: &str = "sign-in at the provider";
/// Where the provider sends browsers back to.
pub const RETURN: &str = "/auth/provider/return";

/// The sign-in provider. There is one, or none.
pub struct Provider {
    /// The settings.
    pub config: ProviderConfig,
    issuer: String,
    redirect: String,
    default_role: Option<Role>,
    client: Client,
    known: Mutex<Option<Arc<Known>>>,
}

/// What the provider says of itself.
struct Known {
    addresses: Addresses,
    keys: JwkSet,
    read_at: i64,
}

#[derive(Deserialize)]
struct Addresses {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// A sign-in that is under way, in a cookie of the browser that began it.
#[derive(Serialize, Deserialize)]
pub struct Begun {
    state: String,
    nonce: String,
    verifier: String,
    ends_at: i64,
    /// Where the browser goes in the end: a path of ours.
    pub next: String,
    /// The account that is to be linked, if one is.
    pub link: Option<UserId>,
}

impl Provider {
    /// The provider of the settings, if they name one; `origin` is where browsers find this server.
    ///
    /// # Errors
    /// When the settings make no sense.
    pub fn new(config: ProviderConfig, origin: Option<&str>, egress: Arc<Egress>) -> anyhow::Result<Option<Self>> {
        let Some(issuer) = config.issuer.clone() else {
            return Ok(None);
        };
        let wrong = "section `[oidc]`";
        let target = Target::parse(&issuer).with_context(|| format!("{wrong}: `issuer` is no address: {issuer}"))?;
        let is_here = target.address().is_some_and(|address| address.is_loopback());
        ensure!(
            issuer.starts_with("https://") || is_here,
            "{wrong}: `issuer` must begin with https://"
        );
        ensure!(!config.client_id.is_empty(), "{wrong}: `client_id` is missing");
        let Some(origin) = origin else {
            bail!("{wrong}: `[server] public_url` must say where browsers find this server");
        };
        let default_role = match config.default_role.as_deref() {
            None => None,
            Some("viewer") => Some(Role::Viewer),
            Some("editor") => Some(Role::Editor),
            Some("admin") => Some(Role::Admin),
            Some(other) => bail!("{wrong}: `default_role` is viewer, editor or admin, not {other}"),
        };
        Ok(Some(Self {
            issuer,
            redirect: format!("{origin}{RETURN}"),
            default_role,
            client: Client::new(egress),
            known: Mutex::default(),
            config,
        }))
    }

    /// Whether browsers come by HTTPS.
    pub fn is_secure(&self) -> bool {
        self.redirect.starts_with("https://")
    }

    /// Begins a sign-in: where the browser goes, and what its cookie holds.
    ///
    /// # Errors
    /// The provider does not answer as it should.
    pub async fn begin(
        &self,
        kernel: &Kernel,
        next: String,
        link: Option<UserId>,
    ) -> Result<(String, String), Failure> {
        let known = self.known(kernel, FRESH_MS).await?;
        let random = || BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>());
        let begun = Begun {
            state: random(),
            nonce: random(),
            verifier: random(),
            ends_at: kernel.clock.now_ms() + PATIENCE_MS,
            next,
            link,
        };
        let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(begun.verifier.as_bytes()));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("scope", format!("openid {}", self.config.scopes).trim())
            .append_pair("state", &begun.state)
            .append_pair("nonce", &begun.nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let at = &known.addresses.authorization_endpoint;
        let separator = if at.contains('?') { '&' } else { '?' };
        let text = serde_json::to_string(&begun).map_err(Failure::internal)?;
        let sealed = Sealer::of(kernel)?.seal(PLACE, &text);
        Ok((format!("{at}{separator}{query}"), sealed))
    }

    /// The sign-in that a browser's cookie holds, if the provider's answer is to it.
    ///
    /// # Errors
    /// The cookie is not ours or too old, or the answer is to another sign-in.
    pub fn begun(&self, kernel: &Kernel, cookie: &str, state: &str) -> Result<Begun, Failure> {
        let over = || refused("this sign-in was not begun in this browser, or took too long; begin again");
        let text = Sealer::of(kernel)?.unseal(PLACE, cookie).map_err(|_| over())?;
        let begun: Begun = serde_json::from_str(&text).map_err(|_| over())?;
        use subtle::ConstantTimeEq;
        let is_same: bool = begun.state.as_bytes().ct_eq(state.as_bytes()).into();
        match is_same && kernel.clock.now_ms() <= begun.ends_at {
            true => Ok(begun),
            false => Err(over()),
        }
    }

    /// Who has signed in, for the code that the provider gave the browser.
    ///
    /// # Errors
    /// The provider does not answer as it should, or what it says is not signed by it, or not for this sign-in.
    pub async fn redeem(&self, kernel: &Kernel, begun: &Begun, code: &str) -> Result<Claims, Failure> {
        let known = self.known(kernel, FRESH_MS).await?;
        let (form, account) = self.form(&known.addresses, begun, code);
        let target = Target::parse(&known.addresses.token_endpoint).map_err(failed)?;
        let answer = self.client.post_form(&target, account, form, LIMITS).await;
        let (status, answer) = answer.map_err(failed)?;
        let body = answer.whole().await.map_err(failed)?;
        if status != 200 {
            // What it says may hold the code; its status does not.
            tracing::warn!(status, "the sign-in provider did not take a code");
            return Err(refused("the provider did not take the code; begin again"));
        }
        let tokens: Tokens = serde_json::from_slice(&body).map_err(|_| failed("its answer holds no token"))?;
        let expected = Expected {
            issuer: &self.issuer,
            client_id: &self.config.client_id,
            nonce: &begun.nonce,
        };
        match token::verify(&tokens.id_token, &known.keys, expected) {
            // It may have changed its keys.
            Err(token::Refused::UnknownKey) => {
                let known = self.known(kernel, AGAIN_MS).await?;
                token::verify(&tokens.id_token, &known.keys, expected).map_err(told)
            }
            verified => verified.map_err(told),
        }
    }

    /// What is sent for a code, and the account that it is sent with.
    fn form(&self, addresses: &Addresses, begun: &Begun, code: &str) -> (String, Option<(String, String)>) {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("code_verifier", &begun.verifier);
        let methods = addresses.token_endpoint_auth_methods_supported.as_ref();
        let by_header = methods.is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"));
        let account = match &self.config.client_secret {
            Some(secret) if by_header => {
                let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                Some((encode(&self.config.client_id), encode(secret)))
            }
            secret => {
                form.append_pair("client_id", &self.config.client_id);
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret);
                }
                None
            }
        };
        (form.finish(), account)
    }

    /// The role that claims say; none if they say none, and there is no other.
    pub fn role(&self, claims: &Claims) -> Option<Role> {
        let Some(path) = &self.config.role_claim else {
            return self.default_role;
        };
        let values = claims.texts(path);
        let is_among = |list: &[String]| values.iter().any(|value| list.contains(value));
        let config = &self.config;
        let by_value = [
            (&config.admins, Role::Admin),
            (&config.editors, Role::Editor),
            (&config.viewers, Role::Viewer),
        ];
        let found = by_value.into_iter().find(|(list, _)| is_among(list));
        found.map(|(_, role)| role).or(self.default_role)
    }

    /// Addresses and keys, read again when they are older.
    async fn known(&self, kernel: &Kernel, most_ms: i64) -> Result<Arc<Known>, Failure> {
        let now = kernel.clock.now_ms();
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().as_ref().filter(|known| now - known.read_at <= most_ms) {
            return Ok(Arc::clone(known));
        }
        let place = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let addresses: Addresses = self.get(&place).await?;
        if addresses.issuer != self.issuer {
            return Err(failed(format!(
                "it calls itself `{}`, not `{}` as the settings do",
                addresses.issuer, self.issuer
            )));
        }
        let keys: JwkSet = self.get(&addresses.jwks_uri).await?;
        let known = Arc::new(Known {
            addresses,
            keys,
            read_at: now,
        });
        *lock() = Some(Arc::clone(&known));
        Ok(known)
    }

    async fn get<T: for<'a> Deserialize<'a>>(&self, place: &str) -> Result<T, Failure> {
        let target = Target::parse(place).map_err(failed)?;
        let answer = self.client.get(&target, None, LIMITS).await.map_err(failed)?;
        let body = answer.whole().await.map_err(failed)?;
        serde_json::from_slice(&body)
            .map_err(|error| failed(format!("{target} answers with other than it should: {error}")))
    }
}

fn told(reason: token::Refused) -> Failure {
    tracing::warn!(%reason, "a token of the sign-in provider was not taken");
    refused("the provider's token is not taken; begin again")
}

fn refused(message: &str) -> Failure {
    Failure::new(&codes::PROVIDER_REFUSED, message)
}

fn failed(reason: impl std::fmt::Display) -> Failure {
    Failure::new(
        &codes::PROVIDER_FAILED,
        format!("the sign-in provider cannot be used: {reason}"),
    )
}
