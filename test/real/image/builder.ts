import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { vi } from "vitest";
import { demandTools } from "./tools.ts";

export interface RealBuilder {
  readonly folder: string;
  close(): void;
  /** The words of each call, in order. */
  calls(): readonly (readonly string[])[];
  /** What stood on command lines and in environments. */
  seen(): string;
  /** Keeps everything on a file system of this size. */
  limitDisk(megabytes: number): void;
}

/**
 * A real builder with a storage of its own; a wrapper before it on the PATH writes down how it is called. For docker an
 * engine must be started besides.
 */
export function realBuilder(
  env: Readonly<Record<string, string>>,
  program: "buildah" | "docker" = "buildah",
): RealBuilder {
  demandTools({ [program]: program === "docker" ? "docker.io" : program, busybox: "busybox-static" });
  const real = spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).stdout.toString().trim();
  const folder = mkdtempSync(join(tmpdir(), "bootstrap-builder-"));
  const storage = join(folder, "storage");
  const seen = join(folder, "seen");
  const bin = join(folder, "bin");
  let limited = false;
  for (const each of [storage, seen, bin]) mkdirSync(each);
  const wrapper = `#!/bin/sh
call=$(mktemp '${seen}/XXXXXX')
{ date +%s%N; printf '%s\\n' "$@"; } >"$call"
env >"$call.env"
exec ${real} "$@"
`;
  writeFileSync(join(bin, program), wrapper);
  chmodSync(join(bin, program), 0o755);
  const conf = join(folder, "storage.conf");
  writeFileSync(conf, `[storage]\ndriver = "vfs"\ngraphroot = "${storage}/graph"\nrunroot = "${storage}/run"\n`);
  vi.stubEnv("PATH", `${bin}${delimiter}${process.env.PATH}`);
  for (const [name, value] of Object.entries({ ...env, CONTAINERS_STORAGE_CONF: conf, TMPDIR: storage })) {
    vi.stubEnv(name, value);
  }
  const files = () => (existsSync(seen) ? readdirSync(seen).map((name) => join(seen, name)) : []);
  return {
    folder,
    close() {
      vi.unstubAllEnvs();
      if (limited) spawnSync("umount", ["--lazy", storage]);
      rmSync(folder, { recursive: true, force: true });
    },
    calls: () =>
      files()
        .filter((file) => !file.endsWith(".env"))
        .map((file) => readFileSync(file, "utf8").trimEnd().split("\n"))
        .sort(([a], [b]) => Number(BigInt(a!) - BigInt(b!)))
        .map(([, ...words]) => words),
    seen: () =>
      files()
        .map((file) => readFileSync(file, "utf8"))
        .join("\n"),
    limitDisk(megabytes) {
      const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", storage]);
      if (status !== 0) throw new Error(`cannot mount a tmpfs: ${stderr}`);
      limited = true;
    },
  };
}

/** A real docker engine with everything of its own in the builder's folder, and no bridge, which it need not have here. */
export async function dockerEngine({ folder }: RealBuilder): Promise<{ close(): Promise<void> }> {
  demandTools({ dockerd: "docker.io", containerd: "containerd", runc: "runc" });
  const at = (name: string) => join(folder, "engine", name);
  mkdirSync(at(""));
  const host = `unix://${at("socket")}`;
  const engine = spawn(
    "dockerd",
    [
      ...["--host", host, "--pidfile", at("pid"), "--data-root", at("images"), "--exec-root", at("run")],
      ...["--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip6tables=false"],
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let said = "";
  engine.stderr.on("data", (chunk) => {
    said += chunk;
  });
  while (!said.includes("API listen on")) {
    if (engine.exitCode !== null) throw new Error(`dockerd ended with ${engine.exitCode}: ${said}`);
    await sleep(20);
  }
  vi.stubEnv("DOCKER_HOST", host);
  return {
    async close() {
      engine.kill("SIGTERM");
      if (engine.exitCode === null) await once(engine, "exit");
    },
  };
}

/** Processes whose environment holds this text. */
export function processesWith(text: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) && pid !== `${process.pid}` && readFileSync(`/proc/${pid}/environ`, "utf8").includes(text)
      );
    } catch {
      return false;
    }
  });
}
