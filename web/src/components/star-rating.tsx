//! Five stars as one group of radio buttons; choosing the present one again takes the rating away.

import { useId } from "react";
import { t } from "@/lib/messages";
import { classNames } from "@/ui/class-names";
import { StarIcon } from "@/ui/more-icons";
import spoken from "@/ui/spoken.module.css";
import styles from "./star-rating.module.css";

interface StarRatingProps {
  /** 0 to 100. */
  readonly rating: number | null;
  readonly canEdit: boolean;
  readonly onRate: (rating: number | null) => void;
}

export function StarRating({ rating, canEdit, onRate }: StarRatingProps) {
  const name = useId();
  const stars = rating === null ? 0 : Math.round(rating / 20);
  return (
    <fieldset className={styles.stars} disabled={!canEdit}>
      <legend className={spoken.spoken}>{t("field.rating")}</legend>
      {[1, 2, 3, 4, 5].map((star) => (
        <label key={star} className={classNames(styles.star, star <= stars && styles.full)}>
          <input
            className={spoken.spoken}
            type="radio"
            name={name}
            checked={star === stars}
            aria-label={t("edit.stars", { count: star })}
            onChange={() => onRate(star * 20)}
            onClick={() => star === stars && onRate(null)}
          />
          <StarIcon />
        </label>
      ))}
    </fieldset>
  );
}
