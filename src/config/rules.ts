import { neverHad } from "./filesystem.ts";
import { partitionOf } from "./partitions.ts";
import type { Problem } from "./problem.ts";
import type { CompleteConfig, Section } from "./schema.ts";

/** What keys must be to one another; a rule is not asked when a key is broken that would lead it astray. */
interface Rule {
  readonly dependsOn: readonly string[];
  check(config: CompleteConfig, first: CompleteConfig): readonly (Problem | false | undefined)[];
}

const at = (path: `${Section}.${string}`, text: string): Problem => ({ path: path.split("."), text });

/** Wherever the environment is. */
export const RULES: readonly Rule[] = [
  {
    dependsOn: ["filesystem.enabled", "filesystem.mountPoint", "scratch.mountPoint", "scratch.kind"],
    check: ({ filesystem, scratch }) => [
      filesystem.enabled &&
        scratch.kind !== "none" &&
        overlap(filesystem.mountPoint, scratch.mountPoint) &&
        at("scratch.mountPoint", `${scratch.mountPoint} and filesystem.mountPoint must not contain each other`),
    ],
  },
  {
    dependsOn: ["scratch.kind", "scratch.sizeGiB"],
    check: ({ scratch: { kind, sizeGiB } }) => [
      kind === "ebs" &&
        sizeGiB === undefined &&
        at("scratch.sizeGiB", "is missing: how large shall the EBS volume be?"),
      kind !== "ebs" && sizeGiB !== undefined && at("scratch.sizeGiB", `goes with kind ebs only, not ${kind}`),
    ],
  },
  {
    dependsOn: ["container.package", "container.image", "container.builder"],
    check: ({ workload, container: { image, builder, package: program = "" } }) => {
      if (image !== undefined) return [];
      const inS3 = program.startsWith("s3://");
      const missing = program === "required";
      return [
        missing &&
          at(
            "container.package",
            `name it in your config: ${workload} needs its maker's own package, which may not be handed on; a path, or s3://BUCKET/KEY`,
          ),
        inS3 &&
          builder !== "auto" &&
          builder !== "instance" &&
          at("container.package", `goes with builder instance, not ${builder}; with ${builder} name a file on disk`),
        !inS3 &&
          !missing &&
          program !== "" &&
          builder === "instance" &&
          at(
            "container.package",
            "a file on disk cannot be sent to an instance; put it into S3 and name s3://BUCKET/KEY",
          ),
      ];
    },
  },
  {
    dependsOn: ["compute.minVcpus", "compute.maxVcpus", "compute.purchase"],
    check: ({ compute: { minVcpus, maxVcpus, purchase, bidPercentage } }) => [
      minVcpus > maxVcpus && at("compute.minVcpus", `${minVcpus} given; must not be above maxVcpus (${maxVcpus})`),
      bidPercentage !== undefined &&
        purchase !== "spot" &&
        at("compute.bidPercentage", `goes with purchase spot only, not ${purchase}`),
    ],
  },
  {
    dependsOn: ["compute.maxVcpus", "compute.updateTimeoutMinutes", "job.timeoutMinutes"],
    check: ({ compute, job }) => [
      job.vcpus !== undefined &&
        job.vcpus > compute.maxVcpus &&
        at("job.vcpus", `${job.vcpus} given; must not be above compute.maxVcpus (${compute.maxVcpus})`),
      compute.updateTimeoutMinutes !== undefined &&
        compute.updateTimeoutMinutes < job.timeoutMinutes &&
        at(
          "compute.updateTimeoutMinutes",
          `${compute.updateTimeoutMinutes} given; less than job.timeoutMinutes (${job.timeoutMinutes}) kills jobs`,
        ),
    ],
  },
];

/** In a region, whatever an earlier run may have chosen there. */
export const rulesIn = (region: string): readonly Rule[] => [
  {
    dependsOn: ["filesystem.enabled", "filesystem.deploymentType", "filesystem.storageType", "machineImage.os"],
    check: ({ filesystem, machineImage: { os } }) => (filesystem.enabled ? neverHad(filesystem, { region, os }) : []),
  },
  {
    dependsOn: [],
    check({ filesystem, iam }) {
      const partition = partitionOf(region).id;
      const foreign = (arn: string | undefined) => arn?.startsWith("arn:") && !arn.startsWith(`arn:${partition}:`);
      const keyRegion = filesystem.kmsKeyId?.startsWith("arn:") ? filesystem.kmsKeyId.split(":")[3] : region;
      return [
        foreign(iam.permissionsBoundary) &&
          at("iam.permissionsBoundary", `${iam.permissionsBoundary} is not of ${region}'s partition, ${partition}`),
        (foreign(filesystem.kmsKeyId) || keyRegion !== region) &&
          at("filesystem.kmsKeyId", `${filesystem.kmsKeyId} is not in ${region}`),
      ];
    },
  },
  {
    dependsOn: ["name"],
    check({ name, workload }, first) {
      // Every role's name holds the environment's, the region and, of a further workload, its own: this is the longest.
      const role = `${name}-${region}-image-builder-role.${workload}`;
      const over = role.length - LONGEST_ROLE;
      const text = `${workload} makes the name of a role (${role}) ${over} characters longer than IAM takes: make it the first, or give the environment a shorter name`;
      return [workload !== first.workload && over > 0 && { path: ["workloads"], text }];
    },
  },
];

/** Of a role's name: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const LONGEST_ROLE = 64;

/** What is wrong with the workloads of one environment; `broken` are dotted paths of keys whose value cannot be used. */
export function brokenRulesOf(
  workloads: readonly [CompleteConfig, ...CompleteConfig[]],
  rules: readonly Rule[],
  broken: ReadonlySet<string> = new Set(),
): readonly Problem[] {
  const asked = rules.filter(({ dependsOn }) => !dependsOn.some((key) => broken.has(key)));
  return workloads.flatMap((one) =>
    asked
      .flatMap((rule) => rule.check(one, workloads[0]))
      .flatMap((problem) => (problem ? [{ ...problem, workload: one.workload }] : [])),
  );
}

function overlap(a: string, b: string): boolean {
  return `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`);
}
