//! Random filters find what the same filters hold for in memory, and count it alike: trees over every criterion, on both
//! databases. `VITAGRAPH_FUZZ_TREES` says how many (10,000 for a whole run), `VITAGRAPH_FUZZ_SEED` which.

mod fields;
mod holds;
mod trees;

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, ensure};
use async_graphql::{InputType, Value as Input};
use entities::user::Role;
use kernel::store::Durability;
use schema::{
    kit::{access::Viewer, libraries::Libraries, page::PageArgs},
    media::{
        facets::{self, Facet},
        inputs::{MediaFilter, MediaSort, MediaSortField, SortDirection},
        page::{self, MediaListing, Scope},
    },
};
use sea_orm::ConnectionTrait;
use serde_json::{Value as Json, json};
use tests::{library::Library, on_both};

use self::{holds::World, trees::Trees};

const N_MEDIA: usize = 2_000;
/// Trees when nobody says how many: some seconds.
const N_TREES: u64 = 200;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Whichever way a page is read, it is of the same list.
const SORTS: [MediaSortField; 6] = [
    MediaSortField::Id,
    MediaSortField::AddedAt,
    MediaSortField::Title,
    MediaSortField::Rating,
    MediaSortField::Duration,
    MediaSortField::Random,
];

/// Gives an item the tags, people and studio of another one, hides a third, and removes a fourth.
async fn edit(library: &Library, world: &World, n: u64) -> anyhow::Result<()> {
    let everything = json!({});
    let items: Vec<_> = world.find(&everything).collect();
    let item = |step: u64| items[(n * step) as usize % items.len()].row.id;
    let (one, other, third, fourth, fifth) = (item(7), item(13), item(29), item(37), item(41));
    let of = "query($id: ID!) { node(id: $id) { ... on Media { tags(first: 50) { nodes { id } } people(first: 50) { nodes { id } } studio { id } } } }";
    let of = library.data(of, json!({ "id": other.to_string() })).await?["node"].take();
    let ids = |nodes: &Json| -> Vec<Json> {
        nodes["nodes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|node| node["id"].clone())
            .collect()
    };
    let input = json!({ "id": one.to_string(), "tagIds": ids(&of["tags"]), "personIds": ids(&of["people"]), "studioId": of["studio"]["id"] });
    let document = "mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }";
    library.data(document, json!({ "input": input })).await?;
    let input = json!({ "id": fifth.to_string(), "rating": n % 101, "isFavorite": n.is_multiple_of(2) });
    library.data(document, json!({ "input": input })).await?;
    let tx = library.kernel.store.begin(Durability::Normal).await?;
    tx.execute_unprepared(&format!(
        "update media set missing_at = 1, video_codec = 'new{n}' where id = {}",
        third.0
    ))
    .await?;
    tx.execute_unprepared(&format!("delete from media where id = {}", fourth.0))
        .await?;
    tx.publish(kernel::events::MediaRemoved {
        media: vec![third, fourth],
    });
    tx.commit().await?;
    Ok(())
}

async fn check(library: &Library, world: &World, tree: &Json, n: u64) -> anyhow::Result<usize> {
    let input = Input::from_json(tree.clone())?;
    let filter = MediaFilter::parse(Some(input)).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let sort = MediaSort {
        field: SORTS[n as usize % SORTS.len()],
        direction: if n.is_multiple_of(2) {
            SortDirection::Asc
        } else {
            SortDirection::Desc
        },
        seed: None,
    };
    let listing = MediaListing {
        page: PageArgs::new(Some(N_MEDIA as i32), None, None, None),
        cap: N_MEDIA,
        search: None,
        filter: Some(filter),
        sort: vec![sort],
        with_total: true,
    };
    let answers = &library.shared.answers;
    let answer = page::read(
        &library.kernel,
        answers,
        &Viewer::of_system(library.viewer, "ada", Role::Admin),
        &listing,
    )
    .await?;
    let mut found: Vec<i64> = answer.page.ids();
    found.sort_unstable();
    let expected: Vec<i64> = world.find(tree).map(|item| item.row.id.0).collect();
    if found != expected {
        let lacks: Vec<_> = expected.iter().filter(|id| !found.contains(id)).take(3).collect();
        let more: Vec<_> = found.iter().filter(|id| !expected.contains(id)).take(3).collect();
        let item = lacks.first().or(more.first()).and_then(|id| world.item(**id));
        anyhow::bail!("lacks {lacks:?}, has {more:?} beyond what holds; such as {item:#?}");
    }
    ensure!(
        answer.page.total == Some(expected.len() as i64),
        "counts {:?} of {}",
        answer.page.total,
        expected.len()
    );
    if n.is_multiple_of(10) {
        check_facets(library, world, &answer.scope, tree).await?;
    }
    if n.is_multiple_of(50) {
        let document = "query($filter: MediaFilter) { media(first: 1000, filter: $filter, sort: [{ field: ID }]) { totalCount nodes { id } } }";
        let data = library.data(document, json!({ "filter": tree })).await?;
        ensure!(
            data["media"]["totalCount"] == expected.len(),
            "the API counts {}",
            data["media"]["totalCount"]
        );
        let nodes = data["media"]["nodes"].as_array().context("nodes")?;
        ensure!(nodes.len() == expected.len().min(1000), "the API finds {}", nodes.len());
    }
    Ok(expected.len())
}

async fn check_facets(library: &Library, world: &World, scope: &Scope, tree: &Json) -> anyhow::Result<()> {
    let answers = &library.shared.answers;
    let counts = facets::read(&library.kernel, answers, scope, Facet::Classes, 1).await?;
    let counts: Vec<i64> = counts.numbers().iter().map(|(_, count)| *count).collect();
    ensure!(counts == world.classes(tree), "counts {counts:?} of kinds and classes");
    for facet in [
        Facet::Tags,
        Facet::People,
        Facet::Ratings,
        Facet::Years,
        Facet::Studios,
        Facet::Libraries,
    ] {
        let counts = facets::read(&library.kernel, answers, scope, facet, N_MEDIA as u64).await?;
        let counts: BTreeMap<i64, i64> = counts.numbers().iter().copied().collect();
        ensure!(counts == world.counts(tree, facet), "counts {counts:?} of {facet:?}");
    }
    Ok(())
}

on_both! {
    async fn the_facets_of_everything_count_what_lists_show(backend: Backend) {
        let library = Library::seeded(backend, N_MEDIA).await?;
        let store = &library.kernel.store;
        // Rated items that are missing are not counted.
        let tx = store.begin(Durability::Normal).await?;
        let text = "update media set missing_at = 1 where id in (select media_id from media_user where rating is not null \
            order by media_id limit 20) and missing_at is null";
        tx.execute_unprepared(text).await?;
        for table in ["tag", "person"] {
            let present = format!("select count(*) from media_{table} join media on media.id = media_id where {table}_id = {table}.id and missing_at is null");
            tx.execute_unprepared(&format!("update {table} set n_media = ({present})")).await?;
        }
        for table in ["studio", "library"] {
            let present = format!("select count(*) from media where {table}_id = {table}.id and missing_at is null");
            tx.execute_unprepared(&format!("update {table} set n_media = ({present})")).await?;
        }
        tx.commit().await?;
        let world = World::read(&library).await?;
        let listing = MediaListing {
            page: PageArgs::new(Some(1), None, None, None),
            cap: N_MEDIA,
            search: None,
            filter: None,
            sort: Vec::new(),
            with_total: true,
        };
        let answer = page::read(&library.kernel, &library.shared.answers, &Viewer::of_system(library.viewer, "ada", Role::Admin), &listing).await?;
        ensure!(answer.scope.list.is_everything);
        check_facets(&library, &world, &answer.scope, &json!({})).await?;
    }

    async fn random_filters_find_what_they_hold_for(backend: Backend) {
        let library = Library::seeded(backend, N_MEDIA).await?;
        fields::plant(&library).await?;
        let world = World::read(&library).await?;
        let (n_trees, seed) = (number("VITAGRAPH_FUZZ_TREES", N_TREES), number("VITAGRAPH_FUZZ_SEED", 1));
        let mut trees = Trees::new(&world, seed);
        let (mut n_empty, mut n_all) = (0, 0);
        for n in 0..n_trees {
            let tree = trees.next();
            let n_found = check(&library, &world, &tree, n).await.with_context(|| format!("tree {n} of seed {seed}: {tree}"))?;
            n_empty += usize::from(n_found == 0);
            n_all += usize::from(n_found > N_MEDIA * 9 / 10);
        }
        println!("{n_trees} trees of seed {seed}: {n_empty} find nothing, {n_all} find nearly everything");
        // Trees that always find nothing, or everything, would prove little.
        ensure!(n_empty + n_all < n_trees as usize * 2 / 3, "{n_empty} of {n_trees} find nothing, {n_all} everything");
    }

    async fn the_census_finds_and_counts_the_same(backend: Backend) {
        let library = Library::seeded(backend, N_MEDIA).await?;
        fields::plant(&library).await?;
        let census = &library.shared.answers.census;
        census.make().await?;
        let first = World::read(&library).await?;
        let mut world = World::read(&library).await?;
        let (n_trees, seed) = (number("VITAGRAPH_FUZZ_TREES", N_TREES), number("VITAGRAPH_FUZZ_SEED", 1));
        let mut trees = Trees::new(&first, seed + 1);
        for n in 0..n_trees {
            if n % 20 == 19 {
                edit(&library, &world, n).await?;
                world = World::read(&library).await?;
            }
            let tree = trees.next();
            check(&library, &world, &tree, n).await.with_context(|| format!("tree {n} of seed {seed}: {tree}"))?;
            ensure!(census.is_there(), "the census was given up at tree {n}");
        }
        // It knew what the viewer did, or the database was asked all the time.
        let filter = Input::from_json(json!({ "rating": { "gte": 50 }, "isFavorite": { "eq": true } }))?;
        let filter = MediaFilter::parse(Some(filter)).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let found = census.find(library.viewer, Some(&filter), &HashMap::new(), &Libraries::All).await?;
        ensure!(found.is_some_and(|(found, _)| found.is_exact), "the census does not know what the viewer did");
    }

    async fn every_criterion_is_tried(backend: Backend) {
        let library = Library::seeded(backend, 50).await?;
        let fields = library.data("{ __type(name: \"MediaFilter\") { inputFields { name } } }", json!({})).await?;
        let fields = fields["__type"]["inputFields"].as_array().context("fields")?;
        for field in fields {
            let name = field["name"].as_str().context("a name")?;
            ensure!(
                ["and", "or", "not"].contains(&name) || trees::CRITERIA.contains(&name),
                "MediaFilter.{name} is not tried: teach it to tests/it/fuzz"
            );
        }
    }
}
