import { type Caller, policyFor, sizeOf } from "../aws/caller-policy.ts";
import { whoAmI } from "../aws/facts.ts";
import { reach } from "../cli/connection.ts";
import type { PolicyFlags } from "../cli/flags.ts";
import { stopOnSignals } from "../cli/signals.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { partitionOf } from "../config/partitions.ts";
import { resolveConfig } from "../config/resolve.ts";
import { WORKLOADS_FOLDER } from "../config/workloads.ts";
import { ConfigError } from "../engine/errors.ts";

/** Prints the least that whoever types a verb must be allowed, as a policy that can be attached. */
export async function policy(flags: PolicyFlags): Promise<void> {
  const { of, account } = flags;
  if (account !== undefined && !/^\d{12}$/.test(account)) {
    throw new ConfigError(`--account ${account}: not an AWS account`, "give the twelve digits of its number");
  }
  const { name, region: asked } = flags;
  const loaded = await loadConfig({
    file: flags.config,
    workloadsFolder: WORKLOADS_FOLDER,
    overrides: { name, region: asked },
  });
  const known = asked ?? loaded.values.region;
  const place = known !== undefined && account !== undefined ? { region: known, account } : await placeOf(flags, known);
  const config = resolveConfig(loaded, place.region);
  const document = policyFor(of, callerOf(config, place.account));
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  const size = sizeOf(document);
  if (size <= MANAGED_POLICY) return;
  process.stderr.write(
    `it has ${size} characters, and a managed policy may have ${MANAGED_POLICY}: attach it inline to a role, or in two\n`,
  );
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const MANAGED_POLICY = 6_144;

/** The account that the credentials at hand belong to, unless one is named. */
async function placeOf(flags: PolicyFlags, known: string | undefined) {
  const world = await reach(flags, stopOnSignals());
  try {
    const region = known ?? (await world.defaultRegion());
    if (flags.account !== undefined) return { region, account: flags.account };
    const cloud = world.connect(region);
    try {
      return { region, account: (await whoAmI(cloud)).account };
    } finally {
      cloud.destroy();
    }
  } finally {
    await world.close();
  }
}

/** What a config says of the one who works with it. */
export function callerOf({ name, region, iam, compute, container, filesystem }: Config, account: string): Caller {
  const builder = container.kind === "build" ? container.builder : "instance";
  return {
    ...{ partition: partitionOf(region).id, region, account, name, ...iam },
    spot: compute.purchase.kind === "spot",
    pushes: builder !== "instance",
    kmsKeyId: filesystem?.kmsKeyId,
  };
}
