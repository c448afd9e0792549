//! The schema itself: everything is described, lists are bounded, and root fields are guarded.

use async_graphql::{Request, Schema};
use schema::kit::access::Access;

use crate::world::{Api, none, on_both};

fn api() -> Api {
    Schema::build(
        schema::Query::default(),
        schema::Mutation::default(),
        schema::Subscription::default(),
    )
    .finish()
}

#[tokio::test]
async fn every_type_field_argument_and_value_is_described() {
    let document = "{ __schema { types { name description kind
        fields(includeDeprecated: true) { name description args { name description } }
        inputFields { name description } enumValues(includeDeprecated: true) { name description } } } }";
    let data = api().execute(document).await.data.into_json().expect("data");
    let mut bare = Vec::new();
    let is_bare = |value: &serde_json::Value| value["description"].as_str().is_none_or(|text| text.trim().is_empty());
    for kind in data["__schema"]["types"].as_array().expect("types") {
        let name = kind["name"].as_str().expect("a name");
        // GraphQL's own types are described by its specification.
        if name.starts_with("__") || name == "ID" {
            continue;
        }
        // Roots are merged from parts and have no text of their own.
        if is_bare(kind) && !["CoreQuery", "CoreMutation", "CoreSubscription"].contains(&name) {
            bare.push(name.to_owned());
        }
        for list in ["fields", "inputFields", "enumValues"] {
            for member in kind[list].as_array().into_iter().flatten() {
                let path = format!("{name}.{}", member["name"].as_str().expect("a name"));
                for argument in member["args"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|argument| is_bare(argument))
                {
                    bare.push(format!("{path}({})", argument["name"].as_str().expect("a name")));
                }
                if is_bare(member) {
                    bare.push(path);
                }
            }
        }
    }
    assert!(bare.is_empty(), "without a description: {bare:#?}");
}

#[tokio::test]
async fn every_connection_pages_both_ways() {
    let document = "{ __schema { types { name fields { name type { name ofType { name } } args { name } } } } }";
    let data = api().execute(document).await.data.into_json().expect("data");
    let mut n_connections = 0;
    for kind in data["__schema"]["types"].as_array().expect("types") {
        for field in kind["fields"].as_array().into_iter().flatten() {
            let names = [&field["type"]["name"], &field["type"]["ofType"]["name"]];
            if !names
                .iter()
                .any(|name| name.as_str().is_some_and(|name| name.ends_with("Connection")))
            {
                continue;
            }
            n_connections += 1;
            let has = |name: &str| {
                field["args"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|argument| argument["name"] == name)
            };
            for argument in ["first", "after", "last", "before"] {
                assert!(has(argument), "{}.{} lacks {argument}", kind["name"], field["name"]);
            }
        }
    }
    assert!(n_connections > 10, "only {n_connections} connections");
}

on_both! {
    async fn nobody_reads_anything_without_signing_in(world: World) {
        for document in ["{ media(first: 1) { nodes { id } } }", "{ tags(first: 1) { totalCount } }", "{ libraries { totalCount } }",
            "{ node(id: \"tag_0000000000000\") { id } }", "mutation { createTag(input: { name: \"x\" }) { tag { id } } }"] {
            let mut request = Request::new(document);
            request.data = schema::request_data(&world.kernel, &world.shared, Access::Anonymous);
            let response = world.api.execute(request).await;
            let code = response.errors.first().and_then(|error| error.extensions.as_ref()?.get("code").cloned());
            assert_eq!(code, Some("UNAUTHENTICATED".into()), "{document}");
        }
        assert_eq!(world.data("{ tags(first: 0) { totalCount } }", none()).await["tags"]["totalCount"], 12);
    }
}
