//! All studios with their counts and a few pictures each.

import "@/lib/page-messages";
import { useState } from "react";
import { useClient, useQuery } from "urql";
import { Failed, Loading, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Cards, More } from "./cards";
import { namedArguments, NamedPage, type NamedSearch } from "./named-list";

const StudioPage = graphql(`
  query StudioPage($first: Int!, $after: String, $search: String, $sort: [NamedSort!]) {
    studios(first: $first, after: $after, search: $search, sort: $sort) {
      pageInfo { hasNextPage endCursor }
      nodes { id name mediaCount media(first: 3) { nodes { __typename id thumbnail { url thumbhash srcset { url width } } } } }
    }
  }
`);

const NewStudio = graphql(`mutation NewStudio($input: CreateStudioInput!) { createStudio(input: $input) { studio { id } } }`);

const pageSize = 48;

export function Page() {
  const client = useClient();
  const [made, setMade] = useState(0);
  const create = async (name: string) => {
    const { error } = await client.mutation(NewStudio, { input: { name } }).toPromise();
    setMade((known) => known + 1);
    return error ? problemText(error) : null;
  };
  return (
    <NamedPage title={t("nav.studios")} createTitle={t("organize.newStudio")} onCreate={create}>
      {(search) => <List key={`${search.text} ${search.order} ${made}`} search={search} />}
    </NamedPage>
  );
}

function List({ search }: { readonly search: NamedSearch }) {
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null]);
  return cursors.map((after, index) => (
    <Window
      key={after}
      search={search}
      after={after}
      onMore={index === cursors.length - 1 ? (next: string) => setCursors([...cursors, next]) : null}
    />
  ));
}

interface WindowProps {
  readonly search: NamedSearch;
  readonly after: string | null;
  /** Given to the last window alone. */
  readonly onMore: ((cursor: string) => void) | null;
}

function Window({ search, after, onMore }: WindowProps) {
  const [{ data, error }, retry] = useQuery({
    query: StudioPage,
    variables: { first: pageSize, ...namedArguments(search), ...(after === null ? {} : { after }) },
    requestPolicy: "cache-and-network",
  });
  if (error && !data) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  const { nodes, pageInfo } = data.studios;
  const next = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      <Cards things={nodes} field="studio" emptyText={t("organize.noStudios")} />
      <More onMore={next !== null && onMore !== null ? () => onMore(next) : null} />
    </>
  );
}
