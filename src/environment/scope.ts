import type { InstanceTypeFacts } from "../aws/facts.ts";
import { type ArnScope, managedPolicy, type PolicyDocument } from "../aws/policies.ts";
import { nodeFor } from "../aws/tags.ts";
import type { Config, WorkloadConfig } from "../config/config.ts";
import { type Handle, placed } from "../engine/graph.ts";
import type { BuildArgument, PackageInS3 } from "../render/build-context.ts";
import type { ContextFile } from "../render/templates.ts";
import type { LocalBuilder } from "../steps/container-image/local-build.ts";
import type { RoleOutput } from "../steps/role.ts";

/** What only the account can tell, read or pinned before the graph is built. */
export interface Facts {
  readonly account: string;
  readonly partition: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly baseImageId: string;
  /** When a bake was asked for that nothing else asked for. */
  readonly forcedAt: string | undefined;
  /** By the workload's name. */
  readonly workloads: Readonly<Record<string, WorkloadFacts>>;
}

export interface WorkloadFacts {
  /** Where its jobs run. */
  readonly computeSubnetIds: readonly string[];
  /** Of the configured instance types, the smallest first. */
  readonly instanceTypes: readonly InstanceTypeFacts[];
  readonly build: BuildFacts | undefined;
}

/** How the container image is built, and from what; absent for a ready image. */
export interface BuildFacts {
  readonly builder: LocalBuilder | "instance";
  /** Where a builder on this machine works. */
  readonly folder: string;
  readonly files: readonly ContextFile[];
  readonly digests: Readonly<Record<string, string>>;
  readonly args: readonly BuildArgument[];
  /** Only for an instance, which gets it inside its command. */
  readonly contextBase64: string;
  /** Only for an instance, which fetches it itself. */
  readonly packageInS3?: PackageInS3 | undefined;
}

/** What every chapter reads. */
export interface Scope {
  readonly config: Config;
  readonly facts: Facts;
  readonly arns: ArnScope;
  readonly workloads: readonly Workload[];
}

export interface Workload extends WorkloadConfig, WorkloadFacts {
  /** The first one's nodes go by their bare ids, another's carry its name. */
  id(node: string): string;
}

export function scopeOf(config: Config, facts: Facts): Scope {
  const { account, partition } = facts;
  return {
    config,
    facts,
    arns: { region: config.region, partition, account },
    workloads: config.workloads.map((workload) => ({
      ...workload,
      ...facts.workloads[workload.name]!,
      id: (node) => nodeFor(node, workload.suffix),
    })),
  };
}

/** A role that instances work under. */
export function instanceRole(
  { config, arns }: Scope,
  inlinePolicy: PolicyDocument | undefined,
  ...managedPolicies: readonly string[]
) {
  return placed({
    inputs: () => ({
      ...config.iam,
      service: "ec2.amazonaws.com",
      managedPolicies: managedPolicies.map((policyName) => managedPolicy(arns, policyName)),
      inlinePolicy,
    }),
  });
}

/** By which instances are given their role. */
export function profileOf({ config: { iam } }: Scope, instanceRole: Handle<RoleOutput>) {
  return placed({
    needs: { instanceRole },
    inputs: ({ instanceRole }) => ({ roleName: instanceRole.roleName, path: iam.path }),
  });
}
