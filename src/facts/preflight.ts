import type { InstanceTypeFacts } from "../aws/facts.ts";
import type { Config, WorkloadConfig } from "../config/config.ts";
import { ConfigError } from "../engine/errors.ts";

/** Memory of a machine that AWS's own example leaves to containers: more than this is never placed. */
const MOST_OF_MEMORY = 0.97;

/** Refuses what no machine of the chosen types could ever run: such jobs would wait for ever, and nobody would say why. */
export function demandFit(
  { workloads }: Pick<Config, "workloads">,
  facts: Readonly<Record<string, { readonly instanceTypes: readonly InstanceTypeFacts[] }>>,
): void {
  const problems = workloads.flatMap((workload) =>
    misfits(workload, facts[workload.name]!.instanceTypes).map((problem) =>
      workloads.length > 1 ? `${workload.name}: ${problem}` : problem,
    ),
  );
  if (problems.length > 0) throw new ConfigError(problems.join("\n"));
}

function misfits(
  { compute, scratch, job }: WorkloadConfig,
  instanceTypes: readonly InstanceTypeFacts[],
): readonly string[] {
  const problems: string[] = [];
  const names = (types: readonly InstanceTypeFacts[]) => types.map(({ instanceType }) => instanceType).join(", ");
  const most = (of: (type: InstanceTypeFacts) => number) => Math.max(...instanceTypes.map(of));

  const foreign = instanceTypes.filter(({ architecture }) => architecture !== "x86_64");
  if (foreign.length > 0) problems.push(`compute.instanceTypes: ${names(foreign)}: not x86_64, and the images are`);
  const bare = instanceTypes.filter(({ diskSizesGB }) => diskSizesGB.length === 0);
  if (scratch.kind === "instance-store" && bare.length > 0) {
    problems.push(
      `compute.instanceTypes: ${names(bare)}: no disks of its own; choose a type with them, such as c5d.9xlarge, or set scratch.kind to ebs or none`,
    );
  }
  const slow = instanceTypes.filter(({ diskSizesGB, nvme }) => diskSizesGB.length > 0 && !nvme);
  if (scratch.kind === "instance-store" && slow.length > 0) {
    problems.push(
      `compute.instanceTypes: ${names(slow)}: its own disks are not NVMe, and nodes look for no others; choose a type with NVMe disks, such as c5d.9xlarge, or set scratch.kind to ebs or none`,
    );
  }
  const vcpus = most((type) => type.vcpus);
  if (job.vcpus !== undefined && job.vcpus > vcpus) {
    problems.push(`job.vcpus: ${job.vcpus} given; the largest instance type has ${vcpus}`);
  }
  const memoryMiB = Math.floor(most((type) => type.memoryMiB) * MOST_OF_MEMORY);
  if (job.memoryMiB !== undefined && job.memoryMiB > memoryMiB) {
    problems.push(
      `job.memoryMiB: ${job.memoryMiB} given; the largest instance type leaves at most ${memoryMiB} to a job`,
    );
  }
  const fewest = Math.min(...instanceTypes.map((type) => type.vcpus));
  if (compute.maxVcpus < fewest) {
    problems.push(`compute.maxVcpus: ${compute.maxVcpus} given; the smallest instance type alone has ${fewest}`);
  }
  return problems;
}
