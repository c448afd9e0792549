//! The long list: which requests a place costs, and what survives.

import { describe, expect, it } from "vitest";
import { WindowList, type WindowPage, type WindowSource } from "./window-list";

/** A server of `total` numbers, whose cursor is the number itself; it counts what it is asked. */
function numbers(total: number) {
  const asked = { pages: 0, skips: 0, skipped: 0 };
  const page = (after: string | null): WindowPage<number> => {
    const start = after === null ? 0 : Number(after) + 1;
    const items = Array.from({ length: Math.max(0, Math.min(10, total - start)) }, (_, index) => start + index);
    return { items, endCursor: items.length > 0 ? String(items.at(-1)) : null, total: after === null ? total : null };
  };
  const source: WindowSource<number> = {
    watch: (after, onPage) => {
      asked.pages += 1;
      onPage(page(after));
      return () => {};
    },
    skip: async (after, count) => {
      asked.skips += 1;
      asked.skipped = Math.max(asked.skipped, count);
      const end = Math.min(total - 1, (after === null ? -1 : Number(after)) + count);
      return end < 0 ? null : String(end);
    },
    skipBack: async (count) => {
      asked.skips += 1;
      return String(total - count);
    },
    refresh: async () => {},
  };
  return { source, asked };
}

function open(total: number) {
  const { source, asked } = numbers(total);
  const list = new WindowList(source, 10);
  list.subscribe(() => {});
  list.want(0, 10);
  return { list, asked };
}

const settle = async () => {
  for (let turn = 0; turn < 500; turn += 1) await Promise.resolve();
};

describe("WindowList", () => {
  it("chains neighbors without any step", async () => {
    const { list, asked } = open(1000);
    list.want(10, 30);
    expect([list.item(0), list.item(10), list.item(29)]).toEqual([0, 10, 29]);
    expect(asked.skips).toBe(0);
  });

  it("gives a reader on the move one window a task, and all of them in the end", async () => {
    const { list, asked } = open(1000);
    list.want(10, 50);
    list.want(0, 10);
    asked.pages = 0;
    list.want(10, 50, "oneByOne");
    expect([asked.pages, list.item(10), list.item(20)]).toEqual([1, 10, null]);
    for (let task = 0; list.item(40) === null && task < 20; task += 1) await new Promise((resolve) => setTimeout(resolve));
    expect([asked.pages, list.item(20), list.item(30), list.item(40)]).toEqual([4, 20, 30, 40]);
  });

  it("learns that it is not empty any more, although an empty list shows nothing that could want a part of it", async () => {
    let total = 0;
    const source: WindowSource<number> = {
      watch: (_after, onPage) => {
        onPage({ items: Array.from({ length: total }, (_, index) => index), endCursor: null, total });
        return () => {};
      },
      skip: async () => null,
      skipBack: async () => null,
      refresh: async () => {},
    };
    const list = new WindowList(source, 10);
    const leave = list.subscribe(() => {});
    list.want(0, 10);
    leave();
    await settle();
    total = 3;
    list.subscribe(() => {});
    await list.refresh();
    expect(list.total).toBe(3);
  });

  it("jumps to the middle in steps of at most 960", async () => {
    const { list, asked } = open(100_000);
    list.want(50_000, 50_010);
    await settle();
    expect(list.item(50_003)).toBe(50_003);
    expect(asked.skips).toBe(53);
    expect(asked.skipped).toBe(960);
    list.want(49_000, 49_010);
    await settle();
    expect(list.item(49_000)).toBe(49_000);
    expect(asked.skips).toBe(54);
  });

  it("finds the end in one step", async () => {
    const { list, asked } = open(99_995);
    list.want(99_980, 99_995);
    await settle();
    expect(list.item(99_994)).toBe(99_994);
    expect(asked.skips).toBe(1);
  });

  it("lets go of windows that nobody sees, but not of the total", async () => {
    const { list } = open(1000);
    list.want(10, 20);
    list.want(500, 510);
    await settle();
    expect([list.item(15), list.item(505), list.total]).toEqual([null, 505, 1000]);
  });

  it("gives up on a place that is gone", async () => {
    const { list, asked } = open(25);
    list.want(500, 510);
    await settle();
    expect(list.item(500)).toBeNull();
    expect(asked.skips).toBeLessThan(5);
  });

  it("keeps its windows when the next page takes over, and lets go when nobody does", async () => {
    const { source } = numbers(1000);
    const list = new WindowList(source, 10);
    const leave = list.subscribe(() => {});
    list.want(10, 20);
    leave();
    const leaveAgain = list.subscribe(() => {});
    await settle();
    expect(list.item(15)).toBe(15);
    leaveAgain();
    await settle();
    expect(list.item(15)).toBeNull();
  });

  it("forgets places that moved", async () => {
    const { list, asked } = open(1000);
    list.want(10, 20);
    await list.refresh();
    expect(list.item(15)).toBe(15);
    expect(asked.pages).toBe(4);
  });
});
