//! The server at a glance: live load, storage, caches, plugins.

import { useState } from "react";
import { useQuery, useSubscription } from "urql";
import { useNow } from "@/components/clock";
import { Failed, Loading } from "@/components/states";
import { graphql, type ResultOf } from "@/data/graphql";
import { useIsVisible } from "@/data/visibility";
import { formatAgo, formatBytes, formatCount } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import styles from "./admin-page.module.css";
import { Sparkline } from "./sparkline";
import { Table } from "./table";

const SystemOverview = graphql(`
  query SystemOverview {
    system {
      version
      startedAt
      plugins { name version isEnabled description }
      storage { mediaSize thumbnailSize renditionSize segmentCacheSize segmentCacheLimit databaseSize freeSpace }
      caches { name entryCount weightedSize capacity hitRate hits misses evictions coalesced }
      thumbnails { succeeded failed }
    }
  }
`);

const SystemStats = graphql(`
  subscription SystemStats {
    systemStats { at cpuFraction residentMemory requestsPerSecond activeStreams activeJobs subscribers }
  }
`);

type Stats = ResultOf<typeof SystemStats>["systemStats"];

/** Samples on the graphs. */
const keptAtMost = 120;

export function OverviewSection() {
  const now = useNow();
  const locale = currentLocale();
  const [{ data, error }, retry] = useQuery({ query: SystemOverview, requestPolicy: "cache-and-network" });
  if (error && !data) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  const { system } = data;
  const storage = system.storage;
  const tiles: readonly (readonly [string, string])[] = [
    [t("admin.version"), system.version],
    [t("admin.started"), formatAgo(system.startedAt, now, locale)],
    [t("admin.mediaSize"), formatBytes(storage?.mediaSize, locale)],
    [t("admin.thumbnailSize"), formatBytes(storage?.thumbnailSize, locale)],
    [t("admin.renditionSize"), formatBytes(storage?.renditionSize, locale)],
    [t("admin.segmentCache"), storage?.segmentCacheSize == null ? "" : `${formatBytes(storage.segmentCacheSize, locale)} / ${formatBytes(storage.segmentCacheLimit, locale)}`],
    [t("admin.databaseSize"), formatBytes(storage?.databaseSize, locale)],
    [t("admin.freeSpace"), formatBytes(storage?.freeSpace, locale)],
    [t("admin.failedThumbnails"), system.thumbnails ? formatCount(system.thumbnails.failed, locale) : ""],
  ];
  return (
    <div className={styles.sections}>
      <LiveTiles />
      <dl className={styles.tiles}>
        {tiles
          .filter(([, value]) => value !== "")
          .map(([label, value]) => (
            <div key={label} className={styles.tile}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {system.caches && (
        <section aria-label={t("admin.caches")}>
          <h2 className={styles.heading}>{t("admin.caches")}</h2>
          <Table label={t("admin.caches")} head={[t("organize.name"), t("admin.hitRate"), t("admin.hits"), t("admin.misses"), t("admin.entries"), t("media.size"), t("admin.evictions")]} numbers={[1, 2, 3, 4, 5, 6]}>
            {system.caches.map((cache) => (
              <tr key={cache.name}>
                <td>{cache.name}</td>
                <td className={styles.number}>{cache.hitRate === null ? "–" : percent(cache.hitRate, locale)}</td>
                <td className={styles.number}>{formatCount(cache.hits, locale)}</td>
                <td className={styles.number}>{formatCount(cache.misses, locale)}</td>
                <td className={styles.number}>{formatCount(cache.entryCount, locale)}</td>
                <td className={styles.number}>
                  {formatBytes(cache.weightedSize, locale)} / {formatBytes(cache.capacity, locale)}
                </td>
                <td className={styles.number}>{formatCount(cache.evictions, locale)}</td>
              </tr>
            ))}
          </Table>
        </section>
      )}
      <section aria-label={t("admin.plugins")}>
        <h2 className={styles.heading}>{t("admin.plugins")}</h2>
        <ul className={styles.tiles}>
          {system.plugins.map((plugin) => (
            <li key={plugin.name} className={styles.tile}>
              <strong>
                {plugin.name} {!plugin.isEnabled && <span className={styles.bad}>{t("admin.disabled")}</span>}
              </strong>
              <span className={styles.note}>{plugin.description}</span>
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}

/** Its own component, so that a sample renders nothing else. */
function LiveTiles() {
  const isVisible = useIsVisible();
  const locale = currentLocale();
  const [samples, setSamples] = useState<readonly Stats[]>([]);
  useSubscription({ query: SystemStats, pause: !isVisible }, (_, answer) => {
    setSamples((known) => [...known, answer.systemStats].slice(-keptAtMost));
    return answer;
  });
  const last = samples.at(-1);
  const graphs: readonly (readonly [string, string, readonly number[]])[] = [
    [t("admin.cpu"), last ? percent(last.cpuFraction, locale) : "–", samples.map((sample) => sample.cpuFraction)],
    [t("admin.memory"), last ? formatBytes(last.residentMemory, locale) : "–", samples.map((sample) => sample.residentMemory)],
    [t("admin.requests"), last ? formatCount(Math.round(last.requestsPerSecond), locale) : "–", samples.map((sample) => sample.requestsPerSecond)],
    [t("admin.streams"), last ? formatCount(last.activeStreams, locale) : "–", samples.map((sample) => sample.activeStreams)],
    [t("admin.jobs"), last ? formatCount(last.activeJobs, locale) : "–", samples.map((sample) => sample.activeJobs)],
    [t("admin.subscribers"), last ? formatCount(last.subscribers, locale) : "–", samples.map((sample) => sample.subscribers)],
  ];
  return (
    <dl className={styles.tiles}>
      {graphs.map(([label, value, values]) => (
        <div key={label} className={styles.tile}>
          <dt>{label}</dt>
          <dd>
            {value}
            <Sparkline values={values} className={styles.chart} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function percent(fraction: number, locale: string): string {
  return new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 }).format(fraction);
}
