//! Follows `libraryChanges`: tells the page what was added or removed, and what changed in place, in bundles of at most one a second.

import { useEffect, useEffectEvent } from "react";
import { useClient } from "urql";
import { useConnection } from "@/data/connection";
import { graphql } from "@/data/graphql";
import { useIsVisible } from "@/data/visibility";
import { throttle } from "@/lib/throttle";
import { useHasContent } from "@/ui/use-has-content";

const LibraryChanges = graphql(`
  subscription LibraryChanges {
    libraryChanges {
      __typename
      ... on MediaAdded { media { id title } }
      ... on MediaUpdated { media { id } }
      ... on MediaRemoved { mediaId }
      ... on LibraryReset { reason }
    }
  }
`);

/** A bundle of changes. */
export interface FeedBundle {
  /** Items added or removed, which moves the list. */
  readonly moved: number;
  /** Items whose facts changed. */
  readonly updated: readonly string[];
  /** Changes may have been missed: everything visible is stale. */
  readonly isGap: boolean;
}

const bundleMs = 1000;

/** Calls `onBundle` with changes while the page is visible, and with a gap after it was hidden or disconnected. */
export function useLibraryFeed(onBundle: (bundle: FeedBundle) => void): void {
  const client = useClient();
  const isVisible = useIsVisible();
  const { epoch } = useConnection();
  const deliver = useEffectEvent(onBundle);

  const hasContent = useHasContent();
  // The subscription lives outside React; it ends with the page and rests while nobody looks. The list itself is asked for first.
  useEffect(() => {
    if (!isVisible || !hasContent) return;
    let moved = 0;
    const updated = new Set<string>();
    let isGap = false;
    const bundles = throttle(bundleMs, () => {
      const bundle = { moved, updated: [...updated], isGap };
      moved = 0;
      updated.clear();
      isGap = false;
      if (bundle.isGap || bundle.moved > 0 || bundle.updated.length > 0) deliver(bundle);
    });
    const { unsubscribe } = client.subscription(LibraryChanges, {}).subscribe(({ data }) => {
      const change = data?.libraryChanges;
      if (!change) return;
      if (change.__typename === "MediaUpdated") updated.add(change.media.id);
      else if (change.__typename === "LibraryReset") isGap = true;
      else moved += 1;
      bundles.trigger();
    });
    return () => {
      unsubscribe();
      bundles.cancel();
    };
  }, [client, isVisible, hasContent]);

  // What happened while the page was hidden or cut off was never delivered.
  useEffect(() => {
    if (!isVisible) return;
    // Not at once: a page that comes back to its place in the list has not scrolled there yet.
    const timer = setTimeout(() => deliver({ moved: 0, updated: [], isGap: true }), 0);
    return () => clearTimeout(timer);
  }, [isVisible, epoch]);
}
