import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { validate } from "dockerfile-utils";
import { describe, expect, it } from "vitest";
import { contextFiles, render, templateText } from "../../src/render/templates.ts";
import { complaints } from "./shell-checks.ts";
import { type Ended, StandInMachine } from "./stand-in-machine.ts";

const registry = "123456789012.dkr.ecr.cn-northwest-1.amazonaws.com.cn";
const image = `${registry}/lab/bcl2fastq:0123abcd`;
const digest = `sha256:${"5e".repeat(32)}`;
const folder = fileURLToPath(new URL("../../templates/docker/bcl2fastq", import.meta.url));
const archive = spawnSync("tar", ["-cz", "--exclude=__pycache__", "-C", folder, "."]).stdout.toString("base64");

const values = {
  registry,
  region: "cn-northwest-1",
  repository: "lab/bcl2fastq",
  image,
  platform: "linux/amd64",
  buildArgs: [{ name: "CONDA_CHANNEL", value: "https://mirror.example/it's here" }],
  contextBase64: archive,
  packageUri: "",
};

const programs = {
  aws: `case $* in
*get-login-password*) echo TOKEN ;;
*s3*) echo "it" >"\${@: -1}" ;;
*describe-images*) cat "$MACHINE/pushed" 2>/dev/null || exit 254 ;;
esac`,
  docker: `case $1 in
login)
  read -r word; echo "$word" >"$MACHINE/password"
  mkdir -p "$DOCKER_CONFIG"; echo auth >"$DOCKER_CONFIG/config.json"; echo "$DOCKER_CONFIG" >"$MACHINE/config" ;;
build)
  (IFS=$'\\n'; echo "$*" >"$MACHINE/build"); ls -A "\${*: -1}" >"$MACHINE/context"; ls "\${*: -1}/package" >"$MACHINE/packages" ;;
image)
  if [[ $* == *Digests* ]]; then printf '%s\\n' other/x@sha256:00 ${image.replace(/:[^:]*$/, "")}@${digest}
  else cat "$MACHINE/platform" 2>/dev/null || echo linux/amd64; fi ;;
esac`,
};

class ImageBuilder extends StandInMachine {
  constructor() {
    super(programs);
  }

  build(changes: Partial<typeof values> = {}): Ended {
    return this.run(render("bake/image.sh", { ...values, ...changes }));
  }
}

describe("the image build", () => {
  it("is sound shell, with and without build arguments", () => {
    expect(complaints(render("bake/image.sh", values))).toBe("");
    expect(complaints(render("bake/image.sh", { ...values, buildArgs: [] }))).toBe("");
  });

  it("names the full image reference as it is", () => {
    expect(render("bake/image.sh", values)).toContain(`image='${image}'\n`);
  });

  it("builds, pushes, and says the digest last", () => {
    using machine = new ImageBuilder();
    const { status, stdout, stderr } = machine.build();
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`(^|\n)digest: ${digest}\n$`));
    expect(machine.calls("docker").map((call) => call.split(" ").slice(0, 2).join(" "))).toEqual([
      "docker login",
      "docker build",
      "docker image",
      "docker push",
      "docker image",
    ]);
    expect(machine.calls("docker push")).toEqual([`docker push ${image}`]);
  });

  it("hands build arguments on whole, and the context as it was packed", () => {
    using machine = new ImageBuilder();
    machine.build();
    const words = machine.read("build")?.split("\n") ?? [];
    expect(words.slice(0, 6)).toEqual([
      "build",
      "--pull",
      "--platform",
      "linux/amd64",
      "--build-arg",
      "CONDA_CHANNEL=https://mirror.example/it's here",
    ]);
    expect(machine.read("context")).toBe(".dockerignore\nDockerfile\naws.config\ndemux\npackage\nsplit.py\n");
    expect(machine.calls("aws s3")).toEqual([]);
  });

  it("adds a package from S3 to the context", () => {
    using machine = new ImageBuilder();
    const packageUri = "s3://lab/illumina/it's bcl2fastq2.zip";
    expect(machine.build({ packageUri }).status).toBe(0);
    expect(machine.calls("aws s3")[0]).toContain(`--region cn-northwest-1 ${packageUri} `);
    expect(machine.read("packages")).toBe("README.md\nit's bcl2fastq2.zip\n");
  });

  it("gives the password on standard input only, and leaves no credentials behind", () => {
    using machine = new ImageBuilder();
    machine.build();
    expect(machine.read("password")).toBe("TOKEN\n");
    expect(machine.calls().join("\n")).not.toContain("TOKEN");
    const config = machine.read("config")?.trim() ?? "";
    expect(config).toMatch(/\/docker$/);
    expect(() => readdirSync(join(config, ".."))).toThrow("ENOENT");
  });

  it("pushes nothing where an earlier run has pushed", () => {
    using machine = new ImageBuilder();
    machine.write("pushed", `${digest}\n`);
    expect(machine.build().stdout).toMatch(new RegExp(`\ndigest: ${digest}\n$`));
    expect(machine.calls("docker")).toEqual([]);
  });

  it("tries again when the base image cannot be pulled just now, and only then", () => {
    using machine = new ImageBuilder();
    machine.program("sleep", "");
    machine.program(
      "docker",
      `if [[ $1 == build && ! -e $MACHINE/again ]]; then
  touch "$MACHINE/again"; echo "toomanyrequests: You have reached your pull rate limit." >&2; exit 1
fi
${programs.docker}`,
    );
    expect(machine.build().stdout).toMatch(new RegExp(`\ndigest: ${digest}\n$`));
    expect(machine.calls("docker build")).toHaveLength(2);
    expect(machine.calls("sleep")).toEqual(["sleep 20"]);
  });

  it("names the mirror's key when Docker Hub stays closed", () => {
    using machine = new ImageBuilder();
    machine.program("sleep", "");
    machine.program(
      "docker",
      "[[ $1 != login ]] || cat >/dev/null\n[[ $1 != build ]] || { echo toomanyrequests; exit 1; }",
    );
    const { status, stderr } = machine.build();
    expect({ status, calls: machine.calls("docker build").length }).toEqual({ status: 1, calls: 3 });
    expect(stderr.trimEnd().split("\n").at(-1)).toContain("name a mirror as container.mirrors.baseImage");
  });

  it.each([
    ["the context is cut short", { contextBase64: archive.slice(0, 200) }, {}, "cannot unpack the build context"],
    ["the registry refuses", {}, { docker: "[[ $1 != login ]]" }, `cannot log in to ${registry}`],
    [
      "the package cannot be had",
      { packageUri: "s3://lab/none.rpm" },
      { aws: "case $* in *s3*|*describe-images*) exit 1 ;; *get-login-password*) echo TOKEN ;; esac" },
      "cannot fetch s3://lab/none.rpm",
    ],
    ["the build fails", {}, { docker: "[[ $1 != build ]] || exit 7" }, "docker build ended with status 7"],
    [
      "the push fails",
      {},
      { docker: "case $1 in image) echo linux/amd64 ;; push) exit 1 ;; esac" },
      `cannot push ${image}`,
    ],
    [
      "the image is for another processor",
      {},
      { docker: "[[ $1 != image ]] || echo linux/arm64" },
      "the image is for linux/arm64, not for linux/amd64",
    ],
  ])("fails with the reason last when %s", (_, changes, replaced, reason) => {
    using machine = new ImageBuilder();
    for (const [name, body] of Object.entries(replaced))
      machine.program(name, `[[ $1 != login ]] || cat >/dev/null\n${body}`);
    const { status, stdout, stderr } = machine.build(changes);
    expect(status).toBe(1);
    expect(stderr.trimEnd().split("\n").at(-1)).toBe(`bootstrap: image failed: ${reason}`);
    expect(stdout).not.toContain("digest:");
  });
});

describe("our Dockerfiles", () => {
  const folders = readdirSync(fileURLToPath(new URL("../../templates/docker", import.meta.url)));
  const complaintsAbout = (dockerfile: string) =>
    validate(dockerfile).map(({ range, message }) => `${range.start.line + 1}: ${message}`);

  it.each(folders)("pass the linter: %s", (name) => {
    expect(complaintsAbout(templateText(`docker/${name}/Dockerfile`))).toEqual([]);
  });

  it.each([
    ["an instruction that is none", /^RUN /m, "RUUN "],
    ["no base image", /^FROM .*$/gm, ""],
    ["a COPY without a target", /^COPY demux\/ .*$/m, "COPY demux/"],
    ["half a list", /^SHELL .*$/m, "SHELL /bin/sh -c"],
    ["two stages of one name", /^FROM \$\{BASE_IMAGE\}$/m, "FROM scratch AS package"],
    ["a flag that is none", /--from=package/, "--form=package"],
  ])("would not pass it with %s", (_, sound, broken) => {
    const dockerfile = templateText("docker/bcl2fastq/Dockerfile");
    expect(dockerfile).toMatch(sound);
    expect(complaintsAbout(dockerfile.replace(sound, broken))).not.toEqual([]);
  });
});

describe("the bcl2fastq image", () => {
  const lines = templateText("docker/bcl2fastq/Dockerfile").replaceAll("\\\n", " ").split("\n");

  it("fits into a command, with room to spare", () => {
    expect(archive.length).toBeLessThan(40_960);
  });

  it("uses only what every builder knows", () => {
    const instructions = lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => line.split(" ")[0]);
    expect([...new Set(instructions)].sort().join(" ")).toBe("ARG CMD COPY ENTRYPOINT ENV FROM RUN SHELL USER");
    expect(lines.join("\n")).not.toMatch(/<<|--mount|--chmod|--link/);
  });

  it("pins every tool, and lets base image and channels be mirrored", () => {
    const args = lines
      .filter((line) => line.startsWith("ARG "))
      .map((line) => /^ARG (\w+)=(.*)$/.exec(line)?.slice(1) ?? []);
    const defaults = Object.fromEntries(args) as Record<string, string>;
    // One that both stages have says the same in both.
    expect(new Set(args.map(String)).size).toBe(Object.keys(defaults).length);
    expect(Object.keys(defaults)).toEqual([
      "BASE_IMAGE",
      "CONDA_MIRROR",
      "CONDA_CHANNEL",
      "PACKAGE",
      "UNPACKER_PACKAGE",
      "PROGRAM",
      "BCL2FASTQ_CHANNEL",
      "BCL2FASTQ_PACKAGE",
      "BCL2FASTQ_ELSE_CHANNEL",
      "BCL2FASTQ_ELSE_PACKAGE",
      "PYTHON_PACKAGE",
      "AWSCLI_PACKAGE",
    ]);
    expect(defaults.BASE_IMAGE).toMatch(/:\d+\.\d+\.\d+-/);
    for (const [name, value] of Object.entries(defaults))
      if (name.endsWith("_PACKAGE")) expect(value).toMatch(/=\d+\.\d+/);
  });

  it("runs its tools as part of the build", () => {
    expect(lines).toContain("RUN cat /opt/bootstrap/program-version && aws --version && split.py --help");
    expect(lines.join("\n")).toMatch(/^RUN "\$\{PROGRAM\}" --version >\/opt\/bootstrap\/program-version /m);
  });

  it("brings everything that it copies", () => {
    const copied = lines
      .filter((line) => line.startsWith("COPY ") && !line.includes("--from="))
      .flatMap((line) => line.split(" ").slice(1, -1))
      .map((name) => name.replace(/\/$/, ""));
    const top = contextFiles("docker/bcl2fastq").map(({ path }) => path.split("/")[0]);
    expect(top).toEqual(expect.arrayContaining(copied));
    expect(templateText("docker/bcl2fastq/.dockerignore").split("\n")).toEqual(
      expect.arrayContaining(copied.map((name) => `!${name}`)),
    );
  });
});
