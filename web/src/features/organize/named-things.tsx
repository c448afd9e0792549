//! People and studios: the same page of cards with counts and pictures, and a dialog to change one.

import "@/lib/page-messages";
import { useState } from "react";
import { useClient, useQuery } from "urql";
import { problemText } from "@/components/states";
import { WindowBody, type WindowPlace, Windows } from "@/components/windowed";
import { graphql } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { t } from "@/lib/messages";
import { Cards } from "./cards";
import { namedArguments, NamedPage, type NamedSearch } from "./named-list";
import { ThingDialog } from "./thing-dialog";
import type { EditedThing } from "./thing-edits";

const NamedThings = graphql(`
  query NamedThings($first: Int!, $after: String, $search: String, $sort: [NamedSort!], $people: Boolean!, $studios: Boolean!) {
    people(first: $first, after: $after, search: $search, sort: $sort) @include(if: $people) {
      pageInfo { hasNextPage endCursor }
      nodes { id name aliases mediaCount media(first: 3) { nodes { __typename id thumbnail { url thumbhash srcset { url width } } } } }
    }
    studios(first: $first, after: $after, search: $search, sort: $sort) @include(if: $studios) {
      pageInfo { hasNextPage endCursor }
      nodes { id name parent { id } mediaCount media(first: 3) { nodes { __typename id thumbnail { url thumbhash srcset { url width } } } } }
    }
  }
`);

const NewPerson = graphql(`mutation NewPerson($input: CreatePersonInput!) { createPerson(input: $input) { person { id } } }`);
const NewStudio = graphql(`mutation NewStudio($input: CreateStudioInput!) { createStudio(input: $input) { studio { id } } }`);

const pageSize = 48;

/** Tags have a page of their own, for they stand in a tree. */
type PageKind = "people" | "studio";

const texts = {
  people: { title: "nav.people", create: "organize.newPerson", none: "organize.noPeople" },
  studio: { title: "nav.studios", create: "organize.newStudio", none: "organize.noStudios" },
} as const;

export function NamedThingsPage({ kind }: { readonly kind: PageKind }) {
  const client = useClient();
  // A change makes all windows stale.
  const [turn, setTurn] = useState(0);
  const [edited, setEdited] = useState<EditedThing | null>(null);
  const changed = () => setTurn((known) => known + 1);
  const create = async (name: string) => {
    const result = kind === "people" ? client.mutation(NewPerson, { input: { name } }) : client.mutation(NewStudio, { input: { name } });
    const { error } = await result.toPromise();
    changed();
    return error ? problemText(error) : null;
  };
  return (
    <NamedPage title={t(texts[kind].title)} createTitle={t(texts[kind].create)} onCreate={create}>
      {(search) => (
        <>
          <Windows key={`${search.text} ${search.order} ${turn}`}>
            {(place) => <Window kind={kind} search={search} onEdit={setEdited} {...place} />}
          </Windows>
          {edited !== null && <ThingDialog key={edited.id} kind={kind} thing={edited} onChanged={changed} onClose={() => setEdited(null)} />}
        </>
      )}
    </NamedPage>
  );
}

interface WindowProps extends WindowPlace {
  readonly kind: PageKind;
  readonly search: NamedSearch;
  readonly onEdit: (thing: EditedThing) => void;
}

function Window({ kind, search, onEdit, ...place }: WindowProps) {
  const { after } = place;
  const canEdit = useCanEdit();
  const [{ data, error }, retry] = useQuery({
    query: NamedThings,
    variables: { first: pageSize, ...namedArguments(search), ...(after === null ? {} : { after }), people: kind === "people", studios: kind === "studio" },
    requestPolicy: "cache-and-network",
  });
  const things =
    data?.people?.nodes.map((person) => ({ ...person, color: null, parents: [] })) ??
    data?.studios?.nodes.map((studio) => ({ ...studio, aliases: [], color: null, parents: studio.parent === null ? [] : [studio.parent] })) ??
    [];
  const edit = (id: string) => {
    const thing = things.find((known) => known.id === id);
    if (thing) onEdit(thing);
  };
  return (
    <WindowBody data={data?.people ?? data?.studios} error={error} onRetry={() => retry({ requestPolicy: "network-only" })} pageInfo={({ pageInfo }) => pageInfo} {...place}>
      {() => <Cards things={things} field={kind} emptyText={t(texts[kind].none)} onEdit={canEdit ? edit : null} />}
    </WindowBody>
  );
}
