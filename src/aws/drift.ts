import type { Drift } from "../engine/step.ts";

/** The fields whose live value differs; values are compared as canonical text, so normalise both sides first. */
export function driftOf(want: Readonly<Record<string, unknown>>, have: Readonly<Record<string, unknown>>): Drift[] {
  return Object.entries(want).flatMap(([field, value]) => {
    const wanted = text(value);
    const live = text(have[field]);
    return wanted === live ? [] : [{ field, want: wanted, have: live }];
  });
}

/** Does the drift name this field? */
export function drifts(found: { readonly drift?: readonly Drift[] | undefined }, field: string): boolean {
  return (found.drift ?? []).some((entry) => entry.field === field);
}

function text(value: unknown): string {
  if (value === undefined || value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(sorted(value));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, entry]) => [key, sorted(entry)]),
  );
}
