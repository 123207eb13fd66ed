import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { render } from "../../src/render/templates.ts";
import { complaints } from "./shell-checks.ts";
import { StandInMachine } from "./stand-in-machine.ts";

const recipe = {
  os: "al2023",
  packages: ["xfsprogs", "mdadm", "htop"],
  modules: ["lustre"],
  tools: ["mount.lustre", "lctl", "mkfs.xfs", "mdadm"],
  nodeFiles: [
    `0755 /usr/lib/bootstrap/storage ${Buffer.from("#!/bin/bash\nit's\n").toString("base64")}`,
    `0644 /etc/systemd/system/bootstrap-storage.service ${Buffer.from("[Unit]\n").toString("base64")}`,
  ],
  logTailLines: 5,
};

const programs = {
  "cloud-init": "",
  uname: 'cat "$MACHINE/kernel" 2>/dev/null || echo 6.1.147-172.266.amzn2023.x86_64',
  dnf: 'echo "dnf did $*"',
  yum: "",
  "amazon-linux-extras": "",
  modprobe: "",
  "mount.lustre": "",
  lctl: "",
  "mkfs.xfs": "",
  mdadm: "",
  iptables: "",
  curl: "",
  aws: "",
  sleep: "",
  sync: "",
  systemctl: `case $* in
*DropInPaths*) echo "DropInPaths=/etc/systemd/system/ecs.service.d/10-bootstrap.conf" ;;
is-enabled*) cat "$MACHINE/enabled" 2>/dev/null || echo enabled ;;
esac`,
};

class Builder extends StandInMachine {
  constructor() {
    super(programs);
    this.write("etc/ecs/ecs.config", "ECS_CLUSTER=default\nECS_LOGLEVEL=info\nECS_INSTANCE_ATTRIBUTES={}\n");
    for (const path of this.traces) this.write(path, "x");
    this.write("etc/machine-id", "0123\n");
    this.write("var/log/messages", "much\n");
    this.write("var/lib/amazon/ssm/i-1/document/_script.sh", "this very script\n");
  }

  readonly traces = [
    "var/lib/ecs/data/agent.db",
    "var/lib/amazon/ssm/Vault/Store/EC2RegistrationKey",
    "var/lib/cloud/instance/boothooks/10-fuse.sh",
    "var/lib/dhclient/dhclient--eth0.lease",
    "var/lib/rsyslog/imjournal.state",
    "var/cache/dnf/expired",
    "var/tmp/left",
    "etc/ssh/ssh_host_rsa_key",
    "root/.ssh/authorized_keys",
    "home/ec2-user/.ssh/authorized_keys",
    "home/ec2-user/.bash_history",
    "root/.bash_history",
    "etc/hostname",
    "var/lib/systemd/random-seed",
  ] as const;

  provision(changes: Partial<typeof recipe> = {}) {
    return this.run(render("bake/provision.sh", { ...recipe, ...changes }));
  }
}

describe("the bake recipe", () => {
  it.each(["al2023", "al2"])("is sound shell for %s, also without anything extra", (os) => {
    expect(complaints(render("bake/provision.sh", { ...recipe, os }))).toBe("");
    expect(complaints(render("bake/provision.sh", { ...recipe, os, packages: [], modules: [], tools: [] }))).toBe("");
  });

  it("installs what it needs and what was asked for", () => {
    using builder = new Builder();
    expect(builder.provision()).toMatchObject({ status: 0, stderr: "" });
    expect(builder.calls("dnf -y")).toEqual([
      "dnf -y --setopt=skip_if_unavailable=False install lustre-client xfsprogs mdadm htop",
    ]);
    expect(builder.calls("modprobe")).toEqual(["modprobe lustre"]);
  });

  it("takes the client from Amazon Linux 2's extras", () => {
    using builder = new Builder();
    builder.write("kernel", "5.10.245-241.976.amzn2.x86_64\n");
    expect(builder.provision({ os: "al2" }).status).toBe(0);
    expect(builder.calls("amazon-linux-extras")).toEqual(["amazon-linux-extras install -y lustre"]);
    expect(builder.calls("yum -y")).toEqual(["yum -y install xfsprogs mdadm htop"]);
    expect(builder.calls("dnf")).toEqual([]);
  });

  it("puts onto the disk what nodes run, and stops the ECS agent without disabling it", () => {
    using builder = new Builder();
    builder.provision();
    expect(builder.read("usr/lib/bootstrap/storage")).toBe("#!/bin/bash\nit's\n");
    expect(statSync(join(builder.root, "usr/lib/bootstrap/storage")).mode & 0o777).toBe(0o755);
    expect(builder.read("etc/systemd/system/bootstrap-storage.service")).toBe("[Unit]\n");
    expect(builder.calls("systemctl")).toContain("systemctl enable bootstrap-storage.service bootstrap-deadline.timer");
    expect(builder.calls("systemctl")).toContain("systemctl stop ecs.service");
    expect(builder.calls("systemctl").filter((call) => /disable|mask/.test(call))).toEqual([]);
    expect(builder.read("etc/ecs/ecs.config")).toBe("ECS_LOGLEVEL=info\n");
  });

  it("leaves no trace of the builder, but leaves the SSM agent what it works with", () => {
    using builder = new Builder();
    builder.provision();
    expect(builder.traces.filter((path) => builder.has(path))).toEqual([]);
    expect(builder.read("etc/machine-id")).toBe("");
    expect(builder.read("var/log/messages")).toBe("");
    expect(builder.has("var/lib/amazon/ssm/i-1/document/_script.sh")).toBe(true);
  });

  it("does it once more when all services have ended, by what is not on the disk itself", () => {
    using builder = new Builder();
    builder.provision();
    expect(builder.read("run/systemd/system/bootstrap-forget.service")).toContain("\nBefore=sysinit.target ");
    for (const path of builder.traces) builder.write(path, "x");
    builder.write("etc/machine-id", "0123\n");
    expect(builder.start("bash", [join(builder.root, "run/bootstrap/forget")])).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(builder.traces.filter((path) => builder.has(path))).toEqual([]);
    expect(builder.read("etc/machine-id")).toBe("");
    expect(builder.has("var/lib/amazon/ssm/i-1")).toBe(false);
  });

  it("may be run again", () => {
    using builder = new Builder();
    builder.provision();
    expect(builder.provision()).toMatchObject({ status: 0, stderr: "" });
  });

  it("holds a lock while it works, and lets nobody inherit it", () => {
    using builder = new Builder();
    builder.program(
      "modprobe",
      'flock -n "$MACHINE/run/bootstrap-provision.lock" true; echo "lock: $?"; ls -l /proc/$$/fd',
    );
    const { stdout } = builder.provision();
    expect(stdout).toContain("lock: 1\n");
    expect(stdout).not.toMatch(/-> .*bootstrap-provision\.lock/);
  });
});

describe("a bake that fails says why in its last line of stderr", () => {
  it.each([
    ["the module does not load", "modprobe", "cannot load the module lustre"],
    ["ecs.service would be disabled in the image", "systemctl", "systemd does not see the drop-in of ecs.service"],
  ])("when %s", (_, program, reason) => {
    using builder = new Builder();
    builder.program(program, program === "modprobe" ? "exit 1" : "");
    const { status, stderr } = builder.provision();
    expect(status).toBe(1);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(new RegExp(`^bootstrap: provision failed: .*${reason}`));
  });

  it("when a tool is missing", () => {
    using builder = new Builder();
    const { status, stderr } = builder.provision({ tools: ["lctl", "no-such-tool"] });
    expect(status).toBe(1);
    expect(stderr).toMatch(/bootstrap: provision failed: there is no no-such-tool\n$/);
  });

  it("when ecs.service is not enabled, for no node would join", () => {
    using builder = new Builder();
    builder.write("enabled", "disabled\n");
    expect(builder.provision().stderr).toMatch(/provision failed: ecs\.service is not enabled\n$/);
  });

  it("when packages cannot be had, after three tries, with the end of the log before it and no more", () => {
    using builder = new Builder();
    builder.program("dnf", 'seq -f "noise %g" 400; echo "no mirror"; exit 1');
    const { status, stderr } = builder.provision();
    expect(status).toBe(1);
    expect(builder.calls("dnf")).toHaveLength(3);
    expect(stderr.trimEnd().split("\n")).toEqual([
      "noise 398",
      "noise 399",
      "noise 400",
      "no mirror",
      expect.stringMatching(/^bootstrap: provision failed: dnf -y .*install lustre-client .*: status 1$/),
    ]);
  });

  it("when something of the builder's own comes back", () => {
    using builder = new Builder();
    builder.program("find", 'mkdir -p "$MACHINE/var/lib/amazon/ssm/Vault"');
    expect(builder.provision().stderr).toMatch(/the builder's own would be in the image: .*ssm\/Vault\n$/);
  });

  it("when the builder's fuse is on the disk", () => {
    using builder = new Builder();
    builder.write("etc/systemd/system/fuse.timer", "Unit=bootstrap-fuse.service\n");
    expect(builder.provision().stderr).toMatch(/the builder's fuse would be in the image: .*fuse\.timer\n$/);
  });

  it("when another run holds the lock for too long", () => {
    using builder = new Builder();
    builder.program("flock", "exit 1");
    expect(builder.provision()).toMatchObject({
      status: 1,
      stderr: "bootstrap: provision failed: another run holds the lock\n",
    });
    expect(builder.calls("dnf")).toEqual([]);
  });
});

describe("a kernel that is too old for the client", () => {
  const old = "6.1.77-99.164.amzn2023.x86_64\n";

  it("is updated before anything is installed, and the agent is asked to reboot", () => {
    using builder = new Builder();
    builder.write("kernel", old);
    expect(builder.provision()).toMatchObject({ status: 194, stderr: "" });
    expect(builder.calls("dnf")).toEqual(["dnf -y --releasever=latest update kernel"]);
  });

  it("fails the bake when it is still there after the reboot", () => {
    using builder = new Builder();
    builder.write("kernel", old);
    builder.provision();
    const { status, stderr } = builder.provision();
    expect(status).toBe(1);
    expect(stderr).toContain("is older than 6.1.79-99.167 even after an update and a reboot");
  });

  it("is forgotten when the reboot helped", () => {
    using builder = new Builder();
    builder.write("kernel", old);
    builder.provision();
    builder.write("kernel", "6.1.79-99.167.amzn2023.x86_64\n");
    expect(builder.provision().status).toBe(0);
    expect(existsSync(join(builder.root, "var/lib/bootstrap-provision.rebooted"))).toBe(false);
  });

  it.each([
    ["al2023", "6.12.40-63.114.amzn2023.x86_64", 0],
    ["al2", "5.10.144-127.601.amzn2.x86_64", 0],
    ["al2", "5.10.99-127.601.amzn2.x86_64", 194],
    ["al2", "4.14.293-220.533.amzn2.x86_64", 194],
  ])("is told by its series: %s %s", (os, kernel, status) => {
    using builder = new Builder();
    builder.write("kernel", `${kernel}\n`);
    expect(builder.provision({ os }).status).toBe(status);
  });
});
