import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { DescribeJobDefinitionsCommand, SubmitJobCommand } from "@aws-sdk/client-batch";
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateTagsCommand,
  DeleteRouteCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  RevokeSecurityGroupEgressCommand,
} from "@aws-sdk/client-ec2";
import { PutImageScanningConfigurationCommand, PutImageTagMutabilityCommand } from "@aws-sdk/client-ecr";
import {
  ListInstanceProfilesCommand,
  TagInstanceProfileCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { status } from "../../src/actions/status.ts";
import { teardown as teardownOf } from "../../src/actions/teardown.ts";
import { manyWorkloads } from "../environment/many-workloads.ts";
import { Site } from "../environment/site.ts";
import { lab } from "../steps/harness.ts";

export const VERBS = ["up", "bake-ami", "status", "teardown"] as const;
export type Verb = (typeof VERBS)[number];

/** Which verbs asked for an operation and were answered, by `service:Operation`. */
export type ProductCalls = ReadonlyMap<string, ReadonlySet<Verb>>;

/**
 * Runs every verb in process, in two partitions: on nothing, again, on changed configs, after others tampered with what
 * is there, after failures. Answers what the sandbox's log holds of it.
 */
export async function productCalls(): Promise<ProductCalls> {
  const asked = new Map<string, Set<Verb>>();
  const during = async (site: Site, verb: Verb, run: () => Promise<unknown>) => {
    const before = site.lab.calls.length;
    await run();
    for (const { service, operation, outcome } of site.lab.calls.slice(before)) {
      if (outcome !== "ok") continue;
      const call = `${service}:${operation}`;
      asked.set(call, (asked.get(call) ?? new Set()).add(verb));
    }
  };
  const up = (site: Site, yaml = "") => during(site, "up", () => site.up(yaml));
  const bake = (site: Site, yaml = "") => during(site, "bake-ami", () => site.bake(yaml, { force: true }));
  const look = (site: Site) => during(site, "status", () => site.run(status, {}));
  const teardown = (site: Site) => during(site, "teardown", () => site.teardown());

  // Looks as often as a real run does: what is asked only while something is not yet so is asked here too.
  const at = (region: string) => new Site(region, lab(region));
  const global = at("us-east-1");
  global.lab.faults.push({ service: "ec2", operation: "CreateImage", nth: 1, fate: { kind: "fail", reason: "no" } });
  global.lab.faults.push({ operation: "DescribeInstanceInformation", nth: 1, fate: { kind: "late" } });
  await look(global);
  await up(global);
  const mistyped = new Site("us-east-1", global.lab);
  await during(mistyped, "teardown", () => mistyped.run(teardownOf, { yaml: "name: another", yes: true }));
  await up(global);
  await up(global);
  await look(global);
  await up(global, CHANGED);
  await up(global, "compute: { maxVcpus: 288, purchase: spot }");
  await tamper(global);
  await up(global);
  await during(global, "up", () => global.up("", { repair: true }));
  // The newest parameter of all: an older partition does not know it.
  global.lab.faults.push({ operation: "DeregisterImage", nth: 1, error: { code: "UnknownParameter" } });
  for (let generation = 0; generation < 3; generation++) await bake(global);
  await submitJob(global);
  await teardown(global);

  // Without a way out it is endpoints that are looked for.
  const walled = at("eu-west-3");
  const { RouteTables } = await walled.lab.cloud.ec2.send(new DescribeRouteTablesCommand({}));
  for (const { RouteTableId } of RouteTables ?? []) {
    const route = { RouteTableId, DestinationCidrBlock: "0.0.0.0/0" };
    await walled.lab.cloud.ec2.send(new DeleteRouteCommand(route));
  }
  await during(walled, "up", () => walled.up().catch(() => {}));

  const china = at("cn-northwest-1");
  await withFailingBuilder(() => up(china, "container: { builder: podman }"));
  const mirrors = "{ baseImage: 'registry.example.com/micromamba:1', conda: 'https://conda.example.com' }";
  await up(china, `container: { mirrors: ${mirrors} }`);
  china.store = new Site().store;
  await teardown(china);

  // So many roles that they are read at once.
  const { folder: workloadsFolder, names } = manyWorkloads(6);
  const yaml = `{ container: { image: registry.example.com/split:1 }, workloads: [${names}] }`;
  const many = at("us-west-2");
  await during(many, "up", () => many.up(yaml, { workloadsFolder }));
  await during(many, "status", () => many.run(status, { yaml, workloadsFolder }));
  await during(many, "teardown", () => many.teardown(yaml, { workloadsFolder }));
  return asked;
}

const CHANGED = `
filesystem: { capacityGiB: 2400 }
logs: { retentionDays: 30 }
job: { buckets: { write: [my-runs] } }
iam: { permissionsBoundary: "arn:aws:iam::aws:policy/AdministratorAccess" }
`;

/** Someone else's hands in the environment: tags, rules, settings and documents that are not what they were. */
export async function tamper({ lab }: Site): Promise<void> {
  const { ec2, ecr, iam } = lab.cloud;
  const Tags = [{ Key: "bootstrap:fingerprint", Value: "another" }];
  const { SecurityGroups } = await ec2.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: "tag:bootstrap:env", Values: ["demux"] }] }),
  );
  const GroupId = SecurityGroups![0]!.GroupId!;
  await ec2.send(new CreateTagsCommand({ Resources: [GroupId], Tags }));
  const UserIdGroupPairs = [{ GroupId }];
  const IpPermissions = [{ IpProtocol: "tcp", FromPort: 22, ToPort: 22, UserIdGroupPairs }];
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  const out = { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
  await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: [out] }));
  const repositoryName = "demux/bcl2fastq";
  await ecr.send(
    new PutImageScanningConfigurationCommand({ repositoryName, imageScanningConfiguration: { scanOnPush: false } }),
  );
  await ecr.send(new PutImageTagMutabilityCommand({ repositoryName, imageTagMutability: "MUTABLE" }));
  const { InstanceProfiles } = await iam.send(new ListInstanceProfilesCommand({}));
  for (const { InstanceProfileName, Roles } of InstanceProfiles!) {
    await iam.send(new TagInstanceProfileCommand({ InstanceProfileName, Tags }));
    const Statement = [{ Effect: "Allow", Principal: { Service: "batch.amazonaws.com" }, Action: "sts:AssumeRole" }];
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
    await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: Roles![0]!.RoleName, PolicyDocument }));
  }
}

export async function submitJob({ lab }: Site): Promise<void> {
  const { jobDefinitions } = await lab.cloud.batch.send(new DescribeJobDefinitionsCommand({ status: "ACTIVE" }));
  const jobDefinition = jobDefinitions![0]!.jobDefinitionArn!;
  await lab.cloud.batch.send(new SubmitJobCommand({ jobName: "first", jobQueue: "demux", jobDefinition }));
}

/** A podman that builds, and cannot push. */
export async function withFailingBuilder(run: () => Promise<void>): Promise<void> {
  const { PATH } = process.env;
  const folder = mkdtempSync(join(tmpdir(), "bootstrap-builder-"));
  writeFileSync(
    join(folder, "podman"),
    '#!/bin/sh\ncase "$1" in image) echo linux/amd64 ;; push) exit 1 ;; login) cat >/dev/null ;; esac\n',
  );
  chmodSync(join(folder, "podman"), 0o755);
  process.env.PATH = `${folder}${delimiter}${PATH}`;
  try {
    await run();
  } finally {
    process.env.PATH = PATH;
  }
}
