//! A native progress bar; without a value it says "working" instead of a figure.

import styles from "./progress-bar.module.css";

interface ProgressBarProps {
  readonly label: string;
  /** Between 0 and 1, or null while unknown. */
  readonly fraction: number | null;
}

export function ProgressBar({ label, fraction }: ProgressBarProps) {
  return <progress className={styles.bar} aria-label={label} max={1} {...(fraction === null ? {} : { value: fraction })} />;
}
