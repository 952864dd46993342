// Where values lie on an axis, and which of them are written beside it.

const TENS = [1, 2, 2.5, 5, 10];
// Steps that clocks and people count in: seconds up to days, and pieces.
const COUNTED = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400];

// The place of a value when `low` lies at `from` and `high` at `to`.
export function scale(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

// At most about `most` round values from `low` to `high`.
export function ticks(low, high, most) {
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  return multiples(low, high, TENS.map((each) => each * power).find((step) => step >= rough * 0.999));
}

// The same for moments in seconds, and for counted things.
export function countedTicks(low, high, most) {
  const rough = (high - low) / most;
  return multiples(low, high, COUNTED.find((step) => step >= rough) ?? Math.ceil(rough / 86_400) * 86_400);
}

function multiples(low, high, step) {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Products, for sums of tenths go astray.
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, place) => Number(((first + place) * step).toPrecision(12)));
}
