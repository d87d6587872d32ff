/** Which keys a schema of `config-values.ts` has: for error messages, and for the test of the reference page. */
import { z } from 'zod';
import { laterKeys } from './config-values.ts';

export interface SchemaKey {
  /** Dotted, without list indexes: `replicas.heartbeat`. */
  readonly path: string;
  /** As it would be written in the file. */
  readonly default?: string;
  readonly section: boolean;
}

/** Every key of a schema, in its order. The reference page is tested against this. */
export function schemaKeys(schema: z.core.$ZodType, prefix = ''): SchemaKey[] {
  const object = unwrap(schema);
  if (!(object instanceof z.ZodObject)) return [];
  return Object.entries(object.shape).flatMap(([name, value]: [string, z.core.$ZodType]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const inner = schemaKeys(value, path);
    const preset = value instanceof z.ZodPrefault ? value.def.defaultValue : undefined;
    const own = { path, section: inner.length > 0, ...(typeof preset === 'string' ? { default: preset } : {}) };
    return [own, ...inner];
  });
}

/** The keys of the mapping at this path of a file, and those that are planned. */
export function keysAt(
  schema: z.core.$ZodType,
  path: readonly PropertyKey[],
): { now: string[]; later: readonly string[] } {
  let at: z.core.$ZodType | undefined = unwrap(schema);
  for (const step of path) {
    // A place in a list: `unwrap` is there already.
    if (typeof step === 'number') continue;
    if (at instanceof z.ZodObject) at = unwrap(at.shape[String(step)] ?? z.never());
  }
  if (!(at instanceof z.ZodObject)) return { now: [], later: [] };
  return { now: Object.keys(at.shape), later: laterKeys.get(at)?.keys ?? [] };
}

/** Past defaults, options, lists, transformations and other forms, to the object or value inside. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) return unwrap(schema.def.innerType);
  if (schema instanceof z.ZodArray) return unwrap(schema.def.element);
  if (schema instanceof z.ZodPipe) return unwrap(schema.def.in);
  if (schema instanceof z.ZodUnion) {
    const forms = schema.def.options.map(unwrap);
    return forms.find((form) => form instanceof z.ZodObject) ?? schema;
  }
  return schema;
}
