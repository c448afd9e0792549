//! Routes of a list of features: matches the address, loads the page's chunk, starts every page at its top.

import { type ComponentType, lazy, Suspense, useEffect } from "react";
import { Route, Switch, useLocation } from "wouter";
import type { Feature, FeatureRoute, PageProps } from "@/components/feature";
import { Loading } from "@/components/states";
import { t } from "@/lib/messages";
import { Empty } from "@/ui/empty";
import { ErrorBoundary } from "./error-boundary";

interface MadeRoute {
  readonly pattern: string;
  readonly Page: ComponentType<PageProps>;
}

/** Made once outside render, since a lazy component made anew is a page mounted anew. */
export function makeRoutes(features: readonly Feature[]): readonly MadeRoute[] {
  return features.flatMap((feature) => feature.routes.map((route) => ({ pattern: route.pattern, Page: pageOf(route) })));
}

function pageOf(route: FeatureRoute): ComponentType<PageProps> {
  if ("Page" in route) return route.Page;
  const { load } = route;
  return lazy(async () => ({ default: (await load()).Page }));
}

/** Fetches the chunks of other pages while the browser has nothing better to do. */
export function prefetchWhenIdle(features: readonly Feature[]): void {
  const fetchAll = () => {
    for (const route of features.flatMap((feature) => feature.routes)) {
      // A failure shows when the page is really wanted.
      if ("load" in route) route.load().catch(() => {});
    }
  };
  // Safari has no idle callback.
  if ("requestIdleCallback" in window) window.requestIdleCallback(fetchAll, { timeout: 5000 });
  else setTimeout(fetchAll, 2000);
}

export function Routes({ routes }: { readonly routes: readonly MadeRoute[] }) {
  const [location] = useLocation();
  // An entry of the history that keeps a place belongs to a page that scrolls there itself, once its content is back.
  useEffect(() => {
    if (!hasPlace(history.state)) window.scrollTo(0, 0);
  }, [location]);
  return (
    <ErrorBoundary key={location}>
      <Suspense fallback={<Loading />}>
        <Switch>
          {routes.map(({ pattern, Page }) => (
            <Route key={pattern} path={pattern}>
              {(params) => <Page params={params} />}
            </Route>
          ))}
          <Route>
            <Empty title={t("app.notFound.title")}>
              <p>{t("app.notFound.text")}</p>
            </Empty>
          </Route>
        </Switch>
      </Suspense>
    </ErrorBoundary>
  );
}

function hasPlace(state: unknown): boolean {
  return typeof state === "object" && state !== null && "place" in state;
}
