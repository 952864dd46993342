// Numbers as people read them.

const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

// Rounding never claims certainty: only an exact 0 or 1 is shown as one.
export function share(probability) {
  if (probability > 0 && probability < 0.0005) return "< 0.1%";
  if (probability < 1 && probability >= 0.9995) return "> 99.9%";
  return percent.format(probability);
}

export function duration(milliseconds) {
  if (milliseconds < 1000) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 120_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 60_000)} min`;
}

export function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export const count = (number) => (number < 100_000 ? whole.format(number) : short.format(number));

export const counted = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

export const moment = (iso) => day.format(new Date(iso));

// A rate a second, with as many digits as say something.
export function rate(perSecond) {
  if (perSecond === 0) return "0";
  return perSecond < 10 ? perSecond.toFixed(perSecond < 0.1 ? 2 : 1) : count(Math.round(perSecond));
}
