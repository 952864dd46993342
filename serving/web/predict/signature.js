// What a model's inputs ask for, as fields of a form and as the JSON of a request.

const MOST_FIELDS = 32;
const TEXT = new Set(["string"]);
const TRUTH = new Set(["bool"]);

// Each input as {name, type, shape, count}; `count` values make one item, null where that is open or too much to type.
export function slots(inputs) {
  return inputs.map(({ name, dtype_name: type, shape }) => {
    const item = (shape ?? [null, null]).slice(1);
    const known = item.every((size) => Number.isInteger(size) && size > 0);
    const count = known ? item.reduce((product, size) => product * size, 1) : null;
    return { name, type, shape: shape ?? [], count: count !== null && count <= MOST_FIELDS ? count : null };
  });
}

// A request of plausible values, so that nobody begins with an empty page.
export function sample(inputs) {
  const values = Object.fromEntries(
    slots(inputs).map(({ name, type, shape, count }) => [name, fill(type, count ?? length(shape), count === null ? shape.slice(1) : [])]),
  );
  const names = Object.keys(values);
  return names.length === 1 ? { features: values[names[0]] } : { inputs: values };
}

// The values of one input in a request, as many as its fields; undefined where the request has another form.
export function valuesOf(request, { name, count }, single) {
  const values = single ? request?.features : request?.inputs?.[name];
  return Array.isArray(values) && values.length === count && !values.some(Array.isArray) ? values : undefined;
}

export function withValue(request, { name }, place, value, single) {
  const replaced = (values) => values.map((each, at) => (at === place ? value : each));
  if (single) return { ...request, features: replaced(request.features) };
  return { ...request, inputs: { ...request.inputs, [name]: replaced(request.inputs[name]) } };
}

// What was typed, in the input's own type; what is no number stays text, and the server says so.
export function typed(text, type) {
  if (TEXT.has(type)) return text;
  if (TRUTH.has(type)) return text.trim().toLowerCase() === "true";
  const number = Number(text);
  return text.trim() === "" || Number.isNaN(number) ? text : number;
}

function fill(type, count, shape) {
  const value = TEXT.has(type) ? "text" : TRUTH.has(type) ? false : type.startsWith("float") || type === "double" ? 0.5 : 1;
  return nested(Array(count).fill(value), shape.filter(Number.isInteger));
}

const length = (shape) => shape.slice(1).reduce((product, size) => product * (Number.isInteger(size) ? size : 1), 1);

function nested(values, [, ...inner]) {
  if (!inner.length) return values;
  const step = inner.reduce((product, size) => product * size, 1);
  return Array.from({ length: values.length / step }, (_, at) => nested(values.slice(at * step, (at + 1) * step), inner));
}
