//! Dragging from a check box over other items selects all on the way.

import { type PointerEvent, useRef } from "react";
import type { TileActions } from "@/components/media-tile";

/** Handlers for the element around the list. */
export function useDragSelect(actions: TileActions) {
  const from = useRef<number | null>(null);
  const isDragging = useRef(false);
  return {
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      const check = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-check]") : null;
      from.current = check ? Number(check.dataset.check) : null;
      isDragging.current = false;
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      if (from.current === null || event.buttons === 0) return;
      const cell = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>("[data-index]");
      const index = cell ? Number(cell.dataset.index) : from.current;
      if (!isDragging.current && index !== from.current) {
        isDragging.current = true;
        const id = event.currentTarget.querySelector<HTMLElement>(`[data-index="${from.current}"] [data-media]`)?.dataset.media;
        if (id !== undefined) actions.toggle(id, from.current);
      }
      if (isDragging.current) actions.extend(index);
    },
    onPointerUp: () => {
      from.current = null;
    },
  };
}
