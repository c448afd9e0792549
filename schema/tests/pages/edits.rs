//! Edits: what is left out stays, what is null is cleared, counters follow, and the next read is fresh.

use async_graphql::{Request, value};
use entities::user::Role;
use futures_util::StreamExt;
use kernel::{
    events::{MediaAdded, MediaRemoved},
    store::Durability,
};
use schema::kit::access::{Access, Viewer};

use crate::world::{none, on_both};

const UPDATE: &str = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) {
    media { id title description date rating isFavorite tags { nodes { id mediaCount } } people { nodes { id mediaCount } } studio { id mediaCount } } } }";

on_both! {
    async fn an_edit_changes_what_it_names_and_nothing_else(world: World) {
        let id = world.media[0].id.to_string();
        let tag = world.data("mutation { createTag(input: { name: \"Neu\", color: \"#AABBCC\", aliases: [\"new\"] }) { tag { id color aliases mediaCount } } }", none()).await;
        let tag = tag["createTag"]["tag"].clone();
        assert_eq!((&tag["color"], &tag["aliases"][0], &tag["mediaCount"]), (&"#aabbcc".into(), &"new".into(), &0.into()));
        let tag = tag["id"].as_str().expect("an id").to_owned();
        let person = world.people[1].to_string();
        let input = value!({ "id": id.clone(), "title": " A  new title ", "rating": 90, "tagIds": [tag.clone()],
            "personIds": [person.clone(), person.clone()], "studioId": world.studios[1].to_string() });
        let data = world.data(UPDATE, value!({ "input": input })).await;
        let media = &data["updateMedia"]["media"];
        assert_eq!(media["title"], "A new title");
        assert_eq!(media["description"], "about 0");
        assert_eq!(media["rating"], 90);
        assert_eq!(media["isFavorite"], true);
        assert_eq!(media["tags"]["nodes"], serde_json::json!([{ "id": tag, "mediaCount": 1 }]));
        assert_eq!(media["people"]["nodes"], serde_json::json!([{ "id": person, "mediaCount": 1 }]));
        assert_eq!(media["studio"]["mediaCount"], 1);

        let input = value!({ "id": id.clone(), "description": null, "date": null, "rating": null, "isFavorite": null, "tagIds": [], "studioId": null });
        let data = world.data(UPDATE, value!({ "input": input })).await;
        let media = &data["updateMedia"]["media"];
        assert_eq!(media["title"], "A new title");
        assert!(media["description"].is_null() && media["date"].is_null() && media["rating"].is_null() && media["studio"].is_null());
        assert_eq!(media["isFavorite"], false);
        assert_eq!(media["tags"]["nodes"], serde_json::json!([]));
        let data = world.data("query($id: ID!) { tag(id: $id) { mediaCount } }", value!({ "id": tag })).await;
        assert_eq!(data["tag"]["mediaCount"], 0);
    }

    async fn bad_edits_change_nothing_and_name_their_field(world: World) {
        let id = world.media[0].id.to_string();
        let gone = entities::id::TagId::new().to_string();
        for (input, path) in [
            (value!({ "id": id.clone(), "rating": 101 }), "input.rating"),
            (value!({ "id": id.clone(), "title": null }), "input.title"),
            (value!({ "id": id.clone(), "title": "x", "tagIds": [world.tags[0].to_string(), gone] }), "input.tagIds[1]"),
            (value!({ "id": world.tags[0].to_string() }), "input.id"),
        ] {
            assert_eq!(world.refused(UPDATE, value!({ "input": input })).await, ("BAD_INPUT".into(), Some(path.into())));
        }
        let data = world.data("query($id: ID!) { node(id: $id) { ... on Video { title } } }", value!({ "id": id.clone() })).await;
        assert_eq!(data["node"]["title"], "Lantern 0");
        let input = value!({ "id": id.clone(), "title": "mine" });
        let response = world.run_as(Role::Viewer, UPDATE, value!({ "input": input })).await;
        assert_eq!(response.errors[0].extensions.as_ref().and_then(|extensions| extensions.get("code")), Some(&"FORBIDDEN".into()));
        let input = value!({ "id": id, "rating": 10 });
        assert!(world.run_as(Role::Viewer, UPDATE, value!({ "input": input })).await.is_ok(), "everybody may rate");
    }

    async fn names_are_taken_once_without_regard_to_case(world: World) {
        for (document, code) in [
            ("mutation { createTag(input: { name: \"TAG 1\" }) { tag { id } } }", "TAG_NAME_TAKEN"),
            ("mutation { createPerson(input: { name: \"person 1\" }) { person { id } } }", "PERSON_NAME_TAKEN"),
            ("mutation { createStudio(input: { name: \"STUDIO 1\" }) { studio { id } } }", "STUDIO_NAME_TAKEN"),
        ] {
            assert_eq!(world.refused(document, none()).await.0, code);
        }
    }

    async fn a_library_is_made_moved_and_deleted(world: World) {
        let at = |name: &str| {
            let path = world.folder.path().join(name);
            std::fs::create_dir_all(&path).expect("a folder");
            path.display().to_string()
        };
        let (one, two, three) = (at("one"), at("two"), at("three"));
        let create = "mutation($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id name paths kind mediaCount } } }";
        let input = value!({ "name": "Photos", "paths": [one.clone()], "kind": "IMAGE" });
        let data = world.data(create, value!({ "input": input.clone() })).await;
        let id = data["createLibrary"]["library"]["id"].as_str().expect("an id").to_owned();
        assert_eq!(data["createLibrary"]["library"]["paths"], serde_json::json!([one]));
        assert_eq!(world.refused(create, value!({ "input": input })).await.1.as_deref(), Some("input.paths[0]"));
        let input = value!({ "name": "films", "paths": [two.clone()] });
        assert_eq!(world.refused(create, value!({ "input": input })).await.0, "LIBRARY_NAME_TAKEN");

        let update = "mutation($input: UpdateLibraryInput!) { updateLibrary(input: $input) { library { name paths } } }";
        let input = value!({ "id": id.clone(), "name": "Pictures", "paths": [three.clone(), two.clone()] });
        let data = world.data(update, value!({ "input": input })).await;
        assert_eq!(data["updateLibrary"]["library"], serde_json::json!({ "name": "Pictures", "paths": [three, two] }));

        let delete = "mutation($input: DeleteLibraryInput!) { deleteLibrary(input: $input) { libraryId removedMediaCount } }";
        let films = world.library.to_string();
        let input = value!({ "id": films.clone(), "confirm": "Pictures" });
        assert_eq!(world.refused(delete, value!({ "input": input })).await.1.as_deref(), Some("input.confirm"));
        let input = value!({ "id": films, "confirm": "Films" });
        let data = world.data(delete, value!({ "input": input })).await;
        assert_eq!(data["deleteLibrary"]["removedMediaCount"], 230);
        let data = world.data("{ libraries { totalCount nodes { name } } media(filter: { or: [{ isMissing: { eq: true } }, { isMissing: { eq: false } }] }) { totalCount nodes { id } } }", none()).await;
        assert_eq!(data["libraries"], serde_json::json!({ "totalCount": 1, "nodes": [{ "name": "Pictures" }] }));
        assert_eq!(data["media"], serde_json::json!({ "totalCount": 0, "nodes": [] }));
    }

    async fn changes_reach_a_subscriber_in_batches(world: World) {
        let viewer = Viewer::of_system(world.viewer, "ada", Role::Viewer);
        let mut request = Request::new("subscription { libraryChanges { __typename ... on MediaAdded { media { id } } ... on MediaRemoved { mediaId } ... on LibraryReset { reason } } }");
        request.data = schema::request_data(&world.kernel, &world.shared, Access::Viewer(viewer));
        let mut changes = world.api.execute_stream(request);
        let first = changes.next();
        tokio::pin!(first);
        // The stream listens once it has found out where the log ends.
        let pause = std::time::Duration::from_millis(500);
        assert!(tokio::time::timeout(pause, &mut first).await.is_err(), "nothing has changed yet");
        let (one, two) = (world.media[0].id, world.media[1].id);
        let tx = world.kernel.store.begin(Durability::Normal).await.expect("a transaction");
        tx.publish(MediaAdded { library: world.library, media: vec![one] });
        tx.publish(MediaRemoved { media: vec![two] });
        tx.commit().await.expect("a commit");
        let first = first.await.expect("a change").data.into_json().expect("data");
        assert_eq!(first["libraryChanges"]["media"]["id"], one.to_string());
        let second = changes.next().await.expect("a change").data.into_json().expect("data");
        assert_eq!(second["libraryChanges"]["mediaId"], two.to_string());
        let tx = world.kernel.store.begin(Durability::Normal).await.expect("a transaction");
        tx.publish(MediaAdded { library: world.library, media: (0..600).map(|_| entities::id::MediaId::new()).collect() });
        tx.commit().await.expect("a commit");
        let third = changes.next().await.expect("a change").data.into_json().expect("data");
        assert_eq!(third["libraryChanges"]["__typename"], "LibraryReset");
    }
}
