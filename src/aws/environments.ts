import { paginateDescribeTags } from "@aws-sdk/client-ec2";
import type { Cloud } from "./clients.ts";
import { unlessDenied } from "./errors.ts";
import { listed } from "./pages.ts";
import { ENV_TAG } from "./tags.ts";

/** The names of the environments that have anything in EC2 in this region, by its tags: every one has a security group there. Undefined where one may not look. */
export async function environmentsHere({ ec2 }: Cloud): Promise<readonly string[] | undefined> {
  const pages = paginateDescribeTags({ client: ec2 }, { Filters: [{ Name: "key", Values: [ENV_TAG] }] });
  const tags = await unlessDenied(listed(pages, ({ Tags }) => Tags));
  return tags && [...new Set(tags.flatMap(({ Value }) => Value ?? []))].sort();
}
