import { z } from "zod";
import { isRegion } from "./partitions.ts";
import {
  buckets,
  buildArguments,
  choice,
  imageReference,
  instanceType,
  list,
  mountPoint,
  name,
  object,
  partly,
  program,
  subnetId,
  text,
  url,
  values,
  variableName,
  whole,
  workloadName,
} from "./values.ts";

/** Start here: every key of `bootstrap.yaml`. A workload's preset has the same keys, and all that are needed. */

const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

const region = z
  .string({ error: "must be an AWS region, such as us-east-1" })
  .refine(isRegion, { error: "must be an AWS region, such as us-east-1, eu-central-1 or cn-northwest-1" })
  .describe("AWS region. Without it: the flag, AWS_REGION, or the profile's.");

const workload = workloadName.describe("Which preset of the folder workloads/ everything not written here comes from.");

const network = object({
  vpcId: text(/^vpc-[0-9a-f]{8,17}$/, "a VPC's id, such as vpc-0123456789abcdef0")
    .optional()
    .describe("Default: the region's default VPC."),
  subnetId: subnetId
    .optional()
    .describe("Where the file system and the builder stand. Default: one in a zone that offers the instance types."),
}).describe("Where it all stands.");

const filesystem = object({
  enabled: z.boolean({ error: "must be true or false" }).describe("false: no Lustre file system at all."),
  deploymentType: choice(["SCRATCH_2", "PERSISTENT_1", "PERSISTENT_2"])
    .optional()
    .describe("Default: PERSISTENT_2 where the region has it, else PERSISTENT_1 (all of China)."),
  storageType: choice(["SSD", "HDD"]).optional().describe("HDD goes with PERSISTENT_1 only. Default: SSD."),
  capacityGiB: whole(1200, 2_147_483_647, "GiB")
    .optional()
    .describe(
      "SSD: 1200, 2400, then steps of 2400. HDD: steps of 6000 (12 MB/s/TiB) or 1800 (40). Default: the smallest.",
    ),
  throughputPerTiB: whole(12, 1000, "MB/s for each TiB")
    .optional()
    .describe(
      "MB/s for each TiB. PERSISTENT_1: 50, 100, 200 (HDD: 12, 40); PERSISTENT_2: 125, 250, 500, 1000. Default: lowest.",
    ),
  lustreVersion: z
    .enum(["2.10", "2.12", "2.15"], { error: 'must be one of "2.10", "2.12", "2.15", in quotes' })
    .optional()
    .describe("Default: the newest that the region has and the machine image's client can mount. It can only go up."),
  compression: choice(["NONE", "LZ4"]).describe("DataCompressionType."),
  driveCache: choice(["NONE", "READ"]).optional().describe("HDD only. READ: an SSD cache of 20 % of the capacity."),
  kmsKeyId: text(
    /^(?:arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(?:key|alias)\/[\w/-]+|alias\/[\w/-]+|(?:mrk-)?[0-9a-f-]{32,36})$/,
    "a KMS key's id, alias or ARN",
  )
    .optional()
    .describe("PERSISTENT only. Default: the account's key for FSx."),
  mountPoint: mountPoint.describe("Where nodes and jobs see the file system."),
  directories: list(
    text(/^(?!\.)[A-Za-z0-9._-]+(?:\/(?!\.)[A-Za-z0-9._-]+)*$/, "a path inside the file system", 255),
    "paths inside the file system",
  ).describe("Made at a node's boot where they are missing."),
}).describe("FSx for Lustre: inputs of later analyses, and results.");

const scratch = object({
  kind: choice(["instance-store", "ebs", "none"]).describe(
    "instance-store: the disks that come with the instance type.",
  ),
  mountPoint: mountPoint.describe("Where nodes and jobs see the scratch disk."),
  sizeGiB: whole(1, 65_536, "GiB").optional().describe("Of an ebs scratch disk; needed there."),
}).describe("A node's own fast disk.");

const machineImage = object({
  os: choice(["al2023", "al2"]).describe("al2 has reached its end of support (2026-06-30)."),
  packages: list(text(/^[A-Za-z0-9][A-Za-z0-9._+:~-]*$/, "an RPM package's name", 200), "RPM package names").describe(
    "Installed besides the Lustre client, xfsprogs, mdadm and the AWS CLI.",
  ),
  builderInstanceType: instanceType.describe("Of the instance the image is baked on; it lives only while baking."),
  rootGiB: whole(30, 16_384, "GiB").optional().describe("Root volume. Default: the base image's (30)."),
  keep: whole(0, 20).describe("How many older images stay, to go back to."),
  fuseHours: whole(1, 24, "hours").describe("A forgotten builder ends itself after so many hours."),
}).describe("The AMI that is baked.");

const container = object({
  context: text(
    /^(?:[A-Za-z0-9][A-Za-z0-9_-]*|\.\.?|(?!-)[^\0\n\r]*[/\\][^\0\n\r]*)$/,
    "the name of a folder in templates/docker, or the path of your own (./image)",
    1024,
  ).describe("The Dockerfile's folder: a name in templates/docker, or a path, from this file, with a slash in it."),
  builder: choice(["auto", "docker", "podman", "buildah", "instance"]).describe(
    "auto: a local one where there is one, else an instance of its own.",
  ),
  args: buildArguments(variableName("a build argument's name")).describe("Build arguments (ARG)."),
  package: program
    .optional()
    .describe(
      "The program as its maker hands it out: an RPM, or a zip that holds one; a path, from this file, or s3://BUCKET/KEY. Presets say `required` where there is no other source.",
    ),
  mirrors: object({
    baseImage: imageReference.optional().describe("Instead of the public base image."),
    conda: url.optional().describe("Address whose folders are the channels, instead of https://conda.anaconda.org."),
    packages: url.optional().describe("Package repository instead of the distribution's."),
  })
    .optional()
    .describe("For regions that reach public registries badly, China above all."),
  image: imageReference.optional().describe("A ready image: nothing is built, and the other keys do not matter."),
}).describe("The image jobs run in.");

const compute = object({
  instanceTypes: list(instanceType, "instance types").min(1, { error: "must name at least one instance type" }),
  maxVcpus: whole(1, 1_000_000).describe("The most that run at once; Batch may go over it by one instance."),
  minVcpus: whole(0, 1_000_000).describe("Kept running, and paid for, even without jobs."),
  purchase: choice(["on-demand", "spot"]),
  bidPercentage: whole(1, 100, "per cent of the on-demand price")
    .optional()
    .describe("spot only. Default: up to the on-demand price."),
  subnetIds: list(subnetId, "subnet ids")
    .min(1, { error: "must name at least one subnet" })
    .max(16, { error: "must not name more than 16 subnets" })
    .optional()
    .describe("Default: the file system's subnet alone, since traffic between zones costs money and time."),
  updateTimeoutMinutes: whole(1, 7200, "minutes")
    .optional()
    .describe(
      "How long an update waits for running jobs before it ends them. Default: job.timeoutMinutes. AWS documents 360 at most in China.",
    ),
}).describe("AWS Batch's compute environment.");

const job = object({
  vcpus: whole(1, 1024).optional().describe("Default: all of the smallest instance type."),
  memoryMiB: whole(4, 25_165_824, "MiB").optional().describe("Default: what fits the smallest instance type."),
  timeoutMinutes: whole(1, 7200, "minutes").describe("An attempt is ended after so long."),
  attempts: whole(1, 10).describe("Only a reclaimed or failed machine leads to a second attempt."),
  command: z
    .array(z.string({ error: "must be a text" }).min(1, { error: "must not be empty: Batch refuses it" }), {
      error: "must be a list of texts",
    })
    .min(1, { error: "must not be empty" })
    .optional()
    .describe("Default: the image's own. Ref::name stands for a parameter."),
  parameters: values(text(/^[A-Za-z0-9_-]+$/, "a parameter's name", 255), "parameters").describe(
    "What Ref::name in the command stands for, unless the job says otherwise.",
  ),
  environment: values(variableName("a variable's name"), "environment variables"),
  buckets: object({
    read: buckets.optional().describe("S3 buckets jobs may read."),
    write: buckets.optional().describe("S3 buckets jobs may read and write."),
  }),
  maxRunnableMinutes: whole(10, 1440, "minutes").describe(
    "A job that cannot be placed, for want of capacity or by misconfiguration, is cancelled after so long.",
  ),
}).describe("AWS Batch's job definition and queue.");

const iam = object({
  path: text(/^\/(?:[\x21-\x7e]+\/)?$/, "a path that begins and ends with a slash", 512).describe(
    "Of every role made.",
  ),
  permissionsBoundary: text(/^arn:aws[a-z-]*:iam::(?:aws|\d{12}):policy\/[\x21-\x7e]+$/, "a managed policy's ARN")
    .optional()
    .describe("Put on every role made."),
}).describe("What an organisation asks of roles.");

const logs = object({
  retentionDays: z
    .literal(RETENTION_DAYS, { error: `must be one of ${RETENTION_DAYS.join(", ")}` })
    .describe("How long CloudWatch keeps the environment's logs."),
}).describe("CloudWatch Logs.");

const TAG_TEXT = /^[\p{L}\p{N} _.:/=+@-]*$/u;

const tags = z
  .record(
    text(
      /^(?!(?:aws|bootstrap):|Name$)(?=\S)[\p{L}\p{N} _.:/=+@-]*\S$/iu,
      "a tag's key, of letters, digits, spaces and _.:/=+-@, beginning neither with aws: nor with bootstrap:, and not Name",
      128,
    ),
    z.union([text(TAG_TEXT, "one text of letters, digits, spaces and _.:/=+-@", 256), z.number(), z.boolean()]),
    { error: "must be a section of tags" },
  )
  .refine((all) => Object.keys(all).length <= 40, {
    error: "must not be more than 40: a thing takes 50, and some are bootstrap's",
  })
  .describe("Your own tags, on everything that is made from now on: what is there keeps those it was made with.");

/** What a workload may have otherwise than the rest of the file says. */
const OWN = { scratch, container, compute, job };

export const ownSchema = object(partly(OWN));

const workloads = z
  .union([
    list(workload, "workloads' names").min(1, { error: "must name at least one" }),
    z
      .record(workload, ownSchema.nullable())
      .refine((all) => Object.keys(all).length > 0, { error: "must name at least one" }),
  ])
  .describe(
    "Several workloads in place of one: a list of their names, or a section for each with what is its own of scratch, container, compute and job. The first one's things have the environment's bare name.",
  );

const HEAD = {
  name: name.describe("The environment's name, part of every name in AWS. Default: the workload's."),
  region: region.optional(),
  workload,
};
const SECTIONS = {
  network,
  filesystem,
  scratch,
  machineImage,
  container,
  compute,
  job,
  iam,
  logs,
  tags: tags.optional(),
};

/** What a preset and a config file must amount to together. */
export const completeSchema = z.strictObject({ ...HEAD, ...SECTIONS });

/** One file by itself: anything may be missing. */
export const fileSchema = z
  .strictObject(
    { ...partly(HEAD), workloads: workloads.optional(), ...partly(SECTIONS) },
    { error: "must be sections and keys, such as `region: us-east-1`" },
  )
  .describe("An environment of bootstrap.");

export type CompleteConfig = z.infer<typeof completeSchema>;
export type Section = keyof CompleteConfig;
export type FileConfig = z.infer<typeof fileSchema>;
