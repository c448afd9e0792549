//! Two hundred texts that want to become scripts, as names of files and tags, titles, descriptions, subtitles, NFO and SVG files, each
//! looked at on every page that shows it: none runs, and none is stopped by the security policy alone.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, shoot } from "./browser.mjs";
import { account, ask, runSteps, startWorld } from "./world.mjs";

/** What a script does when it runs: `HIT` becomes a call that is noticed. */
const forms = [
  "<script>HIT</script>",
  "<img src=x onerror=HIT>",
  "<svg onload=HIT>",
  "<svg><script>HIT</script></svg>",
  "<svg><animate onbegin=HIT attributeName=x dur=1s>",
  "<body onload=HIT>",
  "<iframe srcdoc='<script>parent.HIT</script>'></iframe>",
  "<iframe src='javascript:parent.HIT'></iframe>",
  "<details open ontoggle=HIT>",
  "<video><source onerror=HIT></video>",
  "<audio src=x onerror=HIT>",
  "<input autofocus onfocus=HIT>",
  "<select autofocus onfocus=HIT>",
  "<textarea autofocus onfocus=HIT>",
  "<marquee onstart=HIT>",
  "<object data='javascript:HIT'></object>",
  "<embed src='javascript:HIT'>",
  "<math><mtext></p><style><img src onerror=HIT></style></mtext></math>",
  "<a href='javascript:HIT' autofocus>click</a>",
  "<form action='javascript:HIT'><button autofocus>x</button></form>",
  "<meta http-equiv=refresh content='0;url=javascript:HIT'>",
  "<base href='javascript:HIT//'>",
  "<link rel=stylesheet href='javascript:HIT'>",
  "<style>@import 'javascript:HIT';</style>",
  "<template><script>HIT</script></template>",
  "<noscript><p title='</noscript><img src=x onerror=HIT>'>",
  "<xmp><p title='</xmp><img src=x onerror=HIT>'>",
  "<title><img src=x onerror=HIT></title>",
  "<table background='javascript:HIT'>",
  "<img src='x' onerror='HIT'//",
  "<img/src/onerror=HIT>",
  "<IMG SRC=x OnErRoR=HIT>",
  "<scr<script>ipt>HIT</scr</script>ipt>",
  "<<script>HIT//<</script>",
  "javascript:HIT",
  "jAvAsCrIpT:HIT",
  "data:text/html,<script>HIT</script>",
  "{{constructor.constructor('HIT')()}}",
  "${HIT}",
  "#{HIT}",
];
const wraps = [(text) => text, (text) => `"'>${text}`, (text) => `</title></textarea></style></script>-->${text}`, (text) => `&lt;x&gt;\u2028\\x3c${text}`, (text) => `]]>${text}<!--`];
const payloads = forms.flatMap((form, f) => wraps.map((wrap, w) => wrap(form.replaceAll("HIT", `xss(${f * wraps.length + w})`))));

const world = await startWorld();
const { url } = world;
const { browser, context, page, problems } = await launch();
const hits = [];
const reports = [];
const query = (text, variables) => ask(context, url, text, variables);
let items = [];
let shared = "";

// Whatever runs calls this; what the policy stops is reported, and is a fault as well: nothing should have tried.
await context.exposeFunction("xss", (which) => hits.push(which));
await context.exposeFunction("policyStopped", (what) => reports.push(what));
await context.addInitScript(() => {
  document.addEventListener("securitypolicyviolation", (event) => window.policyStopped(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
});
page.on("dialog", (dialog) => {
  hits.push(`dialog: ${dialog.message()}`);
  void dialog.dismiss();
});

try {
  await runSteps(
    [
      ["sees one that is planted", seePlanted],
      ["plants the texts", plant],
      ["looks at lists", lookAtLists],
      ["looks at items", lookAtItems],
      ["opens the files themselves", openFiles],
      ["opens a link", openLink],
    ],
    // A hostile path that is not there is answered with 404, as it should be.
    { page, shoot, problems: [] },
  );
} finally {
  await browser.close();
  await world.stop();
}
const uncaught = problems.filter((problem) => problem.startsWith("uncaught"));
console.log(`${payloads.length} texts: ${hits.length} ran, ${reports.length} stopped by the policy, ${uncaught.length} errors`);
for (const problem of [...hits.map((hit) => `ran: ${hit}`), ...reports, ...uncaught]) console.error(problem);
if (hits.length + reports.length + uncaught.length > 0) process.exitCode = 1;

/** What looks for scripts finds one: here the policy stops it, and says so. */
async function seePlanted() {
  await page.goto(`${url}/login`);
  const isRefused = await page.evaluate(() => {
    try {
      document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='xss(-1)'>");
      return false;
    } catch (error) {
      return error instanceof TypeError;
    }
  });
  if (!isRefused) throw new Error("text became markup");
  await page.waitForTimeout(500);
  const n = reports.splice(0).length + hits.splice(0).length;
  if (n === 0) throw new Error("a planted script was not noticed");
}

/** Every text goes in by every way that there is. */
async function plant() {
  const headers = { "x-requested-with": "vitagraph", origin: url };
  await context.request.post(`${url}/auth/setup`, { headers, data: { code: world.code, ...account } });
  await context.request.post(`${url}/auth/sign-in`, { headers, data: account });
  const folder = join(world.folder, "hostile");
  mkdirSync(folder);
  const pixel = Buffer.from("R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkQBADs=", "base64");
  payloads.forEach((text, index) => writeFileSync(join(folder, `${fileName(text, index)}.gif`), Buffer.concat([pixel, Buffer.from(String(index))])));
  // An SVG is no item; beside one it must do no harm.
  writeFileSync(join(folder, "picture.svg"), `<svg xmlns="http://www.w3.org/2000/svg" onload="xss('svg')"><script>xss('svg')</script></svg>`);
  const film = join(folder, "subtitled.mkv");
  const subtitles = join(world.folder, "hostile.srt");
  const cue = (text, index) => `${index + 1}\n00:00:0${Math.floor(index / 100)},${String((index % 100) * 10).padStart(3, "0")} --> 00:00:03,000\n${text.replaceAll("\n", " ")}\n`;
  writeFileSync(subtitles, payloads.map(cue).join("\n"));
  const source = ["-f", "lavfi", "-i", "color=c=gray:s=320x180:d=3", "-i", subtitles];
  execFileSync("ffmpeg", ["-v", "error", ...source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:s", "srt", "-metadata", `title=${payloads[1]}`, film]);
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const tags = payloads.slice(0, 100).map((text) => `<tag>${escaped(text)}</tag>`);
  const actors = payloads.slice(100, 150).map((text) => `<actor><name>${escaped(text)}</name><role>${escaped(text)}</role></actor>`);
  const nfo = `<movie><title>${escaped(payloads[2])}</title><plot>${escaped(payloads.join("\n"))}</plot><studio>${escaped(payloads[3])}</studio>`;
  writeFileSync(film.replace(".mkv", ".nfo"), `${nfo}${tags.join("")}${actors.join("")}</movie>`);

  const input = { name: payloads[0], paths: [folder] };
  const { createLibrary } = await query("mutation Add($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }", { input });
  await query("mutation Scan($input: StartScanInput!) { startScan(input: $input) { job { id } } }", { input: { libraryId: createLibrary.library.id } });
  const wanted = readdirSync(folder).filter((name) => /\.(gif|mkv)$/.test(name)).length;
  for (let round = 0; items.length < wanted; round++) {
    if (round > 600) throw new Error(`${items.length} of ${wanted} items`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    items = [];
    for (let after = null, more = true; more; ) {
      const { media } = await query("query Items($after: String) { media(first: 200, after: $after) { nodes { id kind files { url } } pageInfo { hasNextPage endCursor } } }", { after });
      items.push(...media.nodes);
      ({ hasNextPage: more, endCursor: after } = media.pageInfo);
    }
  }
  // Titles, descriptions and tags by the API.
  for (const [index, item] of items.filter(({ kind }) => kind === "IMAGE").entries()) {
    const text = payloads[index % payloads.length];
    const edit = { id: item.id, title: text, description: text };
    await query("mutation Edit($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }", { input: edit });
    if (index < 50) await query("mutation Tag($input: CreateTagInput!) { createTag(input: $input) { tag { id } } }", { input: { name: `api ${text}`.slice(0, 200) } });
  }
  const collect = { name: payloads[4].slice(0, 190), description: payloads[5], mediaIds: items.slice(0, 100).map(({ id }) => id) };
  const { createCollection } = await query("mutation Collect($input: CreateCollectionInput!) { createCollection(input: $input) { collection { id } } }", { input: collect });
  const collectionId = createCollection.collection.id;
  const { createShareLink } = await query("mutation Share($input: CreateShareLinkInput!) { createShareLink(input: $input) { url } }", { input: { collectionId, name: payloads[6].slice(0, 90) } });
  shared = createShareLink.url;
  return `${items.length} items`;
}

/** A name that a file can have; the number keeps them apart. */
function fileName(text, index) {
  return `${text.replaceAll("/", "\u2215").slice(0, 80)} ${index}`;
}

async function settle() {
  await page.waitForLoadState("networkidle").catch(() => {});
  await page.waitForTimeout(300);
}

async function lookAtLists() {
  const searches = payloads.filter((_, index) => index % 20 === 0).map((text) => `/?q=${encodeURIComponent(text)}`);
  for (const path of ["/", "/tags", "/people", "/studios", "/collections", "/libraries", "/jobs", "/trash", "/duplicates", "/admin", "/settings", ...searches]) {
    await page.goto(`${url}${path}`);
    await settle();
    for (let screen = 0; screen < 4; screen++) await page.mouse.wheel(0, 2000);
    await page.waitForTimeout(100);
  }
  return `${11 + searches.length} pages`;
}

async function lookAtItems() {
  const some = items.filter(({ kind }, index) => kind === "VIDEO" || index % 10 === 0);
  for (const { id, kind } of some) {
    await page.goto(`${url}/media/${id}`);
    await settle();
    // Cues are drawn while the film plays.
    if (kind === "VIDEO") {
      await page.evaluate(async () => {
        const video = document.querySelector("video");
        if (!video) return;
        for (const track of video.textTracks) track.mode = "showing";
        video.muted = true;
        await video.play().catch(() => {});
      });
      await page.waitForTimeout(3500);
    }
  }
  return `${some.length} items`;
}

/** The bytes of an item, as somebody opens them who was given the address. */
async function openFiles() {
  for (const { files } of items.filter((_, index) => index % 25 === 0)) {
    await page.goto(`${url}${files[0].url}`).catch(() => {});
    await page.waitForTimeout(50);
  }
}

async function openLink() {
  await page.goto(`${url}${shared}`);
  await settle();
  const n = await page.locator("section").count();
  if (n < 50) throw new Error(`the link shows ${n} items`);
  return `${n} items`;
}
