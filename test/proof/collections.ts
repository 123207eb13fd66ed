/** What the judge makes of one collection of the sandbox's world. */
type Judged = { readonly compared: string } | { readonly ignored: string };

const BOOKKEEPING = { ignored: "AWS's own bookkeeping: what was asked before, and in which words" };
const SETTING = { ignored: "a setting of the account, which the tool only reads" };
const NETWORK = { compared: "what carries the tool's tags; all else is the account's own network" };
const PART = { compared: "with the thing that it is a part of" };
const EACH = { compared: "each by its owner and everything that makes it complete" };

/** A network's parts, of which the tool makes none. */
export const NETWORK_PARTS = [
  "vpcs",
  "subnets",
  "routeTables",
  "internetGateways",
  "natGateways",
  "endpoints",
] as const;

/**
 * Everything that a world may hold, by slice and collection. What is not here, the judge refuses to judge: whoever adds
 * a service or a collection to the sandbox says here how it is compared, or why it is not.
 */
export const COLLECTIONS: Readonly<Record<string, Readonly<Record<string, Judged>> | Judged>> = {
  ec2: {
    ...Object.fromEntries(NETWORK_PARTS.map((name) => [name, NETWORK])),
    interfaces: { compared: "by its security groups, with the file system that it belongs to" },
    groups: { compared: "each by its owner, its network and its rules, but for AWS's own default ones" },
    rules: PART,
    instances: { compared: "each that is not terminated, by its owner, state and type" },
    volumes: { compared: "each that is attached to nothing, by its owner" },
    images: { compared: "each by its owner, state, origin and snapshots; one older may stay" },
    snapshots: { compared: "with their image; each that no image holds, by its owner" },
    templates: { compared: "each version by its owner and its data; one older may stay" },
    tags: { compared: "with the things that carry them" },
    tokens: BOOKKEEPING,
    zoneGroups: SETTING,
    vCpuQuota: SETTING,
    diskKey: SETTING,
  },
  fsx: {
    fileSystems: { compared: "each that is not being deleted, by its owner and everything that makes it complete" },
    defaultKeyArn: { compared: "with the file systems that are encrypted with it" },
    tokens: BOOKKEEPING,
    lingering: { ignored: "AWS's own: interfaces that outlive their file system by a little and then go" },
  },
  "fsx-repositories": {
    associations: EACH,
    tasks: { ignored: "history of what a lab copied: a task costs nothing and cannot be deleted" },
  },
  batch: {
    environments: EACH,
    queues: EACH,
    definitions: { compared: "each that is ACTIVE, by its owner, its body and whether its image is there" },
    revisions: BOOKKEEPING,
    ghosts: BOOKKEEPING,
  },
  "batch-jobs": { ignored: "a lab's own jobs, which end by themselves" },
  ecr: { repositories: { compared: "each by its owner and settings, and each image in it; unused images may stay" } },
  logs: { groups: { compared: "each by its owner and settings; its streams are a lab's own" } },
  ssm: {
    agents: { ignored: "AWS's own view of instances, which are compared" },
    commands: { ignored: "history: a command costs nothing and cannot be deleted" },
  },
  iam: {
    roles: { compared: "each by its owner, trust, policies and boundary, but for AWS's own service-linked ones" },
    profiles: { compared: "each by its owner, path and role" },
    policies: { compared: "each by its owner and document" },
    uses: BOOKKEEPING,
    deletions: BOOKKEEPING,
  },
};

/** Refuses a world with what nobody told the judge about. */
export function demandKnown(slices: Readonly<Record<string, unknown>>, regions: readonly string[]): void {
  const unknown = unknownIn(slices, regions);
  if (unknown.length > 0) throw new Error(`not in test/proof/collections.ts, so not judged: ${unknown.join(", ")}`);
}

/** A service, one of its collections, or a region that nobody works in. */
function unknownIn(slices: Readonly<Record<string, unknown>>, regions: readonly string[]): readonly string[] {
  return Object.entries(slices).flatMap(([key, slice]) => {
    const [service = "", where = ""] = key.split("/");
    const known = Object.hasOwn(COLLECTIONS, service) ? COLLECTIONS[service]! : undefined;
    if (known === undefined || ![...regions, "global"].includes(where)) return [key];
    if ("ignored" in known || "compared" in known) return [];
    // IAM is one for all regions of a partition.
    const parts = where === "global" ? Object.entries(slice as object) : [[undefined, slice as object] as const];
    return parts.flatMap(([partition, part]) =>
      Object.keys(part)
        .filter((collection) => !Object.hasOwn(known, collection))
        .map((collection) => [key, partition, collection].filter(Boolean).join("/")),
    );
  });
}
