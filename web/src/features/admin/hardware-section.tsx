//! Each encoder and decoder with its verdict.

import { useMutation, useQuery } from "urql";
import { useNow } from "@/components/clock";
import { Failed, Loading } from "@/components/states";
import { type FragmentOf, graphql, readFragment } from "@/data/graphql";
import { formatAgo } from "@/lib/format";
import { currentLocale, quoted, t } from "@/lib/messages";
import { Button } from "@/ui/button";
import styles from "./admin-page.module.css";
import { Table } from "./table";

const HardwareCodecFragment = graphql(`fragment HardwareCodec on HardwareCodec { name codec device isWorking reason isUsed failure failedAt }`);

const HardwareFacts = graphql(
  `
    query HardwareFacts {
      system { hardware { checkedAt encoders { ...HardwareCodec } decoders { ...HardwareCodec } } }
    }
  `,
  [HardwareCodecFragment],
);

const RefreshHardware = graphql(
  `mutation RefreshHardware { refreshHardware { hardware { checkedAt encoders { ...HardwareCodec } decoders { ...HardwareCodec } } } }`,
  [HardwareCodecFragment],
);

export function HardwareSection() {
  const now = useNow();
  const [{ data, error }, retry] = useQuery({ query: HardwareFacts, requestPolicy: "cache-and-network" });
  const [refresh, refreshHardware] = useMutation(RefreshHardware);
  if (error && !data) return <Failed error={error} onRetry={() => retry({ requestPolicy: "network-only" })} />;
  if (!data) return <Loading />;
  const hardware = refresh.data?.refreshHardware.hardware ?? data.system.hardware;
  return (
    <>
      <p className={styles.actions}>
        <Button isBusy={refresh.fetching} onClick={() => void refreshHardware({})}>
          {t("admin.tryAgain")}
        </Button>
        {hardware && <span className={styles.note}>{t("admin.checked", { when: formatAgo(hardware.checkedAt, now, currentLocale()) })}</span>}
      </p>
      {hardware === null ? (
        <p>{t("admin.noHardware")}</p>
      ) : (
        <div className={styles.sections}>
          <Codecs title={t("admin.encoders")} codecs={hardware.encoders} />
          <Codecs title={t("admin.decoders")} codecs={hardware.decoders} />
        </div>
      )}
    </>
  );
}

interface CodecsProps {
  readonly title: string;
  readonly codecs: readonly FragmentOf<typeof HardwareCodecFragment>[];
}

function Codecs({ title, ...props }: CodecsProps) {
  const now = useNow();
  const codecs = props.codecs.map((codec) => readFragment(HardwareCodecFragment, codec));
  return (
    <section aria-label={title}>
      <h2 className={styles.heading}>{title}</h2>
      <Table label={title} head={[t("organize.name"), t("admin.codec"), t("admin.device"), t("admin.verdict")]}>
        {codecs.map((codec) => (
          <tr key={`${codec.name} ${codec.device}`}>
            <td>{codec.name}</td>
            <td>{codec.codec}</td>
            <td>{codec.device}</td>
            <td className={codec.isWorking ? styles.good : styles.bad}>
              {codec.isWorking ? t("admin.works") : (codec.reason === null ? t("admin.worksNot") : quoted(codec.reason))}
              {codec.isUsed && ` · ${t("admin.isUsed")}`}
              {codec.failure !== null && <span className={styles.bad}> {t("admin.failedLast", { when: formatAgo(codec.failedAt, now, currentLocale()), reason: codec.failure })}</span>}
            </td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
