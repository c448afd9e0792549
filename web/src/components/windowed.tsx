//! Lists that grow by a window at a time, below those that are there: each window is an operation of its own in the cache.

import { Fragment, type ReactNode, useState } from "react";
import type { CombinedError } from "urql";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { Failed, Loading } from "./states";
import styles from "./windowed.module.css";

/** Where a window begins, and how the next one is asked for. */
export interface WindowPlace {
  readonly after: string | null;
  /** Given to the last window alone. */
  readonly onMore: ((cursor: string) => void) | null;
}

/** All windows so far; another list must be given another key. */
export function Windows({ children: window }: { readonly children: (place: WindowPlace) => ReactNode }) {
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  return cursors.map((after, index) => (
    <Fragment key={after}>{window({ after, onMore: index === cursors.length - 1 ? (next) => setCursors([...cursors, next]) : null })}</Fragment>
  ));
}

interface WindowBodyProps<Data> extends WindowPlace {
  readonly data: Data | undefined;
  readonly error: CombinedError | undefined;
  readonly onRetry: () => void;
  readonly pageInfo: (data: Data) => { readonly hasNextPage: boolean; readonly endCursor: string | null };
  /** The items, or that there are none. */
  readonly children: (data: Data) => ReactNode;
}

/** One window, once it is there. */
export function WindowBody<Data>({ data, error, onRetry, pageInfo, onMore, children }: WindowBodyProps<Data>) {
  if (error && data === undefined) return <Failed error={error} onRetry={onRetry} />;
  if (data === undefined) return <Loading />;
  const { hasNextPage, endCursor } = pageInfo(data);
  return (
    <>
      {children(data)}
      <More onMore={hasNextPage && endCursor !== null && onMore !== null ? () => onMore(endCursor) : null} />
    </>
  );
}

/** Asks for the next window, while there is one. */
export function More({ onMore }: { readonly onMore: (() => void) | null }) {
  if (onMore === null) return null;
  return (
    <p className={styles.more}>
      <Button onClick={onMore}>{t("organize.more")}</Button>
    </p>
  );
}

interface ListSearchProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
}

/** Narrows a list by words; stands in the page's head. */
export function ListSearch({ label, value, onChange }: ListSearchProps) {
  return <input className={styles.search} type="search" aria-label={label} placeholder={label} value={value} onChange={(event) => onChange(event.target.value)} />;
}
