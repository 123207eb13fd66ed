import { partitionOf } from "./partition.ts";
import type { Call, Fate, Scope } from "./service.ts";
import type { World } from "./world.ts";

interface Circumstances {
  readonly world: World;
  readonly region: string;
  readonly now: number;
  readonly random: () => number;
  readonly unseenMs: number;
  readonly fate: () => Fate | undefined;
}

/** What a handler is given. The region must be a known one. */
export function makeCall(circumstances: Circumstances): Call {
  const { world, region, now, random, unseenMs, fate } = circumstances;
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
  return {
    ...scopeOf(world.account, region),
    now,
    slice: (service, where, empty) => world.slice(service, where, empty),
    table: (service, where) => world.table(service, where),
    in: (other) => makeCall({ ...circumstances, region: other }),
    random,
    between: (minMs, maxMs) => Math.round(minMs + random() * (maxMs - minMs)),
    id: (prefix, digits = 17) => prefix + hex(digits),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${"89ab"[Math.floor(random() * 4)]}${hex(3)}-${hex(12)}`,
    shuffled: (list) => {
      const deck = [...list];
      for (let last = deck.length - 1; last > 0; last--) {
        const pick = Math.floor(random() * (last + 1));
        [deck[last], deck[pick]] = [deck[pick]!, deck[last]!];
      }
      return deck;
    },
    unseenMs,
    fate,
  };
}

function scopeOf(account: string, region: string): Scope {
  const { name, dnsSuffix } = partitionOf(region)!;
  return { account, region, partition: name, dnsSuffix };
}
