import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { render, templateText } from "../../src/render/templates.ts";
import { type Ended, StandInMachine } from "./stand-in-machine.ts";

/** What a node's disks and mounts would answer, kept in files below the stand-in's root. */
const programs = {
  udevadm: "",
  sleep: "",
  df: "echo Avail; echo 4096",
  iptables: "[[ $* != *--check* ]]",
  blkid: 'f=$MACHINE/content/${4##*/}; [[ -e $f ]] && cat "$f" || exit 2',
  wipefs: "",
  lsblk: `disk=\${*: -1}
if [[ $* == *NAME,TYPE* ]]; then echo "$disk disk"; cat "$MACHINE/array" 2>/dev/null; exit 0; fi
cat "$MACHINE/in-use-\${disk##*/}" 2>/dev/null || echo`,
  "mkfs.xfs": `disk=\${*: -1}; head -c 512 /dev/zero >"$disk"; printf '%s\\n' LABEL=bootstrap TYPE=xfs >"$MACHINE/content/\${disk##*/}"`,
  mdadm: `[[ $1 == --create ]] || exit 0
echo "$2 raid0" >"$MACHINE/array"
for disk in "\${@:5}"; do echo TYPE=linux_raid_member >"$MACHINE/content/\${disk##*/}"; done`,
  mount: `type=$2 target=\${*: -1}
[[ $type == lustre && -e $MACHINE/lustre-refused ]] && { echo "mount.lustre: Connection timed out" >&2; exit 5; }
mkdir -p "$MACHINE/mounts"; echo "\${MOUNTED_AS:-$type}" >"$MACHINE/mounts/\${target##*/}"`,
  mountpoint: "[[ -e $MACHINE/mounts/${2##*/} ]]",
  findmnt: 'target=${*: -1}; cat "$MACHINE/mounts/${target##*/}"',
};

class Node extends StandInMachine {
  constructor() {
    super(programs);
    for (const folder of ["dev/disk/by-id", "content"]) mkdirSync(join(this.root, folder), { recursive: true });
  }

  /** udev's links to a disk: two for itself, one for its partition. */
  disk(model: string, serial: string, device: string): void {
    writeFileSync(join(this.root, "dev", device), "");
    writeFileSync(join(this.root, "dev", `${device}p1`), "");
    const link = join(this.root, "dev/disk/by-id", `nvme-${model}_${serial}`);
    symlinkSync(`../../${device}`, link);
    symlinkSync(`../../${device}`, `${link}-ns-1`);
    symlinkSync(`../../${device}p1`, `${link}-part1`);
  }

  instanceStore(...devices: readonly string[]): this {
    for (const device of devices) this.disk("Amazon_EC2_NVMe_Instance_Storage", `AWS${device}`, device);
    return this;
  }

  boot(how: Parameters<Node["userData"]>[0] = {}): Ended {
    this.run(this.userData(how), "boothook");
    return this.storage();
  }

  storage(): Ended {
    return this.run(templateText("node/storage.sh"), "usr/lib/bootstrap/storage");
  }

  userData({ lustre = true, kind = "instance-store", device = "", disks = 1 } = {}): string {
    return render("userdata/10-node.sh", {
      environment: "lab",
      image: "ami-1",
      filesystem: {
        source: lustre ? "fs-1.fsx.us-east-1.amazonaws.com@tcp:/abcdefgh" : "",
        mountPoint: "/fsx",
        directories: ["fastq", "splited"],
      },
      scratch: { kind, mountPoint: "/data", device, disks },
    });
  }

  mode(path: string): string {
    return (statSync(join(this.root, path)).mode & 0o7777).toString(8);
  }

  /** The calls of one program, with the stand-in's root taken off. */
  asked(program: string): readonly string[] {
    return this.calls(`${program} `).map((line) => line.replaceAll(this.root, ""));
  }
}

function expectClosed(node: Node, ended: Ended, reason: string | RegExp): void {
  expect(ended.status).toBe(1);
  expect(node.has("run/bootstrap/ready")).toBe(false);
  const said = (node.read("run/bootstrap/reason") ?? "").replaceAll(node.root, "");
  expect(said.trimEnd()).toMatch(reason);
  expect(said.match(/\n/g)).toHaveLength(1);
}

describe("a node's storage", () => {
  it("is told what to mount by the user data, which touches nothing itself", () => {
    using node = new Node().instanceStore("nvme1n1");
    expect(node.run(node.userData(), "boothook")).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(node.calls()).toEqual([]);
    expect(node.read("run/bootstrap/parameters")).toContain(
      'source="fs-1.fsx.us-east-1.amazonaws.com@tcp:/abcdefgh"\n',
    );
    expect(node.has("run/bootstrap/parameters.new")).toBe(false);
  });

  it("keeps containers from the metadata, once", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.boot();
    const rule = "DOCKER-USER --destination 169.254.169.254/32 --jump DROP";
    expect(node.asked("iptables")).toEqual([
      `iptables --wait 10 --check ${rule}`,
      `iptables --wait 10 --insert ${rule}`,
    ]);
    node.program("iptables", "");
    node.boot();
    expect(node.asked("iptables").at(-1)).toBe(`iptables --wait 10 --check ${rule}`);
  });

  it("makes one disk an xfs, mounts the file system, and says it is ready last", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.disk("Amazon_Elastic_Block_Store", "vol0123", "nvme0n1");
    expect(node.boot()).toMatchObject({ status: 0, stderr: "bootstrap: ready for jobs in lab\n" });
    expect(node.asked("mkfs.xfs")).toEqual(["mkfs.xfs -q -K -L bootstrap /dev/nvme1n1"]);
    expect(node.asked("mdadm")).toEqual([]);
    expect(node.asked("mount")).toEqual([
      "mount -t xfs -o noatime /dev/nvme1n1 /data",
      "mount -t lustre -o noatime,flock,_netdev fs-1.fsx.us-east-1.amazonaws.com@tcp:/abcdefgh /fsx",
    ]);
    expect(["data", "fsx/fastq", "fsx/splited"].map((path) => node.mode(path))).toEqual(["1777", "1777", "1777"]);
    expect(node.read("run/bootstrap/ready")).toBe("environment=lab\nimage=ami-1\n");
    expect(node.has("run/bootstrap/ready.new")).toBe(false);
    expect(node.has("run/bootstrap/reason")).toBe(false);
  });

  it("makes several disks one RAID 0, each counted once", () => {
    using node = new Node().instanceStore("nvme2n1", "nvme1n1");
    expect(node.boot()).toMatchObject({ status: 0, stderr: "bootstrap: ready for jobs in lab\n" });
    expect(node.asked("mdadm")).toEqual([
      "mdadm --create /dev/md0 --level=0 --raid-devices=2 /dev/nvme1n1 /dev/nvme2n1",
    ]);
    expect(node.asked("mkfs.xfs")).toEqual(["mkfs.xfs -q -K -L bootstrap /dev/md0"]);
  });

  it.each([1, 2])("mounts what it made of %i disks after a reboot, and makes no second file system", (count) => {
    using node = new Node().instanceStore(...["nvme1n1", "nvme2n1"].slice(0, count));
    node.boot();
    const made = node.asked("mkfs.xfs").length + node.asked("mdadm").length;
    node.start("rm", ["-r", join(node.root, "mounts"), join(node.root, "run/bootstrap")]);
    expect(node.boot()).toMatchObject({ status: 0, stderr: "bootstrap: ready for jobs in lab\n" });
    expect(node.asked("mkfs.xfs").length + node.asked("mdadm").length).toBe(made);
    expect(node.asked("mount")).toHaveLength(4);
    expect(node.has("run/bootstrap/ready")).toBe(true);
  });

  it("assembles its RAID 0 where udev has not", () => {
    using node = new Node().instanceStore("nvme1n1", "nvme2n1");
    node.boot();
    node.start("rm", ["-r", join(node.root, "mounts"), join(node.root, "array")]);
    expect(node.boot()).toMatchObject({ status: 0, stderr: "bootstrap: ready for jobs in lab\n" });
    expect(node.asked("mdadm").at(-1)).toBe("mdadm --assemble /dev/md0 /dev/nvme1n1 /dev/nvme2n1");
    expect(node.asked("mkfs.xfs")).toHaveLength(1);
  });

  it("does nothing twice when it is run again in the same boot", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.boot();
    expect(node.boot()).toMatchObject({ status: 0, stderr: "bootstrap: ready for jobs in lab\n" });
    expect(node.asked("mount")).toHaveLength(2);
    expect(node.has("run/bootstrap/ready")).toBe(true);
  });

  it("mounts no file system for a workload without one, and no scratch disk for one without", () => {
    using node = new Node();
    expect(node.boot({ lustre: false, kind: "none" }).status).toBe(0);
    expect(node.asked("mount")).toEqual([]);
    expect(node.has("run/bootstrap/ready")).toBe(true);
  });

  it("takes an EBS volume by its name", () => {
    using node = new Node();
    writeFileSync(join(node.root, "dev/nvme1n1"), "");
    symlinkSync("nvme1n1", join(node.root, "dev/sdf"));
    expect(node.boot({ kind: "ebs", device: "/dev/sdf" }).status).toBe(0);
    expect(node.asked("mkfs.xfs")).toEqual(["mkfs.xfs -q -K -L bootstrap /dev/nvme1n1"]);
  });
});

describe("a node's disks", () => {
  it("are waited for", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.disk("Late", "AWS2", "nvme2n1");
    const by = "@ROOT@/dev/disk/by-id".replace("@ROOT@", node.root);
    const second = "nvme-Amazon_EC2_NVMe_Instance_Storage_AWS2";
    node.program("sleep", `[[ $(grep -c '^sleep' "$MACHINE/calls") -lt 3 ]] || ln -sf ../../nvme2n1 ${by}/${second}`);
    expect(node.boot({ disks: 2 })).toMatchObject({ status: 0 });
    expect(node.asked("sleep")).toEqual(["sleep 6", "sleep 6", "sleep 6"]);
    expect(node.asked("mdadm")).toEqual([
      "mdadm --create /dev/md0 --level=0 --raid-devices=2 /dev/nvme1n1 /dev/nvme2n1",
    ]);
  });

  it("keep the files of the one that was made when its sibling was late", () => {
    using node = new Node().instanceStore("nvme1n1", "nvme2n1");
    node.write("content/nvme2n1", "LABEL=bootstrap\nTYPE=xfs\n");
    expect(node.boot()).toMatchObject({ status: 0 });
    expect(node.asked("mount -t xfs")).toEqual(["mount -t xfs -o noatime /dev/nvme2n1 /data"]);
    expect([...node.asked("mkfs.xfs"), ...node.asked("mdadm")]).toEqual([]);
  });

  it("are made again when mkfs.xfs was cut short", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.write("content/nvme1n1", "LABEL=bootstrap\nTYPE=xfs\n");
    node.write("dev/nvme1n1", `${"\0".repeat(126)}\x01`);
    expect(node.boot({ lustre: false })).toMatchObject({ status: 0 });
    expect(node.asked("mkfs.xfs")).toEqual(["mkfs.xfs -q -K -f -L bootstrap /dev/nvme1n1"]);
    expect(node.asked("mount -t xfs")).toHaveLength(1);
  });

  it("keep the files of a finished one that does not mount, and close the gate", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.write("content/nvme1n1", "LABEL=bootstrap\nTYPE=xfs\n");
    node.write("dev/nvme1n1", "\0".repeat(512));
    node.program("mount", "exit 32");
    expectClosed(node, node.boot({ lustre: false }), "cannot mount /dev/nvme1n1 at /data");
    expect(node.asked("mkfs.xfs")).toEqual([]);
  });

  it("are known without a name of their own: an EBS volume that nothing is mounted from", () => {
    using node = new Node();
    for (const [at, device] of ["nvme0n1", "nvme1n1"].entries()) {
      node.disk("Amazon_Elastic_Block_Store", `vol${at}`, device);
    }
    node.write("in-use-nvme0n1", "\n/\n");
    expect(node.boot({ kind: "ebs", device: "/dev/sdf" }).status).toBe(0);
    expect(node.asked("mkfs.xfs")).toEqual(["mkfs.xfs -q -K -L bootstrap /dev/nvme1n1"]);
  });
});

describe("a node that cannot be made fit stays closed", () => {
  it("without its user data", () => {
    using node = new Node().instanceStore("nvme1n1");
    expectClosed(node, node.storage(), /^its user data did not run$/);
    node.program("df", "echo Avail; echo 12");
    expectClosed(node, node.storage(), /^its user data did not run: the root disk is full$/);
    expect([...node.asked("mkfs.xfs"), ...node.asked("mount")]).toEqual([]);
  });

  it("when containers cannot be kept from the metadata", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.program("iptables", "exit 1");
    expectClosed(node, node.boot(), "cannot keep containers from the metadata: is docker up?");
    expect(node.asked("mkfs.xfs")).toEqual([]);
  });

  it("without an instance-store disk, be there ever so many EBS disks", () => {
    using node = new Node();
    node.disk("Amazon_Elastic_Block_Store", "vol0123", "nvme0n1");
    expectClosed(node, node.boot(), "this instance has no NVMe instance-store disk");
    expect(node.asked("mkfs.xfs")).toEqual([]);
  });

  it("when the disk is in use, as the root disk is", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.write("in-use-nvme1n1", "/\n\n");
    expectClosed(node, node.boot(), /^\/dev\/nvme1n1 is in use at \/$/);
    expect(node.asked("mkfs.xfs")).toEqual([]);
  });

  it("when mkfs.xfs refuses", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.program("mkfs.xfs", "exit 1");
    expectClosed(node, node.boot(), "cannot make a file system on /dev/nvme1n1");
    expect(node.asked("mount")).toEqual([]);
  });

  it.each([
    ["an ext4", "LABEL=theirs\nTYPE=ext4\n", "ext4 with the label theirs, which is not ours"],
    ["an xfs", "TYPE=xfs\n", "xfs, which is not ours"],
    ["LVM", "TYPE=LVM2_member\n", "LVM2_member, which is not ours"],
    ["partitions", "PTTYPE=gpt\n", "partitions, which is not ours"],
  ])("when one disk of two holds %s", (_, content, words) => {
    using node = new Node().instanceStore("nvme1n1", "nvme2n1");
    node.write("content/nvme2n1", content);
    expectClosed(node, node.boot(), `/dev/nvme2n1 holds ${words}`);
    expect([...node.asked("mkfs.xfs"), ...node.asked("mdadm"), ...node.asked("mount")]).toEqual([]);
  });

  it.each([
    ["blkid is of two minds", "blkid", "exit 8"],
    ["wipefs sees what blkid does not", "wipefs", "echo DEVICE OFFSET TYPE"],
    ["wipefs cannot read it", "wipefs", "exit 1"],
  ])("when %s about a disk", (_, program, body) => {
    using node = new Node().instanceStore("nvme1n1");
    node.program(program, body);
    expectClosed(node, node.boot(), "/dev/nvme1n1 holds more than one thing, or something damaged, which is not ours");
    expect(node.asked("mkfs.xfs")).toEqual([]);
  });

  it("when an array holds what is not ours", () => {
    using node = new Node().instanceStore("nvme1n1", "nvme2n1");
    for (const part of ["nvme1n1", "nvme2n1"]) node.write(`content/${part}`, "TYPE=linux_raid_member\n");
    node.write("array", "/dev/md127 raid0\n");
    node.write("content/md127", "TYPE=ext4\n");
    expectClosed(node, node.boot(), "/dev/md127 holds ext4, which is not ours");
    expect([...node.asked("mkfs.xfs"), ...node.asked("mdadm"), ...node.asked("mount")]).toEqual([]);
  });

  it("when two disks hold files of ours that do not belong together", () => {
    using node = new Node().instanceStore("nvme1n1", "nvme2n1");
    for (const disk of ["nvme1n1", "nvme2n1"]) node.write(`content/${disk}`, "LABEL=bootstrap\nTYPE=xfs\n");
    expectClosed(node, node.boot(), "more than one of /dev/nvme1n1 /dev/nvme2n1 holds files of ours");
  });

  it("when a disk of the two that its type has does not appear", () => {
    using node = new Node().instanceStore("nvme1n1");
    const words = "this instance has 1 of 2 NVMe instance-store disks: /dev/nvme1n1";
    expectClosed(node, node.boot({ disks: 2 }), words);
    expect(node.asked("sleep")).toEqual(Array(9).fill("sleep 6"));
    expect(node.asked("mkfs.xfs")).toEqual([]);
  });

  it("when the EBS volume does not appear", () => {
    using node = new Node();
    const ended = node.boot({ kind: "ebs", device: "/dev/sdf" });
    expectClosed(node, ended, "this instance has no EBS disk for /dev/sdf");
  });

  it("when either of two EBS volumes may be the one", () => {
    using node = new Node();
    for (const [at, device] of ["nvme1n1", "nvme2n1"].entries()) {
      node.disk("Amazon_Elastic_Block_Store", `vol${at}`, device);
    }
    const ended = node.boot({ kind: "ebs", device: "/dev/sdf" });
    expectClosed(node, ended, "each of /dev/nvme1n1 /dev/nvme2n1 may be the EBS disk for /dev/sdf");
    expect(node.asked("mkfs.xfs")).toEqual([]);
  });

  it("when Lustre refuses ten times, with a pause that grows and the reason", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.write("lustre-refused", "");
    expectClosed(node, node.boot(), "cannot mount fs-1.fsx.us-east-1.amazonaws.com@tcp:/abcdefgh at /fsx: ");
    expect(node.read("run/bootstrap/reason")).toContain(": mount.lustre: Connection timed out\n");
    expect(node.read("dev/console")).toContain("try 10 of 10");
    expect(node.asked("mount -t lustre")).toHaveLength(10);
    expect(node.asked("sleep")).toEqual([5, 10, 15, 20, 25, 30, 35, 40, 45].map((seconds) => `sleep ${seconds}`));
    expect(existsSync(join(node.root, "fsx/fastq"))).toBe(false);
  });

  it("when mounts hang: each has 90 seconds, all together five minutes", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.program("timeout", "exit 124");
    const reason = "cannot mount fs-1.fsx.us-east-1.amazonaws.com@tcp:/abcdefgh at /fsx: no answer";
    expectClosed(node, node.boot(), reason);
    expect(node.asked("timeout")).toHaveLength(10);
    expect(node.asked("timeout")[0]).toContain("timeout --kill-after=5 90 mount -t lustre");
    const late = templateText("node/storage.sh").replace("patience=300", "patience=0");
    expectClosed(node, node.run(late, "usr/lib/bootstrap/storage"), reason);
    expect(node.asked("timeout")).toHaveLength(10);
  });

  it("when something else than its scratch disk is mounted", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.write("mounts/data", "ext4\n");
    expectClosed(node, node.boot(), "there is no xfs at /data");
  });

  it("when something else than Lustre is mounted", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.program("findmnt", "case $* in *fsx) echo tmpfs ;; *) echo xfs ;; esac");
    expectClosed(node, node.boot(), "there is no lustre at /fsx");
  });

  it.each(["lsblk", "chmod", "mv"])("when %s fails in the middle", (program) => {
    using node = new Node().instanceStore("nvme1n1");
    node.run(node.userData(), "boothook");
    node.program(program, "exit 7");
    expectClosed(node, node.storage(), /^cannot |^line \d+ failed with status 7 while /);
  });

  it("when a signal ends it", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.program("udevadm", "kill -TERM $PPID");
    expectClosed(node, node.boot(), "stopped by a signal while making the scratch disk /data");
  });

  it("when it was ready and its file system is lost", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.boot();
    node.start("rm", [join(node.root, "mounts/fsx")]);
    node.write("lustre-refused", "");
    expectClosed(node, node.boot(), "cannot mount ");
  });

  it("and says what it was doing when it is killed outright", () => {
    using node = new Node().instanceStore("nvme1n1");
    node.program("udevadm", "kill -KILL $PPID");
    node.boot();
    expect(node.has("run/bootstrap/ready")).toBe(false);
    expect(node.read("run/bootstrap/reason")).toMatch(/^it did not end: making the scratch disk \S+\/data\n$/);
  });
});

describe("a node that is not fit for jobs", () => {
  const script = () => render("node/refuse.sh", { region: "cn-north-1", logGroup: "/bootstrap/lab" });
  const around = {
    systemctl: '[[ $* != list-jobs* ]] || echo "17 cloud-init.service start running"',
    shutdown: "",
    curl: 'case $* in *api/token) echo TOKEN ;; *"X-aws-ec2-metadata-token: TOKEN"*instance-id) echo i-0123 ;; *) exit 22 ;; esac',
    aws: 'printf "%s\\n" "${@: -1}" "in $AWS_DEFAULT_REGION" >>"$MACHINE/told"',
  };

  it("takes none, says why on its console and in the environment's log group, and powers off", () => {
    using node = new StandInMachine(around);
    node.write("run/bootstrap/ready", "");
    node.write("run/bootstrap/reason", 'cannot mount "fs-1" at\t/fsx:\nback\\slash \u00e9\n');
    expect(node.run(script()).status).toBe(0);
    expect(node.has("run/bootstrap/ready")).toBe(false);
    expect(node.calls("systemctl")).toEqual([
      "systemctl --no-block stop ecs.service bootstrap-storage.service",
      "systemctl --no-block start bootstrap-power-off.timer",
    ]);
    expect(node.read("dev/console")).toContain('bootstrap: cannot mount "fs-1" at');
    expect(node.read("dev/console")).toContain("bootstrap: this node takes no job and powers off in a minute\n");
    const stream = "--log-group-name /bootstrap/lab --log-stream-name node/i-0123";
    expect(node.calls("aws")).toEqual([
      `aws logs create-log-stream ${stream}`,
      expect.stringContaining(`aws logs put-log-events ${stream} --log-events [{`),
    ]);
    const [, region, events] = node.read("told")!.split("\n");
    expect(region).toBe("in cn-north-1");
    const [event, ...more] = JSON.parse(events!);
    expect(more).toEqual([]);
    expect(event.message).toBe('cannot mount "fs-1" at /fsx: back\\slash');
    expect(Math.abs(event.timestamp - Date.now())).toBeLessThan(120_000);
  });

  it("says what it waits for when nothing else is known", () => {
    using node = new StandInMachine(around);
    node.run(script());
    expect(node.read("told")).toContain("its disks were not begun with; still starting: cloud-init.service");
  });

  it("says it once more where the AWS CLI had not started in time", () => {
    using node = new StandInMachine({
      ...around,
      timeout: `case $(grep -c ^timeout "$MACHINE/calls") in 1) exit 124 ;; 2) exit 254 ;; *) "\${@:3}" ;; esac`,
    });
    node.write("run/bootstrap/reason", "cannot mount fs-1\n");
    node.run(script());
    const said = ["create-log-stream", "put-log-events"].map((verb) => expect.stringContaining(`20 aws logs ${verb} `));
    expect(node.calls("timeout")).toEqual([...said, ...said]);
    expect(node.read("told")!.match(/cannot mount fs-1/g)).toHaveLength(1);
  });

  it.each(["curl", "aws"])("goes without %s too", (program) => {
    using node = new StandInMachine(around);
    node.program(program, "exit 1");
    expect(node.calls("shutdown")).toEqual([]);
    node.run(script());
    expect(node.calls("systemctl")).toContain("systemctl --no-block start bootstrap-power-off.timer");
  });

  it("falls back on shutdown where the timer does not start", () => {
    using node = new StandInMachine(around);
    node.program("systemctl", "exit 1");
    node.run(script());
    expect(node.calls("shutdown")).toEqual(["shutdown -P +1"]);
  });
});
