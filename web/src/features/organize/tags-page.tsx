//! All tags: as a tree of what stands below what, or, while one searches, as a plain list.

import "@/lib/page-messages";
import { lazy, Suspense, useState } from "react";
import { useClient, useQuery } from "urql";
import { Link } from "wouter";
import { Failed, Loading, problemText } from "@/components/states";
import { More } from "@/components/windowed";
import { graphql, type ResultOf } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { Empty } from "@/ui/empty";
import { Marked } from "@/ui/marked";
import { EditIcon, NextIcon } from "@/ui/more-icons";
import { libraryOf } from "./cards";
import { namedArguments, NamedPage, type NamedSearch } from "./named-list";
import styles from "./tags-page.module.css";

const TagPage = graphql(`
  query TagPage($first: Int!, $after: String, $search: String, $sort: [NamedSort!]) {
    tags(first: $first, after: $after, search: $search, sort: $sort) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { id name aliases color mediaCount parents { id } children { id } }
    }
  }
`);

const NewTag = graphql(`mutation NewTag($input: CreateTagInput!) { createTag(input: $input) { tag { id } } }`);

const ThingDialog = lazy(async () => ({ default: (await import("./thing-dialog")).ThingDialog }));

type Tag = ResultOf<typeof TagPage>["tags"]["nodes"][number];

/** Enough for the tree of most libraries at once. */
const pageSize = 200;

export function Page() {
  const client = useClient();
  const [made, setMade] = useState(0);
  const create = async (name: string) => {
    const { error } = await client.mutation(NewTag, { input: { name } }).toPromise();
    setMade((known) => known + 1);
    return error ? problemText(error) : null;
  };
  return (
    <NamedPage title={t("nav.tags")} createTitle={t("organize.newTag")} onCreate={create}>
      {(search) => <Tags key={`${search.text} ${search.order} ${made}`} search={search} />}
    </NamedPage>
  );
}

function Tags({ search }: { readonly search: NamedSearch }) {
  const client = useClient();
  const canEdit = useCanEdit();
  const [edited, setEdited] = useState<Tag | null>(null);
  const [older, setOlder] = useState<readonly Tag[]>([]);
  const [next, setNext] = useState<string | null | undefined>(undefined);
  const [{ data, error }, retry] = useQuery({
    query: TagPage,
    variables: { first: pageSize, ...namedArguments(search) },
    requestPolicy: "cache-and-network",
  });
  if (error && !data) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  const tags = [...data.tags.nodes, ...older];
  const cursor = next === undefined ? (data.tags.pageInfo.hasNextPage ? data.tags.pageInfo.endCursor : null) : next;
  const more = async () => {
    const { data: page } = await client.query(TagPage, { first: pageSize, after: cursor, ...namedArguments(search) }).toPromise();
    if (!page) return;
    setOlder([...older, ...page.tags.nodes]);
    setNext(page.tags.pageInfo.hasNextPage ? page.tags.pageInfo.endCursor : null);
  };
  if (tags.length === 0) return <Empty title={t(search.text === "" ? "organize.noTags" : "library.noMatch.title")} />;
  const known = new Map(tags.map((tag) => [tag.id, tag]));
  // A tag whose parents are on a page to come stands at the root until they arrive.
  const roots = search.text === "" ? tags.filter((tag) => !tag.parents.some((parent) => known.has(parent.id))) : tags;
  return (
    <>
      <ul className={styles.roots}>
        {roots.map((tag) => (
          <TagBranch key={tag.id} tag={tag} known={search.text === "" ? known : null} words={search.text} trail={[]} onEdit={canEdit ? setEdited : null} />
        ))}
      </ul>
      {edited && (
        <Suspense>
          <ThingDialog kind="tags" thing={edited} onClose={() => setEdited(null)} onChanged={() => retry({ requestPolicy: "network-only" })} />
        </Suspense>
      )}
      <More onMore={cursor === null ? null : () => void more()} />
    </>
  );
}

interface TagBranchProps {
  readonly tag: Tag;
  /** The tags to look children up in; null for a plain list. */
  readonly known: ReadonlyMap<string, Tag> | null;
  readonly words: string;
  /** The ids above, as a tag may have several parents. */
  readonly trail: readonly string[];
  /** Opens a tag for editing; null for those who may not. */
  readonly onEdit: ((tag: Tag) => void) | null;
}

function TagBranch({ tag, known, words, trail, onEdit }: TagBranchProps) {
  const [isOpen, setIsOpen] = useState(trail.length < 1);
  const children = known === null || trail.includes(tag.id) ? [] : tag.children.flatMap((child) => known.get(child.id) ?? []);
  const line = (
    <span className={styles.line}>
      <span className={styles.dot} style={tag.color === null ? undefined : { background: tag.color }} />
      <Link href={libraryOf("tags", tag.id)}>
        <Marked text={tag.name} words={words} />
      </Link>
      {tag.aliases.length > 0 && <span className={styles.note}>{tag.aliases.join(", ")}</span>}
      <span className={styles.note}>{t("library.counts", { count: tag.mediaCount })}</span>
      {onEdit && (
        <button type="button" className={styles.edit} aria-label={t("tags.edit", { name: tag.name })} onClick={() => onEdit(tag)}>
          <EditIcon />
        </button>
      )}
    </span>
  );
  if (children.length === 0) return <li className={styles.leaf}>{line}</li>;
  return (
    <li>
      <span className={styles.branch}>
        <button
          type="button"
          className={styles.toggle}
          aria-expanded={isOpen}
          aria-label={t("tags.below", { name: tag.name })}
          onClick={() => setIsOpen(!isOpen)}
        >
          <NextIcon />
        </button>
        {line}
      </span>
      {isOpen && (
        <ul className={styles.children}>
          {children.map((child) => (
            <TagBranch key={child.id} tag={child} known={known} words={words} trail={[...trail, tag.id]} onEdit={onEdit} />
          ))}
        </ul>
      )}
    </li>
  );
}
