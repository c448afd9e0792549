//! One live source: its state, what comes in right now, its last captures.

import { useEffect, useState } from "react";
import { type CombinedError, useClient, useSubscription } from "urql";
import { Link } from "wouter";
import card from "@/components/card-row.module.css";
import { useNow } from "@/components/clock";
import { LiveVideo } from "@/components/live-video";
import { problemText } from "@/components/states";
import { useCanEdit, useIsAdmin } from "@/data/session";
import { useIsVisible } from "@/data/visibility";
import { formatAgo, formatBytes, formatDuration, formatFrameRate } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { classNames } from "@/ui/class-names";
import { Dialog } from "@/ui/dialog";
import { TrashIcon } from "@/ui/icons";
import { GearIcon } from "@/ui/more-icons";
import { Notice } from "@/ui/notice";
import { showToast } from "@/ui/toast";
import styles from "./capture-page.module.css";
import { CaptureStatus, DeleteSource, type Source, StartCapture, StopCapture } from "./documents";
import { SourceForm } from "./source-form";

const running = ["CONNECTING", "RECORDING", "RECONNECTING"];
const looks: Partial<Record<string, string | undefined>> = { RECORDING: card.active, CONNECTING: card.warn, RECONNECTING: card.warn, FAILED: card.bad };

interface SourceRowProps {
  readonly source: Source;
  readonly onChanged: () => void;
}

export function SourceRow({ source, onChanged }: SourceRowProps) {
  const client = useClient();
  const canEdit = useCanEdit();
  const isAdmin = useIsAdmin();
  const now = useNow();
  const locale = currentLocale();
  const [isEditing, setIsEditing] = useState(false);
  const [isLeaving, setIsLeaving] = useState(false);
  const [isWatching, setIsWatching] = useState(false);
  const captures = source.captures.nodes;
  const live = captures.find(({ status }) => running.includes(status));
  const told = (error: CombinedError | undefined) => {
    if (error) showToast({ text: problemText(error), tone: "bad" });
    onChanged();
  };
  const start = async () => told((await client.mutation(StartCapture, { input: { sourceId: source.id } }).toPromise()).error);
  const stop = async (id: string) => told((await client.mutation(StopCapture, { input: { id } }).toPromise()).error);
  const remove = async () => {
    const { error } = await client.mutation(DeleteSource, { input: { id: source.id } }).toPromise();
    setIsLeaving(false);
    if (!error) showToast({ text: t("organize.deleted", { name: source.name }) });
    told(error);
  };
  const plan = [
    source.isContinuous ? t("capture.isContinuous") : "",
    source.schedule === null ? "" : `${t("capture.schedule")}: ${source.schedule}`,
    source.keepDays === null ? "" : t("capture.keptDays", { count: source.keepDays }),
    source.keepBytes === null ? "" : t("capture.keptBytes", { size: formatBytes(source.keepBytes, locale) }),
    source.motionThreshold === null ? "" : t("capture.keptMotion", { percent: source.motionThreshold }),
  ];
  return (
    <li className={card.row} data-capture-source={source.id} data-status={source.status}>
      <div className={card.head}>
        {source.latestSnapshotUrl !== null && <img className={styles.snapshot} src={source.latestSnapshotUrl} alt="" />}
        <h2 className={card.title}>{source.name}</h2>
        <span className={classNames(card.state, looks[source.status])}>{t(`capture.status.${source.status}`)}</span>
        {live?.liveUrl && (
          <Button aria-expanded={isWatching} aria-label={t("capture.watchOf", { name: source.name })} onClick={() => setIsWatching(!isWatching)}>
            {t("capture.watch")}
          </Button>
        )}
        {canEdit &&
          (live ? (
            <Button aria-label={t("capture.stopOf", { name: source.name })} onClick={() => void stop(live.id)}>
              {t("capture.stop")}
            </Button>
          ) : (
            <Button look="primary" aria-disabled={!source.isEnabled} aria-label={t("capture.startOf", { name: source.name })} onClick={() => void (source.isEnabled && start())}>
              {t("capture.start")}
            </Button>
          ))}
        {isAdmin && (
          <>
            <Button look="quiet" icon={<GearIcon />} aria-label={t("organize.edit", { name: source.name })} onClick={() => setIsEditing(true)} />
            <Button look="quiet" icon={<TrashIcon />} aria-label={t("capture.delete", { name: source.name })} onClick={() => setIsLeaving(true)} />
          </>
        )}
      </div>
      <p className={card.figures}>
        {source.library && <span>{source.library.name}</span>}
        {plan.filter(Boolean).map((part) => (
          <span key={part}>{part}</span>
        ))}
      </p>
      {isWatching && live?.liveUrl && <LiveVideo key={live.id} url={live.liveUrl} label={t("capture.watchOf", { name: source.name })} />}
      {live && <LiveFigures key={live.id} id={live.id} onChanged={onChanged} />}
      {source.lastError !== null && <Notice tone="warn">{source.lastError}</Notice>}
      {captures.length > 0 && (
        <ol className={styles.captures} aria-label={t("capture.recordings", { name: source.name })}>
          {captures.map((capture) => (
            <li key={capture.id} className={styles.capture}>
              {capture.media ? <Link href={paths.media(capture.media.id)}>{capture.media.title}</Link> : <span>{t(`capture.capture.${capture.status}`)}</span>}
              <span className={card.figures}>
                {[
                  formatAgo(capture.startedAt, now, locale),
                  formatDuration(capture.duration),
                  formatBytes(capture.size, locale),
                  capture.skippedFileCount > 0 ? t("capture.skipped", { count: capture.skippedFileCount }) : "",
                  capture.gaps.length > 0 ? t("capture.gaps", { count: capture.gaps.length }) : "",
                ]
                  .filter(Boolean)
                  .map((figure) => (
                    <span key={figure}>{figure}</span>
                  ))}
              </span>
            </li>
          ))}
        </ol>
      )}
      {isLeaving && (
        <Dialog title={t("capture.delete", { name: source.name })} closeLabel={t("dialog.close")} onClose={() => setIsLeaving(false)}>
          <div className={styles.form}>
            <p>{t("capture.deleteText")}</p>
            <Button look="primary" onClick={() => void remove()}>
              {t("organize.delete")}
            </Button>
          </div>
        </Dialog>
      )}
      {isEditing && <SourceForm source={source} onChanged={onChanged} onClose={() => setIsEditing(false)} />}
    </li>
  );
}

/** What comes in right now; its own component, so that a sample renders nothing else. */
function LiveFigures({ id, onChanged }: { readonly id: string; readonly onChanged: () => void }) {
  const isVisible = useIsVisible();
  const locale = currentLocale();
  const [{ data }] = useSubscription({ query: CaptureStatus, variables: { id }, pause: !isVisible });
  const state = data?.captureStatus;
  const status = state?.status;
  // The source and its list of captures are asked for again when this capture comes to another state.
  useEffect(() => {
    if (status !== undefined) onChanged();
    // oxlint-disable-next-line react/exhaustive-deps -- a callback made anew is no other state
  }, [status]);
  if (!state) return null;
  return (
    <p className={card.figures} data-live={state.status}>
      <span>{t(`capture.capture.${state.status}`)}</span>
      <span>{formatBytes(state.bytesPerSecond, locale)}/s</span>
      <span>{formatFrameRate(state.frameRate, locale)}</span>
      {state.lastError !== null && <span className={styles.problem}>{state.lastError}</span>}
    </p>
  );
}
