//! The present time for "3 minutes ago": coarse, shared by all that a page shows, and never read during render.

import { useEffect, useState } from "react";

const tickMs = 15_000;

/** Milliseconds since 1970, renewed every fifteen seconds. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), tickMs);
    return () => clearInterval(timer);
  }, []);
  return now;
}
