//! Named things as cards: a few pictures, the name, the count. A card leads to all media of it.

import { Link } from "wouter";
import cards from "@/components/cards.module.css";
import { KindIcon, type MediaType } from "@/components/kind-icon";
import { Picture } from "@/components/media-tile";
import { addItem, type Condition, noFilter } from "@/lib/filter";
import { formatLibrarySearch, wholeLibrary } from "@/lib/library-search";
import { t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { Empty } from "@/ui/empty";
import { EditIcon } from "@/ui/more-icons";
import styles from "./named-list.module.css";

/** A named thing as the card shows it. */
export interface NamedThing {
  readonly id: string;
  readonly name: string;
  readonly mediaCount: number;
  readonly media: {
    readonly nodes: readonly {
      readonly __typename: MediaType;
      readonly id: string;
      readonly thumbnail: Parameters<typeof Picture>[0]["thumbnail"];
    }[];
  };
}

interface CardsProps {
  readonly things: readonly NamedThing[];
  readonly field: Condition["field"];
  readonly emptyText: string;
  /** Given to whoever may change them. */
  readonly onEdit: ((id: string) => void) | null;
}

export function Cards({ things, field, emptyText, onEdit }: CardsProps) {
  if (things.length === 0) return <Empty title={emptyText} />;
  return (
    <ul className={cards.cards}>
      {things.map((thing) => (
        <li key={thing.id} className={styles.thing}>
          <Link className={classNames(styles.card, onEdit !== null && styles.editable)} href={libraryOf(field, thing.id)}>
            <span className={styles.covers}>
              {[0, 1, 2].map((index) => {
                const media = thing.media.nodes[index];
                return (
                  <span key={index} className={styles.cover}>
                    {media && media.thumbnail === null && <KindIcon type={media.__typename} />}
                    {media && <Picture thumbnail={media.thumbnail} width={90} isHeld={false} isEager={false} />}
                  </span>
                );
              })}
            </span>
            <span className={styles.name}>
              <span>{thing.name}</span>
              <span className={styles.count}>{t("library.counts", { count: thing.mediaCount })}</span>
            </span>
          </Link>
          {onEdit !== null && (
            <span className={styles.edit}>
              <Button look="quiet" icon={<EditIcon />} aria-label={t("organize.edit", { name: thing.name })} onClick={() => onEdit(thing.id)} />
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

/** All media that have it. */
export function libraryOf(field: Condition["field"], id: string): string {
  return paths.library(formatLibrarySearch({ ...wholeLibrary, filter: addItem(noFilter, { kind: "condition", field, operator: "anyOf", values: [id] }) }));
}
