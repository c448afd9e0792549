//! Subtitles that are pictures: the server draws the chosen ones into the film, which then goes on where it was.

import { type RefObject, useState } from "react";
import { useClient } from "urql";
import { problemText } from "@/components/states";
import { graphql, type ResultOf, type VariablesOf } from "@/data/graphql";
import { t } from "@/lib/messages";
import { showToast } from "@/ui/toast";
import type { Choice } from "./player/engine";
import type { PlayerHandle } from "./player/player";

const BurnedPlayback = graphql(`
  query BurnedPlayback($id: ID!, $capabilities: PlaybackCapabilities, $burn: Int!) {
    node(id: $id) { __typename id ... on Video { playback(capabilities: $capabilities, burn: $burn) { method reason hlsUrl directUrl } } }
  }
`);

type Playback = NonNullable<Extract<NonNullable<ResultOf<typeof BurnedPlayback>["node"]>, { readonly __typename: "Video" }>["playback"]>;

/** What was chosen, and what the film did at that moment. */
interface Burned {
  /** The index of the stream; null for none any more. */
  readonly index: number | null;
  readonly playback: Playback | null;
  readonly at: number;
  readonly isPlaying: boolean;
}

/** The choice, null until there was one, and the function that makes it. */
export function useBurnedSubtitles(id: string, capabilities: NonNullable<VariablesOf<typeof BurnedPlayback>["capabilities"]>, player: RefObject<PlayerHandle | null>) {
  const client = useClient();
  const [burned, setBurned] = useState<Burned | null>(null);
  const ask = async (index: number) => {
    const { data, error } = await client.query(BurnedPlayback, { id, capabilities, burn: index }).toPromise();
    if (error) showToast({ text: t("player.notBurned", { reason: problemText(error) }), tone: "bad" });
    return data?.node?.__typename === "Video" ? data.node.playback : null;
  };
  const burn = async (index: number | null) => {
    const playback = index === null ? null : await ask(index);
    if (index !== null && playback === null) return;
    setBurned({ index, playback, at: player.current?.time() ?? 0, isPlaying: player.current?.isPlaying() ?? false });
  };
  return { burned, burn };
}

/** A stream of a file, as far as menus need it. */
interface FileStream {
  readonly __typename: string;
  readonly index: number;
  readonly language: string | null;
  readonly title: string | null;
  readonly isText?: boolean;
}

/** The streams of image subtitles among those of a file. */
export function pictureSubtitles(streams: readonly FileStream[]): readonly Choice[] {
  return streams
    .filter(({ __typename, isText }) => __typename === "SubtitleStream" && isText === false)
    .map(({ index, title, language }) => ({ id: index, label: [title, language].filter(Boolean).join(" · ") || `${t("media.stream.subtitle")} ${index}` }));
}
