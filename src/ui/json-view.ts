import { inJson, written } from "../log/lines.ts";
import type { View, ViewOptions } from "./view.ts";

/** One event a line, as the engine says it; errors as code, message and hint. */
export function jsonView({ stdout }: Pick<ViewOptions, "stdout">): View {
  let open = true;
  return {
    onEvent(event) {
      if (open) stdout.write(written(inJson(event)));
    },
    async close() {
      open = false;
    },
  };
}
