//! Uses the playground as a developer would: runs every example that is a query, reads the documentation, watches jobs over a socket.

import assert from "node:assert/strict";
import { launch, shoot, shots } from "./browser.mjs";
import { account, ask, runSteps, startWorld } from "./world.mjs";

const world = await startWorld();
const { url } = world;
const { browser, context, page, problems } = await launch();
const found = [];
const query = (text, variables) => ask(context, url, text, variables);

try {
  await runSteps(
    [
      ["prepares a library", prepare],
      ["uses the playground", usePlayground],
    ],
    { page, shoot, problems },
  );
} finally {
  await browser.close();
  await world.stop();
}
for (const problem of found) console.error(problem);
if (found.length > 0) process.exitCode = 1;
console.log(`screenshots: ${shots}`);

async function prepare() {
  const headers = { "x-requested-with": "vitagraph", origin: url };
  await context.request.post(`${url}/auth/setup`, { headers, data: { code: world.code, ...account } });
  await context.request.post(`${url}/auth/sign-in`, { headers, data: account });
  const input = { name: "Media", paths: [world.media] };
  const { createLibrary } = await query("mutation Add($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }", { input });
  await query("mutation Scan($input: StartScanInput!) { startScan(input: $input) { job { id } } }", { input: { libraryId: createLibrary.library.id } });
}

async function usePlayground() {
  await page.goto(`${url}/playground/`);
  await page.locator(".graphiql-query-editor .view-lines").waitFor({ timeout: 30_000 });
  const run = page.locator(".graphiql-execute-button");
  const examplesPane = page.locator(".playground-examples");
  const answer = page.locator(".graphiql-response .view-lines");
  await run.click();
  await page.waitForFunction(() => document.querySelector(".graphiql-response")?.textContent?.includes("role"));
  await page.getByRole("button", { name: /Examples/ }).click();
  await examplesPane.getByRole("button", { name: /^Libraries/ }).click();
  await run.click();
  await page.waitForFunction(() => document.querySelector(".graphiql-response")?.textContent?.includes("mediaCount"));
  await shoot(page, "playground");
  const names = await examplesPane.locator("button").evaluateAll((buttons) => buttons.map((button) => button.firstChild?.textContent ?? ""));
  let ran = 0;
  for (const example of names) {
    await examplesPane.getByRole("button", { name: new RegExp(`^${example}(?![a-zA-Z])`) }).click();
    const editor = page.locator(".graphiql-query-editor .view-lines");
    await editorShows(example);
    // The others change what a user has, need a job that still runs, or answer over a socket.
    const text = (await editor.textContent())?.replaceAll("\u00a0", " ") ?? "";
    if (!text.startsWith("query ") && example !== "StartScan") continue;
    const answered = page.waitForResponse(
      (response) => response.url().endsWith("/graphql") && (response.request().postDataJSON()?.operationName ?? "") === example,
      { timeout: 15_000 },
    );
    await run.click();
    const { errors } = await (await answered).json();
    if (errors) found.push(`the example ${example} answers ${JSON.stringify(errors)}`);
    ran += 1;
  }
  await page.getByRole("button", { name: /Documentation Explorer/ }).first().click();
  await page.locator(".graphiql-doc-explorer").getByText("StartScanInput").or(page.locator(".graphiql-doc-explorer").getByText("Query")).first().waitFor();
  await shoot(page, "playground-docs");
  await page.getByRole("button", { name: /Examples/ }).first().click();

  await examplesPane.getByRole("button", { name: /^JobChanges/ }).click();
  await editorShows("JobChanges");
  await run.click();
  await page.waitForTimeout(1000);
  const { libraries } = await query("{ libraries { nodes { id } } }");
  await query("mutation Scan($input: StartScanInput!) { startScan(input: $input) { job { id } } }", { input: { libraryId: libraries.nodes[0].id } });
  await page.waitForFunction(() => document.querySelector(".graphiql-response")?.textContent?.includes("jobChanges"));
  await shoot(page, "playground-live");
  assert.ok(await answer.textContent());
  return `${names.length} examples fit the schema, ${ran} ran`;
}

/** Waits until an example is in the editor; what is run before is the one from before. */
async function editorShows(example) {
  await page.waitForFunction((expected) => document.querySelector(".graphiql-query-editor .view-lines")?.textContent?.includes(expected), example);
}
