import {
  DescribeInstanceAttributeCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  GetConsoleOutputCommand,
  ModifyInstanceAttributeCommand,
  RebootInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { describe, expect, it } from "vitest";
import { type Ec2Lab, ec2Lab, makeProfile, SEEN_SECONDS } from "./ec2-lab.ts";
import { codeOf } from "./memory.ts";

const terminate = ({ ec2 }: Ec2Lab, id: string) => ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));

describe("an instance", () => {
  it("goes from pending over running and shutting-down to terminated, and is gone an hour later", async () => {
    const lab = ec2Lab();
    const { InstanceId: id = "", State } = await lab.run();
    expect(State?.Name).toBe("pending");
    const state = async () => (await lab.look(id))?.State?.Name;
    lab.pass(SEEN_SECONDS);
    expect(await state()).toBe("pending");
    lab.pass(40);
    expect(await state()).toBe("running");
    await terminate(lab, id);
    expect(await state()).toBe("shutting-down");
    lab.pass(120);
    expect(await state()).toBe("terminated");
    lab.pass(3500);
    expect(await state()).toBe("terminated");
    lab.pass(200);
    expect(await state()).toBeUndefined();
  });

  it("may not be found at once after it was launched", async () => {
    const lab = ec2Lab();
    const found: boolean[] = [];
    for (let turn = 0; turn < 10; turn++) found.push((await lab.look((await lab.run()).InstanceId!)) !== undefined);
    expect(found).toContain(false);
  });

  it("carries what it was launched with, and AWS's defaults", async () => {
    const lab = ec2Lab();
    const { InstanceId: id = "" } = await lab.run({
      TagSpecifications: [
        { ResourceType: "instance", Tags: [{ Key: "a", Value: "1" }] },
        { ResourceType: "volume", Tags: [{ Key: "b", Value: "2" }] },
      ],
      UserData: Buffer.from("#!/bin/sh\n").toString("base64"),
      InstanceInitiatedShutdownBehavior: "terminate",
    });
    lab.pass(SEEN_SECONDS);
    const shown = await lab.look(id);
    expect(shown).toMatchObject({
      Tags: [{ Key: "a", Value: "1" }],
      RootDeviceName: "/dev/xvda",
      Architecture: "x86_64",
      MetadataOptions: { HttpTokens: "required", HttpPutResponseHopLimit: 2 },
    });
    expect(shown?.PublicIpAddress).toMatch(/^54\./);
    expect(shown?.PrivateIpAddress).toMatch(/^172\.31\./);
    const { Volumes } = await lab.ec2.send(
      new DescribeVolumesCommand({ Filters: [{ Name: "attachment.instance-id", Values: [id] }] }),
    );
    expect(Volumes).toMatchObject([
      { Size: 30, VolumeType: "gp3", Iops: 3000, Throughput: 125, State: "in-use", Tags: [{ Key: "b", Value: "2" }] },
    ]);
    const attribute = (Attribute: "userData" | "instanceInitiatedShutdownBehavior") =>
      lab.ec2.send(new DescribeInstanceAttributeCommand({ InstanceId: id, Attribute }));
    expect((await attribute("instanceInitiatedShutdownBehavior")).InstanceInitiatedShutdownBehavior?.Value).toBe(
      "terminate",
    );
    expect((await attribute("userData")).UserData?.Value).toBe("IyEvYmluL3NoCg==");
  });

  it("gets a hop limit of 1 when metadata options name none", async () => {
    const { MetadataOptions } = await ec2Lab().run({ MetadataOptions: { HttpTokens: "required" } });
    expect(MetadataOptions?.HttpPutResponseHopLimit).toBe(1);
  });

  it("takes its image's disk changed, and others beside it, but none smaller than its snapshot", async () => {
    const lab = ec2Lab();
    const { InstanceId: id = "" } = await lab.run({
      BlockDeviceMappings: [
        { DeviceName: "/dev/xvda", Ebs: { VolumeSize: 50, Encrypted: true, VolumeType: "gp3", Iops: 4000 } },
        { DeviceName: "/dev/sdf", Ebs: { VolumeSize: 100, VolumeType: "gp3", DeleteOnTermination: false } },
      ],
    });
    lab.pass(60);
    const volumes = async () => {
      const { Volumes } = await lab.ec2.send(new DescribeVolumesCommand({}));
      return Volumes!.map(({ Size, Encrypted, State }) => [Size, Encrypted, State]).sort();
    };
    expect(await volumes()).toEqual([
      [100, false, "in-use"],
      [50, true, "in-use"],
    ]);
    await terminate(lab, id);
    lab.pass(130);
    expect(await volumes()).toEqual([[100, false, "available"]]);
    const small = lab.run({ BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { VolumeSize: 8 } }] });
    expect(await codeOf(small)).toBe("InvalidBlockDeviceMapping");
  });

  it("is the same one when its token is sent again, another when the token is another", async () => {
    const lab = ec2Lab();
    const run = (ClientToken: string) => lab.run({ ClientToken });
    const { InstanceId: id = "" } = await run("t1");
    expect((await run("t1")).InstanceId).toBe(id);
    expect((await run("t2")).InstanceId).not.toBe(id);
    expect(await codeOf(lab.run({ ClientToken: "t1", InstanceType: "t3.small" }))).toBe("IdempotentParameterMismatch");
  });

  it("stays bound to its token after it was terminated, for a day", async () => {
    const lab = ec2Lab();
    const { InstanceId: id = "" } = await lab.run({ ClientToken: "t1" });
    lab.pass(60);
    await terminate(lab, id);
    lab.pass(2 * 3600);
    expect(await lab.look(id)).toBeUndefined();
    const again = await lab.run({ ClientToken: "t1" });
    expect([again.InstanceId, again.State?.Name]).toEqual([id, "terminated"]);
    lab.pass(24 * 3600);
    expect((await lab.run({ ClientToken: "t1" })).InstanceId).not.toBe(id);
  });

  it("is refused a profile that is unknown, empty or still young, in AWS's words", async () => {
    const lab = ec2Lab();
    const run = () => lab.run({ IamInstanceProfile: { Name: "node" } });
    await expect(run()).rejects.toThrow(/Invalid IAM Instance Profile name/);
    await makeProfile(lab.iam, "empty", false);
    lab.pass(60);
    await expect(lab.run({ IamInstanceProfile: { Name: "empty" } })).rejects.toThrow(/has no associated IAM Roles/);
    await makeProfile(lab.iam, "node");
    await expect(run()).rejects.toMatchObject({
      name: "InvalidParameterValue",
      message: expect.stringContaining("Invalid IAM Instance Profile name"),
    });
    // Seen by then, and its role not yet.
    const said = new Set<string>();
    for (let seconds = 0; seconds < 31; seconds++) {
      lab.pass(1);
      await run().then(
        () => said.add("usable"),
        (error: Error) => said.add(error.message),
      );
    }
    expect([...said].at(-2)).toMatch(/"arn:aws:iam::.*" has no associated IAM Roles$/);
    expect([...said].at(-1)).toBe("usable");
    expect((await run()).IamInstanceProfile?.Arn).toBe("arn:aws:iam::123456789012:instance-profile/node");
  });

  it("is refused when something it names is missing or does not fit", async () => {
    const lab = ec2Lab();
    const refused = (input: Parameters<Ec2Lab["run"]>[0]) => codeOf(lab.run(input));
    const { Subnets } = await lab.ec2.send(
      new DescribeSubnetsCommand({ Filters: [{ Name: "availability-zone", Values: ["us-east-1e"] }] }),
    );
    const { SubnetId } = Subnets!.find(({ DefaultForAz }) => DefaultForAz)!;
    expect(await refused({ ImageId: "ami-00000000000000000" })).toBe("InvalidAMIID.NotFound");
    expect(await refused({ ImageId: "al2023" })).toBe("InvalidAMIID.Malformed");
    expect(await refused({ SecurityGroupIds: ["sg-00000000000000000"] })).toBe("InvalidGroup.NotFound");
    expect(await refused({ SubnetId: "subnet-00000000000000000" })).toBe("InvalidSubnetID.NotFound");
    expect(await refused({ InstanceType: "c5d.9xlarge", SubnetId: SubnetId! })).toBe("Unsupported");
    expect(await refused({ InstanceType: "t4g.micro" })).toBe("InvalidParameterValue");
    expect(await refused({ InstanceType: "x9.huge" as "t3.micro" })).toBe("InvalidParameterValue");
    expect(await refused({ KeyName: "mine" })).toBe("InvalidKeyPair.NotFound");
    expect(await refused({ UserData: "not base64!" })).toBe("InvalidUserData.Malformed");
    expect(await refused({ UserData: Buffer.alloc(16_385).toString("base64") })).toBe("InvalidParameterValue");
    expect(await refused({ MetadataOptions: { HttpPutResponseHopLimit: 65 } })).toBe("InvalidParameterValue");
    expect(await refused({ TagSpecifications: [{ ResourceType: "image", Tags: [{ Key: "a", Value: "b" }] }] })).toBe(
      "InvalidParameterValue",
    );
  });

  it("is launched where its type is offered when no subnet is named", async () => {
    const lab = ec2Lab();
    const { Placement } = await lab.run({ InstanceType: "c5d.9xlarge" });
    expect(Placement?.AvailabilityZone).toMatch(/^us-east-1[a-df]$/);
  });

  it("runs arm64 images on arm64 types", async () => {
    const lab = ec2Lab();
    const instance = await lab.run({ ImageId: await lab.baseImage("arm64"), InstanceType: "t4g.micro" });
    expect(instance.Architecture).toBe("arm64");
  });

  it("is not made by a dry run, which is refused either way", async () => {
    const lab = ec2Lab();
    expect(await codeOf(lab.run({ DryRun: true, ClientToken: "t" }))).toBe("DryRunOperation");
    expect(await codeOf(lab.run({ DryRun: true, ImageId: "ami-00000000000000000" }))).toBe("InvalidAMIID.NotFound");
    lab.pass(SEEN_SECONDS);
    expect((await lab.ec2.send(new DescribeInstancesCommand({}))).Reservations).toEqual([]);
    await lab.run({ ClientToken: "t" });
  });

  it("stops, starts and reboots, only from a state that allows it", async () => {
    const lab = ec2Lab();
    const { InstanceId: id = "" } = await lab.run();
    const InstanceIds = [id];
    const state = async () => (await lab.look(id))?.State?.Name;
    lab.pass(SEEN_SECONDS);
    expect(await codeOf(lab.ec2.send(new StopInstancesCommand({ InstanceIds })))).toBe("IncorrectInstanceState");
    lab.pass(40);
    await lab.ec2.send(new RebootInstancesCommand({ InstanceIds }));
    await lab.ec2.send(new StopInstancesCommand({ InstanceIds }));
    expect(await state()).toBe("stopping");
    lab.pass(60);
    expect(await state()).toBe("stopped");
    expect((await lab.look(id))?.StateTransitionReason).toMatch(/^User initiated/);
    expect(await codeOf(lab.ec2.send(new RebootInstancesCommand({ InstanceIds })))).toBe("IncorrectInstanceState");
    await lab.ec2.send(new StartInstancesCommand({ InstanceIds }));
    lab.pass(40);
    expect(await state()).toBe("running");
  });

  it("that is protected is not terminated until it is set free", async () => {
    const lab = ec2Lab();
    const { InstanceId: id = "" } = await lab.run({ DisableApiTermination: true });
    lab.pass(60);
    expect(await codeOf(terminate(lab, id))).toBe("OperationNotPermitted");
    const free = { InstanceId: id, DisableApiTermination: { Value: false } };
    await lab.ec2.send(new ModifyInstanceAttributeCommand(free));
    await terminate(lab, id);
  });

  it("is terminated as often as one likes, but not if another in the request is unknown", async () => {
    const lab = ec2Lab();
    const { InstanceId: id = "" } = await lab.run();
    lab.pass(60);
    const both = new TerminateInstancesCommand({ InstanceIds: [id, "i-00000000000000000"] });
    expect(await codeOf(lab.ec2.send(both))).toBe("InvalidInstanceID.NotFound");
    expect((await lab.look(id))?.State?.Name).toBe("running");
    await terminate(lab, id);
    await terminate(lab, id);
    expect(await codeOf(terminate(lab, "nothing"))).toBe("InvalidInstanceID.Malformed");
  });

  it("passes its status checks two minutes after it runs", async () => {
    const lab = ec2Lab();
    const { InstanceId: id = "" } = await lab.run();
    const status = async (IncludeAllInstances = false) => {
      const { InstanceStatuses } = await lab.ec2.send(new DescribeInstanceStatusCommand({ IncludeAllInstances }));
      return InstanceStatuses?.find(({ InstanceId }) => InstanceId === id)?.InstanceStatus?.Status;
    };
    lab.pass(SEEN_SECONDS);
    expect([await status(), await status(true)]).toEqual([undefined, "not-applicable"]);
    lab.pass(40);
    expect(await status()).toBe("initializing");
    lab.pass(120);
    expect(await status()).toBe("ok");
  });

  it("posts its console some time after boot", async () => {
    const lab = ec2Lab();
    const { InstanceId: id = "" } = await lab.run();
    const console = async () => (await lab.ec2.send(new GetConsoleOutputCommand({ InstanceId: id }))).Output;
    lab.pass(SEEN_SECONDS);
    expect(await console()).toBeUndefined();
    lab.pass(100);
    expect(Buffer.from((await console())!, "base64").toString()).toContain("Cloud-init finished");
  });

  it("can be scripted to die at birth, never to come up, or to take long", async () => {
    const lab = ec2Lab();
    const fate = async (kind: string, more: object = {}) => {
      lab.faults.splice(0, 1, { operation: "RunInstances", fate: { kind, ...more } });
      return (await lab.run()).InstanceId!;
    };
    const [dead, never, slow] = [
      await fate("fail", { reason: "Client.VolumeLimitExceeded: Volume limit exceeded" }),
      await fate("never"),
      await fate("slow", { ms: 600_000 }),
    ];
    lab.pass(590);
    expect((await lab.look(dead))?.StateReason).toEqual({
      Code: "Client.VolumeLimitExceeded",
      Message: "Client.VolumeLimitExceeded: Volume limit exceeded",
    });
    const states = async () =>
      [await lab.look(dead), await lab.look(never), await lab.look(slow)].map((one) => one?.State?.Name);
    expect(await states()).toEqual(["terminated", "pending", "pending"]);
    lab.pass(20);
    expect(await states()).toEqual(["terminated", "pending", "running"]);
  });

  it("speaks of China in China", async () => {
    const lab = ec2Lab("cn-northwest-1");
    const { PublicDnsName, PrivateDnsName } = await lab.run();
    expect(PublicDnsName).toMatch(/\.cn-northwest-1\.compute\.amazonaws\.com\.cn$/);
    expect(PrivateDnsName).toMatch(/\.cn-northwest-1\.compute\.internal$/);
  });
});
