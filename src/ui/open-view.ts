import { jsonView } from "./json-view.ts";
import { lineView } from "./line-view.ts";
import { listrView } from "./listr-view.ts";
import type { View, ViewKind, ViewOptions } from "./view.ts";

export function openView(kind: ViewKind, options: ViewOptions): View {
  return { listr: listrView, lines: lineView, json: jsonView }[kind](options);
}
