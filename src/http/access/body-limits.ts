/** Most bytes of an ordinary body. */
export const BODY_LIMIT = 1_048_576;
/** Most bytes of a bulk body. */
export const BULK_BODY_LIMIT = 33_554_432;
/** Most bytes of one payload, as UTF-8 JSON. */
export const PAYLOAD_LIMIT = 262_144;
/** Most payloads of one bulk request. */
export const BULK_PAYLOADS = 10_000;
