// The pictures that were asked about, and what came of each.  The last question wins.

import { ask, Problem } from "../api.js";
import { useRef, useState } from "../html.js";

const AT_ONCE = 4;
const OVER = "called_off";
let last = 0;

// `pictures` are {key, name, file or url, preview, answer, problem, options}; the functions ask about others, or again.
export function useQuestions(options, onAnswer) {
  const [pictures, setPictures] = useState([]);
  const round = useRef();

  async function begin(asked) {
    round.current?.abort();
    const mine = (round.current = new AbortController());
    setPictures(asked);
    const waiting = [...asked];
    const change = (picture, result) => {
      if (mine !== round.current) return;
      setPictures((now) => now.map((each) => (each.key === picture.key ? { ...each, ...result } : each)));
      if (result.answer) onAnswer(result.answer);
    };
    const work = async () => {
      for (let picture = waiting.shift(); picture; picture = waiting.shift()) {
        change(picture, await outcome(picture, mine.signal));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }

  return {
    pictures,
    askAboutFiles(files) {
      release(pictures);
      return begin(files.map((file) => picture({ name: file.name, file, preview: URL.createObjectURL(file) }, options)));
    },
    askAboutUrl(url) {
      release(pictures);
      return begin([picture({ name: url, url, preview: url }, options)]);
    },
    askAgain(which = pictures) {
      const again = new Set(which.map(({ key }) => key));
      const all = pictures.map((each) => (again.has(each.key) ? picture(each, options) : each));
      return begin(all);
    },
  };
}

function picture({ name, file, url, preview, key }, options) {
  return { key: key ?? ++last, name, file, url, preview, options, answer: null, problem: null };
}

function release(pictures) {
  for (const { file, preview } of pictures) if (file) URL.revokeObjectURL(preview);
}

async function outcome(picture, signal) {
  if (picture.answer) return {};
  try {
    return { answer: await ask("/predict", { method: "POST", signal, ...request(picture) }) };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return problem.code === OVER ? {} : { problem };
  }
}

function request({ file, url, options }) {
  if (url) {
    const body = JSON.stringify({ image_url: url, ...options });
    return { body, headers: { "Content-Type": "application/json" } };
  }
  const body = new FormData();
  body.append("file", file);
  for (const [name, value] of Object.entries(options)) body.append(name, value);
  return { body };
}
