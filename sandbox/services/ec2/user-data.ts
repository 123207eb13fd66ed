import { Refusal } from "../../service.ts";

const MOST_BYTES = 16_384;

/** User data must be base64 and, decoded, at most 16 KB. */
export function checkUserData(userData: string): void {
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(userData)) {
    throw new Refusal("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.");
  }
  if (Buffer.from(userData, "base64").byteLength > MOST_BYTES) {
    throw new Refusal("InvalidParameterValue", `User data is limited to ${MOST_BYTES} bytes`);
  }
}
