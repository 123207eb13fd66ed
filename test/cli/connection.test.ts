import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { startSandbox } from "../../sandbox/start.ts";
import { whoAmI } from "../../src/aws/facts.ts";
import { reach } from "../../src/cli/connection.ts";
import { ConfigError } from "../../src/engine/errors.ts";

const { signal } = new AbortController();

afterEach(() => vi.unstubAllEnvs());

const NO_ADDRESSES = ["", " ", "ftp://127.0.0.1:4566", "file:///", "not a url", "127.0.0.1:4566", "http://", "//host"];

describe("an endpoint", () => {
  it.each(NO_ADDRESSES)("that is no http address is refused before anything is asked: %j", async (endpointUrl) => {
    const error = await reach({ endpointUrl }, signal).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({
      message: `--endpoint-url ${JSON.stringify(endpointUrl)}: not an http or https address`,
      hint: expect.stringContaining("leave --endpoint-url out for AWS itself"),
    });
  });

  it.each(["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_FSX", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"])(
    "that is no http address is refused also in %s",
    async (variable) => {
      for (const address of NO_ADDRESSES) {
        vi.stubEnv(variable, address);
        const error = await reach({}, signal).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(ConfigError);
        expect(error).toMatchObject({ hint: expect.stringContaining(`unset ${variable}`) });
      }
    },
  );

  it.each(["http://127.0.0.1:4566", "https://aws.example.com/base", "http://[::1]:4566"])(
    "is taken as it is: %s",
    async (endpointUrl) => {
      expect((await reach({ endpointUrl }, signal)).endpoint).toBe(endpointUrl);
      vi.stubEnv("AWS_ENDPOINT_URL", endpointUrl);
      expect((await reach({}, signal)).endpoint).toBe(endpointUrl);
    },
  );

  it("is none where nobody names one", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL", undefined);
    expect((await reach({}, signal)).endpoint).toBeUndefined();
  });

  it.each(["flag", "environment"])(
    "answers, from the %s, where the environment asks for FIPS and dual stack",
    async (from) => {
      const folder = mkdtempSync(join(tmpdir(), "connection-"));
      const { endpoint, close } = await startSandbox({ folder });
      onTestFinished(async () => {
        await close();
        rmSync(folder, { recursive: true });
      });
      vi.stubEnv("AWS_USE_FIPS_ENDPOINT", "true");
      vi.stubEnv("AWS_USE_DUALSTACK_ENDPOINT", "true");
      vi.stubEnv("AWS_ACCESS_KEY_ID", "sandbox");
      vi.stubEnv("AWS_SECRET_ACCESS_KEY", "sandbox");
      vi.stubEnv("AWS_ENDPOINT_URL", from === "environment" ? endpoint : undefined);
      const cloud = (await reach(from === "flag" ? { endpointUrl: endpoint } : {}, signal)).connect("us-east-1");
      onTestFinished(() => cloud.destroy());
      expect(await whoAmI(cloud)).toMatchObject({ account: "123456789012" });
    },
  );
});
