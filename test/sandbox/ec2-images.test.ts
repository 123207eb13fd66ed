import {
  CreateImageCommand,
  type CreateImageCommandInput,
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeSnapshotsCommand,
  GetConsoleOutputCommand,
} from "@aws-sdk/client-ec2";
import { describe, expect, it } from "vitest";
import { type Ec2Lab, ec2Lab } from "./ec2-lab.ts";
import { codeOf } from "./memory.ts";

async function running(lab: Ec2Lab): Promise<string> {
  const { InstanceId } = await lab.run();
  lab.pass(60);
  return InstanceId!;
}

async function create(
  { ec2 }: Ec2Lab,
  input: Omit<CreateImageCommandInput, "Name"> & { Name?: string },
): Promise<string> {
  return (await ec2.send(new CreateImageCommand({ Name: "baked", ...input }))).ImageId!;
}

const look = async ({ ec2 }: Ec2Lab, id: string) =>
  (await ec2.send(new DescribeImagesCommand({ ImageIds: [id] }))).Images?.[0];

const READY_SECONDS = 8 * 60;

describe("the disks of an image one makes", () => {
  it("are the instance's, less those left out, and those added", async () => {
    const lab = ec2Lab();
    const InstanceId = await running(lab);
    const BlockDeviceMappings = [{ DeviceName: "/dev/sdz", Ebs: { VolumeSize: 7, VolumeType: "gp3" as const } }];
    const image = await look(lab, await create(lab, { InstanceId, BlockDeviceMappings }).then(seen(lab)));
    expect(image?.BlockDeviceMappings).toHaveLength(2);
    expect(image?.BlockDeviceMappings).toContainEqual({
      DeviceName: "/dev/sdz",
      Ebs: { VolumeSize: 7, VolumeType: "gp3", Encrypted: false, DeleteOnTermination: true },
    });
  });

  it("cannot be made larger or encrypted on the way", async () => {
    const lab = ec2Lab();
    const InstanceId = await running(lab);
    for (const Ebs of [{ VolumeSize: 500 }, { Encrypted: true }]) {
      const BlockDeviceMappings = [{ DeviceName: "/dev/xvda", Ebs }];
      expect(await codeOf(create(lab, { InstanceId, BlockDeviceMappings }))).toBe("InvalidBlockDeviceMapping");
    }
  });
});

function seen(lab: Ec2Lab): (id: string) => string {
  return (id) => {
    lab.pass(5);
    return id;
  };
}

describe("public images", () => {
  const newest = async ({ ec2 }: Ec2Lab) => {
    const filter = { Name: "name", Values: ["al2023-ami-ecs-hvm-*-x86_64"] };
    const { Images = [] } = await ec2.send(new DescribeImagesCommand({ Owners: ["amazon"], Filters: [filter] }));
    return Images.sort((a, b) => (a.CreationDate! < b.CreationDate! ? -1 : 1)).at(-1)!;
  };

  it("come out every two weeks, and the older ones stay", async () => {
    const lab = ec2Lab();
    const before = await newest(lab);
    lab.pass(14 * 86_400);
    const after = await newest(lab);
    expect(after.ImageId).not.toBe(before.ImageId);
    expect(Date.parse(after.CreationDate!) - Date.parse(before.CreationDate!)).toBe(14 * 86_400_000);
    expect((await look(lab, before.ImageId!))?.State).toBe("available");
  });

  it("have other ids in another region", async () => {
    const [here, there] = [await newest(ec2Lab()), await newest(ec2Lab("cn-northwest-1"))];
    expect(here.Name).toBe(there.Name);
    expect(here.ImageId).not.toBe(there.ImageId);
  });

  it("cannot be deregistered", async () => {
    const lab = ec2Lab();
    const { ImageId } = await newest(lab);
    expect(await codeOf(lab.ec2.send(new DeregisterImageCommand({ ImageId })))).toBe("AuthFailure");
  });
});

describe("a baked image", () => {
  it("is pending for minutes, its snapshots with it, and then both are done", async () => {
    const lab = ec2Lab();
    const InstanceId = await running(lab);
    const id = await create(lab, {
      InstanceId,
      TagSpecifications: [
        { ResourceType: "image", Tags: [{ Key: "of", Value: "image" }] },
        { ResourceType: "snapshot", Tags: [{ Key: "of", Value: "snapshot" }] },
      ],
    });
    const snapshots = async () => (await lab.ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ["self"] }))).Snapshots;
    lab.pass(170);
    expect(await look(lab, id)).toMatchObject({
      State: "pending",
      SourceInstanceId: InstanceId,
      Tags: [{ Value: "image" }],
    });
    expect(await snapshots()).toMatchObject([{ State: "pending", Tags: [{ Value: "snapshot" }] }]);
    lab.pass(READY_SECONDS);
    const image = await look(lab, id);
    expect(image).toMatchObject({
      State: "available",
      ImdsSupport: "v2.0",
      Architecture: "x86_64",
      OwnerId: "123456789012",
    });
    expect(await snapshots()).toMatchObject([
      { State: "completed", Progress: "100%", SnapshotId: image?.BlockDeviceMappings?.[0]?.Ebs?.SnapshotId },
    ]);
    expect((await lab.run({ ImageId: id })).ImageId).toBe(id);
  });

  it("reboots the instance while it is made, unless told not to", async () => {
    const lab = ec2Lab();
    const InstanceId = await running(lab);
    const boot = async () => {
      lab.pass(60);
      const { Output = "" } = await lab.ec2.send(new GetConsoleOutputCommand({ InstanceId }));
      return /finished at (.*?)\./.exec(Buffer.from(Output, "base64").toString())?.[1];
    };
    const first = await boot();
    await create(lab, { InstanceId, Name: "one", NoReboot: true });
    expect(await boot()).toBe(first);
    await create(lab, { InstanceId, Name: "two" });
    expect(Date.parse((await boot()) ?? "")).toBeGreaterThan(Date.parse(first ?? ""));
  });

  it("can fail with a reason, take long, or never be done", async () => {
    const lab = ec2Lab();
    const InstanceId = await running(lab);
    lab.faults.push({ operation: "CreateImage", nth: 1, fate: { kind: "fail", reason: "no space" } });
    lab.faults.push({ operation: "CreateImage", nth: 2, fate: { kind: "never" } });
    lab.faults.push({ operation: "CreateImage", nth: 3, fate: { kind: "slow", ms: 3600_000 } });
    const failed = await create(lab, { InstanceId, Name: "one" });
    const never = await create(lab, { InstanceId, Name: "two" });
    const slow = await create(lab, { InstanceId, Name: "three" });
    lab.pass(2 * READY_SECONDS);
    expect(await look(lab, failed)).toMatchObject({ State: "failed", StateReason: { Message: "no space" } });
    expect((await look(lab, slow))?.State).toBe("pending");
    lab.pass(3600);
    expect((await look(lab, slow))?.State).toBe("available");
    expect((await look(lab, never))?.State).toBe("pending");
    expect(await codeOf(lab.run({ ImageId: failed }))).toBe("InvalidAMIID.Unavailable");
  });

  it("has a name of its own, even while it is not done", async () => {
    const lab = ec2Lab();
    const InstanceId = await running(lab);
    await create(lab, { InstanceId });
    expect(await codeOf(create(lab, { InstanceId }))).toBe("InvalidAMIName.Duplicate");
    expect(await codeOf(create(lab, { InstanceId, Name: "a*b" }))).toBe("InvalidAMIName.Malformed");
    expect(await codeOf(create(lab, { InstanceId, Name: "ab" }))).toBe("InvalidAMIName.Malformed");
  });

  it("is made only of an instance that runs or is stopped, with the tags such a call can give", async () => {
    const lab = ec2Lab();
    const { InstanceId = "" } = await lab.run();
    lab.pass(5);
    expect(await codeOf(create(lab, { InstanceId }))).toBe("IncorrectState");
    expect(await codeOf(create(lab, { InstanceId: "i-00000000000000000" }))).toBe("InvalidInstanceID.NotFound");
    lab.pass(60);
    const TagSpecifications = [{ ResourceType: "instance" as const, Tags: [{ Key: "a", Value: "b" }] }];
    expect(await codeOf(create(lab, { InstanceId, TagSpecifications }))).toBe("InvalidParameterValue");
  });

  it("holds its snapshots until it is deregistered, and its name is free then", async () => {
    const lab = ec2Lab();
    const InstanceId = await running(lab);
    const id = await create(lab, { InstanceId });
    lab.pass(READY_SECONDS);
    const SnapshotId = (await look(lab, id))!.BlockDeviceMappings![0]!.Ebs!.SnapshotId!;
    const drop = () => lab.ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
    expect(await codeOf(drop())).toBe("InvalidSnapshot.InUse");
    await lab.ec2.send(new DeregisterImageCommand({ ImageId: id }));
    expect(await codeOf(look(lab, id))).toBe("InvalidAMIID.Unavailable");
    expect(await codeOf(lab.run({ ImageId: id }))).toBe("InvalidAMIID.Unavailable");
    await drop();
    expect(await codeOf(drop())).toBe("InvalidSnapshot.NotFound");
    await create(lab, { InstanceId });
    lab.pass(3600);
    expect(await codeOf(look(lab, id))).toBe("InvalidAMIID.NotFound");
  });

  it("takes its snapshots with it when that is asked", async () => {
    const lab = ec2Lab();
    const id = await create(lab, { InstanceId: await running(lab) });
    lab.pass(READY_SECONDS);
    const { DeleteSnapshotResults } = await lab.ec2.send(
      new DeregisterImageCommand({ ImageId: id, DeleteAssociatedSnapshots: true }),
    );
    expect(DeleteSnapshotResults).toMatchObject([{ ReturnCode: "success" }]);
    expect((await lab.ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ["self"] }))).Snapshots).toEqual([]);
  });
});
