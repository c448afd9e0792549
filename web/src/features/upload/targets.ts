//! Where uploads go: the library chosen last in this browser, else the first one.

import { graphql } from "@/data/graphql";

export const UploadTargets = graphql(`query UploadTargets { libraries(first: 100) { nodes { id name isOnline } } }`);

const key = "vitagraph.uploadTarget";

/** A library that files can go to. */
export interface Target {
  readonly id: string;
  readonly name: string;
}

/** The libraries that take files now, the chosen one first. */
export function targetsOf(libraries: readonly (Target & { readonly isOnline: boolean })[]): readonly Target[] {
  const kept = keptTarget();
  const online = libraries.filter((library) => library.isOnline);
  return [...online.filter(({ id }) => id === kept), ...online.filter(({ id }) => id !== kept)];
}

/** Remembers the choice. */
export function keepTarget(id: string): void {
  try {
    localStorage.setItem(key, id);
  } catch {
    // Without storage the first library is it.
  }
}

function keptTarget(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
