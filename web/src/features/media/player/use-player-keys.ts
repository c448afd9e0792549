//! The keys of the player, anywhere on its page but in fields and dialogs.

import { useEffect, useEffectEvent } from "react";
import { type Action, actionFor, takesText } from "@/lib/keys";

/** Calls `act` with what a key means; `act` says whether it did anything. */
export function usePlayerKeys(act: (action: Action<"player">) => boolean): void {
  const handle = useEffectEvent(act);
  // Keys belong to the document.
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { target } = event;
      if (event.defaultPrevented || takesText(target)) return;
      if (target instanceof Element) {
        if (target.closest("dialog, [role=listbox]")) return;
        // A focused button or check box is pressed by space; a slider of its own takes arrows.
        if (event.key === " " && target.closest("button, a, input, summary")) return;
        if (event.key.startsWith("Arrow") && target.closest("input[type=range]")) return;
      }
      const action = actionFor("player", event);
      if (action !== null && handle(action)) event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
