//! Other forms of the whole film: made once, kept, and played at once wherever the original would have to be converted.

import { useEffect, useState } from "react";
import { useClient, useQuery } from "urql";
import { JobRowFragment } from "@/components/job-fragment";
import { JobProgress } from "@/components/job-progress";
import { problemText } from "@/components/states";
import { graphql, readFragment } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { formatBytes, formatResolution } from "@/lib/format";
import { currentLocale, quoted, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { TrashIcon } from "@/ui/icons";
import { showToast } from "@/ui/toast";
import styles from "./clips.module.css";

const VideoRenditions = graphql(`
  query VideoRenditions($id: ID!) {
    node(id: $id) { __typename id ... on Video { renditions { id kind label status width height size url error { message } } } }
  }
`);

const RenderProxy = graphql(`mutation RenderProxy($input: RenderProxyInput!) { renderProxy(input: $input) { rendition { id status } job { ...JobRow } } }`, [
  JobRowFragment,
]);

const DeleteRendition = graphql(`mutation DeleteRendition($input: DeleteRenditionInput!) { deleteRendition(input: $input) { deletedId } }`);

const kinds = ["PROXY_720P", "PROXY_480P", "H264_1080P", "AV1_1080P", "AUDIO_ONLY"] as const;
const pollMs = 2000;

interface RenditionsProps {
  readonly mediaId: string;
  /** Playback may have become better: its addresses are asked for again. */
  readonly onMade: () => void;
}

export function Renditions({ mediaId, onMade }: RenditionsProps) {
  const client = useClient();
  const canEdit = useCanEdit();
  const locale = currentLocale();
  const [{ data }, refetch] = useQuery({ query: VideoRenditions, variables: { id: mediaId }, requestPolicy: "cache-and-network" });
  const [kind, setKind] = useState<(typeof kinds)[number]>(kinds[0]);
  const [jobId, setJobId] = useState<string | null>(null);
  const renditions = data?.node?.__typename === "Video" ? data.node.renditions : [];
  const again = () => refetch({ requestPolicy: "network-only" });
  const isMaking = renditions.some(({ status }) => status === "WAITING" || status === "RENDERING");
  // One that somebody else asked for has a job that is not known here.
  useEffect(() => {
    if (!isMaking) return;
    const timer = setInterval(() => refetch({ requestPolicy: "network-only" }), pollMs);
    return () => clearInterval(timer);
  }, [isMaking, refetch]);
  const make = async () => {
    const { data: made, error } = await client.mutation(RenderProxy, { input: { mediaId, kind } }).toPromise();
    if (error) showToast({ text: problemText(error), tone: "bad" });
    const job = made?.renderProxy.job;
    if (job) setJobId(readFragment(JobRowFragment, job).id);
    again();
  };
  const remove = async (id: string, label: string) => {
    const { error } = await client.mutation(DeleteRendition, { input: { id } }).toPromise();
    showToast(error ? { text: problemText(error), tone: "bad" } : { text: t("renditions.deleted", { label }) });
    again();
  };
  if (renditions.length === 0 && !canEdit) return null;
  return (
    <section className={styles.clips} aria-label={t("renditions.title")}>
      <h2>{t("renditions.title")}</h2>
      {canEdit && (
        <div className={styles.mode}>
          <select aria-label={t("renditions.kind")} value={kind} onChange={(event) => setKind(kinds.find((known) => known === event.target.value) ?? kinds[0])}>
            {kinds.map((known) => (
              <option key={known} value={known}>
                {t(`renditions.kind.${known}`)}
              </option>
            ))}
          </select>
          <Button isBusy={jobId !== null} onClick={() => void make()}>
            {t("renditions.make")}
          </Button>
        </div>
      )}
      {jobId !== null && (
        <JobProgress
          id={jobId}
          onOver={() => {
            setJobId(null);
            again();
            onMade();
          }}
        />
      )}
      <ul>
        {renditions.map(({ id, label, status, width, height, size, url, error }) => (
          <li key={id} className={styles.row}>
            {url === null ? <span>{label}</span> : <a href={url}>{label}</a>}
            <span className={styles.note}>
              {[t(`renditions.status.${status}`), formatResolution(width, height), formatBytes(size, locale), quoted(error?.message ?? "")].filter(Boolean).join(" · ")}
            </span>
            {canEdit && <Button look="quiet" icon={<TrashIcon />} aria-label={t("renditions.delete", { label })} onClick={() => void remove(id, label)} />}
          </li>
        ))}
      </ul>
    </section>
  );
}
