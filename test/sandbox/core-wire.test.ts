import { BatchClient, DescribeJobQueuesCommand } from "@aws-sdk/client-batch";
import { DescribeRegionsCommand, DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { CreateRoleCommand, GetRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import type { Model } from "../../sandbox/model.ts";
import { type Call, Refusal, type Service } from "../../sandbox/service.ts";
import type { WireRequest } from "../../sandbox/wire.ts";
import { codeOf, memory } from "./memory.ts";

const SIGNED =
  "AWS4-HMAC-SHA256 Credential=AKIA/20261121/us-east-1/SERVICE/aws4_request, SignedHeaders=host, Signature=00";

function post(service: string, body: string, headers: Record<string, string> = {}): WireRequest {
  return {
    method: "POST",
    path: "/",
    headers: {
      authorization: SIGNED.replace("SERVICE", service),
      "content-type": "application/x-www-form-urlencoded",
      ...headers,
    },
    body,
  };
}

describe("the wire", () => {
  it("answers an unchanged SDK client in EC2's query protocol", async () => {
    const { Vpcs } = await new EC2Client(memory().config()).send(new DescribeVpcsCommand({}));
    expect(Vpcs?.map(({ CidrBlock }) => CidrBlock).sort()).toEqual(["10.0.0.0/16", "172.31.0.0/16"]);
  });

  it("tells who is calling, in the words of the region's partition", async () => {
    const lab = memory();
    const arnIn = async (region: string) =>
      (await new STSClient(lab.config(region)).send(new GetCallerIdentityCommand({}))).Arn;
    expect(await arnIn("us-east-1")).toBe("arn:aws:iam::123456789012:user/sandbox");
    expect(await arnIn("cn-northwest-1")).toBe("arn:aws-cn:iam::123456789012:user/sandbox");
    expect(await arnIn("us-gov-west-1")).toBe("arn:aws-us-gov:iam::123456789012:user/sandbox");
  });

  it("shows only the regions of one's own partition", async () => {
    const { Regions } = await new EC2Client(memory().config("cn-north-1")).send(new DescribeRegionsCommand({}));
    expect(Regions?.map(({ Endpoint }) => Endpoint).sort()).toEqual([
      "ec2.cn-north-1.amazonaws.com.cn",
      "ec2.cn-northwest-1.amazonaws.com.cn",
    ]);
  });

  it("gives a refusal the wire code of a query service, and the SDK its declared exception", async () => {
    const iam = new IAMClient(memory().config());
    expect(await codeOf(iam.send(new GetRoleCommand({ RoleName: "nobody" })))).toBe("NoSuchEntityException");
  });

  it("keeps every character of what it is told", async () => {
    const lab = memory();
    const iam = new IAMClient(lab.config());
    const Description = 'a <tag> & "quotes", ñ';
    const AssumeRolePolicyDocument = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
    });
    const answer = iam.send(new CreateRoleCommand({ RoleName: "r", AssumeRolePolicyDocument, Description }));
    expect((await answer).Role?.Description).toBe(Description);
  });

  it("answers in XML that every client can read, whatever it was told", async () => {
    const { sandbox } = memory();
    const Value = "bell \u0007, 汉字";
    const form = new URLSearchParams({ Action: "CreateSecurityGroup", GroupName: "g", GroupDescription: "d" });
    form.append("TagSpecification.1.ResourceType", "security-group");
    form.append("TagSpecification.1.Tag.1.Key", "k");
    form.append("TagSpecification.1.Tag.1.Value", Value);
    const { body } = await sandbox.request(post("ec2", `${form}`));
    expect(body).toContain("<value>bell \ufffd, 汉字</value>");
    const refused = await sandbox.request(post("iam", `Action=GetRole&RoleName=${encodeURIComponent("a\u0007b")}`));
    expect(refused.body).toContain("Value 'a\ufffdb'");
  });

  it("refuses a request without a signature, each protocol in its own form", async () => {
    const { sandbox } = memory();
    const { authorization: _, ...headers } = post("ec2", "").headers;
    const query = await sandbox.request({ ...post("ec2", "Action=DescribeVpcs"), headers });
    expect(query.status).toBe(403);
    expect(query.body).toContain("<Code>MissingAuthenticationToken</Code>");
    const json = await sandbox.request({
      ...post("fsx", "{}"),
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AWSSimbaAPIService_v20180301.TagResource",
      },
    });
    expect(JSON.parse(json.body).__type).toBe("MissingAuthenticationToken");
  });

  it("refuses a signature that is not one, and one for a region that does not exist", async () => {
    const { sandbox } = memory();
    const garbled = await sandbox.request(post("ec2", "", { authorization: "Bearer x" }));
    expect(garbled.body).toContain("<Code>IncompleteSignature</Code>");
    const nowhere = SIGNED.replace("us-east-1", "moon-east-1");
    const lost = await sandbox.request(post("ec2", "", { authorization: nowhere.replace("SERVICE", "ec2") }));
    expect(lost.body).toContain("<Code>SignatureDoesNotMatch</Code>");
  });

  it("refuses an operation it does not know with the service's own code", async () => {
    const { sandbox } = memory();
    const query = await sandbox.request(post("ec2", "Action=DescribeHosts&Version=2016-11-15"));
    expect([query.status, query.body]).toEqual([400, expect.stringContaining("<Code>InvalidAction</Code>")]);
    const json = await sandbox.request(
      post("fsx", "{}", {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AWSSimbaAPIService_v20180301.DescribeBackups",
      }),
    );
    expect([json.status, JSON.parse(json.body).__type]).toEqual([400, "UnknownOperationException"]);
  });

  it("says so when it has no such service", async () => {
    const { sandbox } = memory();
    const answer = await sandbox.request(post("s3", "", { "content-type": "application/json" }));
    expect([answer.status, JSON.parse(answer.body).message]).toEqual([404, expect.stringContaining("s3")]);
    const { "content-type": _, ...headers } = post("s3", "").headers;
    const bare = await sandbox.request({ ...post("s3", ""), method: "GET", headers });
    expect(bare.body).toContain("<Message>The sandbox has no service called s3.</Message>");
  });

  it("gives every answer an id of its own", async () => {
    const { sandbox } = memory();
    const idOf = async () =>
      (await sandbox.request(post("sts", "Action=GetCallerIdentity"))).headers["x-amzn-requestid"];
    expect(await idOf()).not.toBe(await idOf());
  });
});

describe("validation", () => {
  it("refuses EC2 parameters that are unknown, missing or of the wrong type, with EC2's codes", async () => {
    const { sandbox } = memory();
    const ask = async (form: string) => (await sandbox.request(post("ec2", form))).body;
    expect(await ask("Action=DescribeVpcs&Colour=red")).toContain(
      "<Code>UnknownParameter</Code><Message>The parameter Colour is not recognized</Message>",
    );
    expect(await ask("Action=CreateImage&Name=abc")).toContain("<Code>MissingParameter</Code>");
    expect(await ask("Action=DescribeVpcs&MaxResults=many")).toContain("<Code>InvalidParameterValue</Code>");
    expect(await ask("Action=DescribeInstances&Filter.1.Name=vpc-id&Filter.1.Colour=red")).toContain(
      "Filters.1.Colour",
    );
  });

  it("refuses in a JSON service's words", async () => {
    const { sandbox } = memory({ services: [toy] });
    const ask = async (body: unknown) => {
      const answer = await sandbox.request(
        post("fsx", JSON.stringify(body), {
          "content-type": "application/x-amz-json-1.1",
          "x-amz-target": "AWSSimbaAPIService_v20180301.TagResource",
        }),
      );
      return JSON.parse(answer.body);
    };
    const Tags = [{ Key: "k", Value: "v" }];
    expect(await ask({ Tags })).toEqual({
      __type: "BadRequest",
      Message:
        "1 validation error detected: Value null at 'resourceARN' failed to satisfy constraint: " +
        "Member must not be null",
    });
    expect(await ask({ ResourceARN: 7, Tags })).toMatchObject({ __type: "SerializationException" });
    expect((await ask({ ResourceARN: "arn", Tags: [{ Key: "x y", Value: "v" }] })).Message).toContain(
      "Value 'x y' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern",
    );
    expect(await ask({ ResourceARN: "arn", Tags })).toEqual({});
  });

  it("gives an error the further members its shape declares", async () => {
    const { sandbox } = memory({ services: [toy] });
    const answer = await sandbox.request(
      post("fsx", JSON.stringify({ ResourceARN: "refuse", Tags: [{ Key: "k", Value: "v" }] }), {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AWSSimbaAPIService_v20180301.TagResource",
      }),
    );
    expect(answer.headers["x-amzn-errortype"]).toBe("ResourceNotFound");
    expect(JSON.parse(answer.body)).toEqual({ __type: "ResourceNotFound", Message: "gone", ResourceARN: "refuse" });
  });

  it("says that a body is not JSON", async () => {
    const { sandbox } = memory({ services: [toy] });
    const answer = await sandbox.request(
      post("fsx", "{", {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "AWSSimbaAPIService_v20180301.TagResource",
      }),
    );
    expect(JSON.parse(answer.body).__type).toBe("SerializationException");
  });
});

describe("a REST service", () => {
  const seen: unknown[] = [];
  const rest: Service = {
    name: "batch",
    client: () => import("@aws-sdk/client-batch"),
    operations: {
      DescribeJobQueues: (input: unknown) => {
        seen.push(input);
        return { jobQueues: [], nextToken: "more" };
      },
      UntagResource: (input: unknown) => {
        seen.push(input);
        throw new Refusal("ClientException", "no");
      },
    },
  };

  it("is found by method and path, and answers as JSON", async () => {
    const lab = memory({ services: [rest] });
    const batch = new BatchClient(lab.config());
    const { nextToken } = await batch.send(new DescribeJobQueuesCommand({ jobQueues: ["q"] }));
    expect(nextToken).toBe("more");
    expect(seen.at(-1)).toEqual({ jobQueues: ["q"] });
  });

  it("takes labels from the path and lists from the query", async () => {
    const lab = memory({ services: [rest] });
    const arn = "arn:aws:batch:us-east-1:123456789012:job-queue/q";
    const answer = await lab.sandbox.request({
      ...post("batch", ""),
      method: "DELETE",
      path: `/v1/tags/${encodeURIComponent(arn)}?tagKeys=a&tagKeys=b`,
    });
    expect(seen.at(-1)).toEqual({ resourceArn: arn, tagKeys: ["a", "b"] });
    expect([answer.status, JSON.parse(answer.body).message]).toEqual([400, "no"]);
  });
});

const model: Model = {
  operations: { TagResource: "Request" },
  shapes: {
    Request: { members: { Tags: "Tags" } },
    Tags: { items: "Tag" },
    Tag: { members: { Key: "Key" } },
    Key: { pattern: "\\w+", min: 1, max: 128 },
  },
};

const toy: Service = {
  name: "fsx",
  client: () => import("@aws-sdk/client-fsx"),
  operations: {
    TagResource({ ResourceARN }: { readonly ResourceARN: string }, _call: Call) {
      if (ResourceARN === "refuse") throw new Refusal("ResourceNotFound", "gone", 400, { ResourceARN });
    },
  },
  validationError: "BadRequest",
  model: async () => ({ default: model }),
};
