import type { FindContext, Found, Known, StepContext } from "../engine/step.ts";
import { VERSION } from "../version.ts";

export type Tags = Readonly<Record<string, string>>;

export const ENV_TAG = "bootstrap:env";
export const REGION_TAG = "bootstrap:region";
export const NODE_TAG = "bootstrap:node";
export const FINGERPRINT_TAG = "bootstrap:fingerprint";
export const FIXED_TAG = "bootstrap:fixed";
/** When, by which version and in which attempt it was made: `2026-11-21T07:00:00Z 0.1.0 1a2b3c4d`. */
export const MADE_TAG = "bootstrap:made";
/** On an AMI: the image it was baked from. */
export const BASE_IMAGE_TAG = "bootstrap:base-image";
/** On an AMI: when it was baked without a change that asked for it. */
export const FORCED_TAG = "bootstrap:forced";
/** On the instances that Batch launches: the AMI they run. They carry no node, or they would be taken for builders. */
export const IMAGE_TAG = "bootstrap:image";

type Maker = Pick<
  StepContext<unknown, unknown>,
  "name" | "region" | "node" | "fingerprint" | "fixedFingerprint" | "token" | "now" | "tags"
>;
type Seeker = Pick<FindContext<unknown, unknown>, "name" | "region" | "node">;

/** The tags that the call which makes a thing must carry: a thing without them has no owner. */
export function tagsOf({ name, region, node, fingerprint, fixedFingerprint, token, now, tags }: Maker): Tags {
  return {
    ...tags,
    Name: `${name}-${node}`,
    ...idTags({ name, region, node, fingerprint, fixedFingerprint }),
    [MADE_TAG]: `${now.toISOString().replace(/\.\d+Z$/, "Z")} ${VERSION} ${tail(token)}`,
  };
}

/** Those without which a thing is not known again. */
function idTags({ name, region, node, ...made }: Omit<Maker, "token" | "now">): Tags {
  return { ...ownerTags({ name, region, node }), ...fingerprintTags(made) };
}

/** Those that say whose it is. */
function ownerTags({ name, region, node }: Pick<Maker, "name" | "region" | "node">): Tags {
  return { [ENV_TAG]: name, [REGION_TAG]: region, [NODE_TAG]: node };
}

/** Those that a thing on record should carry; of a record without a fixed fingerprint only whose it is can be told. */
export function tagsOnRecord({ name, region }: Seeker, { node, fingerprint, fixedFingerprint }: Known): Tags {
  const owner = { name, region, node };
  return fixedFingerprint ? idTags({ ...owner, fingerprint, fixedFingerprint }) : ownerTags(owner);
}

/** Written last by an update: from now on the thing counts as made from these inputs. */
export function fingerprintTags({
  fingerprint,
  fixedFingerprint,
}: Pick<Maker, "fingerprint" | "fixedFingerprint">): Tags {
  return { [FINGERPRINT_TAG]: fingerprint, [FIXED_TAG]: fixedFingerprint };
}

/** What a thing's tags say of its owner and origin: the part of `Found` that is the same for every kind. */
export function fromTags(
  { name, region, node }: Seeker,
  tags: Tags,
): Pick<Found, "node" | "owned" | "fingerprint" | "fixedFingerprint" | "token"> {
  const taggedNode = tags[NODE_TAG];
  return {
    node: taggedNode ?? node ?? "",
    owned:
      tags[ENV_TAG] === name &&
      tags[REGION_TAG] === region &&
      taggedNode !== undefined &&
      (node === undefined || taggedNode === node),
    fingerprint: tags[FINGERPRINT_TAG],
    fixedFingerprint: tags[FIXED_TAG],
    token: tags[MADE_TAG]?.split(" ")[2],
  };
}

/** `[{ Key, Value }]`, as most services spell tags, to a record. */
export function tagRecord(
  list: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[] | undefined,
): Tags {
  return Object.fromEntries((list ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
}

export function tagList(tags: Tags): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** EC2 filters for everything of this environment, and of one node when the context names it. */
export function tagFilters({ name, region, node }: Seeker): { Name: string; Values: string[] }[] {
  return [
    { Name: `tag:${ENV_TAG}`, Values: [name] },
    { Name: `tag:${REGION_TAG}`, Values: [region] },
    node === undefined ? { Name: "tag-key", Values: [NODE_TAG] } : { Name: `tag:${NODE_TAG}`, Values: [node] },
  ];
}

/** A name no other attempt has had, so that a replacement never collides with what it replaces. */
export function uniqueName({ name, node, token }: Pick<Maker, "name" | "node" | "token">): string {
  return `${name}-${node}-${tail(token)}`;
}

/** The id of a node of which each workload has its own; without a workload, of the first one's. */
export function nodeFor(node: string, workload: string | undefined): string {
  return workload === undefined ? node : `${node}.${workload}`;
}

/** The workload whose own a node is; undefined of the first one's, and of what all share. */
export function workloadOf(node: string): string | undefined {
  return node.split(".")[1];
}

/** What a node's thing goes by in Batch and EC2: no other environment's name has an underscore. */
export function nameFor({ name, node = "" }: Pick<Seeker, "name" | "node">): string {
  const workload = workloadOf(node);
  return workload === undefined ? name : `${name}_${workload}`;
}

/** Whether a name is one of an environment's, whichever workload's. */
export function isNameOf(name: string, given: string | undefined): boolean {
  return given === name || given?.startsWith(`${name}_`) === true;
}

/** The one log group of an environment: builders, jobs, and nodes that are not fit for them write there. */
export function logGroupOf(name: string): string {
  return `/bootstrap/${name}`;
}

/** IAM is global, so its names carry the region; without a node: what all of this environment's there begin with. */
export function iamName({ name, region, node = "" }: Seeker): string {
  return `${name}-${region}-${node}`;
}

/** The eight characters of a token that unique names and tags carry. */
export function tail(token: string): string {
  return token.slice(-8);
}
