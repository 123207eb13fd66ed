import type { Event } from "../engine/events.ts";
import { errorInJson } from "./error.ts";
import type { View, ViewOptions } from "./view.ts";

/** One event a line, as the engine says it; errors as code, message and hint. */
export function jsonView({ stdout }: Pick<ViewOptions, "stdout">): View {
  let open = true;
  return {
    onEvent(event) {
      if (open) stdout.write(`${JSON.stringify(inJson(event))}\n`);
    },
    async close() {
      open = false;
    },
  };
}

function inJson(event: Event): object {
  return event.type === "failed" ? { ...event, error: errorInJson(event.error) } : event;
}
