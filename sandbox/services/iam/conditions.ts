/** A policy statement's condition: by operator, then by key, the values of which one must fit. */
export type Condition = Readonly<Record<string, Readonly<Record<string, string | boolean | readonly string[]>>>>;

/** What a request says of itself and of what it touches: `aws:ResourceTag/bootstrap:env`, `iam:PassedToService`. */
export type Keys = Readonly<Record<string, string | readonly string[]>>;

type Test = (wanted: string, have: string) => boolean;

const TESTS: Readonly<Record<string, Test>> = {
  StringEquals: (wanted, have) => wanted === have,
  StringEqualsIgnoreCase: (wanted, have) => wanted.toLowerCase() === have.toLowerCase(),
  StringLike: matches,
  // AWS: both behave like each other, wildcards included.
  ArnEquals: matches,
  ArnLike: matches,
  Bool: (wanted, have) => wanted.toLowerCase() === have.toLowerCase(),
};

/** Those that hold when no value fits. */
const NEGATED: Readonly<Record<string, string>> = {
  StringNotEquals: "StringEquals",
  StringNotEqualsIgnoreCase: "StringEqualsIgnoreCase",
  StringNotLike: "StringLike",
  ArnNotEquals: "ArnEquals",
  ArnNotLike: "ArnLike",
};

/** Every operator and every key of it must be met. */
export function isMet(condition: Condition, keys: Keys): boolean {
  const byName = new Map(Object.entries(keys).map(([key, value]) => [key.toLowerCase(), [value].flat()]));
  return Object.entries(condition).every(([operator, wanted]) =>
    Object.entries(wanted).every(([key, values]) =>
      holds(operator, [values].flat().map(String), byName.get(key.toLowerCase())),
    ),
  );
}

/** Whether the sandbox knows what an operator means: numbers, dates and addresses it does not. */
export function isEvaluated(operator: string): boolean {
  const { name } = partsOf(operator);
  return name === "Null" || name in TESTS || name in NEGATED;
}

function holds(operator: string, wanted: readonly string[], have: readonly string[] | undefined): boolean {
  const { quantifier, name, ifExists } = partsOf(operator);
  if (name === "Null") return wanted.includes(String(have === undefined));
  const isNegated = name in NEGATED;
  if (have === undefined) return ifExists || isNegated || quantifier === "ForAllValues";
  const test = TESTS[NEGATED[name] ?? name];
  if (test === undefined) throw new Error(`the sandbox does not know the condition operator ${operator}`);
  const fits = (value: string) => wanted.some((pattern) => test(pattern, value)) !== isNegated;
  return quantifier === "ForAllValues" ? have.every(fits) : have.some(fits);
}

function partsOf(operator: string) {
  const [last = "", quantifier] = operator.split(":").reverse();
  return { quantifier, name: last.replace(/IfExists$/, ""), ifExists: last.endsWith("IfExists") };
}

import { matches } from "../glob.ts";
