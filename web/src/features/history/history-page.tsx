//! Every change that somebody made, the latest first: what it changed in detail, and the way back.

import "@/lib/page-messages";
import { useState } from "react";
import { useClient, useQuery } from "urql";
import { Link } from "wouter";
import card from "@/components/card-row.module.css";
import { useNow } from "@/components/clock";
import { PageHead } from "@/components/page-head";
import { usePageTitle } from "@/components/page-title";
import { Denied, Failed, Loading } from "@/components/states";
import { takeBackEdit } from "@/components/undo";
import { WindowBody, type WindowPlace, Windows } from "@/components/windowed";
import { graphql, type ResultOf, type VariablesOf } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { formatAgo, formatDateTime } from "@/lib/format";
import { currentLocale, sentence, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { SortIcon } from "@/ui/icons";
import { RestoreIcon } from "@/ui/more-icons";
import styles from "./history-page.module.css";

const Edits = graphql(`
  query Edits($first: Int!, $after: String, $filter: EditFilter) {
    edits(first: $first, after: $after, filter: $filter) {
      pageInfo { hasNextPage endCursor }
      edges { cursor node { id action actor createdAt changedCount isUndone undoesId } }
    }
  }
`);

const EditActions = graphql(`query EditActions { edits(first: 200) { nodes { id action } } }`);

/** One edit is asked for by its place, for it is no node. */
const EditChanges = graphql(`
  query EditChanges($first: Int, $after: String, $last: Int, $before: String, $filter: EditFilter) {
    edits(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
      nodes { id changes(first: 50) { totalCount nodes { kind subjectId differences { table before after } } } }
    }
  }
`);

type Edit = ResultOf<typeof Edits>["edits"]["edges"][number]["node"];

/** Where an edit stands. */
type Place = Omit<VariablesOf<typeof EditChanges>, "filter">;

const pageSize = 50;

export function Page() {
  usePageTitle(t("nav.history"));
  const canEdit = useCanEdit();
  const [action, setAction] = useState("");
  const [turn, setTurn] = useState(0);
  const [{ data: known }] = useQuery({ query: EditActions, pause: !canEdit });
  if (!canEdit) return <Denied />;
  const actions = [...new Set(known?.edits.nodes.map((edit) => edit.action) ?? [])].toSorted();
  return (
    <>
      <PageHead title={t("nav.history")}>
        <select
          className={styles.filter}
          aria-label={t("history.action")}
          value={action}
          onChange={(event) => setAction(event.target.value)}
        >
          <option value="">{t("history.all")}</option>
          {actions.map((name) => (
            <option key={name} value={name}>
              {inWords(name)}
            </option>
          ))}
        </select>
      </PageHead>
      <Windows key={`${action} ${turn}`}>{(place) => <Window action={action} onUndone={() => setTurn(turn + 1)} {...place} />}</Windows>
    </>
  );
}

interface WindowProps extends WindowPlace {
  readonly action: string;
  readonly onUndone: () => void;
}

function Window({ action, onUndone, ...place }: WindowProps) {
  const { after } = place;
  const [{ data, error }, refetch] = useQuery({
    query: Edits,
    variables: { first: pageSize, ...(after === null ? {} : { after }), ...(action === "" ? {} : { filter: { action } }) },
    requestPolicy: "cache-and-network",
  });
  return (
    <WindowBody data={data?.edits} error={error} onRetry={() => refetch({ requestPolicy: "network-only" })} pageInfo={({ pageInfo }) => pageInfo} {...place}>
      {({ edges }) =>
        edges.length === 0 && after === null ? (
          <Empty title={t("history.none.title")} icon={<SortIcon />}>
            <p>{t("history.none.text")}</p>
          </Empty>
        ) : (
          <ul className={styles.list}>
            {edges.map(({ node }, index) => (
              <EditRow key={node.id} edit={node} action={action} place={placeOf(edges, index, after)} onUndone={onUndone} />
            ))}
          </ul>
        )
      }
    </WindowBody>
  );
}

/** The place right behind the one before it; of the first of all, before the second, since newer ones may have come. */
function placeOf(edges: readonly { readonly cursor: string }[], index: number, after: string | null): Place {
  const before = index === 0 ? after : edges[index - 1]?.cursor;
  if (before != null) return { first: 1, after: before };
  const second = edges[1]?.cursor;
  return second === undefined ? { first: 1 } : { last: 1, before: second };
}

interface EditRowProps {
  readonly edit: Edit;
  readonly action: string;
  readonly place: Place;
  readonly onUndone: () => void;
}

function EditRow({ edit, action, place, onUndone }: EditRowProps) {
  const client = useClient();
  const now = useNow();
  const locale = currentLocale();
  const [isOpen, setIsOpen] = useState(false);
  return (
    <li className={card.row} data-edit={edit.action}>
      <div className={card.head}>
        <h2 className={card.title}>
          {sentence(inWords(edit.action))}
          {edit.undoesId !== null && ` · ${t("history.isUndo")}`}
        </h2>
        {edit.isUndone && <span className={card.state}>{t("edit.undone")}</span>}
        <span className={styles.actions}>
          <Button aria-expanded={isOpen} aria-label={t("history.detailsOf", { action: inWords(edit.action) })} onClick={() => setIsOpen(!isOpen)}>
            {t("history.details")}
          </Button>
          {!edit.isUndone && (
            <Button icon={<RestoreIcon />} aria-label={t("history.undoOf", { action: inWords(edit.action) })} onClick={() => void takeBackEdit(client, edit.id, onUndone)}>
              {t("edit.undo")}
            </Button>
          )}
        </span>
      </div>
      <p className={card.figures}>
        <span>{edit.actor}</span>
        <span title={formatDateTime(edit.createdAt, locale)}>{formatAgo(edit.createdAt, now, locale)}</span>
        <span>{t("history.changed", { count: edit.changedCount })}</span>
      </p>
      {isOpen && <Changes id={edit.id} action={action} place={place} />}
    </li>
  );
}

function Changes({ id, action, place }: { readonly id: string; readonly action: string; readonly place: Place }) {
  const [{ data, error }, retry] = useQuery({ query: EditChanges, variables: { ...place, ...(action === "" ? {} : { filter: { action } }) } });
  if (error) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  const edit = data.edits.nodes.find((node) => node.id === id);
  if (!edit) return <p>{t("history.moved")}</p>;
  const { nodes, totalCount } = edit.changes;
  return (
    <ul className={styles.changes}>
      {nodes.map((change) => (
        <li key={change.subjectId}>
          <span className={styles.subject}>
            {t(`history.kind.${change.kind}`)} {change.kind === "MEDIA" ? <Link href={paths.media(change.subjectId)}>{change.subjectId}</Link> : change.subjectId}
          </span>
          <ul>
            {change.differences.flatMap(({ table, before, after }) =>
              columnsOf(before, after).map(({ column, from, to }) => (
                <li key={`${table} ${column} ${from} ${to}`} className={styles.difference}>
                  <span className={styles.column}>
                    {table}.{column}
                  </span>{" "}
                  {from !== null && <del>{from}</del>} {to !== null && <ins>{to}</ins>}
                </li>
              )),
            )}
          </ul>
        </li>
      ))}
      {totalCount > nodes.length && <li>{t("upload.rest", { count: totalCount - nodes.length })}</li>}
    </ul>
  );
}

interface ColumnChange {
  readonly column: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** The columns that differ; a row that was made or went has all of them on one side. */
function columnsOf(before: unknown, after: unknown): readonly ColumnChange[] {
  const [from, to] = [entries(before), entries(after)];
  return [...new Set([...from.keys(), ...to.keys()])]
    .map((column) => ({ column, from: from.get(column) ?? null, to: to.get(column) ?? null }))
    .filter((change) => change.from !== change.to);
}

function entries(row: unknown): ReadonlyMap<string, string> {
  if (typeof row !== "object" || row === null) return new Map();
  return new Map(Object.entries(row).flatMap(([column, value]: [string, unknown]) => (value === null ? [] : [[column, typeof value === "string" ? value : JSON.stringify(value)]])));
}

/** `mergeTags` as "merge tags": the names of mutations are English everywhere. */
function inWords(action: string): string {
  return action.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
