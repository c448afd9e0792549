//! What a feature declares about itself. The app's navigation and routes come out of these declarations.

import type { ComponentType } from "react";
import type { MessageKey } from "@/lib/messages";

/** Path parameters of the matched route. */
export interface PageProps {
  readonly params: Readonly<Record<string, string | undefined>>;
}

/** A route's page: part of the first chunk, or loaded when first needed. */
export type FeatureRoute = { readonly pattern: string } & (
  | { readonly Page: ComponentType<PageProps> }
  | { readonly load: () => Promise<{ readonly Page: ComponentType<PageProps> }> }
);

/** A place in the navigation. */
export interface NavEntry {
  readonly path: string;
  readonly label: MessageKey;
  readonly icon: ComponentType;
  /** Shown to these accounts only; the server decides again on every request. */
  readonly isFor?: "admin" | "editor";
  /** On a phone's short bar; the others are behind "more". */
  readonly isMain?: boolean;
}

/** One feature: its routes and its places in the navigation. */
export interface Feature {
  readonly id: string;
  readonly routes: readonly FeatureRoute[];
  readonly nav: readonly NavEntry[];
}

/** Checks a declaration where it is written. */
export function defineFeature(feature: Feature): Feature {
  return feature;
}
