import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
} from "@aws-sdk/client-ec2";
import { CreateFileSystemCommand } from "@aws-sdk/client-fsx";
import { beforeEach, describe, expect, it } from "vitest";
import { type SecurityGroupInputs, securityGroup } from "../../src/steps/security-group.ts";
import { contextOf, destroyAll, type Lab, lab, make, seeker, settle } from "./harness.ts";
import { network } from "./network.ts";

let world: Lab;
let inputs: SecurityGroupInputs;

beforeEach(async () => {
  world = lab();
  const { vpcId } = await network(world);
  inputs = {
    vpcId,
    selfTcp: [
      [988, 988],
      [1018, 1023],
    ],
  };
});

describe("security-group", () => {
  it("lets its members reach each other on Lustre's ports, and nobody else in", async () => {
    const { ref } = await make(world, securityGroup, { inputs });
    const { SecurityGroups } = await world.cloud.ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [ref] }));
    const rules = SecurityGroups![0]!.IpPermissions!;
    expect(rules.map(({ FromPort, ToPort }) => [FromPort, ToPort]).sort()).toEqual([
      [1018, 1023],
      [988, 988],
    ]);
    expect(
      rules.every(
        ({ IpRanges = [], UserIdGroupPairs }) => IpRanges.length === 0 && UserIdGroupPairs?.[0]?.GroupId === ref,
      ),
    ).toBe(true);
  });

  it("closes a port that somebody opened to the world, and nothing else", async () => {
    const { ref, context } = await make(world, securityGroup, { inputs });
    const open = { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
    await world.cloud.ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: ref, IpPermissions: [open] }));
    const [seen] = await securityGroup.find(context);
    expect(seen?.drift).toEqual([{ field: "inbound from outside", want: "none", have: "tcp 22 from 0.0.0.0/0" }]);
    const before = world.calls.length;
    await settle(world, securityGroup, context);
    expect(world.writesSince(before)).toEqual(["RevokeSecurityGroupIngress"]);
  });

  it("lets everything out again when the rule for it was taken away, whatever narrower one was put in its place", async () => {
    const { ref, context } = await make(world, securityGroup, { inputs });
    const { ec2 } = world.cloud;
    const all = { IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
    await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId: ref, IpPermissions: [all] }));
    expect((await securityGroup.find(context))[0]?.drift).toEqual([{ field: "outbound", want: "all", have: "none" }]);

    const web = { IpProtocol: "tcp", FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: "0.0.0.0/0" }] };
    await ec2.send(new AuthorizeSecurityGroupEgressCommand({ GroupId: ref, IpPermissions: [web] }));
    const [seen] = await securityGroup.find(context);
    expect(seen?.drift).toEqual([{ field: "outbound", want: "all", have: "tcp 443 to 0.0.0.0/0" }]);
    const before = world.calls.length;
    await settle(world, securityGroup, context);
    expect(world.writesSince(before)).toEqual(["AuthorizeSecurityGroupEgress"]);
    await securityGroup.update!(context, seen!);
  });

  it("takes no rule for going out beside that one for drift, nor one for IPv6", async () => {
    const { ref, context } = await make(world, securityGroup, { inputs });
    const IpPermissions = [
      { IpProtocol: "-1", Ipv6Ranges: [{ CidrIpv6: "::/0" }] },
      { IpProtocol: "tcp", FromPort: 443, ToPort: 443, IpRanges: [{ CidrIp: "10.0.0.0/8" }] },
    ];
    await world.cloud.ec2.send(new AuthorizeSecurityGroupEgressCommand({ GroupId: ref, IpPermissions }));
    expect((await securityGroup.find(context))[0]?.drift).toEqual([]);
  });

  it("closes what is still open, though another rule that AWS still shows is closed already", async () => {
    const { ref, context } = await make(world, securityGroup, { inputs });
    const open = (port: number) => ({
      ...{ IpProtocol: "tcp", FromPort: port, ToPort: port },
      IpRanges: [{ CidrIp: "0.0.0.0/0" }],
      Ipv6Ranges: [{ CidrIpv6: "::/0" }],
    });
    const ping = { IpProtocol: "icmp", FromPort: 8, ToPort: -1, IpRanges: [{ CidrIp: "10.0.0.0/8" }] };
    const IpPermissions = [open(22), open(80), ping];
    await world.cloud.ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: ref, IpPermissions }));
    const [seen] = await securityGroup.find(context);
    await world.cloud.ec2.send(new RevokeSecurityGroupIngressCommand({ GroupId: ref, IpPermissions: [open(22)] }));
    await securityGroup.update!(context, seen!);
    expect((await securityGroup.find(context))[0]?.drift).toEqual([]);
  });

  it("is found by its tags alone, and removed", async () => {
    const { ref, context } = await make(world, securityGroup, { inputs });
    expect((await securityGroup.find(seeker(context))).map((one) => one.ref)).toEqual([ref]);
    await destroyAll(world, securityGroup, seeker(context, context.node));
    expect(await securityGroup.find(seeker(context))).toEqual([]);
  });

  it("names who still uses it when AWS refuses to delete it", async () => {
    const { ref, context } = await make(world, securityGroup, { inputs });
    await world.clock.sleep(60_000);
    const { Subnets } = await world.cloud.ec2.send(new DescribeSubnetsCommand({}));
    const { FileSystem } = await world.cloud.fsx.send(
      new CreateFileSystemCommand({
        ...{ FileSystemType: "LUSTRE", StorageCapacity: 1200, SecurityGroupIds: [ref] },
        SubnetIds: [Subnets!.find(({ VpcId }) => VpcId === inputs.vpcId)!.SubnetId!],
      }),
    );
    const [found] = await securityGroup.find(seeker(context));
    const refused = securityGroup.destroy!(seeker(context), found!);
    await expect(refused).rejects.toMatchObject({ name: "DependencyViolation" });
    await expect(refused).rejects.toThrow(
      `; it is used by Created By Amazon FSx for File System ID: ${FileSystem!.FileSystemId}`,
    );
    // Who may not look is told AWS's words alone.
    world.faults.push({ operation: "DescribeNetworkInterfaces", error: { code: "UnauthorizedOperation" } });
    await expect(securityGroup.destroy!(seeker(context), found!)).rejects.toThrow(/dependent object$/);
  });

  it("is not seen by another environment", async () => {
    await make(world, securityGroup, { inputs });
    expect(await securityGroup.find(contextOf(world, securityGroup, { inputs, name: "other" }))).toEqual([]);
  });
});
