import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { DescribeFileSystemsCommand } from "@aws-sdk/client-fsx";
import { expect, it, onTestFinished } from "vitest";
import { connect } from "../../src/aws/clients.ts";
import { awsWords, classify } from "../../src/aws/errors.ts";
import { whoAmI } from "../../src/aws/facts.ts";

/** Answers everything with the same. */
async function cloudThatSays(status: number, type: string, body: string) {
  const server = createServer((_request, response) => response.writeHead(status, { "content-type": type }).end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  const cloud = connect({ region: "us-east-1", endpoint, credentials, sleep: async () => {} });
  onTestFinished(() => {
    cloud.destroy();
    server.close();
  });
  return cloud;
}

const thrown = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => undefined,
    (error: unknown) => error,
  );

it.each([200, 400, 502])(
  "what is no answer of AWS's is told by who was asked for what, with HTTP %i",
  async (status) => {
    const { fsx } = await cloudThatSays(status, "text/html", "<html>\n<h1>It works!</h1>\n</html>");
    const error = await thrown(fsx.send(new DescribeFileSystemsCommand({})));
    const words = awsWords(error);
    expect(words).toContain(
      `UnreadableAnswer: FSx DescribeFileSystems was answered with HTTP ${status}, and not as AWS answers: `,
    );
    expect(words).toContain("<html>");
    expect(words).not.toMatch(/hidden field|\n/);
    // A proxy may have garbled the answer to what was done.
    expect(classify(error)).toBe("unknown");
  },
);

it.each([
  ["text/html", "<html>hello</html>"],
  ["application/json", "{}"],
  ["text/xml", "<GetCallerIdentityResponse/>"],
  ["text/plain", ""],
])("who we are is not believed of an answer without an account: %s %s", async (type, body) => {
  const error = await thrown(whoAmI(await cloudThatSays(200, type, body)));
  expect(awsWords(error)).toMatch(
    /^(STS GetCallerIdentity was answered without an account|UnreadableAnswer: STS GetCall)/,
  );
});
