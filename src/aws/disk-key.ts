import { GetEbsDefaultKmsKeyIdCommand } from "@aws-sdk/client-ec2";
import type { Cloud } from "./clients.ts";
import { isAwsError } from "./errors.ts";

/** The account's choice of a key for disks that name none; undefined where it is AWS's own, or AWS does not say. */
export async function chosenDiskKey({ ec2 }: Cloud): Promise<string | undefined> {
  try {
    const { KmsKeyId } = await ec2.send(new GetEbsDefaultKmsKeyIdCommand({}));
    return KmsKeyId && !/(^|:)alias\/aws\/ebs$/.test(KmsKeyId) ? KmsKeyId : undefined;
  } catch (error) {
    if (isAwsError(error)) return undefined;
    throw error;
  }
}
