// Writes what the server is made of, in CycloneDX 1.5: crates after Cargo.lock, packages of the web app after its lock file.
//
//   node server/package/sbom.mjs > sbom.json
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const options = { cwd: root, maxBuffer: 1 << 28, encoding: "utf8" };
const arguments_ = ["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"];
const metadata = JSON.parse(execFileSync("cargo", arguments_, options));

// What the programs link: from the server and the media worker along all dependencies that are not only for tests.
const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
const packages = new Map(metadata.packages.map((found) => [found.id, found]));
const linked = new Set();
const waiting = metadata.packages.filter((found) => ["server", "media-worker"].includes(found.name) && !found.source).map((found) => found.id);
while (waiting.length > 0) {
  const id = waiting.pop();
  if (linked.has(id)) continue;
  linked.add(id);
  const isLinked = (dependency) => dependency.dep_kinds.some((kind) => kind.kind !== "dev");
  waiting.push(...nodes.get(id).deps.filter(isLinked).map((dependency) => dependency.pkg));
}
const crates = [...linked].map((id) => {
  const { name, version, license, source } = packages.get(id);
  const purl = `pkg:cargo/${name}@${version}`;
  return {
    type: "library",
    "bom-ref": source ? purl : `${purl}?workspace`,
    name,
    version,
    purl,
    ...(license && { licenses: [{ expression: license.replaceAll("/", " OR ") }] }),
  };
});

const lock = JSON.parse(readFileSync(join(root, "web/package-lock.json"), "utf8"));
const modules = Object.entries(lock.packages)
  .filter(([path, found]) => path && !found.dev)
  .map(([path, found]) => {
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const purl = `pkg:npm/${name.replace("@", "%40")}@${found.version}`;
    return {
      type: "library",
      "bom-ref": `${purl}?path=${path}`,
      name,
      version: found.version,
      purl,
      ...(found.license && { licenses: [{ expression: found.license }] }),
    };
  });

const server = packages.get([...linked].find((id) => packages.get(id).name === "server"));
const components = [...crates, ...modules].sort((one, other) => one["bom-ref"].localeCompare(other["bom-ref"]));
const bom = {
  bomFormat: "CycloneDX",
  specVersion: "1.5",
  version: 1,
  metadata: { component: { type: "application", name: "vitagraph", version: server.version, licenses: [{ expression: server.license }] } },
  components,
};
process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`);
