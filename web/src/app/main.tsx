//! Starts the app: language, session, first render.

import { startTransition, StrictMode } from "react";
import { refreshSession } from "@/data/session";
import { chooseLocale, chosenLanguage } from "@/lib/messages";
import "@/ui/tokens.css";
import { App } from "./app";
import { ErrorBoundary } from "./error-boundary";
import { features } from "./features";
import { createRoot } from "./react-root";
import { prefetchWhenIdle } from "./routes";

history.scrollRestoration = "manual";
// Until both are known the frame of index.html stands.
const [locale] = await Promise.all([chooseLocale([chosenLanguage() ?? [], navigator.languages].flat()), refreshSession()]);
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
