//! Accounts in the browser: libraries are granted, passkeys made and used, an account at a sign-in provider linked, used and unlinked, by
//! keyboard; and what the pages of all that look like. Fails on anything unexpected, and on anything that axe finds.
//!
//!     node e2e/accounts.mjs          VITAGRAPH_SHOTS: folder for screenshots (a new temporary one)

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { accessibilityProblems, launch, shoot, shots } from "./browser.mjs";
import { startProvider } from "./provider.mjs";
import { account, ask, expectSoon, runSteps, startWorld } from "./world.mjs";

const provider = await startProvider();
const world = await startWorld(provider.environment);
// Passkeys belong to a name, and an address is none.
const url = world.url.replace("127.0.0.1", "localhost");
const { browser, context, page, problems } = await launch();
const press = (key) => page.keyboard.press(key);
const query = (text, variables) => ask(context, url, text, variables);
const grace = { name: "grace", password: "another correct horse" };
const region = (name) => page.getByRole("region", { name, exact: true });
const devtools = await context.newCDPSession(page);
let authenticator = "";

try {
  await runSteps(
    [
      ["begins", begin],
      ["grants libraries", grant],
      ["holds the account to them", held],
      ["makes a passkey", makePasskey],
      ["does not make it twice", makeTwice],
      ["signs in by the passkey", usePasskey],
      ["removes the passkey", removePasskey],
      ["is not known by the provider yet", unknownThere],
      ["links the account at the provider", link],
      ["signs in by the provider", signInThere],
      ["does not link what is another's", linkTaken],
      ["unlinks it", unlink],
    ],
    { page, shoot, problems },
  );
} finally {
  await browser.close();
  provider.stop();
  await world.stop();
}
console.log(`screenshots: ${shots}`);

/** Pictures of what is open, wide and narrow, dark and light, and what axe says of it. */
async function look(found, name) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [kind, viewport] of [["desktop", { width: 1360, height: 860 }], ["phone", { width: 390, height: 844 }]]) {
      await page.setViewportSize(viewport);
      await page.waitForTimeout(50);
      const view = `${name}-${kind}-${colorScheme}`;
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) found.push(`${view}: ${wide} px too wide`);
      await shoot(page, view, { fullPage: true });
      found.push(...(await accessibilityProblems(page, view)));
    }
  }
  await page.setViewportSize({ width: 1360, height: 860 });
}

/** Presses Tab until what has the focus is this. */
async function tabTo(locator) {
  await locator.waitFor();
  for (let turn = 0; turn < 200; turn += 1) {
    await press("Tab");
    if (await locator.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error(`Tab never comes to ${locator}`);
}

async function begin() {
  const post = (path, data) => context.request.post(url + path, { headers: { "x-requested-with": "vitagraph", origin: url }, data });
  const made = await post("/auth/setup", { code: world.code, ...account });
  assert.ok(made.ok(), await made.text());
  for (const name of ["Films", "Music", "Pictures of all the journeys by train that anybody has ever made"]) {
    const path = join(world.folder, name);
    mkdirSync(path);
    await query("mutation($input: CreateLibraryInput!) { createLibrary(input: $input) { library { id } } }", { input: { name, paths: [path] } });
  }
  await query("mutation($input: CreateUserInput!) { createUser(input: $input) { user { id } } }", { input: { ...grace, role: "EDITOR" } });
}

async function grant(found) {
  await page.goto(`${url}/admin/users`);
  await page.getByRole("button", { name: "New account" }).focus();
  await press("Enter");
  const fresh = page.getByRole("dialog", { name: "New account" });
  await fresh.getByLabel("Name", { exact: true }).waitFor();
  await look(found, "account-new");
  await press("Escape");
  await tabTo(page.getByRole("button", { name: "Edit the account grace" }));
  await press("Enter");
  const dialog = page.getByRole("dialog", { name: "Edit the account grace" });
  await tabTo(dialog.getByRole("radio", { name: "All libraries" }));
  await press("ArrowDown");
  await dialog.getByText("Without a library").waitFor();
  await tabTo(dialog.getByLabel("Films"));
  await page.keyboard.type("may see and");
  await press("Tab");
  await page.keyboard.type("may see");
  await look(found, "account-edit");
  await dialog.getByRole("button", { name: "Save" }).focus();
  await press("Enter");
  await dialog.waitFor({ state: "detached" });
  await page.getByRole("cell", { name: "2 libraries" }).waitFor();
  const { users } = await query("{ users(first: 9) { nodes { name libraryAccess { access library { name } } } } }");
  assert.deepEqual(users.nodes.find((user) => user.name === "grace").libraryAccess.map(({ access, library }) => `${library.name} ${access}`).toSorted(), ["Films EDIT", "Music VIEW"]);
  await look(found, "accounts");
  // All again, and an administrator sees all whatever was chosen.
  await page.getByLabel("Role of grace").selectOption("ADMIN");
  await page.getByRole("row", { name: /grace/ }).getByRole("cell", { name: "all", exact: true }).waitFor();
  await page.getByLabel("Role of grace").selectOption("EDITOR");
  await page.getByRole("button", { name: "Edit the account grace" }).click();
  await dialog.getByRole("radio", { name: "These and no others" }).check();
  await dialog.getByLabel("Music").selectOption("VIEW");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("cell", { name: "1 library" }).waitFor();
}

async function signInAs({ name, password }) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await press("Enter");
  await page.waitForURL((address) => address.pathname !== "/login");
}

async function signOut() {
  await context.clearCookies();
  await page.goto(`${url}/login`);
  await page.getByLabel("Name").waitFor();
}

async function held() {
  await signOut();
  await signInAs(grace);
  await page.goto(`${url}/libraries`);
  await page.getByRole("heading", { name: "Music" }).waitFor();
  assert.deepEqual(await page.getByRole("main").getByRole("heading", { level: 2 }).allTextContents(), ["Music"]);
}

async function makePasskey(found) {
  await devtools.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  authenticator = (await devtools.send("WebAuthn.addVirtualAuthenticator", { options })).authenticatorId;
  await page.goto(`${url}/settings`);
  await tabTo(page.getByLabel("Name of the new passkey"));
  await page.keyboard.type("Grace’s key");
  await press("Enter");
  await region("Passkeys").getByRole("listitem").getByText("Grace’s key").waitFor();
  await look(found, "settings");
}

async function makeTwice(found) {
  await region("Passkeys").getByLabel("Name of the new passkey").fill("The same");
  await press("Enter");
  await region("Passkeys").getByText("has a passkey of this account already").waitFor();
  assert.equal(await region("Passkeys").getByRole("listitem").count(), 1);
  await look(found, "passkey-known");
}

async function usePasskey(found) {
  await signOut();
  await look(found, "login");
  await tabTo(page.getByRole("button", { name: "Sign in with a passkey" }));
  await press("Enter");
  await page.waitForURL((address) => address.pathname === "/");
  assert.equal((await query("{ viewer { name } }")).viewer.name, "grace");
  await page.goto(`${url}/settings`);
  await region("Passkeys").getByText(/used/).waitFor();
}

async function removePasskey(found) {
  await tabTo(page.getByRole("button", { name: "Remove Grace’s key" }));
  await press("Enter");
  await region("Passkeys").getByText("There is none yet").waitFor();
  await signOut();
  const known = problems.length;
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByText("this passkey is not known here").waitFor();
  // It is refused on purpose.
  problems.splice(known);
  await look(found, "login-refused");
  await devtools.send("WebAuthn.removeVirtualAuthenticator", { authenticatorId: authenticator });
}

async function goThere() {
  await tabTo(page.getByRole("link", { name: "Sign in with Harbor sign-in" }));
  await press("Enter");
  await page.getByRole("link", { name: /^Go on as/ }).click();
}

async function unknownThere(found) {
  await page.goto(`${url}/login`);
  await goThere();
  await page.waitForURL(/problem=PROVIDER_ACCOUNT_UNKNOWN/);
  await page.getByText("No account here belongs to yours").waitFor();
  await look(found, "login-unknown");
}

async function link(found) {
  await page.goto(`${url}/login?next=%2Fsettings`);
  await signInAs(grace);
  const section = region("Sign-in provider");
  await section.getByText("linked to none").waitFor();
  await tabTo(section.getByLabel("Present password"));
  const known = problems.length;
  await page.keyboard.type("not this one");
  await press("Enter");
  await section.getByText("this is not the account's password").waitFor();
  problems.splice(known);
  await section.getByLabel("Present password").fill(grace.password);
  await press("Enter");
  await page.getByRole("link", { name: "Go on as lin" }).click();
  await section.getByText(provider.issuer, { exact: true }).waitFor();
  await look(found, "settings-linked");
}

async function signInThere() {
  await signOut();
  await page.goto(`${url}/login?next=%2Fjobs`);
  await goThere();
  await page.waitForURL((address) => address.pathname === "/jobs");
  assert.equal((await query("{ viewer { name } }")).viewer.name, "grace");
}

async function linkTaken(found) {
  await signOut();
  await signInAs(account);
  await page.goto(`${url}/settings`);
  const section = region("Sign-in provider");
  await section.getByLabel("Present password").fill(account.password);
  await press("Enter");
  await page.getByRole("link", { name: "Go on as lin" }).click();
  await section.getByText("belongs to another one here").waitFor();
  await look(found, "settings-taken");
}

async function unlink(found) {
  await signOut();
  await signInAs(grace);
  await page.goto(`${url}/settings`);
  await tabTo(page.getByRole("button", { name: `Unlink ${provider.issuer}` }));
  await press("Enter");
  const dialog = page.getByRole("dialog", { name: `Unlink ${provider.issuer}` });
  await dialog.waitFor();
  await look(found, "unlink");
  await dialog.getByRole("button", { name: "Unlink", exact: true }).focus();
  await press("Enter");
  await region("Sign-in provider").getByText("linked to none").waitFor();
  await signOut();
  await goThere();
  await expectSoon(() => page.getByText("No account here belongs to yours").isVisible(), "the provider's account is nobody's");
}
