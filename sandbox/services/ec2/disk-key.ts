import type { Call } from "../../service.ts";
import { arnOf } from "./arn.ts";
import { type Ec2Operations, ec2Slice } from "./slice.ts";

/** AWS's own key for disks, as it is answered where nobody chose another. */
const OWN = "alias/aws/ebs";

export const diskKeyOperations = {
  GetEbsDefaultKmsKeyId(_input, call) {
    return { KmsKeyId: ec2Slice(call).diskKey ?? OWN };
  },

  ModifyEbsDefaultKmsKeyId({ KmsKeyId = "" }, call) {
    const slice = ec2Slice(call);
    slice.diskKey = keyArn(call, KmsKeyId);
    return { KmsKeyId: slice.diskKey };
  },

  ResetEbsDefaultKmsKeyId(_input, call) {
    delete ec2Slice(call).diskKey;
    return { KmsKeyId: OWN };
  },
} satisfies Ec2Operations;

/** What a disk is encrypted with that names no key. */
export function diskKeyOf(call: Call): string {
  return ec2Slice(call).diskKey ?? keyArn(call, "aws-ebs");
}

/** A key is named by its id, its alias, or the ARN of either. */
function keyArn(call: Call, key: string): string {
  if (key.startsWith("arn:")) return key;
  const [type, id] = key.startsWith("alias/") ? ["alias", key.slice("alias/".length)] : ["key", key];
  return arnOf(call, type!, id!).replace(":ec2:", ":kms:");
}
