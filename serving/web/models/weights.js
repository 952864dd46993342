// Percents that always make a hundred.

// `weights` with `name` at `value`: the others share the rest as they shared it before, in whole percents.
export function balanced(weights, name, value) {
  const others = Object.keys(weights).filter((each) => each !== name);
  if (!others.length) return { [name]: 100 };
  const rest = 100 - value;
  const before = others.reduce((sum, each) => sum + weights[each], 0);
  const shares = others.map((each) => (before ? (weights[each] / before) * rest : rest / others.length));
  const result = { ...weights, [name]: value };
  let left = rest;
  others.forEach((each, place) => {
    result[each] = place === others.length - 1 ? left : Math.min(left, Math.round(shares[place]));
    left -= result[each];
  });
  return result;
}
