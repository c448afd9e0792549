//! Every page and every dialog of the app, filled with something to see, as phone and desktop, dark and light: axe finds nothing, nothing is too
//! wide, nothing goes wrong in the console. Leaves a picture of each, and sheets of them to look through.
//!
//!     node e2e/pages.mjs [part of a name ...]     VITAGRAPH_SHOTS: folder for the pictures (a new temporary one)

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeArchive } from "./archive.mjs";
import { accessibilityProblems, launch, shoot, shots } from "./browser.mjs";
import { account, ask, expectSoon, signIn, startWorld } from "./world.mjs";

const wanted = process.argv.slice(2);
const world = await startWorld();
const { browser, context, page, problems } = await launch();
const { url } = world;
const query = (text, variables) => ask(context, url, text, variables);
const found = [];
const taken = [];
page.setDefaultTimeout(30_000);

try {
  await look("setup", "/setup", async () => {});
  const made = await context.request.post(`${url}/auth/setup`, {
    headers: { "x-requested-with": "vitagraph", origin: url },
    data: { code: world.code, ...account },
  });
  assert.ok(made.ok(), await made.text());
  await context.clearCookies();
  await look("login", "/login", async () => {});
  await signIn(context, url);
  await look("first-library", "/", async () => {});
  await look("libraries-none", "/libraries", async () => {});
  const facts = await fill();
  for (const [name, path, open] of pages(facts)) await look(name, path, open ?? (async () => {}));
  await sheets();
} catch (error) {
  found.push(String(error.stack ?? error));
} finally {
  await browser.close();
  await world.stop();
}
found.push(...problems);
for (const problem of new Set(found)) console.error(problem);
if (found.length > 0) process.exitCode = 1;
console.log(`${taken.length} views; pictures: ${shots}`);

/** A library with some of everything, made by the API as anybody would. */
async function fill() {
  const pictures = readdirSync(world.media, { recursive: true }).filter((name) => /\.(jpe?g|png)$/.test(name)).toSorted();
  writeArchive(join(world.media, "Comic book.cbz"), Array.from({ length: 6 }, (_, index) => {
    const name = pictures[index % pictures.length];
    return [`page ${index + 1}.${name.split(".").at(-1)}`, join(world.media, name)];
  }));
  const { createLibrary } = await query("mutation($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }", {
    input: { name: "Media", paths: [world.media] },
  });
  const library = createLibrary.library.id;
  await query("mutation($input: StartScanInput!) { startScan(input: $input) { job { id } } }", { input: { libraryId: library } });
  await idle();
  const { media } = await query("{ media(first: 200, sort: [{ field: DURATION, direction: DESC }]) { nodes { __typename id title ... on Video { duration } } } }");
  const book = media.nodes.find((node) => node.title === "Comic book");
  assert.ok(book, "the archive is an item");
  const of = (kind) => media.nodes.filter((node) => node.__typename === kind);
  const [video] = of("Video");
  const made = async (field, kind, input) => (await query(`mutation($input: ${field[0].toUpperCase()}${field.slice(1)}Input!) { ${field}(input: $input) { ${kind} { id } } }`, { input }))[field][kind].id;
  const trip = await made("createTag", "tag", { name: "Journeys", color: "#2266cc", aliases: ["Trips"] });
  const sea = await made("createTag", "tag", { name: "Seaside", parentIds: [trip] });
  await made("createTag", "tag", { name: "Mountains and other very high places that one goes to", parentIds: [trip] });
  const person = await made("createPerson", "person", { name: "Ada Lovelace", aliases: ["Augusta Ada King"] });
  const studio = await made("createStudio", "studio", { name: "Harbor Films" });
  await made("createStudio", "studio", { name: "Pier Pictures", parentId: studio });
  const number = await made("createCustomField", "customField", { name: "Reel", kind: "NUMBER", description: "The number on the can." });
  const choice = await made("createCustomField", "customField", { name: "Medium", kind: "CHOICE", choices: ["Tape", "Film", "Disk"] });
  await query("mutation($input: BulkUpdateMediaInput!) { bulkUpdateMedia(input: $input) { updatedCount } }", {
    input: { ids: media.nodes.slice(0, 12).map((node) => node.id), addTagIds: [sea], addPersonIds: [person], studioId: studio, rating: 80 },
  });
  await query("mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }", {
    input: { id: video.id, description: "A film of the sea.\nWith waves.", fields: [{ fieldId: number, number: 7 }, { fieldId: choice, text: "Tape" }] },
  });
  for (const [title, start, end] of [["The first wave", 0.1, null], ["All of the storm", 0.2, 0.8]]) {
    await made("createMarker", "marker", { mediaId: video.id, title, start, end, tagIds: [sea] });
  }
  const collection = await made("createCollection", "collection", { name: "Summer", mediaIds: media.nodes.slice(0, 5).map((node) => node.id) });
  const gallery = await made("createGallery", "gallery", { name: "Shapes", mediaIds: of("Image").slice(0, 6).map((node) => node.id) });
  await query("mutation($input: CreateFolderGalleriesInput!) { createFolderGalleries(input: $input) { job { id } } }", { input: { libraryId: library } });
  await made("createClip", "clip", { mediaId: video.id, title: "A short piece", start: 0.2, end: Math.min(1.2, video.duration) });
  await query("mutation($input: RenderProxyInput!) { renderProxy(input: $input) { rendition { id } } }", { input: { mediaId: video.id, kind: "PROXY_480P" } });
  await made("createCaptureSource", "captureSource", { name: "Front door", url: "rtsp://198.51.100.7/stream", libraryId: library, schedule: "0 18 * * 1-5", duration: 600, keepDays: 14 });
  await made("createCaptureSource", "captureSource", { name: "Harbor", url: "http://198.51.100.8/live.ts", libraryId: library, isEnabled: false });
  await query("mutation($input: CreateApiTokenInput!) { createApiToken(input: $input) { token } }", { input: { name: "Backup script", scopes: ["VIEW"] } });
  await query("mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }", { input: { name: "grace", password: account.password, role: "VIEWER" } });
  const { node } = await query("query($id: ID!) { node(id: $id) { ... on Video { files { id } } ... on Image { files { id } } } }", { id: of("Image").at(-1).id });
  await query("mutation($input: TrashFilesInput!) { trashFiles(input: $input) { failures { message } } }", { input: { fileIds: [node.files[0].id] } });
  await idle();
  const share = async (input) => new URL((await query("mutation($input: CreateShareLinkInput!) { createShareLink(input: $input) { url } }", { input })).createShareLink.url, url).pathname;
  const shared = await share({ name: "For the family", collectionId: collection });
  const locked = await share({ name: "For one only", mediaId: video.id, password: account.password });
  return { shared, locked, library, video, audio: of("Audio")[0], image: of("Image").find((node) => node !== book), book, sea, collection, gallery, number };
}

/** Waits until no job is left and the pictures are drawn. */
async function idle() {
  await expectSoon(
    async () => {
      const { jobs, media } = await query(`{
        jobs(first: 1, filter: { status: { in: [WAITING, READY, RUNNING] } }) { totalCount }
        media(first: 1, filter: { kind: { in: [IMAGE] } }) { nodes { thumbnail { url } } }
      }`);
      return jobs.totalCount === 0 && media.nodes[0]?.thumbnail;
    },
    "all jobs end",
    240_000,
  );
}

/** Name, address and what is opened there. */
function pages({ library, video, audio, image, book, sea, collection, gallery, number, shared, locked }) {
  const dialog = () => page.locator("dialog[open]").waitFor();
  const region = (name) => () => page.getByRole("region", { name }).waitFor();
  const press = (name, seen = async () => {}) => async () => {
    await page.getByRole("button", { name, exact: typeof name === "string" }).first().click();
    await seen();
  };
  const key = (text, seen) => async () => {
    await page.locator("[data-media], video").first().waitFor();
    await page.keyboard.press(text);
    await seen();
  };
  const select = async () => {
    await page.locator("[data-index='0'] [data-focus]").focus();
    await page.keyboard.press("Space");
    await page.keyboard.press("Shift+ArrowRight");
  };
  return [
    ["library", "/?view=grid"],
    ["library-wall", "/?view=wall&zoom=2"],
    ["library-table", "/?view=table"],
    ["library-chips", `/?filter=rating.gte(20),any(kind.in(VIDEO),isFavorite.eq(true)),custom-number-${number}.gte(3)`],
    ["library-nothing", "/?q=nothingatall"],
    ["library-suggestions", "/", async () => {
      await page.locator("[data-media]").first().waitFor();
      await page.keyboard.press("/");
      await page.keyboard.type("night");
      await page.getByRole("list", { name: "Suggestions" }).waitFor();
    }],
    ["library-facets", "/", press("Facets", region("Facets"))],
    ["library-saved", "/", press("Saved filters", region("Saved filters"))],
    ["library-filter", `/?filter=custom-number-${number}.gte(3),any(kind.in(VIDEO),tags.anyOf(${sea}))`, press(/^\d+ filters?$/, dialog)],
    ["library-selection", "/", select],
    ["library-bulk", "/", async () => {
      await select();
      await page.getByRole("region", { name: "Selection" }).getByRole("button", { name: "Edit" }).click();
      await dialog();
    }],
    ["library-collect", "/", async () => {
      await select();
      await page.getByRole("region", { name: "Selection" }).getByRole("button", { name: "Add to a collection" }).click();
      await dialog();
    }],
    ["library-drop", "/", async () => {
      await page.locator("[data-media]").first().waitFor();
      await page.evaluate(() => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["film"], "film.mp4"));
        document.body.dispatchEvent(new DragEvent("dragenter", { dataTransfer, bubbles: true }));
      });
    }],
    ["account-menu", "/", press(/^Signed in as/, () => page.locator("[popover]:popover-open").waitFor())],
    ["navigation", "/jobs", async () => {
      const more = page.getByRole("button", { name: "More", exact: true });
      if (await more.isVisible()) await more.click();
    }],
    ["palette", "/", key("Control+Shift+P", dialog)],
    ["keyboard-help", "/", key("?", dialog)],
    ["video", `/media/${video.id}`],
    ["video-settings", `/media/${video.id}`, press("Settings of the player", () => page.locator("[popover]:popover-open").waitFor())],
    ["video-sheet", `/media/${video.id}`, key("v", region("Contact sheet"))],
    ["video-range", `/media/${video.id}`, async () => {
      await page.locator("video").waitFor();
      await page.waitForFunction(() => document.querySelector("video").readyState > 0);
      for (const one of ["2", "i", "6", "o", "n"]) await page.keyboard.press(one);
    }],
    ["video-marker-edit", `/media/${video.id}`, press("Edit The first wave", dialog)],
    ["video-statistics", `/media/${video.id}`, async () => {
      await page.locator("video").waitFor();
      await page.keyboard.press("s");
    }],
    ["video-edit", `/media/${video.id}`, press("Edit", () => page.getByLabel("Description").waitFor())],
    ["audio", `/media/${audio.id}`],
    ["image", `/media/${image.id}`],
    ["archive", `/media/${book.id}`, async () => {
      await page.getByRole("button", { name: "Next page" }).click();
      await page.getByText("Page 2 of 6", { exact: true }).first().waitFor();
    }],
    ["media-missing", "/media/med_0000000000000"],
    ["collections", "/collections"],
    ["collection-new", "/collections", press("New collection", dialog)],
    ["collection", `/collections/${collection}`],
    ["collection-edit", `/collections/${collection}`, press("Edit", dialog)],
    ["gallery-edit", `/galleries/${gallery}`, press("Edit", dialog)],
    ["galleries", "/galleries"],
    ["galleries-of-folders", "/galleries", press("Make of folders", dialog)],
    ["gallery", `/galleries/${gallery}`],
    ["markers", "/markers"],
    ["tags", "/tags"],
    ["tag-edit", "/tags", press("Edit Journeys", dialog)],
    ["tag-new", "/tags", press("New tag", dialog)],
    ["people", "/people"],
    ["person-edit", "/people", press("Edit Ada Lovelace", dialog)],
    ["studios", "/studios"],
    ["studio-edit", "/studios", press("Edit Pier Pictures", dialog)],
    ["fields", "/fields"],
    ["field-new", "/fields", press("New field", dialog)],
    ["field-edit", "/fields", press("Edit Medium", dialog)],
    ["name-rules", "/name-rules", async () => {
      await page.getByLabel("What the end of a path looks like").fill("{title}");
      await page.getByLabel("Replace what items have").check();
      await press("What would change?", region("What would change"))();
    }],
    ["auto-tag", "/auto-tag", press("What would change?", region("What would change"))],
    ["duplicates", "/duplicates"],
    ["upload", "/upload"],
    ["upload-page", "/upload", async () => {
      await page.getByText("Fetch the media of a web page").click();
      await page.getByLabel("Address of the page").fill("https://films.example/the-sea");
      await press("Fetch", () => page.getByRole("main").getByRole("alert").waitFor())();
    }],
    ["capture", "/capture"],
    ["capture-new", "/capture", press("New source", dialog)],
    ["capture-delete", "/capture", press("Delete Harbor", dialog)],
    ["trash", "/trash"],
    ["trash-empty", "/trash", press("Empty the trash", dialog)],
    ["history", "/history", async () => {
      await page.getByRole("button", { name: /^Details/ }).first().click();
      await page.getByRole("button", { name: /^Details/ }).nth(3).click();
    }],
    ["jobs", "/jobs"],
    ["libraries", "/libraries"],
    ["library-add", "/libraries", press("Add library", dialog)],
    ["library-add-refused", "/libraries", async () => {
      await press("Add library", dialog)();
      await page.getByRole("dialog").getByLabel("Name").fill("Nowhere");
      await page.getByRole("dialog").getByLabel("Folder on the server").fill("/nowhere/at/all");
      await page.keyboard.press("Enter");
      await page.locator("[aria-invalid]").waitFor();
    }],
    ["library-edit", "/libraries", press("Edit Media", () => page.getByLabel("Folders on the server").waitFor())],
    ["library-edit-refused", "/libraries", async () => {
      await press("Edit Media")();
      await page.getByLabel("Scan by itself").fill("at teatime");
      await page.keyboard.press("Enter");
      await page.locator("[aria-invalid]").waitFor();
    }],
    ["library-delete", "/libraries", async () => {
      await press("Edit Media")();
      await page.getByText("Delete the library").first().click();
      await page.getByLabel("Type “Media”").waitFor();
    }],
    ["problems", `/libraries/${library}/problems`],
    ["admin", "/admin"],
    ["admin-performance", "/admin/performance", press("MediaTiles", region("MediaTiles"))],
    ["admin-users", "/admin/users"],
    ["admin-user-edit", "/admin/users", async () => {
      await press("Edit the account grace", dialog)();
      await page.getByRole("radio", { name: "These and no others" }).check();
      await page.getByRole("dialog").getByLabel("Media").waitFor();
    }],
    ["admin-user-new", "/admin/users", press("New account", dialog)],
    ["admin-sessions", "/admin/sessions"],
    ["admin-settings", "/admin/settings"],
    ["admin-settings-wrong", "/admin/settings", async () => {
      const hours = page.getByRole("form", { name: "stream" }).getByLabel("url_hours");
      await hours.fill("9");
      await page.getByRole("form", { name: "stream" }).getByRole("button", { name: "Save" }).click();
      await page.getByText("must be a whole number from 1 to 6").waitFor();
      await hours.scrollIntoViewIfNeeded();
    }],
    ["admin-settings-pending", "/admin/settings", async () => {
      const form = page.getByRole("form", { name: "clips" });
      await form.getByLabel("url_hours").fill((await form.getByLabel("url_hours").inputValue()) === "2" ? "3" : "2");
      await form.getByRole("button", { name: "Save" }).click();
      await page.getByText("holds after the next start").first().waitFor();
      await form.getByLabel("url_hours").scrollIntoViewIfNeeded();
    }],
    ["admin-backups", "/admin/backups", async () => {
      const kept = await page.getByRole("row").count();
      await page.getByRole("button", { name: "Back up now" }).click();
      await expectSoon(async () => (await page.getByRole("row").count()) > kept, "the backup is listed");
    }],
    ["admin-backup-delete", "/admin/backups", press(/^Delete the backup/, dialog)],
    ["admin-hardware", "/admin/hardware"],
    ["admin-thumbnails", "/admin/thumbnails"],
    ["settings", "/settings"],
    ["settings-keys", "/settings", async () => {
      await page.getByText("Everywhere", { exact: true }).click();
      await page.getByRole("button", { name: "Change the key of Undo" }).click();
      await page.keyboard.press("?");
      await page.getByText("is already").waitFor();
    }],
    ["share-new", `/media/${video.id}`, press("Share", dialog)],
    ["shared", shared],
    ["shared-locked", locked],
    ["shared-gone", "/share/nothing"],
    ["not-found", "/nowhere"],
  ];
}

async function look(name, path, open) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) return;
  const known = problems.length;
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const width of [1360, 390]) {
      const view = `${name}-${width === 390 ? "phone" : "desktop"}-${colorScheme}`;
      try {
        await page.setViewportSize({ width, height: width === 390 ? 844 : 860 });
        await page.goto(url + path);
        await page.locator("main h1, main h2, h1").first().waitFor({ state: "attached" });
        // A player may go on loading.
        await page.waitForLoadState("networkidle", { timeout: 4000 }).catch(() => {});
        await open();
        await page.waitForLoadState("networkidle", { timeout: 4000 }).catch(() => {});
        await page.evaluate(() => Promise.all([...document.images].filter((image) => !image.complete).map((image) => image.decode().catch(() => {}))));
        found.push(...(await page.evaluate(tooWide)).map((what) => `${view}: ${what}`));
        if (/^library(-wall|-table)?$/.test(name)) found.push(...(await page.evaluate(covered)).map((what) => `${view}: ${what}`));
        // A long form has its end far below.
        await shoot(page, view, { fullPage: /^(admin|settings)/.test(name) && !(await page.locator("dialog[open]").isVisible()) });
        taken.push(view);
        found.push(...(await accessibilityProblems(page, view)));
      } catch (error) {
        await shoot(page, `failed-${view}`);
        found.push(`${view}: ${error.stack ?? error}`);
      }
    }
  }
  // A missing item, and a link without its password, are asked for on purpose.
  if (["media-missing", "shared-locked", "shared-gone"].includes(name)) problems.splice(known);
}

/** Runs in the page: what reaches over its sides, and cannot be scrolled to. */
function tooWide() {
  const width = document.documentElement.clientWidth;
  const over = document.documentElement.scrollWidth - width;
  const found = over > 0 ? [`${over} px too wide`] : [];
  for (const element of document.querySelectorAll("a, button, input, select, textarea, h1, h2, h3, p")) {
    const { left, right, width: own } = element.getBoundingClientRect();
    if (own < 2 || (left > -2 && right < width + 2) || right < 0) continue;
    let around = element.parentElement;
    while (around && !/auto|scroll/.test(getComputedStyle(around).overflowX)) around = around.parentElement;
    if (around === null && getComputedStyle(element).visibility === "visible") found.push(`${element.localName} "${(element.ariaLabel ?? element.textContent).slice(0, 40)}" reaches from ${Math.round(left)} to ${Math.round(right)} of ${width}`);
  }
  return found;
}

/** Runs in the page: whether something lies over the first item. */
function covered() {
  const item = document.querySelector('[data-index="0"]');
  const { left, top, width } = item.getBoundingClientRect();
  const hit = document.elementFromPoint(left + width / 2, top + 2);
  return item.contains(hit) ? [] : [`the first item lies under ${hit?.localName} ${hit?.className}`];
}

/** Pages of pictures, some dozen views each. */
async function sheets() {
  const names = [...new Set(taken.map((view) => view.replace(/-(phone|desktop)-(dark|light)$/, "")))];
  const image = (view, width) => `<img width="${width}" src="data:image/png;base64,${readFileSync(join(shots, `${view}.png`)).toString("base64")}">`;
  // Not in the app's own page, whose policy forbids styles like these.
  const sheet = await browser.newPage({ viewport: { width: 2000, height: 1000 } });
  for (let start = 0; start < names.length; start += 4) {
    const rows = names.slice(start, start + 4).map((name) => {
      const views = ["desktop-light", "desktop-dark"].map((kind) => `${name}-${kind}`).filter((view) => taken.includes(view));
      const phones = ["phone-light", "phone-dark"].map((kind) => `${name}-${kind}`).filter((view) => taken.includes(view));
      return `<h2>${name}</h2><p>${views.map((view) => image(view, 640)).join(" ")} ${phones.map((view) => image(view, 187)).join(" ")}</p>`;
    });
    await sheet.setContent(`<body style="margin:8px;background:#777;font:14px sans-serif">${rows.join("")}`);
    writeFileSync(join(shots, `sheet-${String(start / 4).padStart(2, "0")}.png`), await sheet.screenshot({ fullPage: true }));
  }
}
