//! The links that show something to people without an account: what each shows, and ending it.

import { useClient, useQuery } from "urql";
import { Link } from "wouter";
import { Failed, problemText } from "@/components/states";
import { problemOf } from "@/data/errors";
import { graphql } from "@/data/graphql";
import { formatDateTime } from "@/lib/format";
import { currentLocale, t } from "@/lib/messages";
import { paths } from "@/lib/paths";
import { Button } from "@/ui/button";
import { showToast } from "@/ui/toast";
import styles from "./settings-page.module.css";

const ShareLinks = graphql(`
  query ShareLinks {
    shareLinks(first: 100) {
      nodes { id name createdAt expiresAt lastOpenedAt hasPassword media { __typename id title } collection { id name } gallery { id name } }
    }
  }
`);
const RevokeShareLink = graphql(`mutation RevokeShareLink($input: RevokeShareLinkInput!) { revokeShareLink(input: $input) { shareLinkId } }`);

export function ShareLinksSection() {
  const client = useClient();
  const locale = currentLocale();
  const [{ data, error }, refetch] = useQuery({ query: ShareLinks, requestPolicy: "cache-and-network" });
  const again = () => refetch({ requestPolicy: "network-only" });
  const links = data?.shareLinks.nodes ?? [];
  // Who may change nothing has none, and is not told so in a place of its own.
  if (links.length === 0 && (!error || problemOf(error).kind === "denied")) return null;
  const revoke = async (id: string) => {
    const { error: problem } = await client.mutation(RevokeShareLink, { input: { id } }).toPromise();
    if (problem) showToast({ text: problemText(problem), tone: "bad" });
    again();
  };
  return (
    <section className={styles.section} aria-label={t("share.title")}>
      <h2>{t("share.title")}</h2>
      {error && !data && <Failed error={error} onRetry={again} />}
      <ul className={styles.tokens}>
        {links.map((link) => (
          <li key={link.id} className={styles.token}>
            <strong>{link.name}</strong>
            {link.media && <Link href={paths.media(link.media.id)}>{link.media.title}</Link>}
            {link.collection && <Link href={paths.collection(link.collection.id)}>{link.collection.name}</Link>}
            {link.gallery && <Link href={paths.gallery(link.gallery.id)}>{link.gallery.name}</Link>}
            <span className={styles.note}>
              {[
                link.hasPassword ? t("share.hasPassword") : "",
                link.expiresAt === null ? "" : t("share.until", { when: formatDateTime(link.expiresAt, locale) }),
                link.lastOpenedAt === null ? t("share.neverOpened") : t("share.opened", { when: formatDateTime(link.lastOpenedAt, locale) }),
              ]
                .filter(Boolean)
                .join(" · ")}
            </span>
            <Button aria-label={t("share.endOf", { name: link.name })} onClick={() => void revoke(link.id)}>
              {t("share.end")}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
