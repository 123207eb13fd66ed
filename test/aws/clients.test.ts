import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { afterEach, describe, expect, it } from "vitest";
import { type Cloud, connect } from "../../src/aws/clients.ts";
import { classify } from "../../src/aws/errors.ts";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const WHO =
  "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

/** A cloud whose network is this, and that is believed to be silent after so short a time. */
async function reached(listener: RequestListener): Promise<Cloud> {
  const listening = createServer(listener);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return connect({
    ...{ region: "us-east-1", endpoint: `http://127.0.0.1:${(listening.address() as AddressInfo).port}` },
    credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "not-a-secret" },
    patience: { connectMs: 2_000, answerMs: 60 },
    sleep: async () => {},
  });
}

describe("a network that is silent", () => {
  it("is given up on after some tries, as an answer that was lost", async () => {
    const cloud = await reached(() => {});
    const error = await cloud.sts.send(new GetCallerIdentityCommand({})).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "TimeoutError", $metadata: { attempts: 8 } });
    expect(classify(error)).toBe("unknown");
  });

  it("is gone on with when it comes back, also when it fell silent in the middle of an answer", async () => {
    let asked = 0;
    const cloud = await reached((_request, response) => {
      asked++;
      if (asked === 1) return;
      response.writeHead(200, { "content-type": "text/xml", "content-length": WHO.length });
      if (asked === 2) response.write(WHO.slice(0, 20));
      else response.end(WHO);
    });
    const { Account } = await cloud.sts.send(new GetCallerIdentityCommand({}));
    expect([Account, asked]).toEqual(["111122223333", 3]);
  });
});
