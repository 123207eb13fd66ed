import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeFiles } from "../../../src/recipe.ts";
import { type NodeBoot, nodeUserData } from "../../../src/user-data.ts";
import { builtGuest, Guest } from "./guest.ts";

const filesystem = {
  dnsName: "fs-0123456789abcdef0.fsx.us-east-1.amazonaws.com",
  mountName: "zxktnbmv",
  mountPoint: "/fsx",
  directories: ["fastq", "splited"],
};
const source = `${filesystem.dnsName}@tcp:/${filesystem.mountName}`;
const lab: NodeBoot = {
  ...{ environment: "lab", image: "ami-0123456789abcdef0", filesystem },
  scratch: { kind: "instance-store", mountPoint: "/data", disks: 1 },
};
const ebsLab: NodeBoot = { ...lab, scratch: { kind: "ebs", mountPoint: "/data", device: "/dev/xvdb" } };
const bareLab: NodeBoot = { environment: "lab", scratch: { kind: "none" } };

/** The user data a node gets: Batch's own part, which names the cluster, beside ours. */
function merged(userData: string): string {
  const boundary = /boundary="([^"]+)"/.exec(userData)?.[1] ?? "";
  const script = "#!/bin/bash\nmkdir -p /etc/ecs\necho ECS_CLUSTER=lab_Batch_1 >>/etc/ecs/ecs.config";
  const part = `--${boundary}\nContent-Type: text/x-shellscript; charset="us-ascii"\nMIME-Version: 1.0\n\n${script}\n`;
  return userData.replace(`--${boundary}\n`, `${part}\n--${boundary}\n`);
}

const disk = (model: string) => (serial: string) => `disks add '${model}' ${serial} 320M`;
const instanceStore = disk("Amazon EC2 NVMe Instance Storage");
const ebs = disk("Amazon Elastic Block Store");

/** What the bake leaves on a node's disk, by the bake's own code. */
function baked(): string {
  const files = nodeFiles({ region: "us-east-1", logGroup: "/bootstrap/lab" }).map(
    ({ mode, path, text }) =>
      `mkdir -p ${dirname(path)} && base64 -d >${path} <<<${Buffer.from(text).toString("base64")} && chmod ${mode} ${path}`,
  );
  const wanted = { "multi-user": "bootstrap-storage.service", sysinit: "bootstrap-deadline.timer" };
  const links = Object.entries(wanted).map(([target, unit]) => {
    const folder = `/etc/systemd/system/${target}.target.wants`;
    return `mkdir -p ${folder} && ln -sf ../${unit} ${folder}/`;
  });
  return [...files, ...links].join("\n");
}

function seed(instance: string, userData: string): string {
  return `mkdir -p /var/lib/cloud/seed/nocloud && cd /var/lib/cloud/seed/nocloud
echo instance-id: ${instance} >meta-data
base64 -d >user-data <<<${Buffer.from(userData).toString("base64")}`;
}

function beforeInit(userData: string, ...more: readonly string[]): string {
  const lustre = `mkdir -p /run/lustre && echo ${source} >/run/lustre/source`;
  return [
    ...[baked(), seed("i-1", userData), lustre],
    // A busy machine has all the time it needs to look.
    ...[soon("bootstrap-deadline.timer", 86_400), soon("bootstrap-power-off.timer", 86_400), ...more],
  ].join("\n");
}

/** What is shorter in the guest than on a node, by systemd's own means. */
function soon(timer: string, seconds: number): string {
  const folder = `/etc/systemd/system/${timer}.d`;
  return `mkdir -p ${folder} && printf '[Timer]\\nOnBootSec=\\nOnActiveSec=\\nOnActiveSec=${seconds}s\\n' >${folder}/soon.conf`;
}

/** The disks once more, and after them the agent, as in a boot; a node that is refused has said so. */
const again = `systemctl restart bootstrap-storage.service
while systemctl is-active -q bootstrap-refuse.service; do /usr/bin/sleep 0.2; done
systemctl start ecs.service`;

/** Leaves nothing mounted, and nothing that the stand-ins were told or noted. */
const clear = `systemctl stop ecs.service bootstrap-power-off.timer 2>/dev/null || true
systemctl reset-failed
for folder in /data /fsx; do while mountpoint -q $folder; do umount $folder; done; done
mdadm --stop --scan 2>/dev/null || true
rm -f /run/lustre/{calls,refusals,instead} /run/sleeps /run/told
echo ${source} >/run/lustre/source`;

interface Look {
  readonly agent: string;
  readonly ready: string;
  readonly data: string;
  readonly fsx: string;
  readonly modes: string;
  readonly powerOff: string;
  readonly deadline: string;
  /** What reached the environment's log group. */
  readonly told: string;
}

async function look(guest: Guest): Promise<Look> {
  const questions = {
    agent: "systemctl is-active ecs.service",
    ready: "cat /run/bootstrap/ready",
    data: "findmnt -n -o FSTYPE,OPTIONS --mountpoint /data | sed 's/,.*//'",
    fsx: "/usr/bin/findmnt -n -o FSTYPE,SOURCE --mountpoint /fsx",
    modes: "stat -c '%n %a' /data /fsx/fastq /fsx/splited",
    powerOff: "systemctl is-active bootstrap-power-off.timer",
    deadline: "systemctl is-active bootstrap-deadline.timer",
    told: "cat /run/told",
  };
  const answers = Object.entries(questions).map(
    ([key, ask]) => `echo "${key}=$({ ${ask}; } 2>/dev/null | base64 -w 0)"`,
  );
  const lines = (await guest.run(answers.join("\n"))).split("\n").map((line) => line.split(/=(.*)/));
  return Object.fromEntries(
    lines.map(([key, value = ""]) => [key, Buffer.from(value, "base64").toString().trim().replaceAll(/ +/g, " ")]),
  ) as unknown as Look;
}

const open: Look = {
  agent: "active",
  ready: "environment=lab\nimage=ami-0123456789abcdef0",
  data: "xfs rw",
  fsx: `tmpfs ${source}`,
  modes: "/data 1777\n/fsx/fastq 1777\n/fsx/splited 1777",
  powerOff: "inactive",
  deadline: "active",
  told: "",
};

/** What a node that is not fit looks like, and what it said: on its console, and in its stream of the log group. */
function closed(reason: string) {
  return { agent: "inactive", ready: "", powerOff: "active", told: `us-east-1 /bootstrap/lab node/i-0123: ${reason}` };
}

let built: string;
beforeAll(async () => {
  built = await builtGuest();
}, 600_000);

describe("cloud-init sees in a node's user data", () => {
  it.each([
    ["instance store and Lustre", lab],
    ["an EBS volume and Lustre", ebsLab],
    ["neither", bareLab],
  ])("one boothook beside what Batch adds, with %s", async (_, boot) => {
    const { stdout } = await execa("/usr/bin/python3", [join(import.meta.dirname, "parts.py")], {
      input: merged(nodeUserData(boot)),
      env: { PYTHONPATH: join(built, "python") },
    });
    expect(JSON.parse(stdout)).toEqual([
      { name: "part-001", type: "text/x-shellscript", start: "#!/bin/bash" },
      { name: "10-node.sh", type: "text/cloud-boothook", start: "#!/bin/bash" },
    ]);
  });
});

describe.concurrent("a node with instance store", () => {
  let guest: Guest;
  beforeAll(async () => {
    const disks = [ebs("vol0data"), instanceStore("AWS1"), instanceStore("AWS2")];
    guest = await Guest.boot(built, beforeInit(merged(nodeUserData(lab)), ...disks, "echo 2 >/run/lustre/refusals"));
    await guest.booted();
  }, 600_000);
  afterAll(() => guest?.[Symbol.asyncDispose]());

  const untouched = () => guest.run("stat -c %b /var/lib/disks/vol0data/image; blkid -p -s TYPE -o value /dev/nvme0n1");
  const onlyDisks = (...serials: readonly string[]) =>
    guest.run(`${clear}
shopt -s nullglob
for old in /var/lib/disks/AWS*; do disks remove \${old##*/}; done
${serials.map(instanceStore).join("\n")}
udevadm settle`);

  it.sequential("is open after two disks became one and a file system that refused twice was mounted", async () => {
    expect(await look(guest)).toEqual(open);
    expect(await guest.run("lsblk -no TYPE,FSTYPE $(findmnt -n -o SOURCE --mountpoint /data)")).toBe("raid0 xfs");
    expect(await guest.run("cat /run/sleeps")).toBe("5\n10");
    const calls = (await guest.run("cat /run/lustre/calls")).split("\n").map((call) => call.split(" "));
    expect(calls).toHaveLength(3);
    for (const [from, to, flag, options = ""] of calls) {
      expect([from, to, flag]).toEqual([source, "/fsx", "-o"]);
      expect(options.split(",")).toEqual(expect.arrayContaining(["noatime", "flock"]));
    }
    expect(await guest.run("systemctl show -p DropInPaths --value ecs.service; cat /etc/ecs/ecs.config")).toBe(
      "/etc/systemd/system/ecs.service.d/10-bootstrap.conf\nECS_CLUSTER=lab_Batch_1",
    );
    expect(await untouched()).toBe("0\next4");
  });

  it.sequential("changes nothing when the last stage runs again", async () => {
    await guest.run("echo reads >/data/file");
    const mounts = await guest.run("cat /proc/mounts");
    await guest.run(again);
    expect(await look(guest)).toEqual(open);
    expect(await guest.run("cat /proc/mounts")).toBe(mounts);
  });

  it.sequential("is open again after a reboot, with its files", async () => {
    await guest.reboot();
    expect(await look(guest)).toEqual(open);
    expect(await guest.run("cat /data/file")).toBe("reads");
    expect(await untouched()).toBe("0\next4");
  });

  it.sequential("assembles its disks where udev has not", async () => {
    await guest.run(`${clear}\n${again}`);
    expect(await look(guest)).toMatchObject({ agent: "active", data: "xfs rw" });
    expect(await guest.run("cat /data/file")).toBe("reads");
  });

  it.sequential("is closed without such a disk, and leaves EBS volumes alone", async () => {
    await onlyDisks();
    await guest.ask(again);
    expect(await look(guest)).toMatchObject({ ...closed, data: "", fsx: "" });
    expect(guest.console).toContain("bootstrap: this instance has no NVMe instance-store disk\n");
    expect(await untouched()).toBe("0\next4");
  });

  it.sequential("is open with one disk, as it is", async () => {
    await onlyDisks("AWS3");
    await guest.run(again);
    expect(await look(guest)).toMatchObject({ agent: "active", data: "xfs rw", modes: open.modes });
    expect(await guest.run("lsblk -no TYPE,FSTYPE $(findmnt -n -o SOURCE --mountpoint /data)")).toBe("disk xfs");
  });

  it.sequential("keeps the files of its one disk", async () => {
    await guest.run(`echo reads >/data/file; ${clear}; ${again}`);
    expect(await look(guest)).toMatchObject({ agent: "active", data: "xfs rw" });
    expect(await guest.run("cat /data/file")).toBe("reads");
  });

  it.sequential("is closed when a disk carries what is not ours, and does not write on it", async () => {
    await onlyDisks("AWS4");
    await guest.run("mkfs.ext4 -q -L theirs /dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_AWS4");
    await guest.ask(again);
    expect(await look(guest)).toMatchObject({ ...closed, data: "" });
    expect(guest.console).toMatch(/bootstrap: cannot make a file system on \/dev\/nvme\dn1\n/);
    expect(await guest.run("blkid -p -s LABEL -o value /dev/disk/by-id/nvme-*_AWS4")).toBe("theirs");
  });

  it.sequential("makes four disks one", async () => {
    await onlyDisks("AWS5", "AWS6", "AWS7", "AWS8");
    await guest.run(again);
    expect(await look(guest)).toMatchObject({ agent: "active", data: "xfs rw", modes: open.modes });
    expect(await guest.run("mdadm --detail /dev/md0 | grep -c 'active sync'")).toBe("4");
    expect(await untouched()).toBe("0\next4");
  });

  it.sequential("is closed when its user data is not run at all", async () => {
    await guest.run(`${clear}; touch /etc/cloud/cloud-init.disabled`);
    await guest.reboot();
    expect(await look(guest)).toMatchObject({ agent: "inactive", ready: "", data: "", fsx: "", deadline: "" });
    expect(await guest.run("systemctl show -p ConditionResult --value ecs.service")).toBe("no");
  });
});

describe.concurrent("a node with an EBS scratch disk", () => {
  let guest: Guest;
  beforeAll(async () => {
    // systemd 219 of Amazon Linux 2 may not know the property, and never waits for a timer.
    const older = `cat >/usr/local/bin/systemd-run <<'END'
#!/bin/bash
if [[ $1 == --property=* ]]; then exit 1; fi
/usr/bin/systemd-run "$@" </dev/null >/dev/null 2>&1 &
END
chmod +x /usr/local/bin/systemd-run`;
    const disks = [instanceStore("AWS1"), ebs("vol0scratch")];
    guest = await Guest.boot(built, beforeInit(merged(nodeUserData(ebsLab)), ...disks, older));
    await guest.booted();
  }, 600_000);
  afterAll(() => guest?.[Symbol.asyncDispose]());

  it.sequential("is open with it, leaves instance store alone, and has its deadline from an older systemd too", async () => {
    expect(await look(guest)).toEqual(open);
    expect(await guest.run("cat /sys/block/$(basename $(findmnt -n -o SOURCE --mountpoint /data))/device/serial")).toBe(
      "vol0scratch",
    );
    expect(await guest.run("stat -c %b /var/lib/disks/AWS1/image")).toBe("0");
  });

  it.sequential("is closed when the file system refuses for ever", async () => {
    await guest.run(`${clear}; echo 99 >/run/lustre/refusals`);
    await guest.ask(again);
    expect(await look(guest)).toMatchObject({ ...closed, data: "xfs rw", fsx: "" });
    expect(await guest.run("cat /run/sleeps")).toBe([5, 10, 15, 20, 25, 30, 35, 40, 45].join("\n"));
    expect(guest.console).toContain(`bootstrap: cannot mount ${source} at /fsx: mount.lustre: mount`);
  });

  it.sequential("is closed when there is no file system of that name", async () => {
    await guest.run(`${clear}; echo ${filesystem.dnsName}@tcp:/another >/run/lustre/source`);
    await guest.ask(again);
    expect(await look(guest)).toMatchObject({ ...closed, fsx: "" });
    expect(guest.console).toContain("failed: No such file or directory Is the MGS specification correct?\n");
  });

  it.sequential("is closed when something else is mounted where Lustre should be", async () => {
    await guest.run(`${clear}; mount -t tmpfs something-else /fsx`);
    await guest.ask(again);
    expect(await look(guest)).toMatchObject(closed);
    expect(guest.console).toContain("bootstrap: there is no lustre at /fsx\n");
  });

  it.sequential("is closed when its user data is killed midway", async () => {
    await guest.run(`${clear}; echo 'pkill -KILL -f scripts/per-boot' >/run/lustre/instead`);
    await guest.ask(again);
    expect(await look(guest)).toMatchObject({ agent: "inactive", ready: "", deadline: "{ OnActiveUSec=45min" });
  });

  it.sequential("is closed when the volume does not come", async () => {
    await guest.run(`${clear}; disks remove vol0scratch; udevadm settle`);
    await guest.ask(again);
    expect(await look(guest)).toMatchObject({ ...closed, data: "" });
    expect(guest.console).toContain("bootstrap: there is no disk /dev/sdf\n");
  });

  it.sequential("powers off when its minutes are over", async () => {
    await guest.run(`${clear}; ${soon("bootstrap-power-off.timer", 5)}; systemctl daemon-reload`);
    await guest.ask(`systemctl --no-block restart cloud-final.service`);
    await guest.off();
    expect(guest.console).toContain("reboot: Power down");
  });
});

describe.concurrent("a node whose user data is cut off", () => {
  let guest: Guest;
  beforeAll(async () => {
    const whole = merged(nodeUserData(lab));
    guest = await Guest.boot(
      built,
      beforeInit(whole.slice(0, whole.lastIndexOf("bring_lustre()")), instanceStore("AWS1")),
    );
    await guest.booted();
  }, 600_000);
  afterAll(() => guest?.[Symbol.asyncDispose]());

  it.sequential("is closed, and has its deadline", async () => {
    expect(await look(guest)).toMatchObject({
      agent: "inactive",
      ready: "",
      data: "",
      fsx: "",
      deadline: open.deadline,
    });
    expect(await guest.run("stat -c %b /var/lib/disks/AWS1/image")).toBe("0");
  });

  const stages = "cloud-init clean; systemctl restart cloud-init-local.service cloud-init.service";

  it.sequential("is open with user data that asks for neither scratch disk nor Lustre", async () => {
    await guest.run(`${seed("i-2", merged(nodeUserData(bareLab)))}; ${stages}; ${again}`);
    expect(await look(guest)).toMatchObject({
      ...{ agent: "active", ready: "environment=lab\nimage=", data: "", fsx: "", deadline: open.deadline },
    });
  });

  it.sequential("is left alone by its deadline when it is ready, and goes when it is not", async () => {
    await guest.run(`systemctl stop bootstrap-deadline.timer; ${soon("bootstrap-deadline.timer", 5)}; systemctl daemon-reload
systemctl restart cloud-init.service
while systemctl is-active bootstrap-deadline.timer; do /usr/bin/sleep 1; done`);
    expect(await look(guest)).toMatchObject({ agent: "active", deadline: "" });
    await guest.run(`${seed("i-3", merged(nodeUserData(lab)))}
echo 'echo the file system does not answer >/dev/console; exec /usr/bin/sleep infinity' >/run/lustre/instead
${soon("bootstrap-deadline.timer", 60)}; systemctl daemon-reload; ${stages}; systemctl --no-block restart cloud-final.service`);
    await guest.off();
    const [, after = ""] = guest.console.split("the file system does not answer\n");
    expect(after).toContain("bootstrap: not ready 45 minutes after boot; powering off\n");
    expect(after).toContain("reboot: Power down");
  });
});
