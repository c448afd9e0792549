//! How a tag, a person or a studio is changed, merged and deleted: one shape for the three, each with its own mutations.

import type { Client, CombinedError } from "urql";
import type { EntityKind } from "@/components/entity-picker";
import { graphql } from "@/data/graphql";

/** Which of the three, as pickers and filters call them. */
export type ThingKind = Exclude<EntityKind, "library">;

/** A thing as its dialog shows it; what its kind does not have is empty. */
export interface EditedThing {
  readonly id: string;
  readonly name: string;
  readonly aliases: readonly string[];
  readonly color: string | null;
  readonly parents: readonly { readonly id: string }[];
}

/** What came of it: what went wrong, or the token that takes it back. */
export interface Outcome {
  readonly error: CombinedError | undefined;
  readonly undoToken: string | null | undefined;
}

interface Edits {
  readonly update: (client: Client, thing: EditedThing) => Promise<Outcome>;
  readonly merge: (client: Client, id: string, targetId: string) => Promise<Outcome>;
  readonly remove: (client: Client, id: string) => Promise<Outcome>;
}

const UpdateTag = graphql(`mutation UpdateTag($input: UpdateTagInput!) { updateTag(input: $input) { tag { id name aliases color parents { id } } undoToken } }`);
const UpdatePerson = graphql(`mutation UpdatePerson($input: UpdatePersonInput!) { updatePerson(input: $input) { person { id name aliases } undoToken } }`);
const UpdateStudio = graphql(`mutation UpdateStudio($input: UpdateStudioInput!) { updateStudio(input: $input) { studio { id name parent { id } } undoToken } }`);
const MergeTags = graphql(`mutation MergeTags($input: MergeTagsInput!) { mergeTags(input: $input) { tag { id mediaCount } undoToken } }`);
const MergePeople = graphql(`mutation MergePeople($input: MergePeopleInput!) { mergePeople(input: $input) { person { id mediaCount } undoToken } }`);
const MergeStudios = graphql(`mutation MergeStudios($input: MergeStudiosInput!) { mergeStudios(input: $input) { studio { id mediaCount } undoToken } }`);
const DeleteTag = graphql(`mutation DeleteTag($input: DeleteTagInput!) { deleteTag(input: $input) { deletedId undoToken } }`);
const DeletePerson = graphql(`mutation DeletePerson($input: DeletePersonInput!) { deletePerson(input: $input) { deletedId undoToken } }`);
const DeleteStudio = graphql(`mutation DeleteStudio($input: DeleteStudioInput!) { deleteStudio(input: $input) { deletedId undoToken } }`);

const tags: Edits = {
  update: async (client, { id, name, aliases, color, parents }) => {
    const input = { id, name, aliases: [...aliases], color, parentIds: parents.map((parent) => parent.id) };
    const { data, error } = await client.mutation(UpdateTag, { input }).toPromise();
    return { error, undoToken: data?.updateTag.undoToken };
  },
  merge: async (client, id, targetId) => {
    const { data, error } = await client.mutation(MergeTags, { input: { sourceIds: [id], targetId } }).toPromise();
    return { error, undoToken: data?.mergeTags.undoToken };
  },
  remove: async (client, id) => {
    const { data, error } = await client.mutation(DeleteTag, { input: { id } }).toPromise();
    return { error, undoToken: data?.deleteTag.undoToken };
  },
};

const people: Edits = {
  update: async (client, { id, name, aliases }) => {
    const { data, error } = await client.mutation(UpdatePerson, { input: { id, name, aliases: [...aliases] } }).toPromise();
    return { error, undoToken: data?.updatePerson.undoToken };
  },
  merge: async (client, id, targetId) => {
    const { data, error } = await client.mutation(MergePeople, { input: { sourceIds: [id], targetId } }).toPromise();
    return { error, undoToken: data?.mergePeople.undoToken };
  },
  remove: async (client, id) => {
    const { data, error } = await client.mutation(DeletePerson, { input: { id } }).toPromise();
    return { error, undoToken: data?.deletePerson.undoToken };
  },
};

const studio: Edits = {
  update: async (client, { id, name, parents }) => {
    const { data, error } = await client.mutation(UpdateStudio, { input: { id, name, parentId: parents[0]?.id ?? null } }).toPromise();
    return { error, undoToken: data?.updateStudio.undoToken };
  },
  merge: async (client, id, targetId) => {
    const { data, error } = await client.mutation(MergeStudios, { input: { sourceIds: [id], targetId } }).toPromise();
    return { error, undoToken: data?.mergeStudios.undoToken };
  },
  remove: async (client, id) => {
    const { data, error } = await client.mutation(DeleteStudio, { input: { id } }).toPromise();
    return { error, undoToken: data?.deleteStudio.undoToken };
  },
};

export const edits: Record<ThingKind, Edits> = { tags, people, studio };
