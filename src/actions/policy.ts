import { type Caller, type PolicyVerb, policyFor } from "../aws/caller-policy.ts";
import { LEAST } from "../aws/roles-at-once.ts";
import type { Config } from "../config/config.ts";
import { partitionOf } from "../config/partitions.ts";
import { resolveConfig } from "../config/resolve.ts";
import { ConfigError } from "../engine/errors.ts";
import { Manifest } from "../engine/manifest/manifest.ts";
import { usesSpot } from "../environment/compute.ts";
import { ROLE_NODES } from "../steps/role.ts";
import type { Action, Host } from "./action.ts";
import type { Target } from "./options.ts";
import type { Result } from "./result.ts";
import { identify, loadTarget, pathOf } from "./session.ts";

export interface PolicyOptions extends Target {
  readonly of: PolicyVerb;
  readonly account?: string;
}

/** The least that whoever types a verb must be allowed, as a policy that can be attached. */
export const policy: Action<PolicyOptions> = async (host, options, io) => {
  const { of, account: given } = options;
  if (given !== undefined && !/^\d{12}$/.test(given)) {
    throw new ConfigError(`--account ${given}: not an AWS account`, "give the twelve digits of its number");
  }
  const loaded = await loadTarget(options);
  const { name, region: known } = loaded.values;
  const { region, account } = known && given ? { region: known, account: given } : await placeOf(host, known, given);
  const path = `${pathOf(host, { name, region, sandbox: options.sandbox ?? false })}.json`;
  const { pins } = await Manifest.open(host.store(path), { name, account, region });
  // As these verbs themselves: where nothing is made, a config that earlier choices do not fit will do.
  const config = resolveConfig(loaded, region, of === "teardown" ? null : pins);
  const document = policyFor(of, callerOf(config, account));
  const result: Result = { type: "policy", document };
  await io.result(result);
  return result;
};

/** The account that the credentials at hand belong to, unless one is named. */
async function placeOf(host: Host, known: string | undefined, account: string | undefined) {
  const world = await host.reach();
  try {
    const region = known ?? (await world.defaultRegion());
    if (account !== undefined) return { region, account };
    const cloud = world.connect(region);
    try {
      return { region, account: (await identify(cloud, world, host.signal)).account };
    } finally {
      cloud.destroy();
    }
  } finally {
    await world.close();
  }
}

/** What a config says of the one who works with it. */
export function callerOf(config: Config, account: string): Caller {
  const { name, region, iam, filesystem } = config;
  return {
    ...{ partition: partitionOf(region).id, region, account, name, ...iam },
    spot: usesSpot(config),
    pushes: config.workloads.some(({ container }) => container.kind === "build" && container.builder !== "instance"),
    manyRoles: rolesOf(config) >= LEAST,
    kmsKeyId: filesystem?.kmsKeyId,
  };
}

/** As many as are asked for at once: those of one workload that there may be, and those of each further one. */
function rolesOf({ workloads: [, ...others] }: Config): number {
  const own = others.map(({ container }) => (container.kind === "build" ? 2 : 1));
  return own.reduce((sum, count) => sum + count, ROLE_NODES.length);
}
