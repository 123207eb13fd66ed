import { BatchServiceException, ClientException } from "@aws-sdk/client-batch";
import { EC2ServiceException } from "@aws-sdk/client-ec2";
import { FSxServiceException } from "@aws-sdk/client-fsx";
import {
  DeleteConflictException,
  EntityAlreadyExistsException,
  GetRoleCommand,
  LimitExceededException,
  NoSuchEntityException,
} from "@aws-sdk/client-iam";
import { describe, expect, it } from "vitest";
import {
  awsWords,
  classify,
  hintFor,
  isAwsError,
  isNotFound,
  isUnsupported,
  orNothing,
  unless,
} from "../../src/aws/errors.ts";
import { StepError } from "../../src/engine/errors.ts";
import { hintText } from "../../src/engine/hint.ts";
import { lab } from "../steps/harness.ts";

const answered = (httpStatusCode: number) => ({ $metadata: { httpStatusCode, requestId: "r-1" } });

/** As the clients make it of an answer whose code they have no class for. */
function ec2(name: string, message = "as AWS says it", httpStatusCode = 400) {
  return new EC2ServiceException({
    name,
    message,
    $fault: httpStatusCode < 500 ? "client" : "server",
    ...answered(httpStatusCode),
  });
}

const batch = (message: string) => new ClientException({ message, ...answered(400) });
const iam = answered(409);

/** As Node makes it, and as the SDK leaves it: no answer, so no status. */
function reset() {
  return Object.assign(new Error("socket hang up"), { code: "ECONNRESET", $metadata: { attempts: 8 } });
}

function noCredentials() {
  return Object.assign(new Error("Could not load credentials from any providers"), {
    name: "CredentialsProviderError",
  });
}

describe("an error from AWS", () => {
  it.each([
    ["in use", ec2("DependencyViolation", "resource sg-1 has a dependent object")],
    ["in another group's rules", ec2("InvalidGroup.InUse")],
    ["in use, in IAM's words", new DeleteConflictException({ message: "must detach all policies first", ...iam })],
    ["throttled", ec2("RequestLimitExceeded", "Request limit exceeded.", 503)],
    ["throttled, as most services say it", ec2("ThrottlingException")],
    ["a queue that still uses the environment", batch("Cannot delete, found existing JobQueue relationship")],
    ["a change of the last minute", batch("Cannot update, resource is being modified.")],
    [
      "short of capacity, although it is answered with 500",
      ec2("InsufficientInstanceCapacity", "We currently do not have sufficient capacity", 500),
    ],
    [
      "a file system with a task",
      new FSxServiceException({
        name: "BadRequest",
        message: "a data repository task is executing",
        $fault: "client",
        ...answered(400),
      }),
    ],
    [
      "a file system that is still being made",
      new FSxServiceException({
        name: "BadRequest",
        message: "Cannot update file system fs-0123456789abcdef0 while in CREATING state.",
        $fault: "client",
        ...answered(400),
      }),
    ],
  ])("is busy when it is %s", (_what, error) => {
    expect(classify(error)).toBe("busy");
  });

  it.each([
    [
      "a profile that EC2 does not see yet",
      ec2(
        "InvalidParameterValue",
        "Value (lab-builder) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
      ),
    ],
    [
      "a profile of which EC2 does not see the role yet",
      ec2(
        "InvalidParameterValue",
        'IAM Instance Profile "arn:aws:iam::123456789012:instance-profile/lab-builder" has no associated IAM Roles',
      ),
    ],
    [
      "a role that may not be passed on yet",
      ec2("UnauthorizedOperation", "User: arn:… is not authorized to perform: iam:PassRole on resource: arn:…", 403),
    ],
    ["a group that does not exist yet", ec2("InvalidGroup.NotFound")],
    ["a group that does not exist yet, in EC2's other word", ec2("InvalidSecurityGroupID.NotFound")],
    ["a version of a template made a moment ago", ec2("InvalidLaunchTemplateId.VersionNotFound")],
    ["rules that FSx does not see yet", ec2("InvalidNetworkSettings")],
    [
      "a role that does not exist yet",
      new NoSuchEntityException({ message: "The role cannot be found.", ...answered(404) }),
    ],
    ["an instance that SSM has not met", ec2("InvalidInstanceId")],
    ["a profile that Batch does not see yet", batch("Error executing request: instanceProfile lab-node not found")],
    ["a launch template that Batch does not see yet", batch("The launch template lt-0123 does not exist")],
  ])("is not propagated for %s", (_what, error) => {
    expect(classify(error)).toBe("notPropagated");
  });

  it.each([
    ["a role", new EntityAlreadyExistsException({ message: "Role with name lab already exists.", ...iam })],
    ["a job queue", batch("Object already exists")],
    ["a job queue, in other words", batch("A job queue of this name exists")],
    ["a job queue, told by the status", new ClientException({ message: "demux is taken", ...answered(409) })],
    ["a rule", ec2("InvalidPermission.Duplicate")],
    [
      "the account's own role",
      ec2("InvalidInput", "Service role name AWSServiceRoleForBatch has been taken in this account"),
    ],
    [
      "the role in a profile",
      new LimitExceededException({ message: "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1", ...iam }),
    ],
    ["what an earlier version of ours asked for with this token", ec2("IdempotentParameterMismatch")],
  ])("exists for %s that is there", (_what, error) => {
    expect(classify(error)).toBe("exists");
  });

  it("does not say that a thing exists which no longer exists", () => {
    expect(classify(batch("The specified compute environment no longer exists"))).not.toBe("exists");
  });

  it.each([
    ["a quota", new LimitExceededException({ message: "Cannot exceed quota for RolesPerAccount: 1000", ...iam })],
    ["a permission", ec2("UnauthorizedOperation", "You are not authorized", 403)],
    ["a value", ec2("InvalidParameterValue", "Value (x) for parameter size is invalid")],
    ["capacity", ec2("VcpuLimitExceeded")],
    ["what Batch takes for wrong", batch("maxvCpus must be at least minvCpus")],
    ["what Batch does not find", batch("Subnet subnet-0 doesn't exist")],
    ["our own no, before anything was sent", new StepError("capacity shrinks", { node: "filesystem" })],
    ["credentials that are not there", noCredentials()],
  ])("is refused for %s", (_what, error) => {
    expect(classify(error)).toBe("refused");
  });

  it.each([
    ["a server that failed", ec2("InternalError", "An internal error has occurred", 500)],
    [
      "a service that is away",
      new BatchServiceException({ name: "ServerException", message: "", $fault: "server", ...answered(503) }),
    ],
    ["a broken connection", reset()],
    ["a bug of ours", new TypeError("x is undefined")],
    ["what is no error at all", "a text"],
  ])("is unknown for %s", (_what, error) => {
    expect(classify(error)).toBe("unknown");
  });
});

describe("what is not there", () => {
  const missing = new NoSuchEntityException({ message: "no such role", ...answered(404) });

  it("is a value", async () => {
    expect(await orNothing(Promise.reject(missing))).toBeUndefined();
    expect(await orNothing(Promise.reject(batch("Job queue lab does not exist")))).toBeUndefined();
    const wrapped = "Error executing request, Exception : JobQueue lab not found, RequestId: r-1";
    expect(await orNothing(Promise.reject(batch(wrapped)))).toBeUndefined();
    expect(await orNothing(Promise.resolve("a role"))).toBe("a role");
  });

  it("is not taken for there being nothing when AWS said anything else", async () => {
    for (const error of [ec2("UnauthorizedOperation"), batch("something else"), reset(), new Error("NoSuchEntity")]) {
      await expect(orNothing(Promise.reject(error))).rejects.toBe(error);
    }
  });

  it("is told by the code of every service we ask", () => {
    const codes = [
      "FileSystemNotFound",
      "InvalidAMIID.NotFound",
      "InvalidPermission.NotFound",
      "InvalidSecurityGroupID.NotFound",
      "RepositoryNotFoundException",
      "ResourceNotFoundException",
    ];
    for (const code of [...codes, "ParameterNotFound", "InvalidInstanceID.NotFound"])
      expect(isNotFound(ec2(code)), code).toBe(true);
  });

  it("is recognised as the SDK throws it", async () => {
    const { cloud } = lab();
    expect(await orNothing(cloud.iam.send(new GetRoleCommand({ RoleName: "nobody" })))).toBeUndefined();
  });
});

describe("unless", () => {
  it("swallows one kind of trouble and throws every other", async () => {
    const there = new EntityAlreadyExistsException({ message: "there", ...iam });
    expect(await Promise.reject(there).catch(unless("exists"))).toBeUndefined();
    await expect(Promise.reject(there).catch(unless("busy"))).rejects.toBe(there);
    const bug = new TypeError("x is undefined");
    await expect(Promise.reject(bug).catch(unless("exists"))).rejects.toBe(bug);
  });
});

describe("what is newer than a partition's endpoints", () => {
  it("is told apart from what is wrong", () => {
    expect(isUnsupported(ec2("UnknownParameter", "The parameter DeleteAssociatedSnapshots is not recognized"))).toBe(
      true,
    );
    expect(isUnsupported(ec2("UnsupportedOperation"))).toBe(true);
    expect(isUnsupported(ec2("InvalidParameterValue"))).toBe(false);
    expect(isUnsupported(Object.assign(new Error("x"), { name: "UnsupportedOperation" }))).toBe(false);
  });
});

describe("AWS's words", () => {
  it("are the code and the message; of any other error the message alone", () => {
    expect(awsWords(ec2("VcpuLimitExceeded", "You have requested more vCPU capacity"))).toBe(
      "VcpuLimitExceeded: You have requested more vCPU capacity",
    );
    expect(awsWords(noCredentials())).toContain("CredentialsProviderError: ");
    expect(awsWords(new Error("no such file"))).toBe("no such file");
    expect(awsWords("a text")).toBe("a text");
  });

  it("are told from a bug's", () => {
    expect(isAwsError(ec2("Throttling"))).toBe(true);
    expect(isAwsError(noCredentials())).toBe(true);
    expect(isAwsError(new TypeError("x is undefined"))).toBe(false);
  });
});

describe("the hint", () => {
  it.each([
    [noCredentials(), "--sandbox"],
    [ec2("ExpiredToken"), "log in again"],
    [ec2("UnrecognizedClientException"), "China"],
    [ec2("InvalidClientTokenId"), "enabled"],
    [ec2("UnauthorizedOperation"), "permission"],
    [ec2("InsufficientInstanceCapacity"), "other types or another zone"],
    [ec2("InsufficientFreeAddressesInSubnet"), "network.subnetId"],
    [ec2("PendingVerification"), "wait"],
    [ec2("InvalidAMIID.NotFound"), "bootstrap bake-ami"],
    [ec2("VcpuLimitExceeded"), "Service Quotas"],
    [ec2("SecurityGroupLimitExceeded"), "Service Quotas"],
    [
      new LimitExceededException({ message: "Cannot exceed quota for RolesPerAccount: 1000", ...iam }),
      "Service Quotas",
    ],
  ])("after %s says what to do", (error, hint) => {
    expect(hintText(hintFor(error)!)).toContain(hint);
  });

  it("is left out where only AWS's own words help", () => {
    expect(hintFor(ec2("InvalidParameterValue"))).toBeUndefined();
    expect(hintFor(ec2("RequestLimitExceeded"))).toBeUndefined();
    expect(hintFor("a text")).toBeUndefined();
  });
});
