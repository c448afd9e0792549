//! A GraphQL client over HTTP, with and without an account.

use anyhow::{Context, bail};
use serde_json::{Value, json};

/// Sends operations to one server as one account.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    address: String,
    token: Option<String>,
}

impl Client {
    /// A client of the server at `address` (`http://…`), anonymous without a token.
    pub fn new(address: impl Into<String>, token: Option<String>) -> Self {
        Self {
            http: reqwest::Client::new(),
            address: address.into(),
            token,
        }
    }

    /// The server's address: `http://…`, without a final slash.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The token it sends.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The whole response to an operation: `data`, `errors`, `extensions`.
    pub async fn send(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        self.send_named(query, None, variables).await
    }

    /// The same for one operation of a document with several.
    pub async fn send_named(&self, query: &str, operation: Option<&str>, variables: Value) -> anyhow::Result<Value> {
        let mut body = json!({ "query": query, "variables": variables });
        if let Some(operation) = operation {
            body["operationName"] = json!(operation);
        }
        let response = self.request("POST", "/graphql")?.json(&body).send().await?;
        let status = response.status();
        let text = response.text().await?;
        serde_json::from_str(&text).with_context(|| format!("{status}: not JSON: {text}"))
    }

    /// The data of an operation that must succeed.
    pub async fn query(&self, query: &str, variables: Value) -> anyhow::Result<Value> {
        let mut response = self.send(query, variables).await?;
        if let Some(errors) = response.get("errors") {
            bail!("{errors:#}\nfor {query}");
        }
        Ok(response["data"].take())
    }

    /// The code of the first error of an operation that must fail.
    pub async fn error_code(&self, query: &str, variables: Value) -> anyhow::Result<String> {
        let response = self.send(query, variables).await?;
        let code = response["errors"][0]["extensions"]["code"].as_str();
        Ok(code
            .with_context(|| format!("an error with a code was expected, not {response:#}"))?
            .to_owned())
    }

    /// A plain request with the token.
    pub fn request(&self, method: &str, path: &str) -> anyhow::Result<reqwest::RequestBuilder> {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.address)
        };
        let request = self.http.request(method.parse()?, url);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }
}
