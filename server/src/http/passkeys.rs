//! `/auth/passkey` and `/auth/passkeys`: what browsers need to make passkeys and to sign in by them. Bytes are base64url, as
//! `PublicKeyCredential.toJSON` writes them.

use axum::{
    Json, Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use data_encoding::BASE64URL_NOPAD;
use entities::{id::SessionId, session};
use kernel::error::Failure;
use schema::{
    kit::access::{Via, Viewer},
    user::passkeys::{self, Made, Place, Purpose, Used},
};
use sea_orm::EntityTrait;
use serde::Deserialize;
use serde_json::json;

use super::{
    Edge,
    auth::{Sender, browser, private, prove, read, refuse, welcome},
};

/// Who has signed in within this time need not give the password to make a passkey; some accounts have none.
const FRESH_MS: i64 = 600_000;

/// The routes.
pub fn routes() -> Router<Edge> {
    Router::new()
        .route("/auth/passkey/options", post(ask))
        .route("/auth/passkey/sign-in", post(sign_in))
        .route("/auth/passkeys/options", post(begin))
        .route("/auth/passkeys", post(add))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskBody {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SignInBody {
    id: String,
    client_data: String,
    authenticator_data: String,
    signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginBody {
    /// Of the account; not needed right after signing in.
    #[serde(default)]
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AddBody {
    name: String,
    client_data: String,
    attestation: String,
}

/// What a browser is asked, to sign in whoever has a passkey for this host.
async fn ask(State(edge): State<Edge>, request: Request) -> Response {
    let sender = Sender::of(&request);
    let asked = async {
        let AskBody {} = read(&edge, request).await?;
        let place = place(&sender)?;
        let challenge = passkeys::challenge(&edge.kernel, Purpose::SignIn);
        Ok::<_, Failure>(json!({
            "challenge": BASE64URL_NOPAD.encode(&challenge),
            "rpId": place.host(),
            "userVerification": "required",
            "timeout": passkeys::VALID.as_millis() as u64 / 2,
        }))
    };
    answer(asked.await, &sender)
}

async fn sign_in(State(edge): State<Edge>, request: Request) -> Response {
    let sender = Sender::of(&request);
    let signed_in = async {
        let body: SignInBody = read(&edge, request).await?;
        let used = Used {
            credential: bytes("id", &body.id)?,
            client_data: bytes("clientData", &body.client_data)?,
            authenticator_data: bytes("authenticatorData", &body.authenticator_data)?,
            signature: bytes("signature", &body.signature)?,
        };
        passkeys::sign_in(&edge.kernel, &place(&sender)?, used, sender.device()).await
    };
    match signed_in.await {
        Ok(signed_in) => {
            sender.end_session(&edge.kernel).await;
            welcome(&signed_in, &sender)
        }
        Err(failure) => refuse(&failure, &sender.headers),
    }
}

/// What a browser is told to make a passkey for the account that asks.
async fn begin(State(edge): State<Edge>, request: Request) -> Response {
    let sender = Sender::of(&request);
    let begun = async {
        let body: BeginBody = read(&edge, request).await?;
        let (viewer, user) = browser(&edge, &sender).await?;
        match body.password {
            Some(password) => prove(&edge, &user, password).await?,
            None => must_be_fresh(&edge, &viewer).await?,
        }
        let known = passkeys::of(&edge.kernel, user.id).await?;
        let challenge = passkeys::challenge(&edge.kernel, Purpose::Make(user.id));
        Ok::<_, Failure>(passkeys::options(&user, &known, &place(&sender)?, &challenge))
    };
    answer(begun.await, &sender)
}

async fn add(State(edge): State<Edge>, request: Request) -> Response {
    let sender = Sender::of(&request);
    let added = async {
        let body: AddBody = read(&edge, request).await?;
        let (viewer, _) = browser(&edge, &sender).await?;
        let made = Made {
            name: body.name,
            client_data: bytes("clientData", &body.client_data)?,
            attestation: bytes("attestation", &body.attestation)?,
        };
        let row = passkeys::add(&edge.kernel, viewer.user, &place(&sender)?, made).await?;
        tracing::info!(user = %viewer.user, passkey = %row.id, "a passkey was made");
        Ok::<_, Failure>(json!({ "id": row.id.to_string(), "name": row.name }))
    };
    answer(added.await, &sender)
}

/// Refuses a session that was begun long ago.
async fn must_be_fresh(edge: &Edge, viewer: &Viewer) -> Result<(), Failure> {
    let kernel = &edge.kernel;
    let id = match viewer.via {
        Via::Session(id) => id,
        Via::Token(_) | Via::System => SessionId(0),
    };
    let session = session::Entity::find_by_id(id).one(kernel.store.reader()).await?;
    let now = kernel.clock.now_ms();
    match session.is_some_and(|session| now - session.created_at <= FRESH_MS) {
        true => Ok(()),
        false => Err(Failure::field(
            "password",
            "give the password, or sign in again and make the passkey right then",
        )),
    }
}

/// Where the browser is: its own word, which the check of the origin has found to be ours.
fn place(sender: &Sender) -> Result<Place, Failure> {
    let origin = sender
        .origin()
        .ok_or_else(|| Failure::field("origin", "only a browser can use passkeys"))?;
    Ok(Place { origin })
}

fn bytes(path: &str, text: &str) -> Result<Vec<u8>, Failure> {
    let text = text.trim_end_matches('=');
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| Failure::field(path, "bytes in base64url"))
}

fn answer(told: Result<serde_json::Value, Failure>, sender: &Sender) -> Response {
    match told {
        Ok(told) => private(Json(told).into_response()),
        Err(failure) => refuse(&failure, &sender.headers),
    }
}
