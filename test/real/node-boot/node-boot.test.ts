import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeFiles } from "../../../src/render/bake-script.ts";
import { type NodeBoot, nodeUserData } from "../../../src/render/user-data.ts";
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
    ...[baked(), enabled, seed("i-1", userData), lustre],
    // A busy machine has all the time it needs to look.
    ...[soon("bootstrap-deadline.timer", 86_400), soon("bootstrap-power-off.timer", 86_400), ...more],
  ].join("\n");
}

/** What cloud-init's generator does, which systemd gives up where the machine is busy. */
const enabled = `wanted=/etc/systemd/system/multi-user.target.wants/cloud-init.target
if [[ -e /etc/cloud/cloud-init.disabled ]]; then rm -f $wanted; else ln -sf /lib/systemd/system/cloud-init.target $wanted; fi`;

/** What is shorter in the guest than on a node, by systemd's own means. */
function soon(timer: string, seconds: number, name = "soon"): string {
  const folder = `/etc/systemd/system/${timer}.d`;
  const lines = ["[Timer]", "OnBootSec=", "OnActiveSec=", `OnActiveSec=${seconds}s`, "AccuracySec=1s"];
  return `mkdir -p ${folder} && printf '${lines.join("\\n")}\\n' >${folder}/${name}.conf`;
}

/** Waits until a node that is refused has said so: nothing of its refusal runs or is to run. An error of systemctl's is no answer. */
const refusalEnded = `until refusal=$(systemctl show --property=ActiveState,Job bootstrap-refuse.service) &&
  [[ $refusal == ActiveState=@(inactive|failed)$'\\n'Job= ]]; do /usr/bin/sleep 0.2; done`;

/** The disks once more, and after them the agent, as in a boot; a node that is refused has said so. */
const again = `systemctl restart bootstrap-storage.service
${refusalEnded}
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
  const told = expect.stringMatching(new RegExp(`^us-east-1 /bootstrap/lab node/i-0123: ${reason}$`));
  return { agent: "inactive", ready: "", powerOff: "active", told };
}

let built: string;
beforeAll(async () => {
  built = await builtGuest();
});

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
  });
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

  it.sequential("changes nothing when its disks are looked at again", async () => {
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
    expect(await look(guest)).toMatchObject({
      ...closed("this instance has no NVMe instance-store disk"),
      ...{ data: "", fsx: "" },
    });
    expect(guest.console).toContain("bootstrap: this instance has no NVMe instance-store disk\n");
    expect(guest.console).toContain("bootstrap: this node takes no job and powers off in a minute\n");
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

  const byId = "/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage";

  it.sequential.each([
    ["an ext4", "mkfs.ext4 -q -L theirs", ["AWS4"], "ext4 with the label theirs"],
    ["an xfs on each of its two", "mkfs.xfs -q -L theirs", ["AWS5", "AWS6"], "xfs with the label theirs"],
    ["LVM on each of its two", "pvcreate -q", ["AWS7", "AWS8"], "LVM2_member"],
  ] as const)("is closed when a disk carries %s, and does not write on it", async (_, make, serials, content) => {
    await onlyDisks(...serials);
    const disks = serials.map((serial) => `${byId}_${serial}`).join(" ");
    await guest.run(`for disk in ${disks}; do ${make} $disk >/dev/null; done; udevadm settle`);
    const ends = `sync; for disk in ${disks}; do
  for from in 0 316; do dd if=$disk bs=1M count=4 skip=$from status=none | sha256sum; done
done`;
    const before = await guest.run(ends);
    await guest.ask(again);
    const reason = `/dev/nvme\\dn1 holds ${content}, which is not ours`;
    expect(await look(guest)).toMatchObject({ ...closed(reason), data: "" });
    expect(await guest.run(`${ends}; mdadm --detail --scan`)).toBe(before);
  });

  it.sequential("keeps what it made when its second disk comes late, and the next time too", async () => {
    await onlyDisks("AWS11");
    await guest.run(again);
    await guest.run(`echo reads >/data/file; ${clear}; ${instanceStore("AWS12")}; udevadm settle; ${again}`);
    expect(await look(guest)).toMatchObject({ agent: "active", data: "xfs rw" });
    expect(await guest.run("cat /data/file; lsblk -no TYPE $(findmnt -n -o SOURCE --mountpoint /data)")).toBe(
      "reads\ndisk",
    );
  });

  it.sequential("waits for disks: both of two that its type has, the second long after the first", async () => {
    await onlyDisks();
    // Each comes while it is waited for.
    await guest.run(`echo scratch_disks=2 >>/run/bootstrap/parameters
cat >/run/sleep <<'SLEEP'
#!/bin/bash
echo "$1" >>/run/sleeps
case $(wc -l </run/sleeps) in
  2) ${instanceStore("AWS13")} ;;
  4) ${instanceStore("AWS14")} ;;
esac
SLEEP
chmod 755 /run/sleep
mount --bind /run/sleep /usr/local/bin/sleep
${again}
umount /usr/local/bin/sleep`);
    expect(await guest.run("cat /run/sleeps")).toMatch(/^6\n6\n6\n6\b/);
    expect(await look(guest)).toMatchObject({ agent: "active", data: "xfs rw" });
    expect(await guest.run("lsblk -no TYPE $(findmnt -n -o SOURCE --mountpoint /data)")).toBe("raid0");
  });

  it.sequential("makes a file system anew that was not finished", async () => {
    await onlyDisks("AWS15");
    // Until it is done mkfs.xfs marks what it makes as in progress.
    await guest.run(`sed -i /scratch_disks=2/d /run/bootstrap/parameters; disk=$(readlink -f ${byId}_AWS15)
mkfs.xfs -q -K -L bootstrap $disk; xfs_db -x -c 'sb 0' -c 'write inprogress 1' $disk; sync`);
    await guest.run(again);
    expect(await look(guest)).toMatchObject({ agent: "active", data: "xfs rw" });
    expect(guest.console).toMatch(/the file system on \/dev\/nvme\dn1 was never finished, and is made again/);
  });

  it.sequential("keeps containers from the metadata, and from nothing else", async () => {
    const ask = (address: string) => guest.ask(`ip netns exec container bash -c 'exec 3<>/dev/tcp/${address}/80' 2>&1`);
    await guest.run(`for side in container outside; do
  ip netns add $side; ip link add $side type veth peer name eth0 netns $side
  ip link set $side up; ip -n $side link set eth0 up; ip -n $side link set lo up
done
ip addr add 172.17.0.1/24 dev container; ip -n container addr add 172.17.0.2/24 dev eth0
ip -n container route add default via 172.17.0.1
ip addr add 169.254.169.1/24 dev outside; ip -n outside addr add 169.254.169.254/24 dev eth0
ip -n outside addr add 169.254.169.253/24 dev eth0; ip -n outside route add default via 169.254.169.1
# The kernel asks three times, for 7 seconds in all.
ip netns exec container sh -c 'echo 2 >/proc/sys/net/ipv4/tcp_syn_retries'
echo 1 >/proc/sys/net/ipv4/ip_forward`);
    expect((await ask("169.254.169.253")).output).toContain("Connection refused");
    expect((await ask("169.254.169.254")).output).toContain("Connection timed out");
    await guest.run("iptables --flush DOCKER-USER");
    expect((await ask("169.254.169.254")).output).toContain("Connection refused");
    await guest.run("iptables --insert DOCKER-USER --destination 169.254.169.254/32 --jump DROP");
  });

  it.sequential("makes four disks one", async () => {
    await onlyDisks("AWS5", "AWS6", "AWS7", "AWS8");
    await guest.run(again);
    expect(await look(guest)).toMatchObject({ agent: "active", data: "xfs rw", modes: open.modes });
    expect(await guest.run("mdadm --detail /dev/md0 | grep -c 'active sync'")).toBe("4");
    expect(await untouched()).toBe("0\next4");
  });

  it.sequential("is closed when its user data is not run at all, and says so", async () => {
    await guest.run(`${clear}; touch /etc/cloud/cloud-init.disabled`);
    await guest.reboot();
    expect(await look(guest)).toMatchObject({
      ...closed("its user data did not run"),
      ...{ data: "", fsx: "", deadline: "active" },
    });
    expect(await guest.run("systemctl show -p ConditionResult --value ecs.service")).toBe("no");
  });

  it.sequential("is closed when its root disk is full before cloud-init, and says so all the same", async () => {
    // What a reboot frees is filled again.
    await guest.run(`${clear}; rm -f /etc/cloud/cloud-init.disabled
cat >/etc/systemd/system/fill.service <<'UNIT'
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service systemd-tmpfiles-setup.service
Before=cloud-init-local.service
[Service]
Type=oneshot
ExecStart=-/bin/dd if=/dev/zero of=/full-again bs=4k status=none
[Install]
WantedBy=sysinit.target
UNIT
systemctl enable --quiet fill.service
dd if=/dev/zero of=/full bs=1M status=none || true; sync`);
    await guest.reboot();
    expect(await look(guest)).toMatchObject(closed("its user data did not run: the root disk is full"));
  });
});

describe.concurrent("a node with an EBS scratch disk", () => {
  let guest: Guest;
  beforeAll(async () => {
    const disks = [instanceStore("AWS1"), ebs("vol0scratch")];
    guest = await Guest.boot(built, beforeInit(merged(nodeUserData(ebsLab)), ...disks));
    await guest.booted();
  });
  afterAll(() => guest?.[Symbol.asyncDispose]());

  it.sequential("is open with it, leaves instance store alone", async () => {
    expect(await look(guest)).toEqual(open);
    expect(await guest.run("cat /sys/block/$(basename $(findmnt -n -o SOURCE --mountpoint /data))/device/serial")).toBe(
      "vol0scratch",
    );
    expect(await guest.run("stat -c %b /var/lib/disks/AWS1/image")).toBe("0");
  });

  it.sequential("is closed when the file system refuses for ever", async () => {
    await guest.run(`${clear}; echo 99 >/run/lustre/refusals`);
    await guest.ask(again);
    const reason = `cannot mount ${source} at /fsx: mount.lustre: mount .*Is the MGS running\\?`;
    expect(await look(guest)).toMatchObject({ ...closed(reason), data: "xfs rw", fsx: "" });
    expect(await guest.run("cat /run/sleeps")).toBe([5, 10, 15, 20, 25, 30, 35, 40, 45].join("\n"));
  });

  it.sequential("is closed when there is no file system of that name", async () => {
    await guest.run(`${clear}; echo ${filesystem.dnsName}@tcp:/another >/run/lustre/source`);
    await guest.ask(again);
    const reason = "cannot mount .* failed: No such file or directory Is the MGS specification correct\\?";
    expect(await look(guest)).toMatchObject({ ...closed(reason), fsx: "" });
  });

  it.sequential("is closed when something else is mounted where Lustre should be", async () => {
    await guest.run(`${clear}; mount -t tmpfs something-else /fsx`);
    await guest.ask(again);
    expect(await look(guest)).toMatchObject(closed("there is no lustre at /fsx"));
  });

  it.sequential("gives up a mount that hangs, and tries again", async () => {
    const hang =
      "if [[ ! -e /run/hung ]]; then touch /run/hung; pkill -ALRM -x timeout; exec /usr/bin/sleep infinity; fi";
    await guest.run(`${clear}; echo '${hang}' >/run/lustre/instead; ${again}`);
    expect(await look(guest)).toMatchObject({ agent: "active", fsx: open.fsx });
    expect(guest.console).toContain(`try 1 of 10 to mount ${source} at /fsx: no answer\n`);
  });

  it.sequential("is closed when its script is killed midway, and says where it was", async () => {
    await guest.run(`${clear}; echo 'pkill -KILL -f /usr/lib/bootstrap/storage' >/run/lustre/instead`);
    await guest.ask(again);
    expect(await look(guest)).toMatchObject(closed(`it did not end: mounting ${source} at /fsx`));
  });

  it.sequential("finds its volume where no udev rule names it", async () => {
    await guest.run(`${clear}; rm /etc/udev/rules.d/70-ec2.rules; udevadm control --reload; rm /dev/xvdb`);
    await guest.run(again);
    expect(await look(guest)).toMatchObject({ agent: "active", data: "xfs rw" });
    expect(await guest.run("cat /sys/block/$(basename $(findmnt -n -o SOURCE --mountpoint /data))/device/serial")).toBe(
      "vol0scratch",
    );
  });

  it.sequential("is closed when the volume does not come", async () => {
    await guest.run(`${clear}; disks remove vol0scratch; udevadm settle`);
    await guest.ask(again);
    expect(await look(guest)).toMatchObject({ ...closed("this instance has no EBS disk for /dev/xvdb"), data: "" });
  });

  it.sequential("powers off when its minute is over", async () => {
    await guest.run(`${clear}; ${soon("bootstrap-power-off.timer", 5)}; systemctl daemon-reload`);
    await guest.off("systemctl --no-block restart bootstrap-storage.service");
    expect(guest.console).toContain("reboot: Power down");
  });
});

describe.concurrent("a node whose user data is cut off", () => {
  let guest: Guest;
  beforeAll(async () => {
    const whole = merged(nodeUserData(lab));
    guest = await Guest.boot(built, beforeInit(whole.slice(0, whole.lastIndexOf("declare -p")), instanceStore("AWS1")));
    await guest.booted();
  });
  afterAll(() => guest?.[Symbol.asyncDispose]());

  it.sequential("is closed, and has its deadline", async () => {
    expect(await look(guest)).toMatchObject({
      ...closed("its user data did not run"),
      ...{ data: "", fsx: "", deadline: "active" },
    });
    expect(await guest.run("stat -c %b /var/lib/disks/AWS1/image")).toBe("0");
  });

  const stages = "cloud-init clean; systemctl restart cloud-init-local.service cloud-init.service cloud-final.service";

  it.sequential("is open with user data that asks for neither scratch disk nor Lustre", async () => {
    await guest.run(`${clear}; ${seed("i-2", merged(nodeUserData(bareLab)))}; ${stages}; ${again}`);
    expect(await look(guest)).toMatchObject({
      ...{ agent: "active", ready: "environment=lab\nimage=", data: "", fsx: "", deadline: "active" },
    });
  });

  it.sequential("is left alone by its deadline when it is ready, and goes when something hangs", async () => {
    await guest.run(`${soon("bootstrap-deadline.timer", 1)}; systemctl daemon-reload; systemctl restart bootstrap-deadline.timer
until [[ $(systemctl show -p SubState --value bootstrap-deadline.timer) == elapsed ]]; do /usr/bin/sleep 1; done
${refusalEnded}`);
    expect(await look(guest)).toMatchObject({ agent: "active", powerOff: "inactive", told: "" });
    // The deadline that this boot has set itself passes once the boot hangs.
    const hangs = "[Service]\\nTimeoutStartSec=infinity\\nExecStartPre=/bin/bash /usr/local/sbin/hang\\n";
    await guest.run(`mkdir -p /etc/systemd/system/cloud-init.service.d
printf '${hangs}' >/etc/systemd/system/cloud-init.service.d/hang.conf
cat >/usr/local/sbin/hang <<'HANG'
${soon("bootstrap-deadline.timer", 1, "sooner")}; systemctl daemon-reload; exec /usr/bin/sleep infinity
HANG
${soon("bootstrap-power-off.timer", 5, "sooner")}`);
    await guest.off("systemctl --no-block reboot");
    expect(guest.console).toMatch(/bootstrap: its disks were not begun with; still starting: .*cloud-init\.service/);
    expect(guest.console).toContain("reboot: Power down");
  });
});
