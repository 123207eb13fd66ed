import { UpdateJobQueueCommand } from "@aws-sdk/client-batch";
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  DescribeVpcsCommand,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { AttachRolePolicyCommand, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { callerPolicy } from "../../sandbox/caller/authorize.ts";
import type { Keys } from "../../sandbox/services/iam/conditions.ts";
import type { Decision } from "../../sandbox/services/iam/policy-document.ts";
import type { Action } from "../../src/actions/action.ts";
import { bakeAmi } from "../../src/actions/bake-ami.ts";
import type { Options } from "../../src/actions/options.ts";
import { callerOf } from "../../src/actions/policy.ts";
import { status } from "../../src/actions/status.ts";
import { teardown } from "../../src/actions/teardown.ts";
import { up } from "../../src/actions/up.ts";
import { type CallerPolicyDocument, type PolicyVerb, policyFor } from "../../src/aws/caller-policy.ts";
import { partitionOf } from "../../src/config/partitions.ts";
import { memoryStore } from "../engine/toy-cloud.ts";
import { manyWorkloads } from "../environment/many-workloads.ts";
import type { Ended as Done, Site } from "../environment/site.ts";
import { submitJob, tamper, withFailingBuilder } from "../fidelity/product-calls.ts";

/** A right that AWS asked for, while somebody typed a verb. */
export interface Asked {
  readonly verb: PolicyVerb;
  readonly policy: CallerPolicyDocument;
  readonly action: string;
  readonly resource: string;
  readonly keys: Keys;
  readonly decision: Decision;
}

export interface Typed extends Options {
  readonly verb: PolicyVerb;
  readonly yaml?: string;
  /** What becomes of the policy that is printed for the verb before it is the caller's. */
  readonly cut?: (policy: CallerPolicyDocument) => CallerPolicyDocument;
}

export interface Ended extends Pick<Done, "said" | "exitCode" | "notes" | "error" | "writes"> {
  readonly asked: readonly Asked[];
}

const ACTIONS: Readonly<Record<PolicyVerb, Action>> = { up, "bake-ami": bakeAmi, status, teardown };

/** Types a verb with nothing but the policy that is printed for it and this config. */
export async function type(
  site: Site,
  { verb, yaml = "", cut = (policy) => policy, ...options }: Typed,
): Promise<Ended> {
  const { lab } = site;
  const { config, identity } = await site.open(yaml, options);
  const policy = cut(policyFor(verb, callerOf(config, identity.account)));
  const asked: Asked[] = [];
  const { decide } = callerPolicy(JSON.stringify(policy));
  lab.may({
    decide(action, resource, keys) {
      const decision = decide(action, resource, keys);
      asked.push({ verb, policy, action, resource, keys, decision });
      return decision;
    },
  });
  const done = await site.run(ACTIONS[verb], { ...options, yaml }).finally(() => lab.may(undefined));
  return { ...done, asked };
}

/** All that went wrong, in words. */
export function wordsOf({ error }: Pick<Ended, "error">): string {
  if (error === undefined) return "";
  const errors = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  return errors.map((one) => (one instanceof Error ? one.message : String(one))).join("\n");
}

const LATER_MS = 30 * 24 * 3_600_000;

/** The whole life of an environment, each verb with its own policy alone: made, changed, mended, baked, looked at, removed. */
export async function life(site: Site, alone: typeof type = type): Promise<Asked[]> {
  const asked: Asked[] = [];
  const endured = async (verb: PolicyVerb, yaml = "", flags: Options = {}) => {
    const ended = await alone(site, { verb, yaml, yes: true, ...flags });
    asked.push(...ended.asked);
    return ended;
  };
  const typed = async (...words: Parameters<typeof endured>) => {
    const ended = await endured(...words);
    if (ended.error === undefined && ended.exitCode === 0) return;
    throw new Error(`${words[0]} ${words[1] ?? ""}: ${wordsOf(ended) || ended.said}`, { cause: ended.error });
  };
  const { lab } = site;
  const forget = () => {
    site.store = memoryStore();
  };
  const fails = (operation: string) => lab.faults.push({ operation, nth: 1, fate: { kind: "fail", reason: "no" } });

  await endured("status");
  const removeAnother = await standsAnother(site);
  await endured("teardown");
  await removeAnother();
  const sleeps = () => lab.faults.push({ operation: "DescribeInstanceInformation", nth: 1, fate: { kind: "late" } });
  sleeps();
  fails("CreateFileSystem");
  fails("CreateImage");
  await endured("up");
  await typed("up");
  await typed("up");
  await typed("status");
  await typed("up", CHANGED.replace("PARTITION", partitionOf(site.region).id));
  await typed("up", SPOT);
  await tamper(site);
  await tamperMore(site);
  await typed("up", SPOT, { repair: true });
  await lab.clock.sleep(LATER_MS);
  sleeps();
  // The newest parameter of all: an older partition does not know it.
  lab.faults.push({ operation: "DeregisterImage", nth: 1, error: { code: "UnknownParameter" } });
  await typed("bake-ami", SPOT, { force: true });
  forget();
  await typed("bake-ami", SPOT, { force: true });
  await disableQueue(site);
  await typed("bake-ami", SPOT, { force: true });
  await typed("up", "machineImage: { packages: [htop] }");
  await typed("up", OTHER);
  forget();
  await typed("status", OTHER);
  await submitJob(site);
  await typed("teardown", OTHER, { discardData: true });

  await withFailingBuilder(async () => {
    await endured("up", "container: { builder: podman }");
  });
  await typed("up", "", { keepBuilder: true });
  await typed("teardown", "", { discardData: true });

  await typed("up", SEVERAL);
  await typed("bake-ami", SEVERAL, { force: true });
  await typed("teardown", SEVERAL, { discardData: true });

  const { folder: workloadsFolder, names } = manyWorkloads(6);
  const many = `{ name: demux, container: { image: registry.example.com/split:1 }, workloads: [${names}] }`;
  await typed("up", many, { workloadsFolder });
  forget();
  await typed("status", many, { workloadsFolder });
  await typed("teardown", many, { workloadsFolder, discardData: true });

  await typed("up", WITHOUT_LUSTRE);
  const elsewhere = `${WITHOUT_LUSTRE}network: { vpcId: ${await otherVpc(site)} }`;
  let release = await leanOnGroup(site);
  await endured("up", elsewhere);
  await release();
  await typed("up", elsewhere);
  release = await leanOnGroup(site);
  await endured("teardown", WITHOUT_LUSTRE);
  await release();
  await typed("teardown", WITHOUT_LUSTRE);
  return asked;
}

const SPOT = "compute: { maxVcpus: 288, purchase: spot }";
/** The second workload's compute environment and queue are called otherwise than the environment. */
const SEVERAL =
  "{ container: { image: registry.example.com/split:1 }, workloads: { bcl2fastq: , bclconvert: { compute: { maxVcpus: 72 } } } }";
const WITHOUT_LUSTRE = "filesystem: { enabled: false }\n";

async function otherVpc({ lab }: Site): Promise<string> {
  const { Vpcs } = await lab.cloud.ec2.send(new DescribeVpcsCommand({}));
  return Vpcs!.find(({ IsDefault }) => !IsDefault)!.VpcId!;
}

/** A group of somebody else's lets ours in, so that ours cannot go; answers how to end that. */
async function leanOnGroup({ lab }: Site): Promise<() => Promise<unknown>> {
  const { ec2 } = lab.cloud;
  const { SecurityGroups } = await ec2.send(new DescribeSecurityGroupsCommand({}));
  const ours = SecurityGroups!.find(({ Tags }) => Tags?.some(({ Value }) => Value === "demux"))!;
  const theirs = SecurityGroups!.find(({ GroupName, VpcId }) => GroupName === "default" && VpcId === ours.VpcId)!;
  const UserIdGroupPairs = [{ GroupId: ours.GroupId }];
  const IpPermissions = [{ IpProtocol: "tcp", FromPort: 22, ToPort: 22, UserIdGroupPairs }];
  const rule = { GroupId: theirs.GroupId, IpPermissions };
  await ec2.send(new AuthorizeSecurityGroupIngressCommand(rule));
  return () => ec2.send(new RevokeSecurityGroupIngressCommand(rule));
}

/** A thing of another environment; answers how to end that. */
async function standsAnother({ lab }: Site): Promise<() => Promise<unknown>> {
  const { ec2 } = lab.cloud;
  const Tags = [{ Key: "bootstrap:env", Value: "another" }];
  const TagSpecifications = [{ ResourceType: "security-group" as const, Tags }];
  const group = { GroupName: "another", Description: "of another environment" };
  const { GroupId } = await ec2.send(new CreateSecurityGroupCommand({ ...group, TagSpecifications }));
  return () => ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
}

async function disableQueue({ lab }: Site): Promise<void> {
  await lab.cloud.batch.send(new UpdateJobQueueCommand({ jobQueue: "demux", state: "DISABLED" }));
  await lab.clock.sleep(60_000);
}

/** Rights that somebody adds to a role, and a queue that somebody closes. */
async function tamperMore(site: Site): Promise<void> {
  const { iam } = site.lab.cloud;
  const RoleName = `demux-${site.region}-job-role`;
  const PolicyArn = `arn:${partitionOf(site.region).id}:iam::aws:policy/AmazonS3ReadOnlyAccess`;
  await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
  const Statement = [{ Effect: "Allow", Action: "s3:GetObject", Resource: "*" }];
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement });
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "somebody-elses", PolicyDocument }));
  await disableQueue(site);
}

const CHANGED = `
filesystem: { capacityGiB: 2400 }
logs: { retentionDays: 30 }
job: { buckets: { write: [my-runs] } }
iam: { permissionsBoundary: "arn:PARTITION:iam::aws:policy/AdministratorAccess" }
`;

/** An image of somebody else's: what was made for ours is of no use any more. */
const OTHER = "container: { image: public.ecr.aws/docker/library/busybox:1.36 }";
