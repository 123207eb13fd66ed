import { describe, expect, it } from "vitest";
import { callerPolicy } from "../../sandbox/caller/authorize.ts";
import {
  type CallerPolicyDocument,
  type CallerStatement,
  POLICY_VERBS,
  policyFor,
  sizeOf,
} from "../../src/aws/caller-policy.ts";
import { Site } from "../environment/site.ts";
import { lab } from "../steps/harness.ts";
import { type Asked, life, type, wordsOf } from "./caller.ts";
import { OVERSLEEP } from "./commands.ts";

const REGIONS = ["us-east-1", "cn-northwest-1", "us-gov-west-1"] as const;

const siteIn = (region: string, direct = true) => new Site(region, lab(region, { oversleep: OVERSLEEP, direct }));

const lives = new Map<string, Promise<Asked[]>>();

/** Lived once, whoever asks. */
function lifeIn(region: string): Promise<Asked[]> {
  const lived = lives.get(region) ?? life(siteIn(region, false));
  lives.set(region, lived);
  return lived;
}

describe.each(REGIONS)("in %s, with nothing but what `bootstrap policy` prints", (region) => {
  it("an environment is made, changed, mended, baked, looked at and removed", async () => {
    const asked = await lifeIn(region);
    expect(new Set(asked.map(({ verb }) => verb))).toEqual(new Set(POLICY_VERBS));
    expect(asked.length).toBeGreaterThan(1_000);
    // Nor is anything refused that a verb could do without.
    const refused = asked.filter(({ decision }) => decision !== "allowed");
    expect([...new Set(refused.map(({ verb, action, resource }) => `${verb}: ${action} on ${resource}`))]).toEqual([]);
  });
});

/**
 * What these lives do not ask for: layers go to a registry, keys are another service's, every subnet has a way out, no
 * rollout of an image fails, and nobody takes Batch's own role away.
 */
const BEYOND_THE_SANDBOX =
  /^(FsxKey .*|RoleOfBatch .*|LogsOurs logs:FilterLogEvents|\w+ ec2:DescribeVpcEndpoints|EcrOurs ecr:(BatchCheckLayerAvailability|BatchGetImage|CompleteLayerUpload|InitiateLayerUpload|PutImage|UploadLayerPart))$/;

describe.each(POLICY_VERBS)("the policy of %s", (verb) => {
  it("holds nothing that none of these lives needs: no statement, action, resource or value of a condition", async () => {
    const asked = (await Promise.all(REGIONS.map(lifeIn))).flat().filter((one) => one.verb === verb);
    const needed = new Set<string>();
    const there = new Set<string>();
    const byPolicy = new Map<string, Asked[]>();
    for (const one of asked) {
      const text = JSON.stringify(one.policy);
      byPolicy.set(text, [...(byPolicy.get(text) ?? []), one]);
    }
    for (const [text, demands] of byPolicy) {
      const policy = JSON.parse(text) as CallerPolicyDocument;
      for (const { name, without } of pieces(policy)) {
        there.add(name);
        if (needed.has(name)) continue;
        const { decide } = callerPolicy(JSON.stringify(without));
        if (demands.some(({ action, resource, keys }) => decide(action, resource, keys) !== "allowed"))
          needed.add(name);
      }
    }
    const idle = [...there].filter((name) => !needed.has(name));
    expect(idle.filter((name) => !BEYOND_THE_SANDBOX.test(name))).toEqual([]);
    expect(needed.size).toBeGreaterThan(15);
  });

  it("allows nothing on what carries another environment's tag or name", async () => {
    const asked = (await lifeIn("us-east-1")).filter((one) => one.verb === verb);
    const foreign = asked.map((one) => {
      const keys = Object.entries(one.keys).map(
        ([key, value]) => [key, key.endsWith("/bootstrap:env") ? "another" : value] as const,
      );
      return { ...one, keys: Object.fromEntries(keys), resource: one.resource.replaceAll("demux", "another") };
    });
    const changed = foreign.filter(
      ({ keys, resource }, at) =>
        resource !== asked[at]!.resource || JSON.stringify(keys) !== JSON.stringify(asked[at]!.keys),
    );
    const allowed = changed.filter(
      ({ policy, action, resource, keys }) =>
        callerPolicy(JSON.stringify(policy)).decide(action, resource, keys) === "allowed",
    );
    expect([...new Set(allowed.map(({ action }) => action))].filter((action) => !isRead(action))).toEqual([]);
    expect(changed.length).toBeGreaterThan(20);
  });
});

const isRead = (action: string) => /:(Describe|Get|List)/.test(action);

/** A policy less one of its pieces, for each piece. */
function pieces({ Version, Statement }: CallerPolicyDocument) {
  const less = (at: number, name: string, statement: CallerStatement | undefined) => ({
    name: `${Statement[at]!.Sid} ${name}`,
    without: {
      Version,
      Statement: [...Statement.slice(0, at), ...(statement ? [statement] : []), ...Statement.slice(at + 1)],
    },
  });
  return Statement.flatMap((statement, at) => {
    const { Action, Resource, Condition = {} } = statement;
    const other = (list: readonly string[], one: string) => list.filter((each) => each !== one);
    return [
      less(at, "as a whole", undefined),
      ...Action.map((one) =>
        less(at, one, Action.length > 1 ? { ...statement, Action: other(Action, one) } : undefined),
      ),
      ...Resource.map((one) =>
        less(
          at,
          one.split(":").slice(5).join(":"),
          Resource.length > 1 ? { ...statement, Resource: other(Resource, one) } : undefined,
        ),
      ),
      ...Object.entries(Condition).flatMap(([operator, keys]) =>
        Object.entries(keys).flatMap(([key, values]) =>
          values.map((one) =>
            less(at, `${key} ${one}`, {
              ...statement,
              Condition: { ...Condition, [operator]: { ...keys, [key]: other(values, one) } },
            }),
          ),
        ),
      ),
    ];
  });
}

describe("a right that is missing", () => {
  const without =
    (...actions: readonly string[]) =>
    (policy: CallerPolicyDocument): CallerPolicyDocument => ({
      ...policy,
      Statement: policy.Statement.flatMap((statement) => {
        const Action = statement.Action.filter((action) => !actions.includes(action));
        return Action.length > 0 ? [{ ...statement, Action }] : [];
      }),
    });
  const nothing = (policy: CallerPolicyDocument): CallerPolicyDocument => ({
    ...policy,
    Statement: [{ Sid: "No", Effect: "Allow", Action: ["s3:ListBucket"], Resource: ["*"] }],
  });

  it("for everything ends up at once, in AWS's words, and changes nothing", async () => {
    const ended = await type(siteIn("us-east-1"), { verb: "up", cut: nothing });
    expect(wordsOf(ended)).toMatch(/is not authorized to perform: \w+:\w+ because no identity-based policy allows/);
    expect(ended.writes).toEqual([]);
  });

  const policy = policyFor("up", {
    ...{ partition: "aws", region: "us-east-1", account: "123456789012", name: "demux", path: "/" },
    ...{ spot: false, pushes: false, manyRoles: false },
  });
  const first = policy.Statement.map(({ Action }) => Action.find((action) => !action.endsWith("Egress"))!);

  it.each([...new Set([...first, "ec2:RunInstances", "iam:PassRole", "iam:TagRole", "fsx:TagResource"])])(
    "for %s is named by what up, or a later verb, says",
    async (action) => {
      const site = siteIn("us-east-1");
      const cut = without(action);
      let heard = "";
      for (const [verb, yaml] of [
        ["up", ""],
        ["up", "filesystem: { capacityGiB: 2400 }\nlogs: { retentionDays: 30 }"],
        ["teardown", ""],
      ] as const) {
        const ended = await type(site, { verb, yaml, cut, yes: true, discardData: true });
        heard += `${wordsOf(ended)}\n${ended.notes.join("\n")}\n${ended.said}`;
        if (heard.includes(`perform: ${action} `)) break;
      }
      expect(heard).toContain(`is not authorized to perform: ${action} `);
    },
  );

  describe("to teardown", () => {
    async function up() {
      const site = siteIn("us-east-1");
      expect(wordsOf(await type(site, { verb: "up" }))).toBe("");
      return site;
    }

    it("for lists of the account's roles and profiles keeps nothing standing, and is told", async () => {
      const site = await up();
      const cut = without("iam:ListRoles", "iam:ListInstanceProfiles");
      const ended = await type(site, { verb: "teardown", cut, yes: true, discardData: true });
      expect(wordsOf(ended)).toBe("");
      expect(ended.said).toContain("nothing is left of demux");
      expect(ended.said).toContain("is not authorized to perform: iam:ListRoles");
      const after = await type(site, { verb: "teardown", yes: true, discardData: true });
      expect(after.said).toContain("nothing of demux in us-east-1, account 123456789012 is there");
    });

    it.each([
      "fsx:DescribeFileSystems",
      "batch:DescribeJobDefinitions",
      "ec2:DescribeSnapshots",
      "ecr:DescribeRepositories",
    ])(
      "for %s keeps nothing else standing; the rest is removed, and that something may be left is said",
      async (action) => {
        const site = await up();
        const ended = await type(site, { verb: "teardown", cut: without(action), yes: true, discardData: true });
        expect(ended.said).toContain(`is not authorized to perform: ${action} `);
        expect(ended.said).not.toContain("nothing is left");
        expect(ended.error).toBeDefined();
        expect(ended.writes).toEqual(
          expect.arrayContaining(["DeleteComputeEnvironment", "DeleteJobQueue", "DeleteRole"]),
        );
        const after = await type(site, { verb: "teardown", yes: true, discardData: true });
        expect(wordsOf(after)).toBe("");
        expect(after.said).toContain("nothing is left of demux");
      },
    );
  });

  it("to status for one kind is shown beside all others, and is no success", async () => {
    const site = siteIn("us-east-1");
    expect(wordsOf(await type(site, { verb: "up" }))).toBe("");
    const ended = await type(site, { verb: "status", cut: without("logs:DescribeLogGroups") });
    expect(ended.error).toBeUndefined();
    expect(ended.exitCode).toBe(1);
    expect(ended.said).toMatch(/log-group +unseen .*is not authorized to perform: logs:DescribeLogGroups/);
    expect(ended.said).toMatch(/filesystem +keep/);
  });

  it("to what is only looked at as advice ends nothing", async () => {
    const site = siteIn("us-east-1");
    const ended = await type(site, {
      verb: "up",
      cut: without("logs:GetLogEvents", "iam:ListRoles", "iam:ListInstanceProfiles"),
    });
    expect(wordsOf(ended)).toBe("");
  });
});

describe("a printed policy", () => {
  const caller = {
    ...{ partition: "aws-us-gov", region: "us-gov-west-1", account: "123456789012", name: "a23456789-b23456789-c234" },
    ...{ path: "/", spot: true, pushes: true, manyRoles: false },
  };

  it.each(POLICY_VERBS)("of %s is one that IAM takes, and fits into a managed policy for the longest names", (verb) => {
    const document = policyFor(verb, caller);
    expect(() => callerPolicy(JSON.stringify(document))).not.toThrow();
    expect(sizeOf(document)).toBeLessThanOrEqual(6_144);
    expect(JSON.stringify(document)).not.toContain("{{");
    const sids = document.Statement.map(({ Sid }) => Sid);
    expect(sids.every((sid) => /^[A-Za-z0-9]+$/.test(sid))).toBe(true);
  });

  it("has for roles of a path and a boundary the right to make them under these only", () => {
    const boundary = "arn:aws-us-gov:iam::123456789012:policy/boundary";
    const { decide } = callerPolicy(
      JSON.stringify(policyFor("up", { ...caller, path: "/lab/", permissionsBoundary: boundary })),
    );
    const role = (path: string) => `arn:aws-us-gov:iam::123456789012:role${path}${caller.name}-us-gov-west-1-job-role`;
    const bound = { "iam:PermissionsBoundary": boundary };
    expect(decide("iam:CreateRole", role("/lab/"), bound)).toBe("allowed");
    expect(decide("iam:CreateRole", role("/lab/"), {})).toBe("implicitDeny");
    expect(decide("iam:CreateRole", role("/"), bound)).toBe("implicitDeny");
    expect(decide("iam:PutRolePolicy", role("/lab/"), { "iam:PermissionsBoundary": "another" })).toBe("implicitDeny");
    expect(decide("iam:DeleteRolePermissionsBoundary", role("/lab/"), bound)).toBe("implicitDeny");
    expect(decide("iam:GetRole", role("/"), {})).toBe("allowed");
  });

  it("lets teardown give Batch its role back, and a bake read what nodes said", () => {
    const may = (verb: (typeof POLICY_VERBS)[number]) => callerPolicy(JSON.stringify(policyFor(verb, caller))).decide;
    const role = (service: string) => `arn:aws-us-gov:iam::123456789012:role/aws-service-role/${service}/*`;
    const give = (service: string) =>
      may("teardown")("iam:CreateServiceLinkedRole", role(service), { "iam:AWSServiceName": service });
    expect(["batch.amazonaws.com", "spot.amazonaws.com"].map(give)).toEqual(["allowed", "implicitDeny"]);
    const logs = `arn:aws-us-gov:logs:us-gov-west-1:123456789012:log-group:/bootstrap/${caller.name}:*`;
    for (const verb of ["up", "status", "bake-ami"] as const)
      expect(may(verb)("logs:FilterLogEvents", logs, {})).toBe("allowed");
  });

  it("speaks of a key, of Spot and of a push from here only where the config does", () => {
    const sids = (more: object) =>
      policyFor("up", { ...caller, spot: false, pushes: false, manyRoles: false, ...more }).Statement.map(
        ({ Sid }) => Sid,
      );
    const plain = sids({});
    expect(sids({ spot: true }).filter((sid) => !plain.includes(sid))).toEqual(["RoleOfSpot"]);
    const mayPut = (pushes: boolean) =>
      policyFor("up", { ...caller, pushes }).Statement.some(({ Action }) => Action.includes("ecr:PutImage"));
    expect([mayPut(true), mayPut(false)]).toEqual([true, false]);
    expect(sids({ kmsKeyId: "alias/lab" }).filter((sid) => !plain.includes(sid))).toEqual(["FsxKey"]);
    const key = "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/k";
    const ours = policyFor("up", { ...caller, kmsKeyId: key }).Statement.find(({ Sid }) => Sid === "FsxKey");
    expect(ours?.Resource).toEqual([key]);
  });
});
