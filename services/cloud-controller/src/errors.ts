/** The closed table of errors that API v1 answers. Nothing outside it reaches a client. */
const TABLE = {
  100: [400, 'Bad request'],
  101: [500, 'Error talking with the database'],
  102: [400, 'Optimistic locking failure'],
  111: [500, 'System Exception Encountered'],
  200: [403, 'Operation not permitted'],
  201: [403, 'User not found'],
  202: [403, 'HTTPS required'],
  300: [400, 'Invalid application description'],
  301: [404, 'Application not found'],
  302: [404, "Couldn't find a place to run an app"],
  303: [404, "Could not find : '%s'"],
  304: [400, "Could not find instance: '%s'"],
  305: [400, 'Operation not permitted on a stopped app'],
  306: [500, "Error retrieving file '%s'"],
  307: [400, "Invalid runtime specification [%s] for framework: '%s'"],
  308: [400, "Invalid framework description: '%s'"],
  309: [400, 'Cloud controller has disallowed debugging.'],
  310: [500, "Staging failed: '%s'"],
  400: [400, 'Unknown package type requested: "%s"'],
  401: [400, 'Could not find the requested resource'],
  402: [500, "App packaging failed: '%s'"],
  500: [404, 'Service not found'],
  501: [404, 'Binding not found'],
  502: [404, 'Token not found'],
  503: [502, 'Unexpected response from service gateway'],
  504: [403, "Too many Services provisioned: %s, you're allowed: %s"],
  505: [501, 'Service extension %s is not implemented.'],
  506: [404, 'Unsupported service version %s.'],
  507: [500, "Get error from serialization_data_server: '%s'"],
  508: [500, 'No available active serialization data server'],
  600: [403, "Not enough memory capacity, you're allowed: %s"],
  601: [403, "Too many applications: %s, you're allowed: %s"],
  602: [403, "Too many URIs: %s, you're allowed: %s"],
  700: [400, 'Invalid URI: "%s"'],
  701: [400, 'The URI: "%s" has already been taken or reserved'],
  702: [403, 'External URIs are not enabled for this account'],
  800: [500, 'Timed out waiting for staging to complete'],
  801: [500, 'Staging failed'],
} as const satisfies Record<number, readonly [number, string]>;

/** A code of the table. */
export type ErrorCode = keyof typeof TABLE;

function lookUp(code: number): readonly [number, string] {
  return (TABLE as Record<number, readonly [number, string]>)[code] ?? TABLE[111];
}

/**
 * An answer for the client: the table's HTTP status and text, `args` filled into the text in order.
 * For 100 (Bad request) an extra argument is a reason, put after a colon, since the table's text says nothing.
 */
export class ApiError extends Error {
  readonly code: number;
  readonly status: number;

  constructor(code: number, ...args: (string | number)[]) {
    const [status, template] = lookUp(code);
    const rest = [...args];
    const text = template.replaceAll('%s', () => String(rest.shift() ?? ''));
    super(rest.length > 0 ? `${text}: ${rest.join(', ')}` : text);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
  }

  /** The text the client reads. */
  get description(): string {
    return this.message;
  }
}

/** A service gateway's own refusal, handed on to the user as it came. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly status: number;
  readonly code: number;

  constructor(status: number, code: number, description: string) {
    super(description);
    this.status = status;
    this.code = code;
  }

  /** The text the client reads. */
  get description(): string {
    return this.message;
  }
}
