import type { InstanceTypeFacts } from "../aws/facts.ts";
import { isStandard, VCPU_QUOTAS, vcpuQuota } from "../aws/vcpu-quota.ts";
import type { PlannedNode } from "../engine/events.ts";
import type { Facts } from "../environment/scope.ts";
import type { Scope } from "./read-facts.ts";
import { willMake } from "./will-make.ts";

/**
 * What to say when a compute environment is made or changed, and nobody says afterwards: jobs that need more vCPUs than
 * the account may run stay RUNNABLE.
 */
export async function vcpuQuotaWarnings(
  { cloud, config: { region, workloads } }: Pick<Scope, "cloud" | "config">,
  facts: Pick<Facts, "workloads">,
  { nodes }: { readonly nodes: readonly PlannedNode[] },
): Promise<readonly string[]> {
  const machines = nodes.filter(({ kind }) => kind === "compute-environment");
  if (!machines.some(({ node, verdict }) => verdict === "update" || willMake(nodes, node))) return [];
  const asked = workloads.map(({ name, compute: { purchase, maxVcpus } }) => ({
    kind: purchase.kind,
    maxVcpus,
    types: facts.workloads[name]!.instanceTypes,
  }));
  const kinds = [...new Set(asked.map(({ kind }) => kind))];
  const warnings = kinds.map(async (kind) => {
    const own = asked.filter(
      (one) => one.kind === kind && one.types.every(({ instanceType }) => isStandard(instanceType)),
    );
    const maxVcpus = Math.max(...own.map((one) => one.maxVcpus));
    const most = own.length > 0 ? await vcpuQuota(cloud, kind) : undefined;
    if (most === undefined || most >= maxVcpus) return [];
    const tooLarge = own.map(({ types }) => types[0]!).find(({ vcpus }) => vcpus > most);
    return [`${inWords(most, kind, region)}: ${consequence(tooLarge, maxVcpus)}.\n${remedy(region, kind, maxVcpus)}`];
  });
  return (await Promise.all(warnings)).flat();
}

function inWords(most: number, kind: string, region: string): string {
  return `this account may run ${most} vCPUs of standard ${kind} instances at once in ${region}`;
}

function consequence(tooLarge: InstanceTypeFacts | undefined, maxVcpus: number): string {
  return tooLarge
    ? `not one ${tooLarge.instanceType} (${tooLarge.vcpus} vCPUs) can start, and jobs stay RUNNABLE`
    : `jobs beyond them wait, although compute.maxVcpus is ${maxVcpus}`;
}

function remedy(region: string, kind: keyof typeof VCPU_QUOTAS, maxVcpus: number): string {
  const quota = `--service-code ec2 --quota-code ${VCPU_QUOTAS[kind]} --desired-value ${maxVcpus}`;
  return `To ask AWS for more: aws service-quotas request-service-quota-increase --region ${region} ${quota}`;
}
