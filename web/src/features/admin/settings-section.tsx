//! What can be set, plugin by plugin: what holds, who said so, and what will hold after the next start.

import { useQuery } from "urql";
import { Failed, Loading } from "@/components/states";
import { graphql, readFragment } from "@/data/graphql";
import { t } from "@/lib/messages";
import { Notice } from "@/ui/notice";
import styles from "./admin-page.module.css";
import { SettingFragment, type SettingFacts } from "./setting-facts";
import { SettingGroup } from "./setting-group";

const Settings = graphql(
  `query Settings { system { settings { ...Setting } plugins { name description isEnabled } } }`,
  [SettingFragment],
);

export function SettingsSection() {
  const [{ data, error }, refetch] = useQuery({ query: Settings, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  if (error && !data) return <Failed error={error} onRetry={again} />;
  if (!data) return <Loading />;
  const all = data.system.settings.map((setting) => readFragment(SettingFragment, setting));
  const pending = all.filter((setting) => setting.isPending).length;
  const groups = new Map<string, SettingFacts[]>();
  for (const setting of all) groups.set(setting.section, [...(groups.get(setting.section) ?? []), setting]);
  return (
    <>
      <p className={styles.hint}>{t("setup.precedence")}</p>
      {pending > 0 && <Notice tone="warn">{t("setup.pending", { count: pending })}</Notice>}
      <div className={styles.sections}>
        {[...groups].map(([section, settings]) => {
          const plugin = data.system.plugins.find((known) => known.name === section);
          return <SettingGroup key={section} section={section} description={plugin?.description ?? null} settings={settings} onChanged={again} />;
        })}
      </div>
    </>
  );
}
