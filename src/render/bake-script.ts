import { logGroupOf } from "../aws/tags.ts";
import type { Config } from "../config/config.ts";
import { contextFiles, render, templateText } from "./templates.ts";

/** The shell that turns a builder into what the AMI is made of; whatever it checks and does not find fails the bake. */
export function bakeScript({
  name,
  region,
  machineImage: { os, packages },
  filesystem,
}: Pick<Config, "name" | "region" | "machineImage" | "filesystem">): string {
  return render("bake/provision.sh", {
    os,
    // The AWS CLI is for the word of a node that is not fit for jobs.
    packages: ["xfsprogs", "mdadm", os === "al2" ? "awscli" : "awscli-2", ...packages],
    modules: ["xfs", "raid0", ...(filesystem ? ["lustre"] : [])],
    tools: ["mkfs.xfs", "mdadm", "iptables", "curl", "aws", ...(filesystem ? ["mount.lustre", "lctl"] : [])],
    nodeFiles: nodeFiles({ region, logGroup: logGroupOf(name) }).map(
      ({ mode, path, text }) => `${mode} ${path} ${Buffer.from(text).toString("base64")}`,
    ),
    logTailLines: 40,
  });
}

/** What of ours is on a node's disk: the scripts, and the units that start them. */
export function nodeFiles(home: { readonly region: string; readonly logGroup: string }) {
  return [
    { mode: "0755", path: "/usr/lib/bootstrap/storage", text: templateText("node/storage.sh") },
    { mode: "0755", path: "/usr/lib/bootstrap/refuse", text: render("node/refuse.sh", home) },
    ...contextFiles("node/units").map(({ path, bytes }) => ({
      ...{ mode: "0644", path: `/etc/systemd/system/${path}`, text: bytes.toString() },
    })),
  ];
}
