// One job as it goes on: its newest state, and the curves of what was heard so far.

import { ask, events } from "../api.js";
import { useEffect, useState } from "../html.js";

const AGAIN_MS = 2000;

export const isOver = (job) => Boolean(job) && !["queued", "running"].includes(job.state);

// {job, curve, problem, again}; when the stream breaks off it is taken up again until the job has ended.
// `again` is for a job that has ended, and goes on.
export function useJob(id, onEnd) {
  const [state, setState] = useState({ curve: [] });
  const [round, setRound] = useState(0);
  useEffect(() => {
    setState({ curve: [] });
    if (!id) return;
    const leaving = new AbortController();
    follow(id, leaving.signal, (job) => setState((now) => ({ job, curve: extended(now.curve, job) })), onEnd).catch(
      (problem) => leaving.signal.aborted || setState((now) => ({ ...now, problem })),
    );
    return () => leaving.abort();
  }, [id, round]);
  return { ...state, again: () => setRound((now) => now + 1) };
}

async function follow(id, signal, onChange, onEnd) {
  const query = new URLSearchParams({ id });
  let job = await ask(`/jobs?${query}`, { signal });
  onChange(job);
  const wasOver = isOver(job);
  while (!isOver(job)) {
    try {
      for await (job of events(`/jobs/events?${query}`, signal)) onChange(job);
    } catch (problem) {
      if (signal.aborted || problem.status >= 400) throw problem;
    }
    if (isOver(job)) break;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    if (signal.aborted) return;
    job = await ask(`/jobs?${query}`, { signal });
    onChange(job);
  }
  if (!wasOver) onEnd(job);
}

// The report has the whole curve; until then there is what was told.
function extended(curve, { report, progress }) {
  if (report?.curves) return report.curves;
  const { epoch } = progress;
  if (epoch === null || epoch === undefined || curve.at(-1)?.epoch === epoch) return curve;
  return [...curve, progress];
}
