import type { Found, State } from "../engine/step.ts";

/** What AWS's word for a state means to the engine, and the word. AWS adds words: one that the table lacks is waited for. */
export function stateFrom<Word extends string>(
  table: Readonly<Record<Word, State>>,
  word: string | undefined,
): Pick<Found, "state" | "unsure"> & { readonly detail: string } {
  if (!word) return { state: "pending", detail: "in a state that AWS does not tell", unsure: true };
  if (Object.hasOwn(table, word)) return { state: table[word as Word], detail: word };
  return { state: "pending", detail: `${word}, a state that this bootstrap does not know`, unsure: true };
}
