//! The clip panel: the chosen stretch, how exact its ends are to be, and the clips made so far with their live state.

import { type FormEvent, useEffect, useState } from "react";
import { useClient, useQuery } from "urql";
import { Link } from "wouter";
import { JobRowFragment } from "@/components/job-fragment";
import { JobProgress } from "@/components/job-progress";
import { problemText } from "@/components/states";
import { graphql, readFragment } from "@/data/graphql";
import { useCanEdit } from "@/data/session";
import { formatDuration } from "@/lib/format";
import { quoted, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { formatTimecode } from "@/lib/playing";
import { Button } from "@/ui/button";
import { Field } from "@/ui/field";
import { Notice } from "@/ui/notice";
import styles from "./clips.module.css";
import type { Range } from "./player/timeline";

const VideoClips = graphql(`
  query VideoClips($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on Video { clips(first: 50) { nodes { id title start end status mode madeMode reason error { message } media { __typename id } } } }
    }
  }
`);

const CreateClip = graphql(
  `mutation CreateClip($input: CreateClipInput!) { createClip(input: $input) { clip { id title start end status } job { ...JobRow } } }`,
  [JobRowFragment],
);

const pollMs = 2000;
const modes = ["SMART", "EXACT", "KEYFRAME"] as const;

interface ClipsProps {
  readonly mediaId: string;
  readonly range: Range;
  readonly onRange: (range: Range) => void;
  readonly onSeek: (seconds: number) => void;
}

export function Clips({ mediaId, range, onRange, onSeek }: ClipsProps) {
  const canEdit = useCanEdit();
  const [{ data }, refetch] = useQuery({ query: VideoClips, variables: { id: mediaId }, requestPolicy: "cache-and-network" });
  const [jobId, setJobId] = useState<string | null>(null);
  const clips = data?.node?.__typename === "Video" ? data.node.clips.nodes : [];
  const again = () => refetch({ requestPolicy: "network-only" });
  const isMaking = clips.some(({ status }) => status === "WAITING" || status === "RENDERING" || status === "ADDING");
  // A made clip is added to its library by another job, which says nothing of clips.
  useEffect(() => {
    if (!isMaking) return;
    const timer = setInterval(() => refetch({ requestPolicy: "network-only" }), pollMs);
    return () => clearInterval(timer);
  }, [isMaking, refetch]);
  const { start, end } = range;
  if (clips.length === 0 && jobId === null && (start === null || end === null)) return null;
  return (
    <section className={styles.clips} aria-label={t("clips.title")}>
      <h2>{t("clips.title")}</h2>
      {canEdit && start !== null && end !== null && end > start && (
        <ClipForm
          mediaId={mediaId}
          start={start}
          end={end}
          onMade={(made) => {
            setJobId(made);
            onRange({ start: null, end: null });
            again();
          }}
        />
      )}
      {jobId !== null && (
        <JobProgress
          id={jobId}
          onOver={() => {
            setJobId(null);
            again();
          }}
        />
      )}
      <ol>
        {clips.map((clip) => (
          <li key={clip.id} className={styles.row}>
            <button type="button" className={styles.time} onClick={() => onSeek(clip.start)}>
              {formatDuration(clip.start)} – {formatDuration(clip.end)}
            </button>
            {clip.media ? <Link href={paths.media(clip.media.id)}>{clip.title}</Link> : <span>{clip.title}</span>}
            <span className={styles.note}>
              {[t(`clips.status.${clip.status}`), clip.madeMode !== null && clip.madeMode !== clip.mode ? t(`clips.mode.${clip.madeMode}`) : "", quoted(clip.error?.message ?? clip.reason ?? "")]
                .filter(Boolean)
                .join(" · ")}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

interface ClipFormProps {
  readonly mediaId: string;
  readonly start: number;
  readonly end: number;
  readonly onMade: (jobId: string) => void;
}

function ClipForm({ mediaId, start, end, onMade }: ClipFormProps) {
  const client = useClient();
  const [title, setTitle] = useState("");
  const [mode, setMode] = useState<(typeof modes)[number]>("SMART");
  const [isBusy, setIsBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setIsBusy(true);
    const input = { mediaId, start, end, mode, ...(title.trim() === "" ? {} : { title: title.trim() }) };
    const { data, error } = await client.mutation(CreateClip, { input }).toPromise();
    setIsBusy(false);
    setProblem(error ? problemText(error) : null);
    if (data) onMade(readFragment(JobRowFragment, data.createClip.job).id);
  };
  return (
    <form className={styles.form} onSubmit={(event) => void submit(event)}>
      <p className={styles.range}>
        {formatTimecode(start)} – {formatTimecode(end)} ({formatDuration(end - start)})
      </p>
      <Field label={t("clips.name")} name="clip" maxLength={200} value={title} onChange={(event) => setTitle(event.target.value)} />
      <label className={styles.mode}>
        {t("clips.mode")}
        <select value={mode} onChange={(event) => setMode(modes.find((known) => known === event.target.value) ?? "SMART")}>
          {modes.map((known) => (
            <option key={known} value={known}>
              {t(`clips.mode.${known}`)}
            </option>
          ))}
        </select>
      </label>
      {problem !== null && <Notice tone="bad">{problem}</Notice>}
      <Button type="submit" look="primary" isBusy={isBusy}>
        {t("clips.make")}
      </Button>
    </form>
  );
}
