import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execaSync } from "execa";
import { demandTools } from "./tools.ts";

const SPLIT = fileURLToPath(new URL("../../../templates/docker/bcl2fastq/split.py", import.meta.url));
const MICROMAMBA = fileURLToPath(new URL("micromamba.sh", import.meta.url));

/** Debian's, whatever else is on the PATH. */
export const PYTHON = "/usr/bin/python3";

/** Programs of busybox that stand-ins and Dockerfiles call. */
const APPLETS = ["sh", "cat", "cp", "env", "grep", "ls", "mkdir", "rm", "sleep", "tail", "tar", "test", "tr", "wget"];

/**
 * The root of an image that looks like micromamba's to a Dockerfile: a user who is not root, a shell and an entry point
 * of its own, a C library; all but micromamba itself is real.
 */
export function baseImage(folder: string): void {
  demandTools({ busybox: "busybox-static", bsdtar: "libarchive-tools", [PYTHON]: "python3", ldd: "libc-bin" });
  const root = join(folder, "root");
  for (const each of ["bin", "etc", "opt", "tmp", "usr/bin", "usr/sbin", "var/log"]) {
    mkdirSync(join(root, each), { recursive: true });
  }
  cpSync("/bin/busybox", join(root, "bin/busybox"));
  for (const applet of APPLETS) symlinkSync("busybox", join(root, "bin", applet));
  symlinkSync("/bin/busybox", join(root, "usr/bin/env"));
  for (const library of librariesOf(PYTHON)) copy(library, join(root, library));
  cpSync(MICROMAMBA, join(root, "bin/micromamba"));
  chmodSync(join(root, "bin/micromamba"), 0o755);
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0::/:/bin/sh\nmambauser:x:57439:57439::/:/bin/sh\n");
  execaSync("tar", ["-C", root, "--owner=0", "--group=0", "-cf", join(folder, "root.tar"), "."]);
  const lines = [
    ...["FROM scratch", "ADD root.tar /", "ENV MAMBA_ROOT_PREFIX=/elsewhere/conda", "USER mambauser"],
    ...['SHELL ["/usr/local/bin/_dockerfile_shell.sh"]', 'ENTRYPOINT ["/usr/local/bin/_entrypoint.sh"]'],
  ];
  writeFileSync(join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
}

/** The root of an image that looks like Docker's own one of Node: a user "node", a shell, this machine's Node with its libraries. */
export function nodeImage(folder: string): void {
  demandTools({ busybox: "busybox-static", ldd: "libc-bin" });
  const root = join(folder, "root");
  for (const each of ["bin", "etc", "home/node", "opt", "tmp", "usr/bin", "usr/local/bin"]) {
    mkdirSync(join(root, each), { recursive: true });
  }
  cpSync("/bin/busybox", join(root, "bin/busybox"));
  for (const applet of ["sh", "ls", "ln"]) symlinkSync("busybox", join(root, "bin", applet));
  copy(process.execPath, join(root, "usr/local/bin/node"));
  for (const library of librariesOf(process.execPath)) copy(library, join(root, library));
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0::/:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\nnode:x:1000:\n");
  execaSync("tar", ["-C", root, "--owner=0", "--group=0", "-cf", join(folder, "root.tar"), "."]);
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\nADD root.tar /\n");
}

/** What conda channels hold that the image is built from: a Python that runs, a bsdtar that unpacks, and talkers. */
export function condaPackages(folder: string): void {
  const talks = (words: string) => `#!/bin/sh\necho '${words}'\n`;
  const packages: Readonly<Record<string, (root: string) => void>> = {
    "conda-forge/python-3.11.9-0": pythonInto,
    "conda-forge/libarchive-3.7.7-0": unpackerInto,
    "conda-forge/awscli-2.22.15-0": (root) => program(root, "bin/aws", talks("aws-cli/2.22.15")),
    "bih-cubi/bcl2fastq2-2.20.0.422-2": (root) =>
      program(root, "bin/bcl2fastq", talks("bcl2fastq v2.20.0.422 of a channel")),
    "dranew/bcl2fastq-2.19.0-0": (root) => program(root, "bin/bcl2fastq", talks("bcl2fastq v2.19.0 of a channel")),
  };
  for (const [name, fill] of Object.entries(packages)) {
    const [channel = "", file = ""] = name.split("/");
    const root = join(folder, "unpacked", file);
    mkdirSync(root, { recursive: true });
    fill(root);
    mkdirSync(join(folder, channel, "linux-64"), { recursive: true });
    execaSync("tar", ["-C", root, "-cf", join(folder, channel, "linux-64", `${file}.tar`), "."]);
  }
}

export interface CondaMirror {
  /** To be named as CONDA_MIRROR. */
  readonly url: string;
  readonly asked: string[];
  close(): void;
}

/** Serves the folders as channels. */
export async function condaMirror(folder: string): Promise<CondaMirror> {
  const asked: string[] = [];
  const server = createServer(({ url = "" }, answer) => {
    asked.push(url);
    const [, channel = "", platform = "", file = ""] = url.split("/");
    try {
      const names = readdirSync(join(folder, channel, platform));
      if (file !== "repodata.json") answer.end(readFileSync(join(folder, channel, platform, file)));
      else answer.end(JSON.stringify({ packages: Object.fromEntries(names.map((name) => [name, {}])) }));
    } catch {
      answer.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A real RPM, made by rpmbuild, of programs that say who they are. */
export function rpmOf(folder: string, name: string, programs: Readonly<Record<string, string>>): string {
  demandTools({ rpmbuild: "rpm" });
  const source = join(folder, "source");
  mkdirSync(source, { recursive: true });
  for (const [path, text] of Object.entries(programs)) program(source, path, text);
  const spec = [
    ...[`Name: ${name}`, "Version: 2.20.0.422", "Release: 1", "Summary: A stand-in", "License: none"],
    ...["BuildArch: x86_64", "AutoReqProv: no", "%description", "A stand-in."],
    ...["%install", `cp -a ${source}/. %{buildroot}/`, "%files", ...Object.keys(programs).map((path) => `/${path}`)],
  ];
  writeFileSync(join(folder, "package.spec"), `${spec.join("\n")}\n`);
  const file = `${name}-v2.20.0.422-Linux-x86_64.rpm`;
  execaSync("rpmbuild", [
    ...["-bb", "--define", `_topdir ${folder}/rpmbuild`, "--define", `_rpmdir ${folder}`],
    ...["--define", `_rpmfilename ${file}`, join(folder, "package.spec")],
  ]);
  return join(folder, file);
}

/** The file inside a zip, as Illumina hands out bcl2fastq. */
export function zipOf(file: string): string {
  const zip = file.replace(/\.rpm$/, ".zip");
  execaSync(PYTHON, ["-m", "zipfile", "-c", zip, file]);
  return zip;
}

function program(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text, { mode: 0o755 });
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(realpathSync(from), to);
}

function librariesOf(file: string): readonly string[] {
  const { stdout } = execaSync("ldd", [file]);
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path!);
}

/** This machine's bsdtar, with its libraries, which a package of conda's would find by itself. */
function unpackerInto(root: string): void {
  copy("/usr/bin/bsdtar", join(root, "libexec/bsdtar"));
  for (const library of librariesOf("/usr/bin/bsdtar")) copy(library, join(root, "lib", basename(library)));
  program(
    root,
    "bin/bsdtar",
    '#!/bin/sh\nhome=${0%/bin/bsdtar}\nLD_LIBRARY_PATH=$home/lib exec "$home/libexec/bsdtar" "$@"\n',
  );
}

/** This machine's Python with the modules that split.py loads. */
function pythonInto(root: string): void {
  const code = `
import runpy, sys
sys.path.insert(0, ${JSON.stringify(dirname(SPLIT))})
sys.dont_write_bytecode = True
sys.argv = ["split.py", "--help"]
sys.stdout, out = sys.stderr, sys.stdout
try: runpy.run_path(${JSON.stringify(SPLIT)}, run_name="__main__")
except SystemExit: pass
for module in list(sys.modules.values()):
    if getattr(module, "__file__", None): print(module.__file__, file=out)
print(sys.version_info.major, sys.version_info.minor, sep=".", file=out)`;
  const { stdout } = execaSync(PYTHON, ["-I", "-c", code]);
  const lines = stdout.split("\n");
  const version = lines.pop();
  for (const file of lines.filter((each) => each.startsWith(`/usr/lib/python${version}/`))) {
    copy(file, join(root, file.replace("/usr/", "")));
  }
  copy(PYTHON, join(root, `bin/python${version}`));
  symlinkSync(`python${version}`, join(root, "bin/python3"));
}
