//! Decides who sees what: the first run, signing in, or the app. Each account has a client and so a cache of its own.

import { useMemo } from "react";
import { Provider } from "urql";
import { Redirect, Route, Switch, useLocation, useSearch } from "wouter";
import { Loading } from "@/components/states";
import { makeClient } from "@/data/client";
import { refreshSession, useSession } from "@/data/session";
import { t } from "@/lib/messages";
import { nextPath, paths, patterns } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { WarnIcon } from "@/ui/icons";
import { entry, features } from "./features";
import { makeRoutes, Routes } from "./routes";
import { Shell } from "./shell";

const entryRoutes = makeRoutes([entry]);
const appRoutes = makeRoutes(features);

export function App() {
  const session = useSession();
  const viewer = session.kind === "known" ? (session.viewer?.name ?? null) : null;
  // oxlint-disable-next-line react/exhaustive-deps -- another account must never see this one's cache
  const client = useMemo(makeClient, [viewer]);
  const [location] = useLocation();
  const query = useSearch();

  if (session.kind === "loading") return <Loading />;
  if (session.kind === "unreachable") {
    return (
      <Empty title={t("error.title")} icon={<WarnIcon />} isAlert>
        <p>{t("error.network")}</p>
        <Button onClick={() => void refreshSession()}>{t("error.retry")}</Button>
      </Empty>
    );
  }
  if (session.needsSetup && location !== patterns.setup) return <Redirect to={paths.setup()} replace />;
  if (!session.needsSetup && session.viewer === null && location !== patterns.login) {
    return <Redirect to={paths.login(location + (query === "" ? "" : `?${query}`))} replace />;
  }
  if (session.viewer !== null && location === patterns.login) return <Redirect to={nextPath(query)} replace />;
  return (
    <Provider value={client}>
      <Switch>
        {entry.routes.map(({ pattern }) => (
          <Route key={pattern} path={pattern}>
            <Routes routes={entryRoutes} />
          </Route>
        ))}
        <Route>
          <Shell>
            <Routes routes={appRoutes} />
          </Shell>
        </Route>
      </Switch>
    </Provider>
  );
}
