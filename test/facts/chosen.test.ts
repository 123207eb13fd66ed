import { CreateFileSystemCommand, DescribeFileSystemsCommand } from "@aws-sdk/client-fsx";
import { describe, expect, it } from "vitest";
import type { ManifestFile } from "../../src/engine/manifest/manifest.ts";
import { theFirst } from "../proof/commands.ts";
import { deskAt } from "../proof/desk.ts";

/** The first `up` is done, and a second file system carries the tags of the first. */
async function withSecond(change: (manifest: ManifestFile) => ManifestFile | undefined) {
  const { moment } = await theFirst();
  const changed = change(JSON.parse(moment.manifest!) as ManifestFile);
  const { site } = deskAt({ ...moment, manifest: changed && JSON.stringify(changed) }, { oversleep: 10 });
  const { fsx } = site.lab.cloud;
  const [first] = (await fsx.send(new DescribeFileSystemsCommand({}))).FileSystems!;
  const { FileSystem: second } = await fsx.send(
    new CreateFileSystemCommand({
      ...{ FileSystemType: "LUSTRE", StorageCapacity: 1200, SubnetIds: first!.SubnetIds, Tags: first!.Tags },
      LustreConfiguration: { DeploymentType: "SCRATCH_2" },
    }),
  );
  await site.lab.clock.sleep(15 * 60_000);
  return { site, refs: [first!.FileSystemId!, second!.FileSystemId!] };
}

describe("of two file systems with our tags", () => {
  it("the one on record is the one that is used, also where what was chosen is not written down", async () => {
    const { site, refs } = await withSecond((manifest) => ({ ...manifest, pins: {} }));
    expect((await site.open()).chosen).toMatchObject({ "filesystem.deploymentType": "PERSISTENT_2" });
    const { plan } = await site.up("", { dryRun: true });
    expect(plan.nodes.find(({ node }) => node === "filesystem")).toMatchObject({ verdict: "keep", ref: refs[0] });
  });

  it.each<[string, (manifest: ManifestFile) => ManifestFile | undefined, string]>([
    ["the manifest is gone", () => undefined, "the manifest that knew which is used is gone"],
    [
      "the manifest knows nothing of them",
      ({ steps: { filesystem: _dropped, ...steps }, ...rest }) => ({ ...rest, pins: {}, steps }),
      "the manifest names none of them",
    ],
  ])("none is chosen where %s, and both are named", async (_what, change, words) => {
    const { site, refs } = await withSecond(change);
    const error: unknown = await site.open().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "refused", message: expect.stringMatching(new RegExp(`${words}$`)) });
    for (const ref of refs) expect(String(error)).toContain(ref);
  });
});
