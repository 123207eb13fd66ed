import type { Io } from "../actions/action.ts";
import type { Flags } from "./flags.ts";

/** Asks the person at the terminal, and takes Ctrl-C for a no; undefined where nobody is there to be asked. */
export function askAtTerminal({ json }: Flags, signal: AbortSignal): Io["ask"] {
  if (!process.stdin.isTTY || !process.stdout.isTTY || json) return undefined;
  return async ({ text: message }) => {
    const { default: confirm } = await import("@inquirer/confirm");
    return confirm({ message, default: false }, { signal }).catch(() => false);
  };
}
