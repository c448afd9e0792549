//! Measures the library page of a large library as Lighthouse sees it, signed in: three runs a preset, the median and what costs.
//!
//!     npm install --no-save lighthouse@12.8.2 && node e2e/lighthouse.mjs [desktop|mobile|both] [runs]
//!     VITAGRAPH_ITEMS    how many items (100,000)    VITAGRAPH_SEED   data directory that is seeded already
//!     LIGHTHOUSE_CPU     how many times slower than this machine the phone is (4, the preset's, which is meant for a machine whose
//!                        benchmark index is 1,500 or more; the index of each run is printed)
//!     LIGHTHOUSE_HOME    folder whose node_modules have it    VITAGRAPH_LHR    folder for the median reports

import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { launch } from "./browser.mjs";
import { seededServer, signIn } from "./world.mjs";

const [wanted = "both", runs = "3"] = process.argv.slice(2);
const modules = createRequire(join(process.env.LIGHTHOUSE_HOME ?? new URL("..", import.meta.url).pathname, "package.json"));
const { default: lighthouse, defaultConfig, desktopConfig } = await import(pathToFileURL(modules.resolve("lighthouse")).href);

const server = await seededServer();
// Lighthouse reaches the browser over a port of its own.
const port = 9300 + (process.pid % 500);
const { browser, context } = await launch({ args: [`--remote-debugging-port=${port}`] });

try {
  await signIn(context, server.url);
  const cookie = (await context.cookies()).map((one) => `${one.name}=${one.value}`).join("; ");
  for (const preset of wanted === "both" ? ["desktop", "mobile"] : [wanted]) {
    const results = [];
    for (let run = 0; run < Number(runs); run += 1) {
      const flags = { port, output: "json", logLevel: "error", extraHeaders: { Cookie: cookie }, onlyCategories: ["performance", "accessibility", "best-practices"] };
      if (preset === "mobile" && process.env.LIGHTHOUSE_CPU) {
        flags.throttling = { ...defaultConfig.settings.throttling, cpuSlowdownMultiplier: Number(process.env.LIGHTHOUSE_CPU) };
      }
      const { lhr } = await lighthouse(`${server.url}/`, flags, preset === "desktop" ? desktopConfig : undefined);
      results.push(lhr);
      console.log(`${preset} ${run + 1}: ${summary(lhr)}, index ${Math.round(lhr.environment.benchmarkIndex)}, load ${loadavg()[0].toFixed(1)}`);
    }
    const middle = results.toSorted((left, right) => left.categories.performance.score - right.categories.performance.score)[Math.floor(results.length / 2)];
    console.log(`${preset} median: ${summary(middle)}`);
    for (const line of faults(middle)) console.log(`  ${line}`);
    if (process.env.VITAGRAPH_LHR) writeFileSync(join(process.env.VITAGRAPH_LHR, `${preset}.json`), JSON.stringify(middle));
  }
} finally {
  await browser.close();
  await server.stop();
}

function summary({ categories, audits }) {
  const scores = Object.values(categories).map(({ id, score }) => `${id} ${Math.round(score * 100)}`);
  const metrics = ["first-contentful-paint", "largest-contentful-paint", "speed-index", "total-blocking-time", "interactive", "cumulative-layout-shift"];
  return [...scores, ...metrics.map((id) => `${id} ${audits[id].displayValue}`)].join(", ");
}

/** Audits that are not perfect, with what they say. */
function faults({ audits }) {
  return Object.values(audits)
    .filter(({ score, scoreDisplayMode }) => score !== null && score < 0.9 && scoreDisplayMode !== "informative")
    .map(({ id, score, displayValue }) => `${id}: ${score} ${displayValue ?? ""}`);
}
