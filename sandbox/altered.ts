import type { WireResponse } from "./wire.ts";

/** How a scripted fault changes an answer on its way: AWS adds words and fields that no client knows yet. */
export interface Alteration {
  /** Whole values, and what stands in their place. */
  readonly words?: Readonly<Record<string, string>>;
  /** The member, as it is called on the wire, whose values are changed; left out, any member's. */
  readonly member?: string;
  /** Fields that every structure in the answer gets, where it has none of that name. */
  readonly add?: Readonly<Record<string, string>>;
}

export function altered(response: WireResponse, alteration: Alteration): WireResponse {
  const { body } = response;
  if (body.startsWith("{")) return { ...response, body: JSON.stringify(inJson(JSON.parse(body), alteration)) };
  return body.startsWith("<") ? { ...response, body: inXml(body, alteration) } : response;
}

function inJson(value: unknown, alteration: Alteration, member = ""): unknown {
  const { words = {}, add = {} } = alteration;
  if (typeof value === "string") return isMeant(alteration, member) ? (words[value] ?? value) : value;
  if (Array.isArray(value)) return value.map((item) => inJson(item, alteration, member));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, part]) => [name, inJson(part, alteration, name)]);
  return { ...add, ...Object.fromEntries(entries) };
}

function inXml(body: string, alteration: Alteration): string {
  const { words = {}, add = {} } = alteration;
  const changed = body.replace(/<(\w+)>([^<]*)<\/\1>/g, (whole, name: string, value: string) => {
    const word = isMeant(alteration, name) ? words[value] : undefined;
    return word === undefined ? whole : `<${name}>${escaped(word)}</${name}>`;
  });
  const fields = Object.entries(add).map(([name, value]) => `<${name}>${escaped(value)}</${name}>`);
  return fields.length === 0 ? changed : changed.replace(/>(<\/(?:item|member)>)/g, `>${fields.join("")}$1`);
}

function isMeant({ member }: Alteration, name: string): boolean {
  return member === undefined || member === name;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
