import { BootstrapError, type Trouble } from "../engine/errors.ts";
import { type Hint, hint } from "../engine/hint.ts";

/** AWS's error codes, in sets; nothing else compares codes. Sources: SDK models and the services' own documentation. */

const NOT_FOUND: ReadonlySet<string> = new Set([
  "FileSystemNotFound",
  "InvalidAMIID.NotFound",
  "InvalidAMIID.Unavailable",
  "InvalidGroup.NotFound",
  "InvalidInstanceID.NotFound",
  "InvalidLaunchTemplateId.NotFound",
  "InvalidLaunchTemplateId.VersionNotFound",
  "InvalidLaunchTemplateName.NotFoundException",
  "InvalidPermission.NotFound",
  // EC2 has two codes for a group that is not there.
  "InvalidSecurityGroupID.NotFound",
  "InvalidSnapshot.NotFound",
  "InvocationDoesNotExist",
  "LifecyclePolicyNotFoundException",
  "ImageNotFoundException",
  "NoSuchEntity",
  "NoSuchEntityException",
  "NoSuchResourceException",
  "ParameterNotFound",
  "RepositoryNotFoundException",
  "ResourceNotFoundException",
]);

const EXISTS: ReadonlySet<string> = new Set([
  "EntityAlreadyExists",
  "EntityAlreadyExistsException",
  "ImageAlreadyExistsException",
  "ImageTagAlreadyExistsException",
  // The token is known with other parameters: an earlier version of ours sent it, and the thing is there.
  "IdempotentParameterMismatch",
  "IncompatibleParameterError",
  "InvalidAMIName.Duplicate",
  "InvalidGroup.Duplicate",
  "InvalidLaunchTemplateName.AlreadyExistsException",
  "InvalidPermission.Duplicate",
  "RepositoryAlreadyExistsException",
  "ResourceAlreadyExistsException",
]);

const BUSY: ReadonlySet<string> = new Set([
  "ConcurrentModification",
  "ConcurrentModificationException",
  "DataRepositoryTaskExecuting",
  "DeleteConflict",
  "DeleteConflictException",
  "DependencyViolation",
  "EC2ThrottledException",
  "IncorrectInstanceState",
  "IncorrectState",
  // Answered with 500, and yet a clear no; another minute may bring another answer.
  "InsufficientInstanceCapacity",
  "InvalidGroup.InUse",
  "InvalidSnapshot.InUse",
  "OperationAbortedException",
  "RequestLimitExceeded",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
]);

const NOT_PROPAGATED: ReadonlySet<string> = new Set([
  "InvalidGroup.NotFound",
  "InvalidInstanceID.NotFound",
  "InvalidInstanceId",
  "InvalidLaunchTemplateId.NotFound",
  // Of a version made a moment ago.
  "InvalidLaunchTemplateId.VersionNotFound",
  "InvalidNetworkSettings",
  "InvalidSecurityGroupID.NotFound",
  "NoSuchEntity",
  "NoSuchEntityException",
]);

const DENIED = /^(AccessDenied|AccessDeniedException|UnauthorizedOperation)$/;

/** Something between AWS and us answered, or garbled an answer: what was asked for may have been done. */
export const UNREADABLE = "UnreadableAnswer";

const NOT_SENT: ReadonlySet<string> = new Set(["CredentialsProviderError", "TokenProviderError"]);

/**
 * Batch has one code for everything it refuses, also for what it leans on that is not there. Its words come bare or as
 * `Error executing request, Exception : JobQueue demux not found, RequestId: …`.
 */
const GONE_FROM_BATCH =
  /(?:^|Exception ?: ?)(compute ?environment|job ?queue|job ?definition|arn:[^ ]+:batch:).*(does not exist|not found)/i;

/** Same code for many troubles: only the message tells them apart. */
const BY_MESSAGE: readonly (readonly [code: string, message: RegExp, as: Trouble])[] = [
  // EC2 sees a profile late, and later still the role in it.
  ["InvalidParameterValue", /Invalid IAM Instance Profile|has no associated IAM Roles/i, "notPropagated"],
  // Also said of a role that is too young to be passed on.
  ["UnauthorizedOperation", /iam:PassRole/, "notPropagated"],
  ["AccessDeniedException", /iam:PassRole/, "notPropagated"],
  ["BadRequest", /already in progress|being updated|data repository task|while in (CREATING|UPDATING) state/i, "busy"],
  ["InvalidInput", /has been taken in this account/i, "exists"],
  ["InvalidInputException", /has been taken in this account/i, "exists"],
  ["ClientException", /(?<!\b(?:not|longer) |n't )\bexists?\b/i, "exists"],
  // A profile holds one role, and `update` has just taken any other out of it.
  ["LimitExceeded", /InstanceSessionsPerInstanceProfile/, "exists"],
  ["LimitExceededException", /InstanceSessionsPerInstanceProfile/, "exists"],
  ["ClientException", /resource is being modified|existing JobQueue relationship/i, "busy"],
  [
    "ClientException",
    /(role|instance ?profile|launch ?template|security ?group).*(not found|does not exist|cannot be found|not authorized)/i,
    "notPropagated",
  ],
];

interface AwsError extends Error {
  readonly $fault?: "client" | "server";
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Ours to say while AWS is still at what has to be done first: the same verb again. */
export class NotYet extends Error {}

/** Start here: what an error from the SDK means for the one who called. */
export function classify(error: unknown): Trouble {
  // Our own no, said before anything was sent.
  if (error instanceof BootstrapError) return "refused";
  if (error instanceof NotYet) return "busy";
  if (error instanceof Error && NOT_SENT.has(error.name)) return "refused";
  if (!isAwsError(error)) return "unknown";
  const { name, message } = error;
  const byMessage = BY_MESSAGE.find(([code, pattern]) => code === name && pattern.test(message));
  if (byMessage) return byMessage[2];
  // Batch's, whose words for a name that is taken are on no page of AWS's.
  if (name === "ClientException" && error.$metadata?.httpStatusCode === 409) return "exists";
  if (EXISTS.has(name)) return "exists";
  if (BUSY.has(name)) return "busy";
  if (NOT_PROPAGATED.has(name)) return "notPropagated";
  if (name === UNREADABLE || (error.$metadata?.httpStatusCode ?? 500) >= 500) return "unknown";
  return "refused";
}

export function isNotFound(error: unknown): boolean {
  if (!isAwsError(error)) return false;
  return NOT_FOUND.has(error.name) || (error.name === "ClientException" && GONE_FROM_BATCH.test(error.message));
}

/** The one who asks may not: a policy of the caller's, or one above it, says so or says nothing. */
export function isDenied(error: unknown): boolean {
  return isAwsError(error) && DENIED.test(error.name);
}

/** AWS knows the operation's name but not this parameter, or not the operation: newer than the partition's endpoints. */
export function isUnsupported(error: unknown): boolean {
  return (
    isAwsError(error) &&
    /^(UnknownParameter|UnknownOperation(Exception)?|InvalidAction|UnsupportedOperation)$/.test(error.name)
  );
}

/** Not found is a value. */
export async function orNothing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Where one may not look, nothing is told. */
export async function unlessDenied<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error: unknown) => {
    if (isDenied(error)) return undefined;
    throw error;
  });
}

/** For `.catch`: swallows one kind of trouble, throws every other. */
export function unless(expected: Trouble): (error: unknown) => undefined {
  return (error) => {
    if (classify(error) !== expected) throw error;
    return undefined;
  };
}

/** Anything a client threw: an answer of AWS's, or that there was none. */
export function isAwsError(error: unknown): error is AwsError {
  return error instanceof Error && ("$metadata" in error || NOT_SENT.has(error.name));
}

/** AWS's own words: `InsufficientInstanceCapacity: We currently do not have …`. */
export function awsWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isAwsError(error) ? `${error.name}: ${error.message}` : error.message;
}

/** What to type next, where the code tells; undefined where only AWS's own words help. */
export function hintFor(error: unknown): Hint | undefined {
  if (!(error instanceof Error)) return undefined;
  return HINTS.find(([name]) => name.test(error.name))?.[1];
}

const HINTS: readonly (readonly [name: RegExp, hint: Hint])[] = [
  [
    /^(CredentialsProviderError|TokenProviderError)$/,
    "log in (aws sso login, aws configure) or set AWS_PROFILE; to try it without an account, add --sandbox",
  ],
  [
    /^(ExpiredToken|ExpiredTokenException|RequestExpired)$/,
    "the credentials have run out: log in again, then run the same command: it goes on from here",
  ],
  [
    /^(InvalidClientTokenId|UnrecognizedClientException|AuthFailure|SignatureDoesNotMatch)$/,
    "AWS does not know these credentials here: keys of the global partition do not work in China, nor the other way round, and some regions are first to be enabled in the account",
  ],
  [
    DENIED,
    "ask for the permission that AWS names (bootstrap policy up prints all that up needs; each verb has its own), then run the same command again",
  ],
  [
    /^InsufficientInstanceCapacity$/,
    "wait a while, or name other types or another zone's subnet (compute.instanceTypes, machineImage.builderInstanceType, network.subnetId), then run the same command again",
  ],
  [
    /^InsufficientFreeAddressesInSubnet$/,
    "name a larger subnet with network.subnetId, or free some of its addresses, then run the same command again",
  ],
  [
    /^PendingVerification$/,
    "AWS looks at a new account before its first launch in a region: wait some minutes, at most four hours, then run the same command again",
  ],
  [
    /^(OptInRequired|SubscriptionRequiredException)$/,
    "the region, or this service in it, is not enabled for the account: aws account enable-region --region-name REGION, or open the service once in its console there, then run the same command again",
  ],
  [/^Blocked$/, "AWS has blocked the account: its owner has to answer AWS's mail, or write to AWS Support"],
  [
    /^InvalidAMIID\.(NotFound|Unavailable)$/,
    hint`AWS no longer has the image to start from: ${["bake-ami"]} takes the newest one`,
  ],
  [
    /^(?!Request)\w*LimitExceeded(Exception)?$/,
    "ask for a higher quota (Service Quotas in the console), or ask for less in the config, then run the same command again",
  ],
];
