import { z } from "zod";

/** Another number when a reader of the lines before could misread the new ones; new fields and new types change nothing. */
const VERSION = 1;

const at = z.number().meta({ description: "milliseconds since 1970, by the clock of AWS or of the sandbox" });
const ms = z.number().meta({ description: "how long it took, in milliseconds" });
const node = z.string().meta({ description: "a part of the environment, by its id in the plan" });
const ref = z.string().meta({ description: "id, name or ARN in AWS" });
const detail = z.string().optional().meta({ description: "AWS's own word for the state, or its reason" });
const state = z.enum(["pending", "ready", "failed", "deleting"]);

const drift = z.object({
  field: z.string(),
  want: z.string(),
  have: z.string(),
  disruptive: z.literal(true).optional(),
  never: z.string().optional(),
  first: z.string().optional(),
  asks: z.string().optional(),
  failed: z.object({ reason: z.string(), at: z.string().optional() }).optional(),
});

const plannedNode = z.object({
  node,
  kind: z.string(),
  verdict: z.enum([
    ...(["create", "adopt", "keep", "update", "replace", "resume", "confirm", "wait", "refuse"] as const),
    ...(["follows", "temporary", "use", "unseen", "remove"] as const),
  ]),
  reason: z.string(),
  ref: ref.optional(),
  state: state.optional(),
  detail,
  drift: z.array(drift).optional().meta({ description: "fields that differ from what is wanted" }),
  hint: z.string().optional(),
  temporaryOf: node.optional(),
  needs: z.array(node).optional().meta({ description: "what it is made after" }),
});

const thing = z.object({ kind: z.string(), node, ref });
const thingWithData = thing.extend({ holdsData: z.boolean() });
const unseen = z.array(
  z.object({ kind: z.string(), words: z.string(), byName: z.boolean() }).meta({
    description: "a kind of thing that could not be looked for, with AWS's reason",
  }),
);

const error = z.object({
  code: z.string().meta({ description: "config, refused, step, aborted, credentials, aws, … or bug" }),
  message: z.string(),
  hint: z.string().optional().meta({ description: "what to do next" }),
  run: z.array(z.array(z.string())).optional().meta({ description: "the commands in the hint, as words" }),
  aws: z
    .object({ code: z.string(), status: z.number().optional(), requestId: z.string().optional() })
    .optional()
    .meta({ description: "what AWS answered" }),
});

const place = { name: z.string(), region: z.string(), account: z.string() };

const line = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ v: z.literal(VERSION), type: z.literal(type), ...shape });

/**
 * What a run says, a line each: in the log that is kept of it, and on stdout under `--json`. From `began` to `ended` it is
 * told in the order in which it happened; a log without `ended` is of a run that goes on, or was killed.
 */
export const lineSchema = z.discriminatedUnion("type", [
  line("began", {
    ...{ at, verb: z.string(), ...place, caller: z.string(), sandbox: z.boolean() },
    endpoint: z.string().optional(),
    program: z.string().meta({ description: "version of bootstrap" }),
    locked: z.boolean().meta({ description: "it may change the environment, and no other run may meanwhile" }),
  }),
  line("planned", { at, nodes: z.array(plannedNode) }),
  line("started", { at, node, doing: z.string() }),
  line("seen", { at, node, ref, state, detail }),
  line("note", { at, node: node.optional(), text: z.string() }),
  line("finished", {
    ...{ at, node, ms, ref: ref.optional() },
    outcome: z.enum(["kept", "adopted", "created", "updated", "replaced", "removed", "unneeded"]),
  }),
  line("failed", { at, node, ms, error }),
  line("blocked", { at, node, by: z.string() }),
  line("interrupted", { at, node, detail: z.string() }),
  line("plan", {
    idle: z.boolean(),
    nodes: z.array(plannedNode),
    removals: z.array(thing),
    left: z.array(thing),
    unseen,
  }),
  line("idle", { left: z.array(z.string()), unseen }),
  line("up", {
    ...{ ...place, failed: z.number(), left: z.array(z.string()) },
    nodes: z.record(z.string(), z.object({ outcome: z.string(), output: z.unknown() })),
  }),
  line("removal", { ...place, jobs: z.union([z.number(), z.string()]), things: z.array(thingWithData), unseen }),
  line("removed", {
    ...{ ...place, left: z.array(thingWithData), unseen },
    accountsOwn: z.array(z.string()).optional(),
  }),
  line("refused-nodes", { nodes: z.array(z.object({ instanceId: z.string(), at: z.string(), words: z.string() })) }),
  line("run", {
    ...{ number: z.number(), environment: z.string(), verb: z.string(), at, ms: ms.optional() },
    exitCode: z.number().optional().meta({ description: "none where the run goes on, or was killed" }),
    words: z.string(),
  }),
  line("error", { error }),
  line("ended", { at, ms, exitCode: z.number() }),
]);

export type Line = Frozen<z.output<typeof lineSchema>>;
export type LineOf<T extends Line["type"]> = Extract<Line, { readonly type: T }>;
export type PlannedLine = Frozen<z.output<typeof plannedNode>>;
export type ErrorInJson = Frozen<z.output<typeof error>>;

type Frozen<T> = T extends readonly (infer E)[]
  ? readonly Frozen<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** `docs/events.schema.json`. */
export function eventsSchema(): object {
  return { title: "What a run of bootstrap says, a line each", ...z.toJSONSchema(lineSchema) };
}
