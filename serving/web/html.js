// The one door to the library that draws the page.  What stands in ${…} becomes text, an attribute or a listener: never HTML.

import { Fragment, cloneElement, h, render } from "./vendor/preact-11.2.0.js";
import htm from "./vendor/htm-3.1.1.js";

export const html = htm.bind(h);
export { Fragment, cloneElement, render };
export {
  useCallback,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "./vendor/preact-hooks-11.2.0.js";
