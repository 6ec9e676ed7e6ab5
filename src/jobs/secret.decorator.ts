import 'reflect-metadata';

const SECRETS = Symbol('shiftwork:secrets');

/**
 * Marks a property of a payload DTO as a secret: the job receives it, and nobody else sees it. Task views, FailedTasks, mails
 * and the dashboard show `[secret]`. It is stored in the ledger as it is, because the job needs it.
 * With zod: `z.string().meta({ secret: true })`.
 */
export function Secret(): PropertyDecorator {
  return (target, property) => {
    const own =
      (Reflect.getOwnMetadata(SECRETS, target) as ReadonlySet<string | symbol> | undefined) ?? new Set(); // written only here
    Reflect.defineMetadata(SECRETS, new Set([...own, property]), target);
  };
}

/** Whether `@Secret()` stands on this property, in the class or in one that it extends. */
export function isSecret(dto: abstract new (...args: never[]) => unknown, property: string): boolean {
  for (
    let proto: unknown = dto.prototype;
    typeof proto === 'object' && proto !== null;
    proto = Object.getPrototypeOf(proto)
  ) {
    const own = Reflect.getOwnMetadata(SECRETS, proto) as ReadonlySet<string | symbol> | undefined; // written only above
    if (own?.has(property)) return true;
  }
  return false;
}
