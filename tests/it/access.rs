//! Who may ask what: every root field of the SDL is called as nobody and as each role.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use async_graphql::parser::{
    parse_schema,
    types::{BaseType, InputValueDefinition, Type, TypeDefinition, TypeKind, TypeSystemDefinition},
};
use serde_json::{Value, json};
use tests::{client::Client, on_both, server::TestServer};

/// What everybody may ask; `viewer` is null for nobody.
const PUBLIC: &[&str] = &["viewer"];
/// Mutations that a viewer may call: what is the viewer's own.
const VIEWER_MAY: &[&str] = &[
    "bulkUpdateMedia",
    "createApiToken",
    "deleteSavedFilter",
    "recordView",
    "revokeApiToken",
    "saveFilter",
    "saveProgress",
    "undo",
    "updateMedia",
    "updateUser",
];
/// Queries that need more than a viewer.
const VIEWER_MAY_NOT_SEE: &[&str] = &["edits", "users"];

/// The SDL's types, and how to write a call of each root field.
struct Calls {
    types: BTreeMap<String, TypeDefinition>,
}

impl Calls {
    fn read() -> anyhow::Result<Self> {
        let document = parse_schema(server::compose::sdl())?;
        let types = document
            .definitions
            .into_iter()
            .filter_map(|definition| match definition {
                TypeSystemDefinition::Type(found) => Some((found.node.name.node.to_string(), found.node)),
                _ => None,
            });
        Ok(Self { types: types.collect() })
    }

    /// Each field of a root type with an operation that calls it.
    fn of(&self, root: &str) -> Vec<(String, String)> {
        let Some(TypeKind::Object(object)) = self.types.get(root).map(|found| &found.kind) else {
            return Vec::new();
        };
        let keyword = root.to_lowercase();
        let call = |field: &async_graphql::parser::types::FieldDefinition| {
            let name = field.name.node.to_string();
            let arguments: Vec<_> = field
                .arguments
                .iter()
                .filter_map(|argument| self.argument(&argument.node))
                .collect();
            let arguments = if arguments.is_empty() {
                String::new()
            } else {
                format!("({})", arguments.join(", "))
            };
            let is_leaf = !matches!(
                self.types.get(&base(&field.ty.node)).map(|found| &found.kind),
                Some(TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_))
            );
            let selection = if is_leaf { "" } else { " { __typename }" };
            (name.clone(), format!("{keyword} {{ {name}{arguments}{selection} }}"))
        };
        object.fields.iter().map(|field| call(&field.node)).collect()
    }

    fn argument(&self, argument: &InputValueDefinition) -> Option<String> {
        let needed = !argument.ty.node.nullable && argument.default_value.is_none();
        needed.then(|| format!("{}: {}", argument.name.node, self.literal(&argument.ty.node)))
    }

    fn literal(&self, ty: &Type) -> String {
        let BaseType::Named(name) = &ty.base else {
            return "[]".to_owned();
        };
        match self.types.get(name.as_str()).map(|found| &found.kind) {
            Some(TypeKind::InputObject(input)) => {
                let fields: Vec<_> = input
                    .fields
                    .iter()
                    .filter_map(|field| self.argument(&field.node))
                    .collect();
                format!("{{ {} }}", fields.join(", "))
            }
            Some(TypeKind::Enum(found)) => found
                .values
                .first()
                .map_or_else(String::new, |value| value.node.value.to_string()),
            _ if ["Int", "Float", "Seconds", "Bytes"].contains(&name.as_str()) => "1".to_owned(),
            _ if name == "Boolean" => "true".to_owned(),
            _ => "\"nothing\"".to_owned(),
        }
    }
}

fn base(ty: &Type) -> String {
    match &ty.base {
        BaseType::Named(name) => name.to_string(),
        BaseType::List(inner) => base(inner),
    }
}

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
        let nobody = server.anonymous();
        let routes = [
            ("/healthz", 200), ("/readyz", 200), ("/auth/state", 200), ("/metrics", 401),
            ("/p/stream/file/fil_0000000000000/a.mp4", 403), ("/p/scan/anything", 404), ("/p/nothing", 404), ("/data/vitagraph.db", 404),
        ];
        for (path, expected) in routes {
            let status = nobody.request("GET", path)?.send().await?.status().as_u16();
            ensure!(status == expected, "{path} answered nobody with {status}, not {expected}");
        }
        let metrics = server.admin().request("GET", "/metrics")?.send().await?;
        ensure!(metrics.status().is_success() && metrics.text().await?.contains("vitagraph_"));
        let metrics = server.viewer().request("GET", "/metrics")?.send().await?.status();
        ensure!(metrics.as_u16() == 403, "/metrics answered a viewer with {metrics}");
    }
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
