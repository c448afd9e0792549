//! How operations went: how often, how fast, how many failed, how many statements; and the slowest samples of one.

import { useState } from "react";
import { useQuery } from "urql";
import { useNow } from "@/components/clock";
import { Failed, Loading } from "@/components/states";
import { graphql, type ResultOf } from "@/data/graphql";
import { formatAgo, formatCount } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { ChartIcon } from "@/ui/icons";
import styles from "./admin-page.module.css";
import { Sparkline } from "./sparkline";
import { Table } from "./table";

const Operations = graphql(`
  query Operations($window: OperationWindow!) {
    system { operations(first: 50, window: $window) { name count errorCount mean p50 p95 p99 max sqlStatementsMean } }
  }
`);

const OperationDetails = graphql(`
  query OperationDetails($name: String!) {
    system {
      operationHistory(first: 48, name: $name) { at count errorCount p50 p95 p99 }
      operations(first: 50, window: LAST_DAY) { name slowest(first: 5) { at duration isError sqlStatements requestId traceId } }
    }
  }
`);

type Operation = ResultOf<typeof Operations>["system"]["operations"][number];

const windows = ["LAST_HOUR", "LAST_DAY"] as const;

/** What a table can be ordered by, with its heading. */
const columns = { count: "admin.count", errorCount: "admin.errors", p50: "admin.p50", p95: "admin.p95", p99: "admin.p99", max: "admin.max", sqlStatementsMean: "admin.statements" } as const;
type Column = keyof typeof columns;
const columnNames: readonly Column[] = ["count", "errorCount", "p50", "p95", "p99", "max", "sqlStatementsMean"];

export function PerformanceSection() {
  const locale = currentLocale();
  const [window, setWindow] = useState<(typeof windows)[number]>("LAST_HOUR");
  const [order, setOrder] = useState<Column>("p95");
  const [open, setOpen] = useState<string | null>(null);
  const [{ data, error }, refetch] = useQuery({ query: Operations, variables: { window }, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  if (error && !data) return <Failed error={error} onRetry={again} />;
  if (!data) return <Loading />;
  const operations = data.system.operations.toSorted((left, right) => right[order] - left[order]);
  return (
    <div className={styles.sections}>
      <p className={styles.actions}>
        <select aria-label={t("admin.window")} value={window} onChange={(event) => setWindow(windows.find((known) => known === event.target.value) ?? "LAST_HOUR")}>
          {windows.map((known) => (
            <option key={known} value={known}>
              {t(`admin.window.${known}`)}
            </option>
          ))}
        </select>
        <select aria-label={t("library.sort")} value={order} onChange={(event) => setOrder(columnNames.find((known) => known === event.target.value) ?? "p95")}>
          {columnNames.map((known) => (
            <option key={known} value={known}>
              {t(columns[known])}
            </option>
          ))}
        </select>
        <Button onClick={again}>{t("admin.renew")}</Button>
      </p>
      {operations.length === 0 ? (
        <Empty title={t("admin.noOperations")} icon={<ChartIcon />} />
      ) : (
        <Table label={t("admin.performance")} head={[t("organize.name"), ...columnNames.map((column) => t(columns[column]))]} numbers={columnNames.map((_, index) => index + 1)} ordered={columnNames.indexOf(order) + 1}>
          {operations.map((operation) => (
            <tr key={operation.name}>
              <td>
                <button type="button" className={styles.plain} aria-expanded={open === operation.name} onClick={() => setOpen(open === operation.name ? null : operation.name)}>
                  {operation.name}
                </button>
              </td>
              {columnNames.map((column) => (
                <td key={column} className={styles.number}>
                  {figure(operation, column, locale)}
                </td>
              ))}
            </tr>
          ))}
        </Table>
      )}
      {open !== null && <Details key={open} name={open} />}
    </div>
  );
}

function Details({ name }: { readonly name: string }) {
  const now = useNow();
  const locale = currentLocale();
  const [{ data, error }, retry] = useQuery({ query: OperationDetails, variables: { name }, requestPolicy: "network-only" });
  if (error && !data) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  const hours = data.system.operationHistory;
  const slowest = data.system.operations.find((operation) => operation.name === name)?.slowest ?? [];
  return (
    <section aria-label={name} className={styles.sections}>
      <h2 className={styles.heading}>{name}</h2>
      {hours.length > 1 && (
        <div className={styles.tile}>
          <span className={styles.note}>{t("admin.p95History", { count: hours.length })}</span>
          <Sparkline values={hours.map((hour) => hour.p95)} className={styles.chart} />
        </div>
      )}
      <Table label={t("admin.slowest")} head={[t("admin.slowest"), t("admin.statements"), t("admin.when"), t("admin.request"), t("admin.trace")]} numbers={[1]}>
        {slowest.map((sample) => (
          <tr key={sample.requestId + sample.at}>
            <td className={sample.isError ? styles.bad : undefined}>{milliseconds(sample.duration, locale)}</td>
            <td className={styles.number}>{sample.sqlStatements}</td>
            <td>{formatAgo(sample.at, now, locale)}</td>
            <td>{sample.requestId}</td>
            <td>{sample.traceId}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function figure(operation: Operation, column: Column, locale: string): string {
  if (column === "count" || column === "errorCount") return formatCount(operation[column], locale);
  if (column === "sqlStatementsMean") return new Intl.NumberFormat(locale, { maximumFractionDigits: 1 }).format(operation[column]);
  return milliseconds(operation[column], locale);
}

function milliseconds(seconds: number, locale: string): string {
  return `${new Intl.NumberFormat(locale, { maximumFractionDigits: seconds < 0.01 ? 1 : 0 }).format(seconds * 1000)} ms`;
}
