import { z } from "zod";

/** What a key of `bootstrap.yaml` may have as its value, whichever key it is. */

// ECR takes no name with a hyphen at its end or two in a row, and the environment's name is part of one.
const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const PATH = /^(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)+$/;
// /opt holds the job's own programs, in our images and in most others.
const SYSTEM = /^\/(?:bin|boot|dev|etc|home|lib|lib32|lib64|libx32|opt|proc|root|run|sbin|sys|usr|var|tmp)(?:\/|$)/;

export const text = (pattern: RegExp, what: string, maxLength = 2048) => {
  const error = `must be ${what}`;
  return z.string({ error }).max(maxLength, { error }).regex(pattern, { error });
};
export const whole = (from: number, to: number, what = "") => {
  const error = `must be a whole number from ${from} to ${to}${what && ` ${what}`}`;
  return z.int({ error }).min(from, { error }).max(to, { error });
};
export const choice = <const V extends readonly string[]>(values: V) =>
  z.enum(values, { error: `must be one of ${values.join(", ")}` });
export const list = <T extends z.ZodType>(item: T, what: string) =>
  z
    .array(item, { error: `must be a list of ${what}` })
    .max(100, { error: "must not be longer than 100" })
    .refine((items) => new Set(items).size === items.length, { error: "must not hold the same twice" });
export const object = <S extends z.ZodRawShape>(shape: S) =>
  z.strictObject(shape, { error: `must be a section with keys of ${Object.keys(shape).join(", ")}` });

// EC2 takes no launch template of fewer than three characters, and no security group's name that looks like its id.
export const name = text(
  /^(?=.{3,24}$)(?!sg-)[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/,
  "3 to 24 lower-case letters, digits and single hyphens, a letter first, not beginning sg-",
);
export const workloadName = text(NAME, "a workload's name, such as bcl2fastq", 64);
export const instanceType = text(
  /^[a-z][a-z0-9-]*\.[a-z0-9-]+$/,
  "an instance type with its size, such as c5d.9xlarge",
  64,
);
export const subnetId = text(/^subnet-[0-9a-f]{8,17}$/, "a subnet's id, such as subnet-0123456789abcdef0");
export const mountPoint = text(PATH, "an absolute path of letters, digits, dots, dashes and underscores", 255).refine(
  (path) => !SYSTEM.test(path),
  { error: "must not lie in a directory of the operating system" },
);
export const imageReference = text(
  /^[a-z0-9][a-z0-9._:-]*(?:\/[a-z0-9._-]+)*(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?(?:@sha256:[0-9a-f]{64})?$/,
  "an image reference, such as registry.example.com/tools/bcl2fastq:2.20",
  255,
);
// It stands on the builder's command line, in the manifest and in the image's history.
export const url = text(
  /^https?:\/\/(?![^/?#]*@)(?!.*\{\{)[\x21-\x7e]+$/,
  "an http or https address, without a user, a password or {{",
);
const bucket = text(
  /^(?!xn--|sthree-|\d+\.\d+\.\d+\.\d+$)(?!.*(?:\.\.|-s3alias$|--ol-s3$))[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  "the bare name of an S3 bucket: 3 to 63 lower-case letters, digits, dots and hyphens",
);
export const program = text(
  /^(?:required|s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/[\w!'()+,./=@-]+\.(?:rpm|zip)|(?![a-z0-9]+:\/\/|-)[^\0\n\r]+\.(?:rpm|zip))$/,
  "an RPM, or a zip that holds one: a path, or an object in S3 such as s3://my-bucket/bcl2fastq2-v2-20-0-linux-x86-64.zip",
  1024,
);
export const buckets = list(bucket, "S3 bucket names");
export const values = (key: z.ZodString, what: string) =>
  z.record(
    key,
    z.union([z.string().regex(/^[^\0]*$/), z.number(), z.boolean()], { error: "must be one text, number or yes/no" }),
    { error: `must be a section of ${what}` },
  );
export const buildArguments = (key: z.ZodString) =>
  values(key, "build arguments").refine(
    (args) => !Object.values(args).some((value) => typeof value === "string" && value.includes("{{")),
    { error: "must not hold {{: Systems Manager, which carries them to a builder, would put something else there" },
  );
export const variableName = (what: string) =>
  text(
    /^(?!AWS_BATCH)[A-Za-z_][A-Za-z0-9_]*$/,
    `${what}: letters, digits and underscores, not beginning AWS_BATCH`,
    255,
  );

type Partly<S extends Shape> = {
  [K in keyof S]: z.ZodOptional<
    S[K] extends z.ZodObject<infer Keys> ? z.ZodObject<{ [P in keyof Keys]: z.ZodOptional<Keys[P]> }> : S[K]
  >;
};
type Shape = Readonly<Record<string, z.ZodType>>;

/** The same, of which any section and any key of a section may be missing. */
export function partly<S extends Shape>(shape: S): Partly<S> {
  const fields = Object.entries(shape).map(([key, field]) => {
    const part = field instanceof z.ZodObject ? field.partial().describe(field.description ?? "") : field;
    return [key, part.optional()];
  });
  return Object.fromEntries(fields) as Partly<S>;
}
