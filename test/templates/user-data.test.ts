import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { render, templateText } from "../../src/render/templates.ts";
import { builderUserData, nodeUserData } from "../../src/render/user-data.ts";
import { complaints } from "./shell-checks.ts";
import { StandInMachine } from "./stand-in-machine.ts";

const guide = {
  environment: "lab",
  image: "ami-0123456789abcdef0",
  filesystem: {
    dnsName: "fs-0123456789abcdef0.fsx.cn-northwest-1.amazonaws.com",
    mountName: "zxktnbmv",
    mountPoint: "/fsx",
    directories: ["fastq", "splited"],
  },
  scratch: { kind: "instance-store", mountPoint: "/data", disks: 1 },
} as const;

/** The parts as Python's mail parser sees them, which is the one cloud-init uses. */
function parts(text: string): readonly { name: string; type: string; body: string }[] {
  const program = `import email, json, sys
message = email.message_from_string(sys.stdin.read())
print(json.dumps([{"name": p.get_filename(), "type": p.get_content_type(), "body": p.get_payload()}
  for p in message.walk() if not p.is_multipart()]))`;
  const { stdout, stderr } = spawnSync("python3", ["-c", program], { input: text, encoding: "utf8" });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

describe("node user data", () => {
  it("is one boothook, so that it runs at every boot", () => {
    expect(parts(nodeUserData(guide)).map(({ name, type }) => [name, type])).toEqual([
      ["10-node.sh", "text/cloud-boothook"],
    ]);
  });

  it("is small: the scripts are in the image", () => {
    expect(nodeUserData(guide).length).toBeLessThan(2_048);
  });

  it.each([
    ["Lustre and instance store", guide],
    ["no Lustre and no scratch disk", { environment: "lab", scratch: { kind: "none" } }],
    ["an EBS scratch disk", { environment: "lab", scratch: { kind: "ebs", mountPoint: "/data", device: "/dev/sdf" } }],
  ] as const)("is sound shell with %s", (_, values) => {
    for (const { body } of parts(nodeUserData(values))) {
      expect(body.startsWith("#!/bin/bash\n")).toBe(true);
      expect(complaints(body)).toBe("");
    }
  });

  it("writes the very file that the script in the image reads", () => {
    const path = "\nparameters=/run/bootstrap/parameters\n";
    expect(templateText("userdata/10-node.sh")).toContain(path);
    expect(templateText("node/storage.sh")).toContain(path);
  });
});

describe("builder user data", () => {
  it("is one boothook of sound shell", () => {
    const [fuse, ...more] = parts(builderUserData({ hours: 3 }));
    expect(more).toEqual([]);
    expect(fuse).toMatchObject({ name: "10-fuse.sh", type: "text/cloud-boothook" });
    expect(complaints(fuse?.body ?? "")).toBe("");
  });
});

describe("the builder's fuse", () => {
  const script = render("bake/fuse.sh", { hours: 3 });
  const timer = "--unit=bootstrap-fuse --on-active=3h systemctl poweroff";
  const systemctl = "[[ $1 != is-active ]]";
  const early = "--property=DefaultDependencies=no --timer-property=DefaultDependencies=no";

  it("is a transient timer, and waits for nothing of a boot that waits for it", () => {
    using machine = new StandInMachine({ "systemd-run": "", systemctl });
    expect(machine.run(script).status).toBe(0);
    expect(machine.calls("systemd-run")).toEqual([expect.stringContaining(`systemd-run ${early} ${timer}`)]);
    expect(machine.calls("systemctl --no-block")).toEqual([]);
  });

  it("is set by an older systemd too, which does not know the property", () => {
    using machine = new StandInMachine({ "systemd-run": "[[ $1 != --property=* ]]", systemctl });
    machine.run(script);
    expect(machine.calls("systemd-run")[1]).toContain(`systemd-run ${timer}`);
    expect(machine.calls("systemctl --no-block")).toEqual([]);
  });

  it("leaves word that this is no node, which would have to be ready in time", () => {
    using machine = new StandInMachine({ "systemd-run": "", systemctl });
    machine.run(script);
    expect(machine.has("run/bootstrap/builder")).toBe(true);
  });

  it("powers off at once when it cannot be set", () => {
    using machine = new StandInMachine({ "systemd-run": "exit 1", systemctl });
    machine.run(script);
    expect(machine.calls("systemctl --no-block")).toEqual(["systemctl --no-block poweroff"]);
    expect(machine.read("dev/console")).toMatch(/^bootstrap: cannot set/);
  });

  it("stands as it is when cloud-init is run again on a machine at work", () => {
    using machine = new StandInMachine({ "systemd-run": "exit 1", systemctl: "" });
    expect(machine.run(script).status).toBe(0);
    expect(machine.calls()).toEqual([expect.stringMatching(/^systemctl is-active --quiet bootstrap-\w+\.timer$/)]);
  });
});
