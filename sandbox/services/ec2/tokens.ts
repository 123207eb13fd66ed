import { createHash } from "node:crypto";
import { type Call, Refusal } from "../../service.ts";
import { ec2Slice } from "./slice.ts";

const KEPT_MS = 7 * 24 * 3600_000;

/**
 * Makes things once for each client token: asked again with the same parameters, it tells what was made then, even if
 * that is gone by now.
 */
export function onceForToken(
  call: Call,
  operation: string,
  input: { readonly ClientToken?: string | undefined; readonly DryRun?: boolean | undefined },
  make: () => readonly string[],
): readonly string[] {
  const { ClientToken: token } = input;
  if (!token) return make();
  if (token.length > (operation === "RunInstances" ? 64 : 128) || !/^[\x20-\x7e]+$/.test(token)) {
    throw new Refusal(
      "InvalidParameterValue",
      `Value (${token}) for parameter clientToken is invalid. Invalid client token.`,
    );
  }
  const { tokens } = ec2Slice(call);
  const key = `${operation} ${token}`;
  const asked = createHash("sha256")
    .update(canonical({ ...input, ClientToken: undefined, DryRun: undefined }))
    .digest("hex");
  const bound = tokens[key];
  if (bound === undefined) {
    const made = make();
    tokens[key] = { asked, made, at: call.now };
    return made;
  }
  if (bound.asked !== asked) {
    const words = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
    throw new Refusal("IdempotentParameterMismatch", words);
  }
  return bound.made;
}

/** RunInstances' tokens go with their instances. */
export function settleTokens(call: Call): void {
  const { tokens } = ec2Slice(call);
  for (const [key, { at }] of Object.entries(tokens)) {
    if (!key.startsWith("RunInstances ") && at + KEPT_MS <= call.now) delete tokens[key];
  }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
