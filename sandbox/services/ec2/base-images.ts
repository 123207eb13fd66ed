import { createHash } from "node:crypto";
import type { Call } from "../../service.ts";
import type { BlockDevice } from "./slice.ts";

/** A public ECS-optimized image, as Amazon publishes one of each variant every two weeks. */
export interface BaseImage {
  readonly id: string;
  /** As in the public SSM parameter's path: amazon-linux-2023, amazon-linux-2023/arm64, amazon-linux-2/gpu … */
  readonly variant: string;
  readonly name: string;
  readonly description: string;
  readonly architecture: "x86_64" | "arm64";
  readonly imdsV2: boolean;
  readonly rootDevice: string;
  readonly devices: readonly BlockDevice[];
  readonly ownerId: string;
  readonly publishedAt: number;
  readonly agentVersion: string;
  readonly dockerVersion: string;
  readonly os: string;
}

interface Variant {
  readonly path: string;
  readonly architecture: "x86_64" | "arm64";
  readonly name: (date: string) => string;
}

const GENERATION_MS = 14 * 24 * 3600_000;
const FIRST_PUBLISHED = Date.UTC(2025, 5, 3, 18, 30);

const VARIANTS: readonly Variant[] = [
  {
    path: "amazon-linux-2023",
    architecture: "x86_64",
    name: (date) => `al2023-ami-ecs-hvm-2023.0.${date}-kernel-6.1-x86_64`,
  },
  {
    path: "amazon-linux-2023/arm64",
    architecture: "arm64",
    name: (date) => `al2023-ami-ecs-hvm-2023.0.${date}-kernel-6.1-arm64`,
  },
  {
    path: "amazon-linux-2023/gpu",
    architecture: "x86_64",
    name: (date) => `al2023-ami-ecs-gpu-hvm-2023.0.${date}-kernel-6.1-x86_64-ebs`,
  },
  {
    path: "amazon-linux-2023/neuron",
    architecture: "x86_64",
    name: (date) => `al2023-ami-ecs-neuron-hvm-2023.0.${date}-kernel-6.1-x86_64`,
  },
  { path: "amazon-linux-2", architecture: "x86_64", name: (date) => `amzn2-ami-ecs-hvm-2.0.${date}-x86_64-ebs` },
  { path: "amazon-linux-2/arm64", architecture: "arm64", name: (date) => `amzn2-ami-ecs-hvm-2.0.${date}-arm64-ebs` },
  {
    path: "amazon-linux-2/gpu",
    architecture: "x86_64",
    name: (date) => `amzn2-ami-ecs-gpu-hvm-2.0.${date}-x86_64-ebs`,
  },
  {
    path: "amazon-linux-2/inf",
    architecture: "x86_64",
    name: (date) => `amzn2-ami-ecs-inf-hvm-2.0.${date}-x86_64-ebs`,
  },
  {
    path: "amazon-linux-2/kernel-5.10",
    architecture: "x86_64",
    name: (date) => `amzn2-ami-ecs-kernel-5.10-hvm-2.0.${date}-x86_64-ebs`,
  },
  {
    path: "amazon-linux-2/kernel-5.10/arm64",
    architecture: "arm64",
    name: (date) => `amzn2-ami-ecs-kernel-5.10-hvm-2.0.${date}-arm64-ebs`,
  },
  {
    path: "amazon-linux-2/kernel-5.10/gpu",
    architecture: "x86_64",
    name: (date) => `amzn2-ami-ecs-kernel-5.10-gpu-hvm-2.0.${date}-x86_64-ebs`,
  },
];

/** By region and latest generation: they are worked out, not remembered. */
const PUBLISHED = new Map<string, readonly BaseImage[]>();

/** Every ECS-optimized image published so far, oldest first within each variant. */
export function ecsImages({
  now,
  region,
  partition,
}: Pick<Call, "now" | "region" | "partition">): readonly BaseImage[] {
  const latest = Math.max(0, Math.floor((now - FIRST_PUBLISHED) / GENERATION_MS));
  const key = `${region} ${latest}`;
  const published =
    PUBLISHED.get(key) ??
    VARIANTS.flatMap((variant) =>
      Array.from({ length: latest + 1 }, (_, generation) => baseImage(variant, generation, region, partition)),
    );
  PUBLISHED.set(key, published);
  return published;
}

function baseImage(variant: Variant, generation: number, region: string, partition: string): BaseImage {
  const publishedAt = FIRST_PUBLISHED + generation * GENERATION_MS;
  const date = new Date(publishedAt).toISOString().slice(0, 10).replaceAll("-", "");
  const isAl2023 = variant.path.startsWith("amazon-linux-2023");
  const seed = `${region} ${variant.path} ${generation}`;
  const rootDevice = "/dev/xvda";
  const agentVersion = `1.${80 + generation}.0`;
  const dockerVersion = "25.0.14";
  return {
    id: idFrom("ami-0", seed),
    variant: variant.path,
    name: variant.name(date),
    description: `Amazon Linux AMI 2.0.${date} ${variant.architecture} ECS HVM GP${isAl2023 ? 3 : 2}`,
    architecture: variant.architecture,
    imdsV2: isAl2023,
    rootDevice,
    devices: [
      {
        name: rootDevice,
        snapshotId: idFrom("snap-0", seed),
        sizeGiB: 30,
        type: isAl2023 ? "gp3" : "gp2",
        encrypted: false,
        goesToo: true,
      },
    ],
    ownerId: partition === "aws-cn" ? "016951021795" : "591542846629",
    publishedAt,
    agentVersion,
    dockerVersion,
    os: isAl2023 ? "Amazon Linux 2023" : "Amazon Linux 2",
  };
}

function idFrom(prefix: string, seed: string): string {
  return (
    prefix +
    createHash("sha256")
      .update(prefix + seed)
      .digest("hex")
      .slice(0, 16)
  );
}
