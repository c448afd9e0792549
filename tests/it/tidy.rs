//! The invariants of ARCHITECTURE.md that can be read off the code: who may depend on whom, who owns a field, who has a
//! guard, which lists have an end.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use async_graphql::parser::{
    parse_schema,
    types::{BaseType, FieldDefinition, ServiceDocument, TypeDefinition, TypeKind, TypeSystemDefinition},
};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
        .to_owned()
}

/// Our crates and what each depends on: directly, and in all.
struct Graph {
    direct: BTreeMap<String, BTreeSet<String>>,
    ours: BTreeSet<String>,
}

impl Graph {
    fn read() -> anyhow::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a test asks cargo about the workspace; the product does not"
        )]
        let output = std::process::Command::new(env!("CARGO"))
            .args([
                "metadata",
                "--format-version",
                "1",
                "--locked",
                "--filter-platform",
                "x86_64-unknown-linux-gnu",
            ])
            .current_dir(root())
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let names: BTreeMap<String, String> = list(&metadata["packages"])
            .iter()
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let members: BTreeSet<String> = list(&metadata["workspace_members"]).iter().map(text).collect();
        let mut direct: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let own = direct.entry(names[&text(&node["id"])].clone()).or_default();
            for dependency in list(&node["deps"]) {
                // What only tests or build scripts need is not in the product.
                if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                    own.insert(names[&text(&dependency["pkg"])].clone());
                }
            }
        }
        let ours = members.iter().map(|id| names[id].clone()).collect();
        Ok(Self { direct, ours })
    }

    fn all(&self, of: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![of.to_owned()];
        while let Some(name) = open.pop() {
            for dependency in self.direct.get(&name).into_iter().flatten() {
                if found.insert(dependency.clone()) {
                    open.push(dependency.clone());
                }
            }
        }
        found
    }

    fn ours_of(&self, of: &str) -> BTreeSet<String> {
        self.all(of).intersection(&self.ours).cloned().collect()
    }

    fn plugins(&self) -> Vec<&String> {
        self.ours.iter().filter(|name| name.starts_with("plugin-")).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn entities_and_migration_depend_on_no_crate_of_ours() -> anyhow::Result<()> {
    let graph = Graph::read()?;
    for name in ["entities", "migration", "media-proto"] {
        assert_eq!(graph.ours_of(name), BTreeSet::new(), "{name}");
    }
    Ok(())
}

#[test]
fn the_kernel_knows_neither_graphql_nor_http() -> anyhow::Result<()> {
    let all = Graph::read()?.all("kernel");
    for foreign in ["async-graphql", "axum", "hyper", "media-engine"] {
        assert!(!all.contains(foreign), "kernel depends on {foreign}");
    }
    Ok(())
}

#[test]
fn no_plugin_depends_on_another_and_only_the_server_names_them() -> anyhow::Result<()> {
    let graph = Graph::read()?;
    assert!(graph.plugins().len() >= 2, "the plugins were not found");
    for plugin in graph.plugins() {
        let others: Vec<_> = graph
            .ours_of(plugin)
            .into_iter()
            .filter(|name| name.starts_with("plugin-"))
            .collect();
        assert!(others.is_empty(), "{plugin} depends on {others:?}");
        let users: Vec<_> = graph
            .ours
            .iter()
            .filter(|name| graph.direct[*name].contains(plugin))
            .collect();
        assert!(
            users
                .iter()
                .all(|user| ["server", "tests", "fuzz"].contains(&user.as_str())),
            "{plugin} is named by {users:?}"
        );
    }
    Ok(())
}

#[test]
fn only_the_worker_links_libav() -> anyhow::Result<()> {
    let graph = Graph::read()?;
    for name in graph
        .ours
        .iter()
        .filter(|name| !["media-av", "media-worker"].contains(&name.as_str()))
    {
        let all = graph.all(name);
        assert!(
            !all.contains("ffmpeg-sys-next") && !all.contains("media-av"),
            "{name} links libav"
        );
    }
    Ok(())
}

/// Every line of our Rust code outside tests, with its file.
fn lines_of_code() -> anyhow::Result<Vec<(String, String)>> {
    let mut lines = Vec::new();
    let mut open: Vec<PathBuf> = [
        "entities",
        "migration",
        "kernel",
        "media",
        "schema",
        "plugins",
        "server",
    ]
    .map(|name| root().join(name))
    .into();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !["tests", "target", "benches", "examples"].contains(&name.as_str()) {
                open.push(path);
            } else if name.ends_with(".rs") {
                let shown = path.strip_prefix(root())?.display().to_string();
                let code = fs::read_to_string(&path)?;
                // Unit tests stand at the end of a file.
                let code = code.split("#[cfg(test)]").next().unwrap_or_default();
                lines.extend(code.lines().map(|line| (shown.clone(), line.trim().to_owned())));
            }
        }
    }
    Ok(lines)
}

#[test]
fn only_the_engine_starts_a_process() -> anyhow::Result<()> {
    for (file, line) in lines_of_code()? {
        let starts = ["Command::new", "posix_spawn", "libc::fork", "execv", "libc::system"];
        let found = starts.iter().any(|word| line.contains(word)) && !line.starts_with("//");
        let allowed = STARTERS.contains(&file.as_str()) || line.contains("clap::");
        assert!(!found || allowed, "{file} starts a process: {line}");
    }
    Ok(())
}

/// The engine starts the worker program, as a zygote or as the keeper of another maker's program; the zygote forks, and what
/// proves its sandbox tries to; the keeper starts the worker once more, which shuts itself in and becomes that program.
const STARTERS: &[&str] = &[
    "media/engine/src/zygote.rs",
    "media/engine/src/foreign.rs",
    "media/worker/src/sys.rs",
    "media/worker/src/foreign.rs",
    // By its name alone, to forbid it.
    "media/worker/src/sandbox.rs",
];

#[test]
fn another_makers_program_is_started_after_it_was_shut_in_and_nowhere_else() -> anyhow::Result<()> {
    let code = fs::read_to_string(root().join("media/worker/src/foreign.rs"))?;
    let shut = code.find("confine::enter(&order)?").context("it is shut in")?;
    let start = code.find(".exec()").context("it is started")?;
    assert!(
        shut < start && code.matches(".exec()").count() == 1,
        "a program is started before it is shut in"
    );
    let may = [
        "media/engine/src/foreign.rs",
        "plugins/upload/src/download/fetch.rs",
        "server/src/cli/doctor.rs",
    ];
    for (file, line) in lines_of_code()? {
        let asks = line.contains("start_foreign(") && !line.starts_with("//");
        assert!(
            !asks || may.contains(&file.as_str()),
            "{file} starts another maker's program: {line}"
        );
    }
    Ok(())
}

#[test]
fn only_egress_connects_to_other_machines() -> anyhow::Result<()> {
    let words = [
        "TcpStream::connect",
        "TcpSocket",
        "UdpSocket",
        "lookup_host",
        "to_socket_addrs",
        "reqwest::",
        "legacy::Client",
        "retina::",
    ];
    // The library of RTSP connects by itself, to an address that was checked; an upload from the command line goes to the
    // server that whoever typed it has named.
    let allowed = [
        "kernel/src/egress",
        "kernel/fetch/src/",
        "plugins/capture/src/source/rtsp.rs",
        "server/src/cli/upload",
    ];
    for (file, line) in lines_of_code()? {
        let found = words
            .iter()
            .find(|word| line.contains(**word) && !line.starts_with("//"));
        let is_allowed = allowed.iter().any(|place| file.starts_with(place));
        assert!(
            found.is_none() || is_allowed,
            "{file} connects past kernel::egress: {line}"
        );
    }
    Ok(())
}

#[test]
fn only_the_kernel_opens_files_for_plugins_and_schema() -> anyhow::Result<()> {
    for (file, line) in lines_of_code()? {
        if !["plugins/", "schema/", "media/engine/"]
            .iter()
            .any(|folder| file.starts_with(folder))
        {
            continue;
        }
        let opens = [
            "File::open",
            "File::create",
            "File::options",
            "OpenOptions",
            "tokio::fs",
            "fs::copy",
            "fs::hard_link",
            "fs::open",
            "fs::read",
            "fs::remove",
            "fs::rename",
            "fs::set_permissions",
            "fs::write",
            "openat",
        ];
        // What the kernel tells of a process are no media.
        let is_proc = line.contains("\"/proc/") || file == "media/engine/src/process.rs";
        let is_none_of_ours = line.starts_with("//") || is_proc;
        let found = opens.iter().find(|word| line.contains(**word) && !is_none_of_ours);
        assert!(found.is_none(), "{file} opens files past kernel::blob: {line}");
    }
    Ok(())
}

#[test]
fn no_file_of_flow_is_longer_than_it_can_be_read() -> anyhow::Result<()> {
    let mut lengths: BTreeMap<String, usize> = BTreeMap::new();
    for (file, _) in lines_of_code()? {
        *lengths.entry(file).or_default() += 1;
    }
    let long: Vec<_> = lengths.into_iter().filter(|(_, length)| *length > 700).collect();
    assert!(long.is_empty(), "what is the second idea of {long:?}?");
    Ok(())
}

fn sdl() -> anyhow::Result<ServiceDocument> {
    let text = fs::read_to_string(root().join("schema/schema.graphql")).context("schema/schema.graphql")?;
    Ok(parse_schema(text)?)
}

fn types(document: &ServiceDocument) -> BTreeMap<String, &TypeDefinition> {
    document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(found) => Some((found.node.name.node.to_string(), &found.node)),
            _ => None,
        })
        .collect()
}

fn fields(definition: &TypeDefinition) -> Vec<&FieldDefinition> {
    match &definition.kind {
        TypeKind::Object(object) => object.fields.iter().map(|field| &field.node).collect(),
        TypeKind::Interface(interface) => interface.fields.iter().map(|field| &field.node).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_type_and_field_is_described() -> anyhow::Result<()> {
    let document = sdl()?;
    let mut bare = Vec::new();
    for (name, definition) in types(&document) {
        // The roots and what the GraphQL library writes itself speak for themselves.
        let is_own = !["Query", "Mutation", "Subscription"].contains(&name.as_str());
        if is_own && definition.description.is_none() {
            bare.push(name.clone());
        }
        for field in fields(definition) {
            if field.description.is_none() {
                bare.push(format!("{name}.{}", field.name.node));
            }
        }
        if let TypeKind::InputObject(input) = &definition.kind {
            let missing = input.fields.iter().filter(|field| field.node.description.is_none());
            bare.extend(missing.map(|field| format!("{name}.{}", field.node.name.node)));
        }
        if let TypeKind::Enum(found) = &definition.kind {
            let missing = found.values.iter().filter(|value| value.node.description.is_none());
            bare.extend(missing.map(|value| format!("{name}.{}", value.node.value.node)));
        }
    }
    assert!(bare.is_empty(), "without a description: {}", bare.join(", "));
    Ok(())
}

/// Lists that cannot grow without end, each with what bounds it. `*Connection` is any connection.
const BOUNDED_LISTS: &[(&str, &str)] = &[
    ("Query.nodes", "as long as the ids asked for, and those are capped"),
    ("Library.paths", "typed in by a person"),
    ("MediaFile.streams", "bounded by the probe"),
    ("MediaFile.chapters", "bounded by the probe"),
    ("MediaFile.tags", "of a container: bounded by the probe"),
    ("Stream.tags", "of a container: bounded by the probe"),
    ("AttachmentStream.tags", "of a container: bounded by the probe"),
    ("AudioStream.tags", "of a container: bounded by the probe"),
    ("DataStream.tags", "of a container: bounded by the probe"),
    ("SubtitleStream.tags", "of a container: bounded by the probe"),
    ("VideoStream.tags", "of a container: bounded by the probe"),
    ("Media.files", "copies of one item"),
    ("Audio.files", "copies of one item"),
    ("Image.files", "copies of one item"),
    ("Video.files", "copies of one item"),
    ("Audio.codecs", "one per kind of stream"),
    ("Video.codecs", "one per kind of stream"),
    ("Thumbnail.srcset", "three sizes"),
    ("Playback.variants", "a ladder"),
    ("Person.aliases", "typed in by a person"),
    ("Tag.aliases", "typed in by a person"),
    ("Tag.parents", "typed in by a person"),
    ("Tag.children", "typed in by a person"),
    ("Collection.children", "made by a person"),
    ("CustomField.choices", "typed in by a person, and capped"),
    ("Query.customFields", "capped at two hundred where they are defined"),
    (
        "Query.mediaByFingerprint",
        "as long as the hashes asked for, and those are capped",
    ),
    ("System.settings", "as many as the program declares"),
    ("Setting.choices", "declared"),
    (
        "UpdateSettingsPayload.settings",
        "as long as the values sent, and those are capped",
    ),
    ("System.backups", "capped by a setting whose range ends at a hundred"),
    (
        "DeleteBackupPayload.backups",
        "capped by a setting whose range ends at a hundred",
    ),
    ("Query.scanSchedules", "one a library, and nobody has thousands"),
    ("ConfirmSecondFactorPayload.recoveryCodes", "ten"),
    (
        "Query.libraryWatchers",
        "one per library path, and those are typed in by a person",
    ),
    ("Query.savedFilters", "capped at five hundred where they are saved"),
    ("Media.customFields", "one per custom field, and those are capped"),
    ("Audio.customFields", "one per custom field, and those are capped"),
    ("Image.customFields", "one per custom field, and those are capped"),
    ("Video.customFields", "one per custom field, and those are capped"),
    ("EditChange.differences", "rows of one thing, and those are capped"),
    ("BulkUpdateMediaPayload.media", "the first two hundred"),
    ("UndoPayload.conflicts", "the first hundred"),
    ("AutoTagPreview.matches", "takes `first`, and that is capped"),
    ("NameRulePreview.matches", "takes `first`, and that is capped"),
    ("NameRuleMatch.people", "names in one path"),
    ("NameRuleMatch.tags", "names in one path"),
    ("NameRuleMatch.fields", "places of one pattern"),
    ("AutoTagMatch.tags", "names in one path"),
    ("AutoTagMatch.people", "names in one path"),
    ("Capture.files", "the first thousand"),
    ("Capture.gaps", "the first thousand"),
    ("Viewer.permissions", "an enum"),
    ("ApiToken.scopes", "an enum"),
    ("System.plugins", "compiled in"),
    ("System.operations", "takes `first`, and there are forty-one"),
    ("System.operationHistory", "takes `first`, and that is capped"),
    ("OperationStats.slowest", "twenty"),
    ("System.caches", "compiled in"),
    (
        "Hardware.encoders",
        "what FFmpeg was built with, on this machine's devices",
    ),
    (
        "Hardware.decoders",
        "what FFmpeg was built with, on this machine's devices",
    ),
    ("Thumbnails.recentErrors", "takes `first`, and that is capped"),
    ("DuplicateGroup.media", "capped at a hundred"),
    (
        "UndoMergeMediaPayload.media",
        "as long as the ids of a merge, and those are capped",
    ),
    (
        "TrashFilesPayload.files",
        "as long as the ids asked for, and those are capped",
    ),
    (
        "TrashFilesPayload.failures",
        "as long as the ids asked for, and those are capped",
    ),
    (
        "RestoreFilesPayload.files",
        "as long as the ids asked for, and those are capped",
    ),
    (
        "RestoreFilesPayload.failures",
        "as long as the ids asked for, and those are capped",
    ),
    ("Video.subtitles", "as many as the file has streams"),
    ("Video.renditions", "capped at a hundred"),
    ("Clip.ranges", "capped at a hundred where they are given"),
    ("Media.highlights", "one per field that search knows"),
    ("Audio.highlights", "one per field that search knows"),
    ("Image.highlights", "one per field that search knows"),
    ("Video.highlights", "one per field that search knows"),
    ("MediaHighlight.pieces", "of an excerpt of capped length"),
    ("MediaFacets.tags", "takes `first`, and that is capped"),
    ("MediaFacets.people", "takes `first`, and that is capped"),
    ("MediaFacets.studios", "takes `first`, and that is capped"),
    ("MediaFacets.libraries", "takes `first`, and that is capped"),
    ("MediaFacets.videoCodecs", "takes `first`, and that is capped"),
    ("MediaFacets.audioCodecs", "takes `first`, and that is capped"),
    ("MediaFacets.years", "takes `first`, and that is capped"),
    ("MediaFacets.kinds", "an enum"),
    ("MediaFacets.resolutions", "an enum"),
    ("MediaFacets.ratings", "ten ranges"),
    ("CaptureFile.motion", "one for each second of an hour at most"),
    (
        "User.libraryAccess",
        "at most a thousand, each granted by an administrator",
    ),
    (
        "Viewer.libraryAccess",
        "at most a thousand, each granted by an administrator",
    ),
    ("Query.passkeys", "at most twenty of an account"),
    (
        "Query.providerAccounts",
        "one at each provider, and a server has one provider",
    ),
    ("*Connection.edges", "a page"),
    ("*Connection.nodes", "a page"),
];

fn is_bounded(ty: &str, field: &str) -> bool {
    BOUNDED_LISTS.iter().any(|(known, _)| {
        let (owner, name) = known.split_once('.').unwrap_or_default();
        let is_owner = owner
            .strip_prefix('*')
            .map_or(owner == ty, |suffix| ty.ends_with(suffix));
        is_owner && name == field
    })
}

#[test]
fn every_list_that_can_grow_is_a_connection() -> anyhow::Result<()> {
    let document = sdl()?;
    let mut endless = Vec::new();
    for (name, definition) in types(&document) {
        for field in fields(definition) {
            if !matches!(field.ty.node.base, BaseType::List(_)) {
                continue;
            }
            let field = field.name.node.as_str();
            if !is_bounded(&name, field) {
                endless.push(format!("{name}.{field}"));
            }
        }
    }
    assert!(endless.is_empty(), "lists without an end: {}", endless.join(", "));
    Ok(())
}

#[test]
fn every_connection_takes_a_bounded_first() -> anyhow::Result<()> {
    let document = sdl()?;
    for (name, definition) in types(&document) {
        for field in fields(definition) {
            let BaseType::Named(ty) = &field.ty.node.base else {
                continue;
            };
            if ty.ends_with("Connection") {
                let takes = field
                    .arguments
                    .iter()
                    .any(|argument| argument.node.name.node == "first");
                assert!(takes, "{name}.{} is a connection without `first`", field.name.node);
            }
        }
    }
    Ok(())
}

#[test]
fn the_project_speaks_of_itself_alone() -> anyhow::Result<()> {
    let words = [
        ["assist", "ant"].concat(),
        ["/wo", "rk/"].concat(),
        ["TO", "DO"].concat(),
    ];
    for (file, line) in lines_of_code()? {
        let found = words.iter().find(|word| line.contains(*word));
        assert!(found.is_none(), "{file}: {line}");
    }
    Ok(())
}
