import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import { contextFiles } from "../../../src/render/templates.ts";
import { demandTools } from "../image/tools.ts";

const here = import.meta.dirname;

export interface Answer {
  readonly status: number;
  readonly output: string;
}

/** The folder with the guest's kernel, root disk and cloud-init, built when it is missing or what it is built from changed. */
export async function builtGuest(): Promise<string> {
  demandTools({
    "qemu-system-x86_64": "qemu-system-x86",
    mmdebstrap: "mmdebstrap",
    depmod: "kmod",
    mke2fs: "e2fsprogs",
  });
  const hash = createHash("sha256").update(readFileSync(join(here, "build-guest.sh")));
  for (const { path, bytes, mode } of contextFiles(pathToFileURL(join(here, "guest/")))) {
    hash.update(`${path} ${mode}\n`).update(bytes);
  }
  const folder = join(
    process.env.BOOTSTRAP_GUEST_CACHE ?? tmpdir(),
    `bootstrap-guest-${hash.digest("hex").slice(0, 16)}`,
  );
  if (!existsSync(folder)) await execa(join(here, "build-guest.sh"), [folder]);
  return folder;
}

/** A machine with a root disk of its own for this one test; what it writes is gone when it ends. */
export class Guest implements AsyncDisposable {
  readonly #folder: string;
  readonly #machine: Machine;
  readonly #shell: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(folder: string, machine: Machine, shell: Socket) {
    this.#folder = folder;
    this.#machine = machine;
    this.#shell = shell;
    this.#lines = lines(shell);
  }

  /** Runs `beforeInit` in the guest before systemd, at this and every later boot, and comes back when its shell answers. */
  static async boot(built: string, beforeInit: string): Promise<Guest> {
    const folder = mkdtempSync(join(tmpdir(), "node-"));
    writeFileSync(join(folder, "before-init"), beforeInit);
    const machine = started(built, folder);
    const guest = new Guest(folder, machine, await connected(join(folder, "shell"), machine));
    await guest.#hello();
    return guest;
  }

  /** What the kernel, systemd and the scripts said on the console so far. */
  get console(): string {
    return readFileSync(join(this.#folder, "console"), "utf8").replaceAll("\r\n", "\n");
  }

  async ask(script: string): Promise<Answer> {
    this.#send(script);
    const [status, output = ""] = (await this.#line()).split(" ");
    return { status: Number(status), output: Buffer.from(output, "base64").toString().trimEnd() };
  }

  /** The output of a script; one that fails throws. */
  async run(script: string): Promise<string> {
    const { status, output } = await this.ask(`set -euo pipefail\n${script}`);
    if (status !== 0) throw new Error(`status ${status} from ${script}:\n${output}\n${this.console.slice(-2000)}`);
    return output;
  }

  /** Comes back when nothing is left to start. */
  async booted(): Promise<void> {
    await this.run(
      "until [[ $(systemctl is-system-running --wait) == @(running|degraded) ]]; do /usr/bin/sleep 0.5; done",
    );
  }

  async reboot(): Promise<void> {
    await this.run("systemctl --no-block reboot");
    await this.#hello();
    await this.booted();
  }

  /** Comes back when the machine has powered itself off, as it does after this script. */
  async off(script: string): Promise<void> {
    this.#send(script);
    await this.#machine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#shell.destroy();
    this.#machine.kill("SIGKILL");
    await this.#machine;
    rmSync(this.#folder, { recursive: true });
  }

  #send(script: string): void {
    this.#shell.write(`${Buffer.from(script).toString("base64")}\n`);
  }

  async #hello(): Promise<void> {
    while ((await this.#line()) !== "hello");
  }

  async #line(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done) throw new Error(`the guest is gone:\n${(await this.#machine).all}\n${this.console.slice(-4000)}`);
    return next.value;
  }
}

type Machine = ReturnType<typeof started>;

function started(built: string, folder: string) {
  const file = (name: string) => join(folder, name);
  const kernel = ["root=/dev/nvme0n1", "rw", "init=/usr/sbin/before-init", "console=ttyS0", "quiet", "loglevel=4"];
  return execa(
    "qemu-system-x86_64",
    [
      ...["-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1024", "-display", "none", "-net", "none"],
      ...["-kernel", join(built, "vmlinuz")],
      ...["-append", [...kernel, "systemd.show_status=0", "mitigations=off", "random.trust_cpu=on"].join(" ")],
      ...["-drive", `file=${join(built, "root.img")},if=none,id=root,format=raw,snapshot=on,cache=unsafe`],
      ...["-device", "nvme,drive=root,serial=root"],
      ...["-fw_cfg", `name=opt/before-init,file=${file("before-init")}`],
      ...["-serial", `file:${file("console")}`],
      ...["-serial", `unix:${file("shell")},server=on,wait=off`],
    ],
    { all: true, reject: false, env: { TMPDIR: folder } },
  );
}

async function connected(path: string, machine: Machine): Promise<Socket> {
  for (;;) {
    if (machine.exitCode !== null) throw new Error(`the guest did not start:\n${(await machine).all}`);
    const socket = connect(path);
    const open = await new Promise((resolve) =>
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false)),
    );
    if (open) return socket;
    await sleep(50);
  }
}

async function* lines(socket: Socket): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of socket.setEncoding("latin1")) {
      const parts = `${rest}${chunk}`.split(/\r?\n/);
      rest = parts.pop() ?? "";
      yield* parts;
    }
  } catch {
    // The machine went off: the end, as any other.
  }
}
