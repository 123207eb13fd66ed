import { beforeAll, describe, expect, it } from "vitest";
import type { ManifestFile } from "../../src/engine/manifest/manifest.ts";
import { COLLECTIONS } from "./collections.ts";
import { REGION, type Straight, straight, teardown, theFirst } from "./commands.ts";
import { differences, standing } from "./world.ts";

/** What an `up` of the first config is to leave, said here once more by hand: the straight run is no judge of itself. */
const WHOLE = `
ami ami
compute-environment compute-environment
container-image container-image
filesystem filesystem
instance-profile builder-profile
instance-profile image-builder-profile
instance-profile node-profile
job-definition job-definition
job-queue job-queue
launch-template launch-template
log-group log-group
repository repository
role builder-role
role image-builder-role
role job-role
role node-role
security-group security-group
`
  .trim()
  .split("\n");

/** Of each of them, what it cannot do without. */
const COMPLETE: Readonly<Record<string, readonly string[]>> = {
  ami: ["available", "completed"],
  "compute-environment": [
    ...["ENABLED", "VALID", "<ami>", "<launch-template>", "<security-group>", "beside it"],
    ...["demux-us-east-1-node-profile with demux-us-east-1-node-role", "AWSServiceRoleForBatch"],
  ],
  filesystem: ["AVAILABLE", "PERSISTENT_2", "1200", '"groups":[["<security-group>"]'],
  "node-profile": ["demux-us-east-1-node-role"],
  "job-definition": ["image there", "demux-us-east-1-job-role", "/bootstrap/demux"],
  "job-queue": ["ENABLED", "VALID", "compute-environment/demux"],
  "launch-template": ["the default", '"HttpTokens":"required"', "environment='demux'", "source='<filesystem>.fsx."],
  "log-group": ["90"],
  repository: ["IMMUTABLE", "countNumber"],
  "builder-role": ["ssm:UpdateInstanceInformation", "logs:PutLogEvents"],
  "image-builder-role": ["ssm:UpdateInstanceInformation", "ecr:PutImage"],
  "node-role": ["AmazonEC2ContainerServiceforEC2Role", "ssm:UpdateInstanceInformation"],
  "security-group": ["in tcp 988 988 <security-group>", "in tcp 1018 1023 <security-group>"],
};

let first: Straight;
let gone: Straight;

beforeAll(async () => {
  first = await theFirst();
  gone = await straight(first.moment, [teardown]);
});

describe("what a straight run leaves", () => {
  it("is one of each thing, and nothing else", () => {
    const things = first.stands.map(({ kind, tags }) => `${kind} ${tags["bootstrap:node"]}`);
    expect(things.sort()).toEqual(WHOLE);
  });

  it.each(Object.entries(COMPLETE))("is complete: %s", (node, words) => {
    const { shape } = first.stands.find(({ tags }) => tags["bootstrap:node"] === node)!;
    for (const word of words) expect(shape).toContain(word);
  });

  it("is nothing after a teardown", () => {
    expect(gone.stands).toEqual([]);
    expect(gone.moment.manifest).toBeUndefined();
  });
});

// biome-ignore lint/suspicious/noExplicitAny: a world is edited here as a vandal would, by path
type Anything = any;

interface Slices {
  readonly ec2: Anything;
  readonly batch: Anything;
  readonly ecr: Anything;
  readonly fsx: Anything;
  readonly repositories: Anything;
  readonly iam: Anything;
  readonly logs: Anything;
}

const only = (things: Anything): Anything => Object.values(things)[0];
const ours = ({ ec2 }: Slices, kind: "groups" | "templates" | "images"): Anything =>
  Object.values<Anything>(ec2[kind]).find(({ id }) => ec2.tags[id]?.["bootstrap:env"] === "demux");
const role = ({ iam }: Slices, name: string): Anything => iam.roles[`demux-us-east-1-${name}-role`];
/** A copy under another id, tags and all. */
function twice({ ec2 }: Slices, things: Anything, id: string, copy: string): void {
  things[copy] = { ...structuredClone(things[id]), id: copy };
  if (ec2.tags[id]) ec2.tags[copy] = { ...ec2.tags[id] };
}
const NEWER = "ami-0123456789abcdef1";

/** What may be wrong with a world that looks whole. */
const WRONGS: Readonly<Record<string, (slices: Slices) => void>> = {
  "a second file system": (it) => twice(it, it.fsx.fileSystems, only(it.fsx.fileSystems).id, "fs-0123456789abcdef0"),
  "a file system that is not there": ({ fsx }) => delete fsx.fileSystems[only(fsx.fileSystems).id],
  "a file system that is still CREATING": ({ fsx }) => Object.assign(only(fsx.fileSystems), { lifecycle: "CREATING" }),
  "a larger file system": ({ fsx }) => Object.assign(only(fsx.fileSystems), { capacityGiB: 2400 }),
  "a file system in the default security group": ({ ec2 }) => {
    for (const one of Object.values<Anything>(ec2.interfaces)) one.groupIds = ["sg-other"];
  },
  "a second security group": (it) => twice(it, it.ec2.groups, ours(it, "groups").id, "sg-0123456789abcdef0"),
  "a rule that is missing": ({ ec2 }) => {
    delete ec2.rules[Object.values<Anything>(ec2.rules).find(({ from }) => from === 988).id];
  },
  "port 22 open to all": (it) => {
    const { ec2 } = it;
    const model = Object.values<Anything>(ec2.rules).find(({ from }) => from === 988);
    const peer = { kind: "cidr", value: "0.0.0.0/0" };
    ec2.rules["sgr-1"] = { ...model, id: "sgr-1", from: 22, to: 22, peer };
  },
  "a builder that runs": ({ ec2 }) => Object.assign(only(ec2.instances), { state: "running" }),
  "a volume of a builder": ({ ec2 }) => Object.assign(ec2.volumes, { "vol-1": { id: "vol-1" } }),
  "a subnet with our tags": ({ ec2 }) =>
    Object.assign(ec2.tags, { [only(ec2.subnets).id]: { "bootstrap:env": "demux" } }),
  "a data repository": ({ repositories }) =>
    Object.assign(repositories.associations, { "dra-1": { id: "dra-1", tags: {}, path: "/in" } }),
  "a snapshot without an image": (it) =>
    twice(it, it.ec2.snapshots, only(it.ec2.snapshots).id, "snap-0123456789abcdef0"),
  "an image whose snapshot is gone": ({ ec2 }) => delete ec2.snapshots[only(ec2.snapshots).id],
  "an image that is not there": (it) => Object.assign(ours(it, "images"), { state: "deregistered" }),
  "an image from another base": (it) => Object.assign(ours(it, "images"), { sourceImageId: "ami-0000000000000000" }),
  "two older images": (it) => {
    for (const copy of [NEWER, "ami-0123456789abcdef2"]) twice(it, it.ec2.images, ours(it, "images").id, copy);
  },
  "an older image that failed": (it) => {
    twice(it, it.ec2.images, ours(it, "images").id, NEWER);
    it.ec2.images[NEWER].state = "failed";
  },
  "an image beside ours that has no tags": (it) => {
    twice(it, it.ec2.images, ours(it, "images").id, NEWER);
    delete it.ec2.tags[NEWER];
  },
  "nodes of an image that is not on record": (it) => {
    twice(it, it.ec2.images, ours(it, "images").id, NEWER);
    only(it.batch.environments).resources.ec2Configuration[0].imageIdOverride = NEWER;
  },
  "nodes of somebody else's image": ({ batch }) => {
    only(batch.environments).resources.ec2Configuration[0].imageIdOverride = "ami-other";
  },
  "a template's script for another file system": (it) => {
    const { data } = ours(it, "templates").versions[0];
    data.UserData = Buffer.from("mount -t lustre fs-other /fsx").toString("base64");
  },
  "nodes of a template's version that is gone": (it) => {
    only(it.batch.environments).resources.launchTemplate.version = "7";
  },
  "nodes of another template": (it) => {
    only(it.batch.environments).resources.launchTemplate.launchTemplateId = "lt-other";
  },
  "a template that takes old metadata tokens": (it) => {
    ours(it, "templates").versions[0].data.MetadataOptions.HttpTokens = "optional";
  },
  "a role that is out of its profile": ({ iam }) => delete iam.profiles["demux-us-east-1-node-profile"].role,
  "a profile of a role that is gone": ({ iam }) => delete iam.roles["demux-us-east-1-node-role"],
  "a role without its policy": (it) => role(it, "node").attached.pop(),
  "a role with one policy more": (it) => role(it, "job").attached.push("arn:aws:iam::aws:policy/AdministratorAccess"),
  "a role without its own rights": (it) => Object.assign(role(it, "builder"), { inline: {} }),
  "a role that anybody may assume": (it) => Object.assign(role(it, "job"), { trust: '{"Principal":"*"}' }),
  "a policy that was made and forgotten": ({ iam }) =>
    Object.assign(iam.policies, { "arn:p": { name: "demux-us-east-1-p", tags: {}, document: "{}" } }),
  "AWS's own role for Batch gone": ({ iam }) => delete iam.roles.awsserviceroleforbatch,
  "a compute environment that is off": ({ batch }) => Object.assign(only(batch.environments), { state: "DISABLED" }),
  "a compute environment that is INVALID": ({ batch }) =>
    Object.assign(only(batch.environments), { status: "INVALID" }),
  "a compute environment of other machines": ({ batch }) =>
    Object.assign(only(batch.environments).resources, { instanceTypes: ["m5.large"] }),
  "a compute environment in an update": ({ batch }) => Object.assign(only(batch.environments), { update: {} }),
  "a compute environment that ends jobs when it is changed": ({ batch }) =>
    Object.assign(only(batch.environments).updatePolicy, { terminateJobsOnUpdate: true }),
  "a queue that is off": ({ batch }) => Object.assign(only(batch.queues), { state: "DISABLED" }),
  "a queue without its compute environment": ({ batch }) => Object.assign(only(batch.queues), { order: [] }),
  "a second job definition": ({ batch }) =>
    Object.assign(batch.definitions, { two: { ...only(batch.definitions), arn: "arn:two" } }),
  "a job definition that is inactive": ({ batch }) => Object.assign(only(batch.definitions), { status: "INACTIVE" }),
  "a job definition of an image that is not there": ({ ecr }) => Object.assign(only(ecr.repositories), { images: {} }),
  "a repository without its rules": ({ ecr }) => delete only(ecr.repositories).lifecycle,
  "a repository whose tags can be moved": ({ ecr }) => Object.assign(only(ecr.repositories), { mutability: "MUTABLE" }),
  "logs for ever": ({ logs }) => delete logs.groups["/bootstrap/demux"].retentionDays,
  "a thing without tags": ({ fsx }) => Object.assign(only(fsx.fileSystems), { tags: {} }),
  "a thing with another environment's tags": ({ iam }) =>
    Object.assign(iam.profiles["demux-us-east-1-node-profile"].tags, { "bootstrap:env": "other" }),
  "a thing with another region's tags": (it) =>
    Object.assign(it.ec2.tags[ours(it, "groups").id], { "bootstrap:region": "eu-west-1" }),
  "a thing with another fingerprint": ({ batch }) =>
    Object.assign(only(batch.queues).tags, { "bootstrap:fingerprint": "0123456789abcdef" }),
};

/** What may be wrong with a manifest beside a world that is whole. */
const LIES: Readonly<Record<string, (file: ManifestFile) => void>> = {
  "a record that is missing": ({ steps }) => delete steps.filesystem,
  "a record too many": ({ steps }) =>
    Object.assign(steps, { builder: { ...steps.ami!, kind: "instance", ref: "i-1" } }),
  "a record of another thing": ({ steps }) => Object.assign(steps.ami!, { ref: NEWER }),
  "a record without a ref": ({ steps }) => delete steps.ami!.ref,
  "a record that is still creating": ({ steps }) => Object.assign(steps.filesystem!, { phase: "creating" }),
  "a record that is still updating": ({ steps }) => Object.assign(steps["job-queue"]!, { phase: "updating" }),
  "a record with another fingerprint": ({ steps }) => Object.assign(steps["node-role"]!, { fingerprint: "0" }),
  "two records that are exchanged": ({ steps }) =>
    ([steps["node-role"], steps["job-role"]] = [steps["job-role"]!, steps["node-role"]!]),
};

function broken(world: string, how: (slices: Slices) => void): string {
  const file = JSON.parse(world);
  const at = (service: string) => file.slices[`${service}/${REGION}`];
  const [ec2, batch, ecr, fsx, logs, repositories] = ["ec2", "batch", "ecr", "fsx", "logs", "fsx-repositories"].map(at);
  how({ ec2, batch, ecr, fsx, logs, repositories, iam: file.slices["iam/global"].aws });
  return JSON.stringify(file);
}

describe("the judge of worlds", () => {
  it("finds nothing wrong with what a straight run left", () => {
    expect(differences(first.moment, first.stands, REGION)).toEqual([]);
    expect(differences(gone.moment, [], REGION)).toEqual([]);
  });

  it.each(Object.entries(WRONGS))("sees %s", (_what, how) => {
    const world = broken(first.moment.world, how);
    expect(world).not.toBe(JSON.stringify(JSON.parse(first.moment.world)));
    expect(differences({ ...first.moment, world }, first.stands, REGION)).not.toEqual([]);
  });

  it.each(Object.entries(LIES))("sees in the manifest %s", (_what, how) => {
    const file = JSON.parse(first.moment.manifest!) as ManifestFile;
    how(file);
    expect(differences({ ...first.moment, manifest: JSON.stringify(file) }, first.stands, REGION)).not.toEqual([]);
  });

  it("sees a manifest that is gone, and one that outlived its environment", () => {
    expect(differences({ ...first.moment, manifest: undefined }, first.stands, REGION)).not.toEqual([]);
    expect(differences({ ...gone.moment, manifest: first.moment.manifest }, [], REGION)).not.toEqual([]);
  });

  it.each(["filesystem", "compute-environment", "role"])("lets one %s too many pass nowhere", (kind) => {
    const should = first.stands.filter((one) => one.kind !== kind);
    expect(differences(first.moment, should, REGION).join("\n")).toContain(`too much: ${kind}`);
  });

  it.each([
    ["a service", `events/${REGION}`, { rules: { r: { arn: "arn:r", tags: {} } } }],
    ["a service that does for all regions", "route53/global", { zones: { z: {} } }],
    ["a service by the name of a word of JavaScript's", `constructor/${REGION}`, {}],
    ["a known service in a region where nobody works", "logs/eu-west-1", { groups: {} }],
  ])("judges no world with %s that it does not know", (_what, slice, value) => {
    for (const { moment, stands } of [first, gone]) {
      const file = JSON.parse(moment.world);
      file.slices[slice] = value;
      const world = JSON.stringify(file);
      expect(() => standing(world, REGION)).toThrow(slice);
      expect(() => differences({ ...moment, world }, stands, REGION)).toThrow(slice);
    }
  });

  it("judges no world with a collection that it does not know in a slice that it knows", () => {
    let planted = 0;
    for (const { moment, stands } of [first, gone]) {
      for (const slice of Object.keys(JSON.parse(moment.world).slices)) {
        if (slice.startsWith("batch-jobs/")) continue;
        const file = JSON.parse(moment.world);
        const at = slice === "iam/global" ? file.slices[slice].aws : file.slices[slice];
        at.fleets = { "fleet-1": { id: "fleet-1", tags: {} } };
        const world = JSON.stringify(file);
        expect(() => standing(world, REGION)).toThrow(/\/fleets/);
        expect(() => differences({ ...moment, world }, stands, REGION)).toThrow(/\/fleets/);
        planted += 1;
      }
    }
    expect(planted).toBe(2 * 8);
  });

  it("says of each collection how it is compared, or why it is not", () => {
    const said = Object.values(COLLECTIONS).flatMap((one) => ("ignored" in one ? [one] : Object.values(one)));
    expect(said.length).toBeGreaterThan(35);
    for (const one of said) {
      expect(Object.keys(one).join()).toMatch(/^(compared|ignored)$/);
      expect(Object.values(one).join()).toMatch(/^\S+ .+/);
    }
  });

  it("sees each single thing that a teardown forgot", () => {
    const [whole, empty] = [first, gone].map(({ moment }) => JSON.parse(moment.world).slices);
    const collections: readonly (readonly [slice: string, ...path: string[]])[] = [
      ...["groups", "images", "snapshots", "templates"].map((kind) => [`ec2/${REGION}`, kind] as const),
      ...["environments", "queues", "definitions"].map((kind) => [`batch/${REGION}`, kind] as const),
      [`ecr/${REGION}`, "repositories"],
      [`fsx/${REGION}`, "fileSystems"],
      [`logs/${REGION}`, "groups"],
      ...["roles", "profiles"].map((kind) => ["iam/global", "aws", kind] as const),
    ];
    let forgotten = 0;
    for (const [slice, ...path] of collections) {
      const inside = (slices: Anything) => path.reduce((at, key) => at[key], slices[slice]);
      for (const [id, thing] of Object.entries<Anything>(inside(whole))) {
        if (JSON.stringify(inside(empty)[id]) === JSON.stringify(thing)) continue;
        if (thing.name === "default" || thing.path?.startsWith("/aws-service-role/")) continue;
        const world = JSON.parse(gone.moment.world);
        path.reduce((at, key) => at[key], world.slices[slice])[id] = thing;
        if (whole[slice].tags?.[id]) world.slices[slice].tags[id] = whole[slice].tags[id];
        // An image is forgotten with its snapshots.
        for (const { snapshotId } of path[0] === "images" ? thing.devices : [])
          world.slices[slice].snapshots[snapshotId] = whole[slice].snapshots[snapshotId];
        const wrong = differences({ world: JSON.stringify(world), manifest: undefined }, [], REGION);
        expect(wrong, `${slice} ${path.join("/")} ${id}`).not.toEqual([]);
        forgotten += 1;
      }
    }
    expect(forgotten).toBe(standing(first.moment.world, REGION).length);
  });
});
