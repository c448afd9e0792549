//! All frames of the sprite at once; a click goes there.

import { SpriteFrame, type SpriteSheet } from "@/components/sprite-frame";
import { formatDuration } from "@/lib/format";
import { t } from "@/lib/messages";
import { Button } from "@/ui/button";
import { CloseIcon } from "@/ui/icons";
import styles from "./contact-sheet.module.css";

interface ContactSheetProps {
  readonly sprite: SpriteSheet;
  readonly duration: number;
  readonly onPick: (seconds: number) => void;
  readonly onClose: () => void;
}

export function ContactSheet({ sprite, duration, onPick, onClose }: ContactSheetProps) {
  const count = Math.min(sprite.columns * sprite.rows, Math.max(1, Math.ceil(duration / Math.max(0.001, sprite.interval))));
  return (
    <section className={styles.sheet} aria-label={t("keys.player.sheet")}>
      <div className={styles.close}>
        <Button look="quiet" icon={<CloseIcon />} aria-label={t("dialog.close")} onClick={onClose} />
      </div>
      <ol className={styles.frames}>
        {Array.from({ length: count }, (_, index) => index * sprite.interval).map((seconds) => (
          <li key={seconds}>
            <button type="button" className={styles.frame} onClick={() => onPick(seconds)}>
              <SpriteFrame sprite={sprite} seconds={seconds + sprite.interval / 2} width={null} />
              {formatDuration(seconds)}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
