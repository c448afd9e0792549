//! The picture and word of a media kind, by GraphQL type name.

import { t } from "@/lib/messages";
import { AudioIcon, ImageIcon, VideoIcon } from "@/ui/icons";

/** The types behind the `Media` interface. */
export type MediaType = "Video" | "Audio" | "Image";

const words = { Video: "kind.video", Audio: "kind.audio", Image: "kind.image" } as const;

/** The word for a kind. */
export function kindText(type: MediaType): string {
  return t(words[type]);
}

export function KindIcon({ type }: { readonly type: MediaType }) {
  if (type === "Video") return <VideoIcon />;
  return type === "Audio" ? <AudioIcon /> : <ImageIcon />;
}
