import { isDeepStrictEqual } from "node:util";
import type { ConfigError } from "../engine/errors.ts";
import { type Problem, show, valueAt } from "./problem.ts";
import type { CompleteConfig } from "./schema.ts";

/** What there is once in an environment, whatever runs there. */
const SHARED = ["network", "filesystem", "machineImage", "iam", "logs"] as const;

/** Of that, lists to which each workload adds its own. */
const JOINED = [
  ["machineImage", "packages"],
  ["filesystem", "directories"],
] as const;

/**
 * The workloads of one environment, each with all that is shared as all have it: throws where two want it otherwise. The
 * environment has the name that the first one gives it.
 */
export function inOne(
  wholes: readonly CompleteConfig[],
  refuse: (problems: readonly Problem[]) => ConfigError,
): [CompleteConfig, ...CompleteConfig[]] {
  const [first, ...others] = wholes as [CompleteConfig, ...CompleteConfig[]];
  const problems = others.flatMap((other) => disagreements(first, other));
  if (problems.length > 0) throw refuse(problems);
  const union = (lists: readonly (readonly string[])[]) => [...new Set(lists.flat())];
  const { machineImage, filesystem } = first;
  const shared = {
    ...{ name: first.name, network: first.network, iam: first.iam, logs: first.logs },
    machineImage: { ...machineImage, packages: union(wholes.map((one) => one.machineImage.packages)) },
    filesystem: { ...filesystem, directories: union(wholes.map((one) => one.filesystem.directories)) },
  };
  return [{ ...first, ...shared }, ...others.map((other) => ({ ...other, ...shared }))];
}

function disagreements(first: CompleteConfig, other: CompleteConfig): readonly Problem[] {
  return SHARED.flatMap((section) =>
    [...new Set([...Object.keys(first[section]), ...Object.keys(other[section])])]
      .filter((key) => !JOINED.some(([of, joined]) => of === section && joined === key))
      .flatMap((key): readonly Problem[] => {
        const [ours, theirs] = [first, other].map((one) => valueAt(one, [section, key]));
        if (isDeepStrictEqual(ours, theirs)) return [];
        const text = `${first.workload} wants ${show(ours)} and ${other.workload} wants ${show(theirs)}, and it is shared: say here which it is to be`;
        return [{ path: [section, key], text }];
      }),
  );
}
