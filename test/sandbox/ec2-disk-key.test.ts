import {
  DescribeVolumesCommand,
  GetEbsDefaultKmsKeyIdCommand,
  ModifyEbsDefaultKmsKeyIdCommand,
  ResetEbsDefaultKmsKeyIdCommand,
  RunInstancesCommand,
} from "@aws-sdk/client-ec2";
import { expect, it } from "vitest";
import { baseImage, serviceLab } from "./service-lab.ts";

const ID = "0ea3fef3-80a7-4778-9d8c-1c0c6EXAMPLE";

it("the key for disks is AWS's own until another is chosen, by id, alias or ARN", async () => {
  const { ec2 } = serviceLab("cn-northwest-1");
  const now = async () => (await ec2.send(new GetEbsDefaultKmsKeyIdCommand({}))).KmsKeyId;
  const own = "arn:aws-cn:kms:cn-northwest-1:123456789012";
  expect(await now()).toBe("alias/aws/ebs");
  for (const [chosen, arn] of [
    [ID, `${own}:key/${ID}`],
    ["alias/lab", `${own}:alias/lab`],
    [`${own}:key/${ID}`, `${own}:key/${ID}`],
  ]) {
    const { KmsKeyId } = await ec2.send(new ModifyEbsDefaultKmsKeyIdCommand({ KmsKeyId: chosen }));
    expect([KmsKeyId, await now()]).toEqual([arn, arn]);
  }
  await ec2.send(new ResetEbsDefaultKmsKeyIdCommand({}));
  expect(await now()).toBe("alias/aws/ebs");
});

it("a disk that is encrypted without a key's name keeps the account's key of its launch", async () => {
  const lab = serviceLab("us-east-1");
  const ImageId = await baseImage(lab);
  const mapping = { DeviceName: "/dev/xvda", Ebs: { Encrypted: true } };
  const keyOfNext = async (BlockDeviceMappings = [mapping]) => {
    const asked = { ImageId, InstanceType: "t3.micro", MinCount: 1, MaxCount: 1, BlockDeviceMappings } as const;
    const { Instances } = await lab.ec2.send(new RunInstancesCommand(asked));
    const Filters = [{ Name: "attachment.instance-id", Values: [Instances![0]!.InstanceId!] }];
    const { Volumes } = await lab.ec2.send(new DescribeVolumesCommand({ Filters }));
    return Volumes![0]!.KmsKeyId;
  };
  const before = await keyOfNext();
  await lab.ec2.send(new ModifyEbsDefaultKmsKeyIdCommand({ KmsKeyId: ID }));
  expect(await keyOfNext()).toBe(`arn:aws:kms:us-east-1:123456789012:key/${ID}`);
  expect(before).toMatch(/^arn:aws:kms:us-east-1:123456789012:key\/aws-ebs$/);
  expect(await keyOfNext([])).toBeUndefined();
});
