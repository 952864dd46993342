// Loss and accuracy, epoch by epoch.

import { share } from "../figures.js";
import { html, useMemo } from "../html.js";
import { Chart } from "../parts/chart.js";

export function Curves({ curve }) {
  const drawn = useMemo(() => {
    const of = (name) => curve.map((epoch) => epoch[name] ?? null);
    return {
      epochs: curve.map(({ epoch }) => epoch),
      losses: [
        { label: "learned from", values: of("loss"), color: "series-1" },
        { label: "held out", values: of("validation_loss"), color: "series-2" },
      ],
      accuracies: [
        { label: "learned from", values: of("accuracy"), color: "series-1" },
        { label: "held out", values: of("validation_accuracy"), color: "series-2" },
      ],
    };
  }, [curve]);
  if (!curve.length) return null;
  return html`
    <div class="charts">
      <${Chart} title="Loss" xs=${drawn.epochs} series=${drawn.losses} format=${(value) => value.toFixed(3)} formatX=${epochName} />
      <${Chart} title="Accuracy" xs=${drawn.epochs} series=${drawn.accuracies} format=${share} formatX=${epochName} top=${1} />
    </div>
  `;
}

const epochName = (epoch) => (Number.isInteger(epoch) ? `epoch ${epoch}` : "");
