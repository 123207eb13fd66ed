import { EOL } from "node:os";
import {
  DefaultRenderer,
  Listr,
  ListrDefaultRendererLogLevels,
  ListrLogger,
  ListrTaskState,
  ProcessOutput,
  Spinner,
} from "listr2";
import type { Event, PlannedNode } from "../engine/events.ts";
import { type Paint, paintIn, type Style } from "./paint.ts";
import type { View, ViewOptions } from "./view.ts";
import { duration, headOf, isIdle, linesOf, outcomeOf, widthOf } from "./words.ts";

// The view is only opened for a terminal; listr2 would look at this process's own.
class RowRenderer extends DefaultRenderer {
  static override readonly nonTTY = true;
}

type Rows = Listr<object, typeof RowRenderer, typeof RowRenderer>;
type RowTask = Rows["tasks"][number];

type NodeEvent = Exclude<Event, { readonly type: "began" | "planned" | "note" }>;

interface Row {
  readonly node: string;
  /** As it was last drawn: listr2 sets the task's own to "started" when it gets to it. */
  state: ListrTaskState;
  readonly task: RowTask;
  doing: string;
  /** AWS's own word. */
  said: string;
  startedAt: number | undefined;
  notes: readonly string[];
}

const blankRow = { doing: "waiting", said: "", startedAt: undefined, notes: [] };

const NOTES_OF_A_FAILURE = 8;

/** Rows of a terminal: one flat row for each node. listr2 draws them and runs nothing: the engine does. */
export function listrView(options: ViewOptions): View {
  const rows = new TerminalRows(options);
  return { onEvent: (event) => rows.show(event), close: () => rows.close() };
}

class TerminalRows {
  readonly #options: ViewOptions;
  readonly #paint: Paint;
  readonly #rows = new Map<string, Row>();
  #planned: readonly PlannedNode[] = [];
  #list: Rows | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #end: () => void = () => {};
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });
  #closed = false;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.#paint = paintIn(options.color);
  }

  show(event: Event): void {
    if (this.#closed) return;
    if (event.type === "began") this.#note(undefined, linesOf(headOf(event)));
    else if (event.type === "planned") this.#plan(event.nodes);
    else if (event.type === "note") this.#note(event.node, linesOf(event.text));
    else this.#follow(event);
  }

  #plan(nodes: readonly PlannedNode[]): void {
    this.#planned = [...this.#planned, ...nodes];
    if (!isIdle(nodes)) for (const { node } of nodes) this.#row(node);
  }

  #follow(event: NodeEvent): void {
    // A plan of keeps has no rows, and its outcomes are no news.
    if (event.type === "finished" && event.outcome === "kept" && !this.#rows.has(event.node)) return;
    const row = this.#row(event.node, event.type === "started");
    if (event.type === "started") row.doing = event.doing;
    if (event.type === "seen") row.said = linesOf(event.detail ?? event.state).join(" ");
    row.startedAt ??= event.at;
    const [state, lines] = this.#look(row, event);
    this.#draw(row, state, lines);
  }

  #look(row: Row, event: NodeEvent): readonly [ListrTaskState, readonly string[]] {
    const paint = this.#paint;
    switch (event.type) {
      case "started":
      case "seen":
        return [ListrTaskState.STARTED, this.#going(row)];
      case "finished":
        if (event.outcome === "unneeded") return [ListrTaskState.SKIPPED, [paint("dim", "unneeded")]];
        return [
          ListrTaskState.COMPLETED,
          [event.outcome === "kept" ? paint("dim", outcomeOf(event)) : outcomeOf(event), ...this.#notes(row, 0)],
        ];
      case "failed": {
        const [first = "", ...more] = linesOf(event.error.message);
        const words = paint("red", `failed after ${duration(event.ms)}: ${first}`);
        return [ListrTaskState.FAILED, [words, ...more, ...this.#notes(row, NOTES_OF_A_FAILURE)]];
      }
      case "blocked":
        return [ListrTaskState.SKIPPED, [paint("yellow", `blocked by ${event.by}`)]];
      case "interrupted":
        return [ListrTaskState.SKIPPED, [paint("yellow", `interrupted: ${event.detail}`)]];
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const row of this.#rows.values()) {
      if (row.state === ListrTaskState.STARTED) {
        const [going = ""] = this.#going(row);
        this.#draw(row, ListrTaskState.SKIPPED, [`${this.#paint("yellow", "left at:")} ${going}`]);
      } else if (row.state === ListrTaskState.WAITING) {
        this.#draw(row, ListrTaskState.SKIPPED, [this.#paint("dim", "not reached")]);
      }
    }
    this.#end();
    await this.#running;
  }

  /** The node's row; `anew` for one that begins again after its end: the old row stays as it is. */
  #row(node: string, anew = false): Row {
    const known = this.#rows.get(node);
    const going: readonly ListrTaskState[] = [ListrTaskState.WAITING, ListrTaskState.STARTED];
    if (known && (!anew || going.includes(known.state))) return known;
    const verdict = known ? undefined : this.#planned.find((planned) => planned.node === node);
    const title = this.#line(node, this.#paint("dim", verdict ? waitingWords(verdict) : "waiting"));
    const row = this.#add(node, title);
    this.#rows.set(node, row);
    return row;
  }

  #add(node: string, title: string, state = ListrTaskState.WAITING): Row {
    const list = this.#open();
    const task = () => {
      row.task.state$ = row.state;
      return this.#ended;
    };
    list.add({ title, task });
    const row: Row = { ...blankRow, node, state, task: list.tasks.at(-1)! };
    // A row that is not asked while it waits counts as disabled, and is not drawn.
    void row.task.check({});
    row.task.state$ = state;
    return row;
  }

  #open(): Rows {
    if (this.#list) return this.#list;
    const { stdout, stderr } = this.#options;
    const paint = this.#paint;
    const processOutput = new ProcessOutput(stdout, stderr, { leaveEmptyLine: false });
    // Holds the list open: rows may be added after it has begun, and listr2 runs only those added before.
    this.#list = new Listr<object, typeof RowRenderer, typeof RowRenderer>([{ task: () => this.#ended }], {
      concurrent: true,
      exitOnError: false,
      // On SIGINT listr2 would end the process, with 127, under the engine's feet.
      registerSignalListeners: false,
      renderer: RowRenderer,
      rendererOptions: {
        logger: new ListrLogger<ListrDefaultRendererLogLevels>({ useIcons: true, toStderr: [], processOutput }),
        spinner: new TickingSpinner(() => this.#tick()),
        icon: { [ListrDefaultRendererLogLevels.SKIPPED_WITH_COLLAPSE]: "-" },
        color: colorsIn(paint),
      },
      fallbackRendererCondition: false,
      silentRendererCondition: false,
    });
    this.#running = this.#list.run({});
    this.#running.catch(() => {});
    return this.#list;
  }

  #draw(row: Row, state: ListrTaskState, lines: readonly string[]): void {
    row.task.title = this.#title(row, lines);
    row.state = state;
    row.task.state$ = state;
  }

  #title({ node }: Row, [first = "", ...under]: readonly string[]): string {
    return [this.#line(node, first), ...under].join(EOL);
  }

  #tick(): void {
    for (const row of this.#rows.values()) {
      if (row.state === ListrTaskState.STARTED) row.task.title = this.#title(row, this.#going(row));
    }
  }

  #note(node: string | undefined, lines: readonly string[]): void {
    if (node !== undefined) {
      const row = this.#row(node);
      row.notes = [...row.notes, ...lines].slice(-NOTES_OF_A_FAILURE);
      return;
    }
    if (!this.#list) {
      for (const line of lines) this.#options.stdout.write(`${line}\n`);
      return;
    }
    for (const line of lines) this.#add("", line, ListrTaskState.SKIPPED);
  }

  #line(node: string, text: string): string {
    return `${node.padEnd(widthOf(this.#planned))}  ${text}`;
  }

  #going(row: Row): readonly string[] {
    const { doing, said, startedAt } = row;
    const now = this.#options.now();
    const words = said === "" ? `${doing} …` : `${doing} … ${said}`;
    return [`${words} ${this.#paint("dim", duration(now - (startedAt ?? now)))}`, ...this.#notes(row, 1)];
  }

  #notes({ notes }: Row, many: number): readonly string[] {
    const shown = this.#options.verbose ? NOTES_OF_A_FAILURE : many;
    return shown === 0 ? [] : notes.slice(-shown).map((line) => this.#paint("dim", `| ${line}`));
  }
}

/** listr2's spinner, which also lets time be seen to pass. */
class TickingSpinner extends Spinner {
  readonly #tick: () => void;

  constructor(tick: () => void) {
    super();
    this.#tick = tick;
  }

  override start(draw?: () => void, everyMs?: number): void {
    super.start(() => {
      this.#tick();
      draw?.();
    }, everyMs);
  }
}

function waitingWords({ verdict, reason }: PlannedNode): string {
  switch (verdict) {
    case "temporary":
      return reason;
    case "keep":
    case "use":
      return "as it should be";
    default:
      return "waiting";
  }
}

function colorsIn(paint: Paint): Record<ListrDefaultRendererLogLevels, (text?: string) => string> {
  const styles = {
    PENDING: "yellow",
    COMPLETED: "green",
    SKIPPED_WITH_COLLAPSE: "yellow",
    SKIPPED_WITHOUT_COLLAPSE: "yellow",
    FAILED: "red",
    WAITING: "dim",
    OUTPUT: "dim",
    OUTPUT_WITH_BOTTOMBAR: "dim",
    COMPLETED_WITH_FAILED_SUBTASKS: "yellow",
    COMPLETED_WITH_SISTER_TASKS_FAILED: "red",
    RETRY: "yellow",
    ROLLING_BACK: "red",
    ROLLED_BACK: "red",
    FAILED_WITH_SUBTASKS: "red",
    PAUSED: "yellow",
  } as const satisfies Record<`${ListrDefaultRendererLogLevels}`, Style>;
  const entries = Object.entries(styles).map(([level, style]) => [level, (text = "") => paint(style, text)]);
  return Object.fromEntries(entries);
}
