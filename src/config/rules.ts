import { fitsSomeChoice, type Pins, resolveFilesystem } from "./filesystem.ts";
import { partitionOf } from "./partitions.ts";
import type { Problem } from "./problem.ts";
import type { CompleteConfig, Section } from "./schema.ts";

/** What keys must be to one another; a rule is not asked when a key is broken that would lead it astray. */
interface Rule {
  readonly dependsOn: readonly string[];
  check(
    config: CompleteConfig,
    region: string | undefined,
    pins: Pins | undefined,
  ): readonly (Problem | false | undefined)[];
}

const at = (section: Section, key: string, text: string): Problem => ({ path: [section, key], text });

const RULES: readonly Rule[] = [
  {
    dependsOn: ["filesystem.enabled", "filesystem.deploymentType", "filesystem.storageType", "machineImage.os"],
    check({ filesystem, machineImage: { os } }, region, pins) {
      if (!filesystem.enabled || region === undefined) return [];
      if (pins === undefined && fitsSomeChoice(filesystem, { region, os })) return [];
      const resolved = resolveFilesystem(filesystem, { region, os, pins: pins ?? {} });
      return "capacityGiB" in resolved ? [] : resolved;
    },
  },
  {
    dependsOn: ["filesystem.enabled", "filesystem.mountPoint", "scratch.mountPoint", "scratch.kind"],
    check: ({ filesystem, scratch }) => [
      filesystem.enabled &&
        scratch.kind !== "none" &&
        overlap(filesystem.mountPoint, scratch.mountPoint) &&
        at("scratch", "mountPoint", `${scratch.mountPoint} and filesystem.mountPoint must not contain each other`),
    ],
  },
  {
    dependsOn: ["scratch.kind", "scratch.sizeGiB"],
    check: ({ scratch: { kind, sizeGiB } }) => [
      kind === "ebs" &&
        sizeGiB === undefined &&
        at("scratch", "sizeGiB", "is missing: how large shall the EBS volume be?"),
      kind !== "ebs" && sizeGiB !== undefined && at("scratch", "sizeGiB", `goes with kind ebs only, not ${kind}`),
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
            "container",
            "package",
            `name it in your config: ${workload} needs its maker's own package, which may not be handed on; a path, or s3://BUCKET/KEY`,
          ),
        inS3 &&
          builder !== "auto" &&
          builder !== "instance" &&
          at("container", "package", `goes with builder instance, not ${builder}; with ${builder} name a file on disk`),
        !inS3 &&
          !missing &&
          program !== "" &&
          builder === "instance" &&
          at(
            "container",
            "package",
            "a file on disk cannot be sent to an instance; put it into S3 and name s3://BUCKET/KEY",
          ),
      ];
    },
  },
  {
    dependsOn: ["compute.minVcpus", "compute.maxVcpus", "compute.purchase"],
    check: ({ compute: { minVcpus, maxVcpus, purchase, bidPercentage } }) => [
      minVcpus > maxVcpus && at("compute", "minVcpus", `${minVcpus} given; must not be above maxVcpus (${maxVcpus})`),
      bidPercentage !== undefined &&
        purchase !== "spot" &&
        at("compute", "bidPercentage", `goes with purchase spot only, not ${purchase}`),
    ],
  },
  {
    dependsOn: ["compute.maxVcpus", "compute.updateTimeoutMinutes", "job.timeoutMinutes"],
    check: ({ compute, job }) => [
      job.vcpus !== undefined &&
        job.vcpus > compute.maxVcpus &&
        at("job", "vcpus", `${job.vcpus} given; must not be above compute.maxVcpus (${compute.maxVcpus})`),
      compute.updateTimeoutMinutes !== undefined &&
        compute.updateTimeoutMinutes < job.timeoutMinutes &&
        at(
          "compute",
          "updateTimeoutMinutes",
          `${compute.updateTimeoutMinutes} given; less than job.timeoutMinutes (${job.timeoutMinutes}) kills jobs`,
        ),
    ],
  },
  {
    dependsOn: [],
    check({ filesystem, iam }, region) {
      if (region === undefined) return [];
      const partition = partitionOf(region).id;
      const foreign = (arn: string | undefined) => arn?.startsWith("arn:") && !arn.startsWith(`arn:${partition}:`);
      const keyRegion = filesystem.kmsKeyId?.startsWith("arn:") ? filesystem.kmsKeyId.split(":")[3] : region;
      return [
        foreign(iam.permissionsBoundary) &&
          at("iam", "permissionsBoundary", `${iam.permissionsBoundary} is not of ${region}'s partition, ${partition}`),
        (foreign(filesystem.kmsKeyId) || keyRegion !== region) &&
          at("filesystem", "kmsKeyId", `${filesystem.kmsKeyId} is not in ${region}`),
      ];
    },
  },
];

/** Without a region, what depends on it is left for later; without pins, what an earlier run's choices may mend. */
export function brokenRules(
  config: CompleteConfig,
  {
    region,
    pins,
    broken = new Set(),
  }: {
    readonly region: string | undefined;
    readonly pins?: Pins;
    /** Dotted paths of keys whose value cannot be used. */
    readonly broken?: ReadonlySet<string>;
  },
): readonly Problem[] {
  return RULES.filter(({ dependsOn }) => !dependsOn.some((key) => broken.has(key)))
    .flatMap((rule) => rule.check(config, region, pins))
    .filter((problem) => problem !== undefined && problem !== false);
}

function overlap(a: string, b: string): boolean {
  return `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`);
}
