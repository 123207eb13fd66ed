import { inspect, type styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0] & keyof typeof inspect.colors;

/** Gives text a colour, or leaves it as it is where colours are not wanted. */
export type Paint = (style: Style, text: string) => string;

export function paintIn(color: boolean): Paint {
  if (!color) return (_style, text) => text;
  // Not by `styleText`, which looks at the environment again and may think otherwise.
  return (style, text) => {
    const [on, off] = inspect.colors[style]!;
    return `\u001b[${on}m${text}\u001b[${off}m`;
  };
}
