//! Chapters of a file as buttons that jump there.

import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { formatDuration } from "@/lib/format";
import { t } from "@/lib/messages";
import row from "@/ui/row-button.module.css";
import styles from "./chapters.module.css";

export const ChaptersFragment = graphql(`fragment Chapters on MediaFile { id chapters { title start end } }`);

interface ChaptersProps {
  readonly file: FragmentOf<typeof ChaptersFragment>;
  readonly onSeek: (seconds: number) => void;
}

export function Chapters(props: ChaptersProps) {
  const { chapters } = readFragment(ChaptersFragment, props.file);
  if (chapters.length === 0) return null;
  return (
    <section className={styles.chapters} aria-label={t("media.chapters")}>
      <h2>{t("media.chapters")}</h2>
      <ol>
        {chapters.map((chapter, index) => {
          const title = chapter.title || t("media.chapter", { number: index + 1 });
          const time = formatDuration(chapter.start);
          return (
            <li key={`${chapter.start}-${title}`}>
              <button
                type="button"
                className={row.row}
                onClick={() => props.onSeek(chapter.start)}
              >
                <span className={styles.time}>{time}</span>
                {title}
              </button>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
