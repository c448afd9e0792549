//! All people with their counts and a few pictures each.

import "@/lib/page-messages";
import { useState } from "react";
import { useClient, useQuery } from "urql";
import { Failed, Loading, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Cards, More } from "./cards";
import { namedArguments, NamedPage, type NamedSearch } from "./named-list";

const PersonPage = graphql(`
  query PersonPage($first: Int!, $after: String, $search: String, $sort: [NamedSort!]) {
    people(first: $first, after: $after, search: $search, sort: $sort) {
      pageInfo { hasNextPage endCursor }
      nodes { id name mediaCount media(first: 3) { nodes { __typename id thumbnail { url thumbhash srcset { url width } } } } }
    }
  }
`);

const NewPerson = graphql(`mutation NewPerson($input: CreatePersonInput!) { createPerson(input: $input) { person { id } } }`);

const pageSize = 48;

export function Page() {
  const client = useClient();
  const [made, setMade] = useState(0);
  const create = async (name: string) => {
    const { error } = await client.mutation(NewPerson, { input: { name } }).toPromise();
    setMade((known) => known + 1);
    return error ? problemText(error) : null;
  };
  return (
    <NamedPage title={t("nav.people")} createTitle={t("organize.newPerson")} onCreate={create}>
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
    query: PersonPage,
    variables: { first: pageSize, ...namedArguments(search), ...(after === null ? {} : { after }) },
    requestPolicy: "cache-and-network",
  });
  if (error && !data) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  const { nodes, pageInfo } = data.people;
  const next = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  return (
    <>
      <Cards things={nodes} field="people" emptyText={t("organize.noPeople")} />
      <More onMore={next !== null && onMore !== null ? () => onMore(next) : null} />
    </>
  );
}
