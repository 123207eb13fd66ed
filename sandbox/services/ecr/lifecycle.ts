import { DAY_MS } from "../../lifecycle.ts";
import { type Call, Refusal } from "../../service.ts";
import { matches } from "../glob.ts";
import {
  type EcrOperations,
  type ImageState,
  invalidParameter,
  type RepositoryState,
  repositories,
  repositoryOf,
} from "./state.ts";

interface Selection {
  readonly tagStatus: "tagged" | "untagged" | "any";
  readonly tagPrefixList?: readonly string[];
  readonly tagPatternList?: readonly string[];
  readonly countType: "imageCountMoreThan" | "sinceImagePushed";
  readonly countUnit?: "days";
  readonly countNumber: number;
}

interface Rule {
  readonly rulePriority: number;
  readonly description?: string;
  readonly selection: Selection;
  readonly action: { readonly type: "expire" };
}

export const lifecycleOperations = {
  PutLifecyclePolicy(input, call) {
    const repository = repositoryOf(call, input);
    const rules = rulesIn(input.lifecyclePolicyText!);
    // Kept in ECR's own spelling: no white space, members in its order.
    const text = JSON.stringify({ rules: rules.map(spelt) });
    repository.lifecycle = { text, appliedAt: call.now };
    return { registryId: call.account, repositoryName: repository.name, lifecyclePolicyText: text };
  },

  GetLifecyclePolicy(input, call) {
    const repository = repositoryOf(call, input);
    const { text, appliedAt } = policyOf(call, repository);
    return {
      registryId: call.account,
      repositoryName: repository.name,
      lifecyclePolicyText: text,
      lastEvaluatedAt: new Date(appliedAt),
    };
  },

  DeleteLifecyclePolicy(input, call) {
    const repository = repositoryOf(call, input);
    const { text, appliedAt } = policyOf(call, repository);
    repository.lifecycle = undefined;
    return {
      registryId: call.account,
      repositoryName: repository.name,
      lifecyclePolicyText: text,
      lastEvaluatedAt: new Date(appliedAt),
    };
  },
} satisfies EcrOperations;

/** Removes what the policies of this region's repositories let expire; they are looked at once a day. */
export function applyLifecyclePolicies(call: Call): void {
  for (const repository of repositories.all(call)) {
    const { lifecycle, images } = repository;
    if (lifecycle === undefined || call.now < lifecycle.appliedAt + DAY_MS) continue;
    lifecycle.appliedAt += Math.floor((call.now - lifecycle.appliedAt) / DAY_MS) * DAY_MS;
    for (const { digest } of expired(Object.values(images), rulesIn(lifecycle.text), lifecycle.appliedAt)) {
      delete images[digest];
    }
  }
}

/** An image belongs to the first rule that selects it, whether or not that rule lets it expire. */
function expired(images: readonly ImageState[], rules: readonly Rule[], now: number): ImageState[] {
  const taken = new Set<ImageState>();
  return [...rules]
    .sort((a, b) => a.rulePriority - b.rulePriority)
    .flatMap(({ selection }) => {
      const selected = images.filter((image) => !taken.has(image) && selects(selection, image));
      for (const image of selected) taken.add(image);
      const newestFirst = selected.sort((a, b) => b.pushedAt - a.pushedAt);
      return selection.countType === "imageCountMoreThan"
        ? newestFirst.slice(selection.countNumber)
        : newestFirst.filter(({ pushedAt }) => now - pushedAt > selection.countNumber * DAY_MS);
    });
}

function selects({ tagStatus, tagPrefixList, tagPatternList }: Selection, { tags }: ImageState): boolean {
  if (tagStatus === "any") return true;
  if (tagStatus === "untagged") return tags.length === 0;
  if (tagPrefixList) return tagPrefixList.every((prefix) => tags.some((tag) => tag.startsWith(prefix)));
  return (tagPatternList ?? []).every((pattern) => tags.some((tag) => matches(pattern, tag)));
}

function rulesIn(text: string): readonly Rule[] {
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch {
    throw invalid("could not be parsed as JSON");
  }
  const rules = isRecord(policy) ? policy.rules : undefined;
  if (!Array.isArray(rules) || rules.length === 0) throw invalid('object has missing required properties (["rules"])');
  const trouble = rules.map(troubleWith).find((found) => found !== undefined);
  if (trouble !== undefined) throw invalid(trouble);
  const priorities = (rules as Rule[]).map(({ rulePriority }) => rulePriority);
  if (new Set(priorities).size < priorities.length) throw invalid("rulePriority must be unique");
  const any = (rules as Rule[]).find(({ selection }) => selection.tagStatus === "any");
  if (any && any.rulePriority < Math.max(...priorities)) {
    throw invalid("A rule with tagStatus any must have the highest rulePriority");
  }
  return rules as Rule[];
}

function troubleWith(rule: unknown): string | undefined {
  if (!isRecord(rule)) return "instance type (string) does not match any allowed primitive type";
  const { rulePriority, selection, action } = rule;
  if (!Number.isInteger(rulePriority) || Number(rulePriority) < 1) return "rulePriority must be a positive integer";
  if (!isRecord(action) || action.type !== "expire") return "action.type must be expire";
  if (!isRecord(selection)) return 'object has missing required properties (["selection"])';
  const { tagStatus, countType, countUnit, countNumber, tagPrefixList, tagPatternList } = selection;
  if (!["tagged", "untagged", "any"].includes(String(tagStatus))) return "tagStatus must be tagged, untagged or any";
  if (!Number.isInteger(countNumber) || Number(countNumber) < 1) return "countNumber must be a positive integer";
  if (countType === "sinceImagePushed" ? countUnit !== "days" : countUnit !== undefined) {
    return "countUnit days goes with sinceImagePushed, and only with it";
  }
  if (countType !== "sinceImagePushed" && countType !== "imageCountMoreThan") return "countType is not known";
  const named = tagPrefixList !== undefined || tagPatternList !== undefined;
  if (named !== (tagStatus === "tagged"))
    return "tagPrefixList or tagPatternList goes with tagStatus tagged, and only with it";
  return undefined;
}

function spelt({ rulePriority, description, selection, action }: Rule) {
  return { rulePriority, ...(description !== undefined && { description }), selection, action };
}

function policyOf(call: Call, { name, lifecycle }: RepositoryState) {
  if (lifecycle !== undefined) return lifecycle;
  throw new Refusal(
    "LifecyclePolicyNotFoundException",
    `Lifecycle policy does not exist for the repository with name '${name}' in the registry with id '${call.account}'`,
  );
}

function invalid(words: string): Refusal {
  return invalidParameter("LifecyclePolicyText", `Lifecycle policy validation failure: ${words}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
