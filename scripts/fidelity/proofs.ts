/** What the product ships or asks that real parts were set against, and where; the page and its test read this. */

export interface Proof {
  /** Read after "checked against". */
  readonly against: string;
  /** The test file that proves it. */
  readonly test: string;
}

const JOB_SCRIPT: readonly Proof[] = [
  { against: "real Python, stand-ins for aws and bcl2fastq", test: "test/templates/split.test.ts" },
  { against: "real Python, mounts, full disks and kills in a container's own root", test: "test/real/job.test.ts" },
];

const GUEST: Proof = {
  against: "real cloud-init, systemd and kernel in a guest",
  test: "test/real/node-boot/node-boot.test.ts",
};

/** Every file below `templates/` that is run or rendered. */
export const TEMPLATES: Readonly<Record<string, readonly Proof[]>> = {
  "templates/bake/fuse.sh": [
    { against: "bash, shellcheck", test: "test/templates/templates.test.ts" },
    { against: "real systemd timers in a booted machine", test: "test/real/bake.test.ts" },
  ],
  "templates/bake/image.sh": [
    { against: "bash, shellcheck, stand-ins for docker and aws", test: "test/templates/image.test.ts" },
  ],
  "templates/bake/provision.sh": [
    { against: "bash, shellcheck, stand-ins for dnf and systemctl", test: "test/templates/provision.test.ts" },
    { against: "real dnf, rpm and systemd in a booted machine, with stub packages", test: "test/real/bake.test.ts" },
  ],
  "templates/docker/bcl2fastq/Dockerfile": [
    {
      against: "real builder, with stand-ins for base image, channels and packages",
      test: "test/real/image/dockerfile.test.ts",
    },
  ],
  "templates/docker/bcl2fastq/aws.config": [
    { against: "an image that is built, as far as that it lies there", test: "test/real/image/dockerfile.test.ts" },
  ],
  ...Object.fromEntries(
    ["__init__", "bucket", "places", "process", "program", "record", "runfolder", "words"].map((room) => [
      `templates/docker/bcl2fastq/demux/${room}.py`,
      JOB_SCRIPT,
    ]),
  ),
  "templates/docker/bcl2fastq/split.py": JOB_SCRIPT,
  "templates/node/refuse.sh": [
    { against: "bash, shellcheck, stand-ins for aws and curl", test: "test/templates/storage.test.ts" },
    GUEST,
  ],
  "templates/node/storage.sh": [
    { against: "bash, shellcheck, stand-ins for the disk tools", test: "test/templates/storage.test.ts" },
    {
      against: "real systemd, kernel, NVMe disks, mdadm and xfs in a guest; mount.lustre is a stand-in",
      test: "test/real/node-boot/node-boot.test.ts",
    },
  ],
  "templates/node/units/bootstrap-deadline.timer": [GUEST],
  "templates/node/units/bootstrap-power-off.service": [GUEST],
  "templates/node/units/bootstrap-power-off.timer": [GUEST],
  "templates/node/units/bootstrap-refuse.service": [GUEST],
  "templates/node/units/bootstrap-storage.service": [GUEST],
  "templates/node/units/ecs.service.d/10-bootstrap.conf": [GUEST],
  "templates/userdata/10-node.sh": [{ against: "bash, shellcheck", test: "test/templates/user-data.test.ts" }, GUEST],
};

/** Calls whose answer, or what is done with it, a real part took. */
export const CALLS: Readonly<Record<string, Proof>> = {
  "ecr:GetAuthorizationToken": { against: "real registry's login", test: "test/real/image/image.test.ts" },
  "ecr:DescribeImages": { against: "real registry's digests", test: "test/real/image/image.test.ts" },
};

export interface Belief {
  readonly claim: string;
  readonly ifWrong: string;
}

/** What no public page or model confirms, or what one report alone says, and `bootstrap` leans on. */
export const BELIEFS: readonly Belief[] = [
  {
    claim: "a job's container is on a network of Docker's (no page names the network mode of jobs on EC2)",
    ifWrong: "jobs reach their node's credentials, which are narrow: README, Permissions",
  },
  {
    claim: "Batch keeps what a launch template says of shutdown: its list of what it ignores does not name it",
    ifWrong: "a node that is not fit for jobs stops, and its volume costs until its group replaces it",
  },
  {
    claim: "Batch says `Object already exists` when a name is taken",
    ifWrong: "after a lost answer, the second create is shown as an error; run again",
  },
  {
    claim: "Batch says `resource is being modified` and `existing JobQueue relationship` while it is busy (reports)",
    ifWrong: "an update or removal ends with Batch's words instead of waiting; run again",
  },
  {
    claim: "IAM says `has been taken in this account` of a service-linked role that is there",
    ifWrong: "the first `up` ends with IAM's words; run again, the role is then found",
  },
  {
    claim:
      "EC2 says `Invalid IAM Instance Profile` or `has no associated IAM Roles` of a profile that is too young (reports), for about 10 s",
    ifWrong: "the launch of a builder is shown as an error; run again",
  },
  {
    claim: "FSx takes a security group rule up to 30 s after it was made (reports)",
    ifWrong: "the file system is tried for three minutes, then fails with FSx's words; run again",
  },
  {
    claim: "a client token of FSx is free again when its file system is gone; one of RunInstances holds for a day",
    ifWrong: "nothing: each attempt has a token of its own",
  },
  {
    claim: "how long things take, but for FSx; the limits on waiting are several times that",
    ifWrong: "`up` gives up on a thing that is still being made; run again, it goes on with it",
  },
  {
    claim: "the ECS agent can give a job 92 % of a machine's memory",
    ifWrong: "jobs stay RUNNABLE; set `job.memoryMiB` lower",
  },
  {
    claim: "Batch prefers `imageIdOverride`, the one place that names the AMI (its two pages contradict each other)",
    ifWrong: "nothing: no other place names one",
  },
  {
    claim: "Batch refuses only its own AL2 images since 2026-06-30, not yours made from AL2 (`machineImage.os: al2`)",
    ifWrong: "the compute environment is refused in Batch's words",
  },
  {
    claim: "the Lustre client's package in AL2023 finds its kernel module in Amazon's kernels",
    ifWrong: "the bake fails: it loads the module before an image is made",
  },
  {
    claim: "in China: PERSISTENT_1 alone, with Lustre 2.12; every variant of the ECS image; c5d",
    ifWrong: "`up` ends with FSx's words, or names the image or type that is not there, before anything is made",
  },
  {
    claim: "in China: `DeleteAssociatedSnapshots` may be missing; then the snapshots are deleted one by one",
    ifWrong: "nothing, if the refusal is one of the usual codes",
  },
  {
    claim: "`ec2.amazonaws.com` and `ecs-tasks.amazonaws.com` are the principals in China too",
    ifWrong: "creating the roles ends with IAM's words",
  },
  {
    claim: "IAM's quotas: 10,240 bytes of inline policy and 2,048 of trust for a role",
    ifWrong: "many buckets are refused in IAM's words",
  },
  {
    claim: "the conda channel `bih-cubi` carries bcl2fastq 2.20, or `dranew` 2.19, and conda-forge what they need",
    ifWrong: "the image's build fails; name another channel or package with `container.args`",
  },
];
