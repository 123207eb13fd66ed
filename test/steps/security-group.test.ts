import { AuthorizeSecurityGroupIngressCommand, DescribeSecurityGroupsCommand } from "@aws-sdk/client-ec2";
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

  it("is found by its tags alone, and removed", async () => {
    const { ref, context } = await make(world, securityGroup, { inputs });
    expect((await securityGroup.find(seeker(context))).map((one) => one.ref)).toEqual([ref]);
    await destroyAll(world, securityGroup, seeker(context, context.node));
    expect(await securityGroup.find(seeker(context))).toEqual([]);
  });

  it("is not seen by another environment", async () => {
    await make(world, securityGroup, { inputs });
    expect(await securityGroup.find(contextOf(world, securityGroup, { inputs, name: "other" }))).toEqual([]);
  });
});
