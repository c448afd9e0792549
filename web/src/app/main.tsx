//! Starts the app: language, session, first render.

import { startTransition, StrictMode } from "react";
import { prepareClient } from "@/data/client";
import { refreshSession } from "@/data/session";
import { chooseLocale, chosenLanguage } from "@/lib/messages";
import "@/ui/tokens.css";
import { App } from "./app";
import { ErrorBoundary } from "./error-boundary";
import { features } from "./features";
import { createRoot } from "./react-root";
import { prefetchWhenIdle } from "./routes";

history.scrollRestoration = "manual";
const clientReady = new Promise<void>((resolve) => {
  // While the answers are on their way, and not in the same task as this script.
  setTimeout(() => resolve(prepareClient()));
});
// Until all are there the frame of index.html stands.
const [locale] = await Promise.all([chooseLocale([chosenLanguage() ?? [], navigator.languages].flat()), refreshSession(), clientReady]);
document.documentElement.lang = locale;

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
const app = (
  <StrictMode>
    <ErrorBoundary>
      <App />
    </ErrorBoundary>
  </StrictMode>
);
// As a transition it is rendered a few milliseconds at a time.
startTransition(() => createRoot(root).render(app));
prefetchWhenIdle(features);
