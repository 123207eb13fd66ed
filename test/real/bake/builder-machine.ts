import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa, execaSync } from "execa";
import { shellQuote } from "../../../src/render/templates.ts";
import { demandTools } from "../image/tools.ts";

export interface Ended {
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Stands in every trace of the builder's own life. */
export const instanceId = "i-0b0b0b0b0b0b0b0b0";

const folder = `/var/lib/amazon/ssm/${instanceId}/document/orchestration/0c0ffee0/awsrunShellScript/0.awsrunShellScript`;

/** What builders of both systems boot from; made once. */
export class BaseImages implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "base-images-"));

  constructor() {
    demandTools({
      ...{ dnf: "dnf", rpmbuild: "rpm", createrepo_c: "createrepo-c", depmod: "kmod", pgrep: "procps" },
      ...{ systemctl: "systemd", nsenter: "util-linux" },
    });
    execaSync(fileURLToPath(new URL("base-images.sh", import.meta.url)), [this.folder, instanceId]);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** A builder under a systemd of its own, with the packages of its own repositories and no network. */
export class BuilderMachine implements AsyncDisposable {
  readonly #machine: Running;
  readonly #mountPoint: string;
  #pid: string;
  /** Stays where the machine's disk is mounted when the machine itself is off. */
  #keeper: Keeper | undefined;

  private constructor(machine: Running, mountPoint: string, pid: string) {
    this.#machine = machine;
    this.#mountPoint = mountPoint;
    this.#pid = pid;
  }

  static async boot(images: BaseImages, os: "al2023" | "al2"): Promise<BuilderMachine> {
    const mountPoint = mkdtempSync(join(tmpdir(), "builder-"));
    const machine = started(join(images.folder, os), mountPoint);
    const pid = await Promise.race([
      once(machine.stdout, "data").then(([line]) => String(line).trim()),
      machine.then(({ stderr }) => Promise.reject(new Error(`the builder did not boot: ${stderr}`))),
    ]);
    return new BuilderMachine(machine, mountPoint, pid);
  }

  /** Runs shell as root inside. */
  async do(shell: string, input = ""): Promise<Ended> {
    // Never on the machine below.
    const guarded = `[[ -d /srv/repos ]] || exit 99\n${shell}`;
    const words = ["--target", this.#pid, "--all", "--root", "--wd", "bash", "-c", guarded];
    const { exitCode, stdout, stderr } = await execa("nsenter", words, { input, reject: false });
    return { status: exitCode, stdout, stderr };
  }

  /** As the SSM agent does it: the script lies in a folder of the agent's and is run from there. */
  async run(script: string): Promise<Ended> {
    await this.bring(script);
    return this.runAgain();
  }

  async bring(script: string): Promise<void> {
    await this.do(`mkdir -p ${folder} && cat >${folder}/_script.sh && chmod 700 ${folder}/_script.sh`, script);
  }

  runAgain(): Promise<Ended> {
    return this.do(`cd ${folder} && exec sh -c ${folder}/_script.sh`);
  }

  /** Every file and link it has of its own, with owner, mode and content; a removed one reads as such. */
  async disk(): Promise<readonly string[]> {
    // A database's shared memory is no content.
    const files = "find . ! -type d ! -name '*-shm'";
    const contents = "\\( -type f -exec sha256sum {} \\; -o -printf '\\n' \\)";
    return (await this.#onDisk(`${files} -printf '%p %u %m %y %l ' ${contents}`)).sort();
  }

  /** The files of its own that hold this text. */
  mentions(text: string): Promise<readonly string[]> {
    return this.#onDisk(`grep -rlF ${shellQuote(text)} . || true`);
  }

  /** Powers it off and leaves its disk to look at, as an image is made from it. */
  async powerOff(): Promise<void> {
    this.#keeper = keeperOf(this.#pid);
    await once(this.#keeper.stdout, "data");
    await this.do("systemctl --no-block poweroff");
    await this.#machine;
    this.#pid = String(this.#keeper.pid);
  }

  /** Whether its disk has a file of that path. */
  async has(path: string): Promise<boolean> {
    const [word] = await this.#onDisk(`if [[ -e .${path} && ! -c .${path} ]]; then echo yes; fi`);
    return word === "yes";
  }

  /** Resolves when the machine has powered off. */
  async poweredOff(): Promise<void> {
    await this.#machine;
  }

  async #onDisk(shell: string): Promise<string[]> {
    const words = [
      "--target",
      this.#pid,
      "--mount",
      "bash",
      "-c",
      `cd "$1/written" && ${shell}`,
      "-",
      this.#mountPoint,
    ];
    const { stdout } = await execa("nsenter", words);
    return stdout.split("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#machine.stdin?.end();
    await this.#machine;
    this.#keeper?.kill("SIGKILL");
    await this.#keeper;
    rmSync(this.#mountPoint, { recursive: true });
  }
}

type Keeper = ReturnType<typeof keeperOf>;

function keeperOf(pid: string) {
  const words = ["--target", pid, "--mount", "sh", "-c", "echo there; exec /usr/bin/sleep infinity"];
  return execa("nsenter", words, { reject: false });
}

type Running = ReturnType<typeof started>;

function started(...words: readonly string[]) {
  return execa(fileURLToPath(new URL("boot.sh", import.meta.url)), words, { reject: false });
}
