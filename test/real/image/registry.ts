import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ECRClient, type ECRServiceException, PutImageCommand } from "@aws-sdk/client-ecr";
import { execaSync } from "execa";
import { demandTools } from "./tools.ts";

/** A registry that knows a user besides ECR's own, as a base image's registry does. */
export const OTHER_USER = { name: "lab", password: "of-the-lab" };

/** By its path: a test may take everything off the PATH. */
const HTPASSWD = "/usr/bin/htpasswd";

/** bcrypt looks at no more than this, and htpasswd refuses what is much longer: ECR's passwords have about 2000. */
const PASSWORD_BYTES = 72;

export interface RealRegistry {
  /** What a builder needs in its environment to find the registry under ECR's name, and to trust it. */
  readonly env: Readonly<Record<string, string>>;
  /** The passwords that ECR has given out so far. */
  readonly passwords: readonly string[];
  close(): void;
  /** From now on ECR's passwords are wrong. */
  forgetPasswords(): void;
  /** What the registry itself holds under a tag or a digest: its manifest with the headers. */
  manifest(repository: string, reference: string): Promise<Held>;
  blob(repository: string, digest: string): Promise<Held>;
}

export interface Held {
  readonly status: number;
  readonly digest: string | undefined;
  readonly mediaType: string | undefined;
  readonly text: string;
}

/**
 * Start here: a real registry (Debian's docker-registry, with htpasswd) behind ECR's host names and ECR's login. Like
 * ECR's own front it ends a push with PutImage, so that ECR's answers tell what the registry holds, and a tag that may
 * not move is refused in ECR's words. Builders reach it through a proxy, so no name is resolved and no port is taken.
 */
export async function realRegistry(ecr: ECRClient): Promise<RealRegistry> {
  demandTools({ "docker-registry": "docker-registry", [HTPASSWD]: "apache2-utils", openssl: "openssl" });
  const folder = mkdtempSync(join(tmpdir(), "bootstrap-registry-"));
  const users = join(folder, "users");
  const socket = join(folder, "socket");
  const passwords: string[] = [];
  let trusted = true;

  function letIn(password?: string): void {
    const logins = [OTHER_USER, ...(password !== undefined && trusted ? [{ name: "AWS", password }] : [])];
    const lines = logins.map(({ name, password }) => {
      const input = password.slice(0, PASSWORD_BYTES);
      return execaSync(HTPASSWD, ["-i", "-n", "-B", "-C", "4", name], { input }).stdout.trim();
    });
    writeFileSync(users, `${lines.join("\n")}\n`);
  }

  ecr.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const { authorizationData } = result.output as { authorizationData?: { authorizationToken?: string }[] };
      const token = authorizationData?.[0]?.authorizationToken;
      if (token !== undefined) {
        passwords.push(Buffer.from(token, "base64").toString().replace(/^AWS:/, ""));
        letIn(passwords.at(-1));
      }
      return result;
    },
    { step: "initialize", name: "registryLetsIn" },
  );

  letIn();
  const daemon = await startDaemon(folder, { users, socket });
  const { key, cert, file } = certificate(folder);
  const front = createSecureServer({ key, cert }, (asked, answer) => serve(asked, answer, { ecr, socket }));
  const proxy = createServer();
  proxy.on("connect", ({ url = "" }: IncomingMessage, connection: Socket) => {
    connection.on("error", () => connection.destroy());
    if (!/\.amazonaws\.com(\.cn)?:443$/.test(url)) return connection.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    connection.write("HTTP/1.1 200 Connection established\r\n\r\n");
    front.emit("connection", connection);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  function close(): void {
    daemon.kill("SIGKILL");
    front.close();
    proxy.close();
    proxy.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }

  const look = (path: string) => fetchFrom(socket, path);
  return {
    env: {
      HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      NO_PROXY: "",
      SSL_CERT_FILE: file,
    },
    passwords,
    close,
    forgetPasswords() {
      trusted = false;
    },
    manifest: (repository, reference) => look(`/v2/${repository}/manifests/${reference}`),
    blob: (repository, digest) => look(`/v2/${repository}/blobs/${digest}`),
  };
}

async function startDaemon(
  folder: string,
  { users, socket }: { readonly users: string; readonly socket: string },
): Promise<ChildProcess> {
  const config = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, "store") } },
    // An absolute address would name the socket, not ECR.
    http: { net: "unix", addr: socket, relativeurls: true, secret: "of-this-test" },
    auth: { htpasswd: { realm: "ecr", path: users } },
  };
  const file = join(folder, "config.yml");
  writeFileSync(file, JSON.stringify(config));
  const daemon = spawn("docker-registry", ["serve", file], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  daemon.stderr.on("data", (chunk) => {
    said += chunk;
  });
  while (!existsSync(socket)) {
    if (daemon.exitCode !== null) throw new Error(`docker-registry ended with ${daemon.exitCode}: ${said}`);
    await sleep(10);
  }
  return daemon;
}

/** Self-signed, for every registry of ECR's in the regions that the tests use. */
function certificate(folder: string) {
  const [keyFile, file] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const names = ["us-east-1.amazonaws.com", "cn-northwest-1.amazonaws.com.cn"];
  execaSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=ecr", "-addext", `subjectAltName=${names.map((name) => `DNS:*.dkr.ecr.${name}`).join(",")}`],
    ...["-keyout", keyFile, "-out", file],
  ]);
  return { key: readFileSync(keyFile), cert: readFileSync(file), file };
}

interface Behind {
  readonly ecr: ECRClient;
  readonly socket: string;
}

/** Hands a request on to the registry; a manifest that it has taken is put into ECR under its tag, too. */
function serve(asked: IncomingMessage, answer: ServerResponse, { ecr, socket }: Behind): void {
  const { method = "GET", url = "/", headers } = asked;
  const [, repositoryName, imageTag] =
    (method === "PUT" && /^\/v2\/(.+)\/manifests\/([^:]+)$/.exec(url)) || ([] as undefined[]);
  const body: Buffer[] = [];
  asked.on("data", (chunk: Buffer) => body.push(chunk));
  const onward = request({ socketPath: socket, method, path: url, headers }, async (said) => {
    try {
      if (said.statusCode === 201 && repositoryName !== undefined) {
        await ecr.send(
          new PutImageCommand({
            ...{ repositoryName, imageTag, imageManifest: Buffer.concat(body).toString() },
            imageManifestMediaType: headers["content-type"],
          }),
        );
      }
    } catch (error) {
      const { name, message } = error as ECRServiceException;
      said.resume();
      answer.writeHead(400, { "content-type": "application/json" });
      answer.end(JSON.stringify({ errors: [{ code: "TAG_INVALID", message: message || name }] }));
      return;
    }
    answer.writeHead(said.statusCode ?? 502, said.headers);
    said.pipe(answer);
  });
  onward.on("error", (error) => answer.writeHead(502).end(error.message));
  asked.pipe(onward);
}

function fetchFrom(socketPath: string, path: string): Promise<Held> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Basic ${Buffer.from(`${OTHER_USER.name}:${OTHER_USER.password}`).toString("base64")}`,
      accept: [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
      ].join(", "),
    };
    const asked = request({ socketPath, path, headers }, async (said) => {
      const chunks: Buffer[] = [];
      for await (const chunk of said) chunks.push(chunk as Buffer);
      resolve({
        status: said.statusCode ?? 0,
        digest: [said.headers["docker-content-digest"]].flat()[0],
        mediaType: said.headers["content-type"],
        text: Buffer.concat(chunks).toString(),
      });
    });
    asked.on("error", reject);
    asked.end();
  });
}
