import { JsonCodec, XmlCodec } from "@aws-sdk/core/protocols";
import { NormalizedSchema } from "@smithy/core/schema";
import type { $SchemaRef } from "@smithy/types";
import { constraintsOf } from "./constraints.ts";
import type { Model } from "./model.ts";
import { readForm } from "./query-form.ts";
import type { Refusal, Service } from "./service.ts";
import { type Decoded, decodeShape } from "./shapes.ts";

/** A request as it came, header names in lower case, the query string in the path. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface WireResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type ProtocolName = "ec2Query" | "awsQuery" | "json" | "restJson";

export interface Operation {
  readonly name: string;
  readonly http: readonly [method: string, uri: string, status: number] | undefined;
  readonly input: NormalizedSchema;
  readonly output: NormalizedSchema;
}

/** A service's own wire format, read from the schemas its SDK client exports. */
export interface Wire {
  readonly service: Service;
  readonly protocol: ProtocolName;
  readonly xmlNamespace: string;
  readonly operations: ReadonlyMap<string, Operation>;
  readonly errors: ReadonlyMap<string, NormalizedSchema>;
  readonly constraints: Model;
}

interface ClientConfig {
  readonly protocol: { getShapeId(): string };
  readonly protocolSettings: { readonly xmlNamespace?: string };
}

const PROTOCOLS: Readonly<Record<string, ProtocolName>> = {
  "aws.protocols#ec2Query": "ec2Query",
  "aws.protocols#awsQuery": "awsQuery",
  "aws.protocols#awsJson1_0": "json",
  "aws.protocols#awsJson1_1": "json",
  "aws.protocols#restJson1": "restJson",
};

const OPERATION = 9;
const ERROR = -3;

export async function loadWire(service: Service): Promise<Wire> {
  const client = await service.client();
  const operations = new Map<string, Operation>();
  const errors = new Map<string, NormalizedSchema>();
  let config: ClientConfig | undefined;
  for (const [name, value] of Object.entries(client)) {
    if (Array.isArray(value) && value[0] === OPERATION) {
      const [, , operation, traits, input, output] = value as [number, string, string, unknown, $SchemaRef, $SchemaRef];
      operations.set(operation, {
        name: operation,
        http: (traits as { http?: [string, string, number] }).http,
        input: NormalizedSchema.of(input),
        output: NormalizedSchema.of(output),
      });
    } else if (Array.isArray(value) && value[0] === ERROR) {
      const schema = NormalizedSchema.of(value as unknown as $SchemaRef);
      errors.set(value[2], schema);
      errors.set(queryError(schema)?.[0] ?? value[2], schema);
    } else if (/^[A-Z]\w*Client$/.test(name)) {
      const Client = value as new (settings: { region: string }) => { readonly config: ClientConfig };
      config = new Client({ region: "us-east-1" }).config;
    }
  }
  const protocol = PROTOCOLS[config?.protocol.getShapeId() ?? ""];
  if (config === undefined || protocol === undefined) throw new Error(`cannot speak the protocol of ${service.name}`);
  const xmlNamespace = config.protocolSettings.xmlNamespace ?? "";
  return { service, protocol, xmlNamespace, operations, errors, constraints: await constraintsOf(service) };
}

/** Which of the service's operations is asked for; its name alone when the service has none of that name. */
export function operationOf(wire: Wire, request: WireRequest): Operation | string {
  switch (wire.protocol) {
    case "json": {
      const name = request.headers["x-amz-target"]?.split(".").at(-1) ?? "";
      return wire.operations.get(name) ?? name;
    }
    case "restJson": {
      const match = [...wire.operations.values()].find(({ http }) => http && labelsOf(http, request));
      return match ?? `${request.method} ${pathOf(request)}`;
    }
    default: {
      const name = formOf(request).get("Action") ?? "";
      return wire.operations.get(name) ?? name;
    }
  }
}

export function decode(wire: Wire, { http, input }: Operation, request: WireRequest): Decoded {
  switch (wire.protocol) {
    case "json":
      return decodeShape(input, parseJson(request.body), { scalarsAreText: false, useJsonNames: false });
    case "restJson":
      return decodeShape(input, restInput(input, http, request), { scalarsAreText: false, useJsonNames: true });
    default: {
      const fields = [...formOf(request)].filter(([name]) => name !== "Action" && name !== "Version");
      const raw = readForm(input, fields, wire.protocol === "ec2Query" ? "ec2" : "aws");
      return decodeShape(input, raw, { scalarsAreText: true, useJsonNames: false });
    }
  }
}

export function encode(
  wire: Wire,
  { name, output, http }: Operation,
  answer: unknown,
  requestId: string,
): WireResponse {
  const value = answer ?? {};
  switch (wire.protocol) {
    case "json":
      return jsonResponse(200, "application/x-amz-json-1.1", writeJson(output, value, false), requestId);
    case "restJson":
      return jsonResponse(http?.[2] ?? 200, "application/json", writeJson(output, value, true), requestId);
    case "ec2Query": {
      const members = output.isStructSchema() ? writeXml(wire, output, value) : "<return>true</return>";
      return xmlResponse(wire, 200, `${name}Response`, `<requestId>${requestId}</requestId>${members}`, requestId);
    }
    case "awsQuery": {
      const result = output.isStructSchema() ? `<${name}Result>${writeXml(wire, output, value)}</${name}Result>` : "";
      const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
      return xmlResponse(wire, 200, `${name}Response`, result + metadata, requestId);
    }
  }
}

export function encodeRefusal(wire: Wire, refusal: Refusal, requestId: string): WireResponse {
  const schema = wire.errors.get(refusal.code);
  switch (wire.protocol) {
    case "json":
    case "restJson": {
      const declared = schema === undefined ? {} : JSON.parse(writeJson(schema, withMessage(schema, refusal), true));
      const body = { __type: refusal.code, message: refusal.message, ...declared };
      if ("Message" in declared) body.message = undefined;
      const type = wire.protocol === "json" ? "application/x-amz-json-1.1" : "application/json";
      const response = jsonResponse(refusal.status, type, JSON.stringify(body), requestId);
      return { ...response, headers: { ...response.headers, "x-amzn-errortype": refusal.code } };
    }
    case "ec2Query": {
      const words = `<Code>${escapeXml(refusal.code)}</Code><Message>${escapeXml(refusal.message)}</Message>`;
      const body = `<Response><Errors><Error>${words}</Error></Errors><RequestID>${requestId}</RequestID></Response>`;
      return xmlBody(refusal.status, body, requestId);
    }
    case "awsQuery": {
      const [code, status] = (schema && queryError(schema)) ?? [refusal.code, refusal.status];
      const members = schema ? writeXml(wire, schema, refusal.members) : "";
      const type = status >= 500 ? "Receiver" : "Sender";
      const words = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(refusal.message)}</Message>`;
      const error = `<Error><Type>${type}</Type>${words}${members}</Error><RequestId>${requestId}</RequestId>`;
      return xmlResponse(wire, status, "ErrorResponse", error, requestId);
    }
  }
}

/** A refusal before it is known which service is meant, in the format the request itself is written in: S3 has none. */
export function encodeStrangerRefusal(request: WireRequest, refusal: Refusal, requestId: string): WireResponse {
  const { code, message, status } = refusal;
  const type = request.headers["content-type"];
  if (!type?.includes("json")) {
    const words = `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message>`;
    const error = `<Error><Type>Sender</Type>${words}</Error><RequestId>${requestId}</RequestId>`;
    return xmlBody(status, `<ErrorResponse>${error}</ErrorResponse>`, requestId);
  }
  const response = jsonResponse(status, type, JSON.stringify({ __type: code, message }), requestId);
  return { ...response, headers: { ...response.headers, "x-amzn-errortype": code } };
}

const XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n';

function xmlResponse(wire: Wire, status: number, root: string, inner: string, requestId: string): WireResponse {
  const namespace = wire.xmlNamespace === "" ? "" : ` xmlns="${wire.xmlNamespace}"`;
  return xmlBody(status, `<${root}${namespace}>${inner}</${root}>`, requestId);
}

/** What XML cannot say at all, not even escaped, is shown as the character for the unknown. */
function xmlBody(status: number, xml: string, requestId: string): WireResponse {
  return { status, headers: xmlHeaders(requestId), body: XML_HEAD + xml.replace(NOT_IN_XML, "\ufffd") };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const NOT_IN_XML = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

function xmlHeaders(requestId: string): Record<string, string> {
  return { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": requestId };
}

function jsonResponse(status: number, contentType: string, body: string, requestId: string): WireResponse {
  return { status, headers: { "content-type": contentType, "x-amzn-requestid": requestId }, body };
}

/** The members of a structure, without the structure's own element. */
function writeXml(wire: Wire, schema: NormalizedSchema, value: unknown): string {
  const codec = new XmlCodec({
    timestampFormat: { useTrait: true, default: 5 },
    httpBindings: false,
    xmlNamespace: wire.xmlNamespace,
    serviceNamespace: "",
  });
  const serializer = codec.createSerializer();
  serializer.write(schema, value);
  const text = serializer.flush().toString();
  return text.endsWith("/>") && !text.includes("</") ? "" : text.slice(text.indexOf(">") + 1, text.lastIndexOf("</"));
}

function writeJson(schema: NormalizedSchema, value: unknown, jsonName: boolean): string {
  if (!schema.isStructSchema()) return "{}";
  const serializer = new JsonCodec({
    timestampFormat: { useTrait: true, default: 7 },
    httpBindings: false,
    jsonName,
  }).createSerializer();
  serializer.write(schema, value);
  return serializer.flush().toString();
}

function withMessage(schema: NormalizedSchema, { message, members }: Refusal): Record<string, unknown> {
  const name = Object.keys(schema.getMemberSchemas()).find((member) => member.toLowerCase() === "message");
  return name === undefined ? { ...members } : { ...members, [name]: message };
}

/** IAM's wire codes are not its shapes' names: NoSuchEntity is sent for NoSuchEntityException. */
function queryError(schema: NormalizedSchema): readonly [code: string, status: number] | undefined {
  const { awsQueryError } = schema.getMergedTraits() as { awsQueryError?: readonly [string, number] };
  return awsQueryError;
}

function formOf({ body }: WireRequest): URLSearchParams {
  return new URLSearchParams(body);
}

function parseJson(body: string): unknown {
  return body.trim() === "" ? {} : JSON.parse(body);
}

function pathOf({ path }: WireRequest): string {
  return path.split("?", 1)[0] ?? path;
}

/** The values of a URI's labels when the request is for this URI. */
function labelsOf([method, uri]: readonly [string, string, number], request: WireRequest) {
  if (method !== request.method) return undefined;
  const want = uri.split("/");
  const have = pathOf(request).split("/");
  if (want.length !== have.length) return undefined;
  const labels: Record<string, string> = {};
  for (const [index, part] of want.entries()) {
    const label = /^\{(\w+)\+?\}$/.exec(part)?.[1];
    if (label !== undefined) labels[label] = decodeURIComponent(have[index] ?? "");
    else if (part !== have[index]) return undefined;
  }
  return labels;
}

function restInput(schema: NormalizedSchema, http: Operation["http"], request: WireRequest): unknown {
  const query = new URLSearchParams(request.path.split("?")[1] ?? "");
  const raw: Record<string, unknown> = { ...(parseJson(request.body) as object) };
  Object.assign(raw, http && labelsOf(http, request));
  for (const [name, member] of schema.structIterator()) {
    const { httpQuery } = member.getMergedTraits();
    if (typeof httpQuery !== "string" || !query.has(httpQuery)) continue;
    raw[name] = member.isListSchema() ? query.getAll(httpQuery) : query.get(httpQuery);
  }
  return raw;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[char] ?? char);
}
