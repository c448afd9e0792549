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

/** One feature: its routes and its place in the navigation. */
export interface Feature {
  readonly id: string;
  readonly routes: readonly FeatureRoute[];
  readonly nav: readonly { readonly path: string; readonly label: MessageKey; readonly icon: ComponentType }[];
}

/** Checks a declaration where it is written. */
export function defineFeature(feature: Feature): Feature {
  return feature;
}
