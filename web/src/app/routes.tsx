//! Routes of a list of features: matches the address, loads the page's chunk, starts every page at its top.

import { type ComponentType, lazy, Suspense, useEffect } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import type { Feature, FeatureRoute, PageProps } from "@/components/feature";
import { Loading } from "@/components/states";
import { afterContent, reportContent } from "@/lib/first-content";
import { whenIdle } from "@/lib/idle";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Empty } from "@/ui/empty";
import { WarnIcon } from "@/ui/icons";
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

/** The first page's own requests and pictures come first. */
const settleMs = 4000;

/** Fetches the chunks of other pages, one after the other, long after the first page is there; not for readers who save data. */
export function prefetchWhenIdle(features: readonly Feature[]): void {
  if (savesData()) return;
  const loads = features.flatMap((feature) => feature.routes).flatMap((route) => ("load" in route ? [route.load] : []));
  const next = () => {
    // A failure shows when the page is really wanted.
    void loads.shift()?.().catch(() => {}).then(() => whenIdle(next));
  };
  afterContent(() => setTimeout(() => whenIdle(next), settleMs));
}

function savesData(): boolean {
  const connection: unknown = Reflect.get(navigator, "connection");
  return typeof connection === "object" && connection !== null && Reflect.get(connection, "saveData") === true;
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
            <Nowhere />
          </Route>
        </Switch>
      </Suspense>
    </ErrorBoundary>
  );
}

function Nowhere() {
  useEffect(reportContent, []);
  return (
    <Empty title={t("app.notFound.title")} icon={<WarnIcon />}>
      <p>{t("app.notFound.text")}</p>
      <Link href={paths.library()}>{t("missing.back")}</Link>
    </Empty>
  );
}

function hasPlace(state: unknown): boolean {
  return typeof state === "object" && state !== null && "place" in state;
}
