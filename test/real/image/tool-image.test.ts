import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { beforeAll, describe, expect, it } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { realBuilder } from "./builder.ts";
import { nodeImage } from "./stand-ins.ts";

const IMAGE = "localhost/bootstrap:1";

let folder: string;

/** Built as the Containerfile's first lines say, but for the base image: this machine's Node stands in for Debian's. */
beforeAll(async () => {
  const builder = realBuilder({});
  folder = builder.folder;
  for (const each of ["base", "context"]) mkdirSync(join(folder, each));
  nodeImage(join(folder, "base"));
  await execa("buildah", ["build", "--format", "docker", "--tag", "localhost/node:1", join(folder, "base")]);
  await execa("npm", ["pack", "--pack-destination", join(folder, "context")]);
  for (const file of ["Containerfile", ".dockerignore"]) cpSync(file, join(folder, "context", file));
  writeFileSync(join(folder, "context/secret"), "not for the image");
  const named = [
    "--file",
    join(folder, "context/Containerfile"),
    "--tag",
    IMAGE,
    "--build-arg",
    "BASE_IMAGE=localhost/node:1",
  ];
  await execa("buildah", ["build", "--format", "docker", "--isolation", "chroot", ...named, join(folder, "context")]);
  return builder.close;
});

/** What `docker run --user USER --volume WORK:/work bootstrap WORDS` would run, in a chroot. */
async function run(user: string, ...words: string[]) {
  const work = join(folder, `work-${user.replace(":", "-")}`);
  mkdirSync(work, { recursive: true });
  chmodSync(work, 0o777);
  const { stdout: container } = await execa("buildah", ["from", "--pull-never", IMAGE]);
  const { Docker } = JSON.parse((await execa("buildah", ["inspect", "--type", "image", IMAGE])).stdout);
  const how = ["--isolation", "chroot", "--user", user, "--volume", `${work}:/work`];
  const line = [...Docker.config.Entrypoint, ...words];
  return execa("buildah", ["run", ...how, container, "--", ...line], { all: true, reject: false });
}

describe("the Containerfile's image, built for real", () => {
  it("runs bootstrap as a user without rights, in /work", async () => {
    const { stdout } = await execa("buildah", ["inspect", "--type", "image", IMAGE]);
    expect(JSON.parse(stdout).Docker.config).toMatchObject({
      ...{ User: "node", WorkingDir: "/work", Entrypoint: ["bootstrap"] },
      Env: expect.arrayContaining(["HOME=/home/node"]),
    });
    expect(await run("node", "--version")).toMatchObject({ all: packageJson.version, exitCode: 0 });
  });

  it("makes an environment in the sandbox, also as a user that it does not know", async () => {
    const { all, exitCode } = await run("4711:4711", "up", "--sandbox", "--speed", "1000");
    expect(all).toContain("demux is up in us-east-1 (account 123456789012)");
    expect(exitCode).toBe(0);
    const again = await run("4711:4711", "status", "--sandbox");
    expect(again.all).toContain("nothing to do");
  });

  it("holds what npm packed, and nothing else of the folder that it was built in", async () => {
    const { stdout: container } = await execa("buildah", ["from", "--pull-never", IMAGE]);
    const list = [
      "run",
      "--isolation",
      "chroot",
      container,
      "--",
      "/bin/sh",
      "-c",
      "ls /opt /opt/package /opt/package/dist",
    ];
    const { stdout } = await execa("buildah", list);
    expect(stdout).toMatch(/THIRD-PARTY-NOTICES\.txt/);
    expect(stdout).not.toMatch(/secret|\.tgz|node_modules|Containerfile/);
  });
});
