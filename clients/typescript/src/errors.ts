import type { FieldError, Problem } from "./types.js";

/** Every error of this package. */
export class EngineError extends Error {
  /** Of an order that was to be placed: repeat it with this key. */
  idempotencyKey: string | undefined;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The engine did not answer, or its stream was lost, for as long as the client's patience lasts. */
export class Unreachable extends EngineError {}

/** The engine was restored to a state that does not have all events which you received: read the orders again. */
export class EventsLost extends EngineError {}

/** A webhook that the engine did not send, or that is too old. */
export class InvalidSignature extends EngineError {}

/** The engine answered with a problem document (RFC 9457). `code` never changes its meaning. */
export class Refused extends EngineError {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
  /** In seconds. */
  readonly retryAfter: number;
  /** In the log of the engine. */
  readonly requestId: string;
  readonly errors: readonly FieldError[];

  constructor(status: number, problem: Partial<Problem>, retryAfter = 0) {
    const { code = "unknown", detail = `answered ${status} without a reason: is this an engine?` } = problem;
    const errors = (Array.isArray(problem.errors) ? problem.errors : []).filter(Boolean);
    const fields = errors.map((error) => `${error.pointer} ${error.message}`).join("; ");
    super(`${code}: ${detail}${fields && ` (${fields})`}`);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.retryable = problem.retryable ?? [502, 503, 504].includes(status);
    this.retryAfter = retryAfter;
    this.requestId = problem.requestId ?? "-";
    this.errors = errors;
  }
}

/** The request is not valid; `errors` has the fields. */
export class InvalidRequest extends Refused {}
/** The API key is missing, unknown or revoked, or may not do this. */
export class NotAllowed extends Refused {}
/** There is no such order, or it belongs to someone else. */
export class NotFound extends Refused {}
/** The state of the order does not allow this. */
export class Conflict extends Refused {}
/** Too many requests, orders or streams, or too many dollars today. */
export class LimitReached extends Refused {}
/** The engine cannot do this now. */
export class Unavailable extends Refused {}

const BY_STATUS: Record<number, typeof Refused> = {
  401: NotAllowed,
  403: NotAllowed,
  404: NotFound,
  409: Conflict,
  412: Conflict,
  421: NotAllowed,
  429: LimitReached,
};

export function refusal(status: number, problem: Partial<Problem>, retryAfter = 0): Refused {
  const kind = BY_STATUS[status] ?? (status >= 500 ? Unavailable : InvalidRequest);
  return new kind(status, problem, retryAfter);
}
