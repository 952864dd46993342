// Numbers as people read them.

const percent = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });

// Rounding never claims certainty: only an exact 0 or 1 is shown as one.
export function share(probability) {
  if (probability > 0 && probability < 0.0005) return "< 0.1%";
  if (probability < 1 && probability >= 0.9995) return "> 99.9%";
  return percent.format(probability);
}

export function duration(milliseconds) {
  return milliseconds < 1000 ? `${milliseconds.toFixed(1)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

export function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
