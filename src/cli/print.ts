import type { Session } from "../actions/session.ts";

/** What a verb ends with: text for people, one line of JSON for programs. */
export function say({ flags }: Pick<Session, "flags">, text: string, json: object): void {
  process.stdout.write(flags.json ? `${JSON.stringify(json)}\n` : text.endsWith("\n") ? text : `${text}\n`);
}
