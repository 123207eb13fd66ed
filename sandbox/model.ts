/** What a shape's values must be; of text and collections `min` and `max` are lengths, of numbers values. */
export interface Shape {
  readonly enum?: readonly string[];
  /** As AWS writes it, in Java's dialect; the whole value must fit. */
  readonly pattern?: string;
  readonly min?: number;
  readonly max?: number;
  /** The shape of each member that is constrained, or has such members of its own. */
  readonly members?: Readonly<Record<string, string>>;
  readonly items?: string;
  readonly keys?: string;
  readonly values?: string;
}

/** The constraints on the requests of one service. */
export interface Model {
  /** The shape of each operation's input; null where nothing constrains it. */
  readonly operations: Readonly<Record<string, string | null>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}
