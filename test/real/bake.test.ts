import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Config, FilesystemConfig } from "../../src/config/config.ts";
import { bakeScript } from "../../src/render/bake-script.ts";
import { imageScript } from "../../src/render/image-script.ts";
import { contextFiles, render, templateText } from "../../src/render/templates.ts";
import { complaints } from "../templates/shell-checks.ts";
import { BaseImages, BuilderMachine, type Ended, instanceId } from "./bake/builder-machine.ts";
import { demandTools } from "./image/tools.ts";

type Os = Config["machineImage"]["os"];

const filesystem: FilesystemConfig = {
  ...{ deploymentType: "SCRATCH_2", storageType: "SSD", capacityGiB: 1200, lustreVersion: "2.15" },
  ...{ compression: "NONE", mountPoint: "/fsx", directories: [] },
};

function bake(os: Os, packages: readonly string[] = []): string {
  return bakeScript({
    ...{ name: "lab", region: "us-east-1" },
    machineImage: { os, packages, builderInstanceType: "m5.large", keep: 1, fuseHours: 3 },
    filesystem,
  });
}

/** What a person gets to see of a command that failed. */
function lastLines({ stderr }: Ended): readonly string[] {
  return stderr.split("\n").slice(-8);
}

let images: BaseImages;
beforeAll(() => {
  images = new BaseImages();
});
afterAll(() => images[Symbol.dispose]());

const gone = [
  ...["/etc/hostname", "/root/.ssh/authorized_keys", "/home/ec2-user/.ssh/authorized_keys"],
  ...["rsa", "ecdsa", "ed25519"].flatMap((kind) => [
    `/etc/ssh/ssh_host_${kind}_key`,
    `/etc/ssh/ssh_host_${kind}_key.pub`,
  ]),
  ...["/root/.bash_history", "/home/ec2-user/.bash_history", "/var/tmp/left-behind"],
  ...["/var/lib/ecs/data/agent.db", "/var/log/ecs/ecs-agent.log", "/var/log/ecs/ecs-init.log"],
  ...["/var/lib/cloud/data", "/var/lib/cloud/instances", "/var/lib/systemd/random-seed"],
  ...["/var/lib/amazon/ssm/Vault", "/var/log/amazon/ssm/amazon-ssm-agent.log", `/var/log/journal/${instanceId}`],
  ...["/var/lib/dhclient/dhclient--eth0.lease", "/var/lib/rsyslog/imjournal.state"],
  ...["/var/cache/dnf/x86_64", "/var/cache/yum/x86_64"],
];
const emptied = [
  ...["/etc/machine-id", "/var/log/cloud-init.log", "/var/log/cloud-init-output.log", "/var/log/messages"],
  ...["/var/log/messages-20260101", "/var/log/secure", "/var/log/cron", "/var/log/boot.log", "/var/log/dmesg"],
  ...["/var/log/wtmp", "/var/log/dnf.log", "/var/log/audit/audit.log", "/var/log/sa/sa01"],
];

describe.each<Os>(["al2023", "al2"])("a bake of %s", (os) => {
  let builder: BuilderMachine;
  let ended: Ended;
  beforeAll(async () => {
    builder = await BuilderMachine.boot(images, os);
    const before = await builder.do(`ls ${[...gone, ...emptied].join(" ")} && cat /var/lib/ecs/data/agent.db`);
    expect(before).toMatchObject({ status: 0, stderr: "" });
    ended = await builder.run(bake(os, ["htop"]));
  });
  afterAll(() => builder[Symbol.asyncDispose]());

  it("succeeds, and says nothing on stderr", () => {
    expect(ended).toMatchObject({ status: 0, stderr: "" });
    expect(ended.stdout).toMatch(/\nbootstrap: provisioned on kernel \S+$/);
  });

  it("installs what nodes need, and what was asked for", async () => {
    const { stdout } = await builder.do("rpm -q --qf '%{NAME} %{VERSION}\n' lustre-client xfsprogs mdadm htop");
    const client = os === "al2" ? "2.12.8" : "2.15.6";
    expect(stdout).toBe(`lustre-client ${client}\nxfsprogs 6.1.0\nmdadm 4.2\nhtop 3.2.1`);
  });

  it.each(gone)("leaves no %s", async (path) => {
    expect((await builder.do(`ls -d ${path}`)).stderr).toContain("No such file or directory");
  });

  it.each(emptied)("leaves %s empty", async (path) => {
    expect((await builder.do(`stat -c %s ${path}`)).stdout).toBe("0");
  });

  it("leaves no log with anything in it, whoever wrote it", async () => {
    expect((await builder.do("find /var/log -type f -size +0")).stdout).toBe("");
  });

  it("leaves nothing that names the builder, but for what the SSM agent works with", async () => {
    expect(await builder.mentions(instanceId)).toEqual([""]);
    expect((await builder.do(`ls /var/lib/amazon/ssm/${instanceId}/document`)).stdout).toBe("orchestration");
    expect((await builder.do("cat /etc/ecs/ecs.config")).stdout).toBe("ECS_LOGLEVEL=info");
  });

  it("leaves an ECS agent that starts with the next boot, but not before the node is ready", async () => {
    const start = "systemctl start ecs.service; systemctl show --property=ActiveState,ConditionResult ecs.service";
    expect((await builder.do("systemctl is-enabled ecs.service")).stdout).toBe("enabled");
    expect((await builder.do(start)).stdout).toBe("ActiveState=inactive\nConditionResult=no");
    const ready = await builder.do(`mkdir -p /run/bootstrap && touch /run/bootstrap/ready; ${start}`);
    expect(ready.stdout).toBe("ActiveState=active\nConditionResult=yes");
    await builder.runAgain();
  });

  it("puts onto the disk what nodes do at each boot, enabled and as systemd wants it", async () => {
    const units = "bootstrap-{storage.service,refuse.service,deadline.timer,power-off.timer,power-off.service}";
    expect(
      await builder.do(`systemd-analyze verify /etc/systemd/system/${units} && bash -n /usr/lib/bootstrap/*`),
    ).toEqual({
      ...{ status: 0, stdout: "", stderr: "" },
    });
    const enabled = await builder.do("systemctl is-enabled bootstrap-storage.service bootstrap-deadline.timer");
    expect(enabled.stdout).toBe("enabled\nenabled");
  });

  it("changes nothing when it is run again", async () => {
    const once = await builder.disk();
    expect(await builder.runAgain()).toMatchObject({ status: 0, stderr: "" });
    expect(await builder.disk()).toEqual(once);
  });
});

describe.each<Os>(["al2023", "al2"])("a bake of %s that fails says why in its last lines", (os) => {
  let builder: BuilderMachine;
  beforeAll(async () => {
    builder = await BuilderMachine.boot(images, os);
  });
  afterAll(() => builder[Symbol.asyncDispose]());

  it("when a package does not exist", async () => {
    const ended = await builder.run(bake(os, ["no-such-package"]));
    expect(ended.status).toBe(1);
    expect(lastLines(ended).slice(-2)).toEqual([
      "Error: Unable to find a match: no-such-package",
      expect.stringMatching(/^bootstrap: provision failed: .* xfsprogs mdadm awscli(-2)? no-such-package: status 1$/),
    ]);
  });

  it("when the kernel has no module for Lustre", async () => {
    await builder.do("sed -i.whole /lustre/d /lib/modules/$(uname -r)/modules.builtin && depmod");
    const ended = await builder.run(bake(os));
    await builder.do("cd /lib/modules/$(uname -r) && mv modules.builtin.whole modules.builtin && depmod");
    expect(ended.status).toBe(1);
    expect(lastLines(ended).slice(-2)).toEqual([
      expect.stringMatching(/^modprobe: FATAL: Module lustre not found in directory \S+$/),
      expect.stringMatching(/^bootstrap: provision failed: kernel \S+ cannot load the module lustre$/),
    ]);
  });

  it("when the repositories are out of reach", async () => {
    await builder.do(`cd /etc && cp -a yum.repos.d reachable && dnf -q clean all
      sed -i 's|^baseurl=.*|baseurl=https://cdn.amazonlinux.com/core|' yum.repos.d/*`);
    const ended = await builder.run(bake(os));
    expect(ended.status).toBe(1);
    expect(lastLines(ended).slice(-2)).toEqual([
      expect.stringMatching(/^Error: Failed to download metadata for repo .*/),
      expect.stringMatching(/^bootstrap: provision failed: .*install.* lustre.*: status 1$/),
    ]);
    expect(lastLines(ended).join("\n")).toContain("Could not resolve host: cdn.amazonlinux.com");
  });

  it("and leaves a builder whose ECS agent still runs, and the next bake succeeds", async () => {
    expect((await builder.do("systemctl is-active ecs.service")).stdout).toBe("active");
    await builder.do("cd /etc && rm -r yum.repos.d && mv reachable yum.repos.d");
    expect((await builder.runAgain()).status).toBe(0);
  });
});

describe("the disk that an image is made from", () => {
  it("is as clean as it was left, whatever services write while they are being stopped", async () => {
    await using builder = await BuilderMachine.boot(images, "al2023");
    expect((await builder.run(bake("al2023"))).status).toBe(0);
    const late = `echo ${instanceId} | tee /etc/hostname /etc/machine-id /var/lib/systemd/random-seed /var/log/messages >/srv/late
mkdir -p /var/lib/amazon/ssm/Vault /var/lib/ecs/data /var/lib/cloud/data
echo ${instanceId} | tee /var/lib/amazon/ssm/Vault/key /var/lib/ecs/data/agent.db /var/lib/cloud/data/id >/dev/null`;
    await builder.do("cat >/srv/late.sh", late);
    await builder.do(
      "systemd-run --unit=late-writer --property=ExecStop='/usr/bin/bash /srv/late.sh' /usr/bin/sleep infinity",
    );
    await builder.powerOff();
    expect(await builder.has("/srv/late"), "nothing was written").toBe(true);
    expect([...(await builder.mentions(instanceId))].sort()).toEqual(["./srv/late", "./srv/late.sh"]);
    const unwanted = ["/etc/hostname", "/var/lib/systemd/random-seed", "/var/lib/ecs/data/agent.db"];
    const own = ["/var/lib/amazon/ssm/Vault", "/etc/systemd/system/bootstrap-forget.service"];
    for (const path of [...unwanted, ...own]) expect(await builder.has(path), path).toBe(false);
  });
});

describe("a builder", () => {
  it("bakes once after the other when two commands come at once", async () => {
    await using builder = await BuilderMachine.boot(images, "al2023");
    for (const [name, word] of Object.entries({ "cloud-init": "began", sync: "ended" })) {
      const path = `/usr/local/bin/${name}`;
      await builder.do(`printf '#!/bin/sh\necho ${word} >>/srv/turns\n' >${path} && chmod 755 ${path}`);
    }
    await builder.bring(bake("al2023"));
    const both = await Promise.all([builder.runAgain(), builder.runAgain()]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    expect((await builder.do("cat /srv/turns")).stdout).toBe("began\nended\nbegan\nended");
  });

  it("whose kernel is too old gets the newest one of any release, and bakes after a reboot", async () => {
    await using builder = await BuilderMachine.boot(images, "al2023");
    const kernels = "rpm -q --qf '%{VERSION}-%{RELEASE}\n' kernel | sort -V";
    const boot = () => builder.do(`${kernels} | tail -n 1 >/srv/booted`);
    await builder.do("printf '#!/bin/sh\ncat /srv/booted\n' >/usr/local/bin/uname && chmod 755 /usr/local/bin/uname");
    await boot();
    // The SSM agent's word for: reboot and run it again.
    expect(await builder.run(bake("al2023"))).toMatchObject({ status: 194, stderr: "" });
    expect((await builder.do(kernels)).stdout).toBe("6.1.77-99.164.amzn2023\n6.1.147-172.266.amzn2023");
    expect(lastLines(await builder.runAgain()).at(-1)).toMatch(/ is older than 6\.1\.79-99\.167 even after an update/);
    await boot();
    expect(await builder.runAgain()).toMatchObject({ status: 0, stderr: "" });
    expect((await builder.do("ls /var/lib/*rebooted")).stderr).toContain("No such file or directory");
  });

  it("that is forgotten powers off, and its fuse is not in the image", async () => {
    await using builder = await BuilderMachine.boot(images, "al2023");
    await builder.do(render("bake/fuse.sh", { hours: 3 }));
    const timer = await builder.do("systemctl show --property=ActiveState,TimersMonotonic bootstrap-fuse.timer");
    expect(timer.stdout).toMatch(/OnActiveUSec=3h .*\nActiveState=active$/);
    expect((await builder.run(bake("al2023"))).status).toBe(0);
    expect(await builder.mentions("bootstrap-fuse.timer")).toEqual([""]);
    await builder.do("systemctl start bootstrap-fuse.service");
    await builder.poweredOff();
  });
});

describe("the shell that is shipped", () => {
  const build = {
    ...{ region: "us-east-1", repositoryName: "demux/bcl2fastq", tag: "0123", contextBase64: "AAAA" },
    repositoryUri: "123456789012.dkr.ecr.us-east-1.amazonaws.com/demux/bcl2fastq",
    buildArgs: [{ name: "BASE_IMAGE", value: "it's here" }],
  };
  const lustre = { source: "fs-1.fsx.us-east-1.amazonaws.com@tcp:/abc", mountPoint: "/fsx", directories: ["a b"] };
  const none = { source: "", mountPoint: "", directories: [] };
  const scratch = { kind: "instance-store", mountPoint: "/data", device: "", disks: 1 };
  const rendered: Readonly<Record<string, readonly string[]>> = {
    "bake/fuse.sh": [render("bake/fuse.sh", { hours: 3 })],
    "bake/image.sh": [imageScript(build), imageScript({ ...build, buildArgs: [] })],
    "bake/provision.sh": [bake("al2023"), bake("al2", ["it's", "htop"])],
    "node/refuse.sh": [render("node/refuse.sh", { region: "us-east-1", logGroup: "/bootstrap/lab" })],
    "node/storage.sh": [templateText("node/storage.sh")],
    "userdata/10-node.sh": [lustre, none].map((filesystem) =>
      render("userdata/10-node.sh", { environment: "lab", image: "", filesystem, scratch }),
    ),
  };
  const templates = contextFiles(".").flatMap(({ path }) => (path.endsWith(".sh") ? [path] : []));

  beforeAll(() => demandTools({ shellcheck: "shellcheck", shfmt: "shfmt" }));

  it.each(templates)("gives shellcheck and shfmt nothing to say: %s", (path) => {
    expect(rendered[path]?.map(complaints)).toEqual(rendered[path]?.map(() => ""));
    expect(rendered[path]?.length).toBeGreaterThan(0);
  });
});
