//! Pictures that could not be drawn, with path, code and reason; and trying again.

import { useMutation, useQuery } from "urql";
import { Link } from "wouter";
import { useNow } from "@/components/clock";
import { Failed, Loading, problemText } from "@/components/states";
import { graphql } from "@/data/graphql";
import { formatAgo, formatCount } from "@/lib/format";
import { currentLocale, sentence, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { ImageIcon } from "@/ui/icons";
import { showToast } from "@/ui/toast";
import styles from "./admin-page.module.css";
import { Table } from "./table";

const ThumbnailFacts = graphql(`
  query ThumbnailFacts {
    system { thumbnails { succeeded failed meanDuration recentErrors(first: 100) { path code message at attempts media { __typename id title } } } }
  }
`);

const RetryPictures = graphql(`mutation RetryPictures($input: RetryPicturesInput!) { retryPictures(input: $input) { job { id status } } }`);

export function ThumbnailsSection() {
  const now = useNow();
  const locale = currentLocale();
  const [{ data, error }, retry] = useQuery({ query: ThumbnailFacts, requestPolicy: "cache-and-network" });
  const [again, retryPictures] = useMutation(RetryPictures);
  if (error && !data) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  const facts = data.system.thumbnails;
  if (facts === null) return <Empty title={t("admin.noThumbnails")} icon={<ImageIcon />} />;
  const run = async () => {
    const result = await retryPictures({ input: {} });
    showToast(result.error ? { text: problemText(result.error), tone: "bad" } : { text: t("admin.retrying") });
  };
  return (
    <>
      <p className={styles.actions}>
        <Button isBusy={again.fetching} onClick={() => void run()}>
          {t("admin.retryAll")}
        </Button>
        <span className={styles.note}>
          {t("admin.thumbnailCounts", { succeeded: facts.succeeded, failed: facts.failed })}
          {facts.meanDuration !== null && ` · ${formatCount(Math.round(facts.meanDuration * 1000), locale)} ms`}
        </span>
      </p>
      {facts.recentErrors.length === 0 ? (
        <Empty title={t("admin.noFailures")} icon={<ImageIcon />} />
      ) : (
        <Table label={t("admin.thumbnails")} head={[t("media.path"), t("admin.reason"), t("admin.when")]}>
          {facts.recentErrors.map((failure) => (
            <tr key={`${failure.path} ${failure.at}`}>
              <td>{failure.media ? <Link href={paths.media(failure.media.id)}>{failure.path}</Link> : failure.path}</td>
              <td>
                {sentence(failure.message)} <span className={styles.note}>{failure.code}</span>
              </td>
              <td>{formatAgo(failure.at, now, locale)}</td>
            </tr>
          ))}
        </Table>
      )}
    </>
  );
}
