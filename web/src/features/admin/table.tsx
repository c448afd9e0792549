//! A table that scrolls by itself where it is wider than the page.

import type { ReactNode } from "react";
import { classNames } from "@/ui/class-names";
import styles from "./admin-page.module.css";

interface TableProps {
  readonly label: string;
  /** The columns; one of buttons may be nameless. */
  readonly head: readonly string[];
  /** Columns of figures, by their place. */
  readonly numbers?: readonly number[];
  /** Columns that small screens leave out, by their place; their cells say so themselves. */
  readonly minor?: readonly number[];
  /** The column that the rows are ordered by, the largest first. */
  readonly ordered?: number | undefined;
  readonly children: ReactNode;
}

export function Table({ label, head, numbers = [], minor = [], ordered, children }: TableProps) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard
    <div className={styles.scroll} tabIndex={0} role="region" aria-label={label}>
      <table className={styles.table}>
        <thead>
          <tr>
            {head.map((name, index) =>
              name === "" ? (
                // oxlint-disable-next-line jsx-a11y/control-has-associated-label -- buttons name themselves
                <td key="buttons" />
              ) : (
                <th key={name} scope="col" className={classNames(numbers.includes(index) && styles.number, minor.includes(index) && styles.minor)} aria-sort={index === ordered ? "descending" : undefined}>
                  {name}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
