//! Which libraries an account sees and which it may change: all, those to come included, or those that are chosen here.

import { useQuery } from "urql";
import { Windows, WindowBody, type WindowPlace } from "@/components/windowed";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import styles from "./library-access.module.css";

const GrantableLibraries = graphql(`
  query GrantableLibraries($after: String) { libraries(first: 200, after: $after) { pageInfo { hasNextPage endCursor } nodes { id name } } }
`);

const levels = ["VIEW", "EDIT"] as const;
type Level = (typeof levels)[number];

/** What is granted, by the library's id; null for all libraries. */
export type LibraryGrants = ReadonlyMap<string, Level> | null;

/** As the server takes it. */
export function grantsInput(grants: LibraryGrants): { libraryId: string; access: Level }[] | null {
  return grants === null ? null : [...grants].map(([libraryId, access]) => ({ libraryId, access }));
}

/** As the server gives it; a library that is gone meanwhile is nothing to grant. */
export function grantsOf(access: readonly { readonly access: Level; readonly library: { readonly id: string } | null }[] | null): LibraryGrants {
  return access === null ? null : new Map(access.flatMap(({ library, access: level }) => (library === null ? [] : [[library.id, level] as const])));
}

interface LibraryAccessProps {
  /** An account of this role sees all libraries, and cannot be held to some. */
  readonly isAdmin: boolean;
  /** An account of this role changes nothing, whatever it is granted. */
  readonly isViewer: boolean;
  readonly value: LibraryGrants;
  readonly onChange: (grants: LibraryGrants) => void;
}

export function LibraryAccess({ isAdmin, isViewer, value, onChange }: LibraryAccessProps) {
  const isAll = isAdmin || value === null;
  const choice = (all: boolean, label: string) => (
    <label className={styles.choice}>
      <input type="radio" name="reach" checked={isAll === all} disabled={isAdmin} onChange={() => onChange(all ? null : new Map())} />
      {label}
    </label>
  );
  return (
    <fieldset className={styles.access}>
      <legend>{t("access.title")}</legend>
      {choice(true, t("access.all"))}
      {choice(false, t("access.some"))}
      {isAdmin && <p className={styles.note}>{t("access.admin")}</p>}
      {!isAdmin && value !== null && (
        <div className={styles.libraries}>
          {value.size === 0 && <p className={styles.note}>{t("access.none")}</p>}
          <Windows>{(place) => <Window {...place} isViewer={isViewer} value={value} onChange={onChange} />}</Windows>
        </div>
      )}
    </fieldset>
  );
}

interface GrantsProps {
  readonly isViewer: boolean;
  readonly value: ReadonlyMap<string, Level>;
  readonly onChange: (grants: LibraryGrants) => void;
}

function Window({ isViewer, value, onChange, ...place }: WindowPlace & GrantsProps) {
  const [{ data, error }, refetch] = useQuery({ query: GrantableLibraries, variables: { after: place.after }, requestPolicy: "cache-and-network" });
  const grant = (id: string, level: Level | null) => {
    const next = new Map(value);
    if (level === null) next.delete(id);
    else next.set(id, level);
    onChange(next);
  };
  return (
    <WindowBody {...place} data={data?.libraries} error={error} onRetry={() => refetch({ requestPolicy: "network-only" })} pageInfo={({ pageInfo }) => pageInfo}>
      {({ nodes }) => (
        <ul className={styles.list}>
          {nodes.length === 0 && <li className={styles.note}>{t("library.empty.title")}</li>}
          {nodes.map(({ id, name }) => (
            <li key={id}>
              <label className={styles.row}>
                <span className={styles.name}>{name}</span>
                <select value={value.get(id) ?? ""} onChange={(event) => grant(id, levels.find((level) => level === event.target.value) ?? null)}>
                  <option value="">{t("access.level.none")}</option>
                  {levels
                    .filter((level) => !isViewer || level === "VIEW" || value.get(id) === level)
                    .map((level) => (
                      <option key={level} value={level}>
                        {t(`access.level.${level}`)}
                      </option>
                    ))}
                </select>
              </label>
            </li>
          ))}
        </ul>
      )}
    </WindowBody>
  );
}
