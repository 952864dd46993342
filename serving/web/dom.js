// Finding and making elements.  Text from outside becomes text only: nothing here reads HTML.

export const $ = (id) => document.getElementById(id);

export function element(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

// An element with children in place of text.
export function group(tag, attributes, ...children) {
  const node = element(tag, undefined, attributes);
  node.append(...children);
  return node;
}

export function button(text, onClick) {
  const node = element("button", text, { type: "button", class: "quiet" });
  node.addEventListener("click", onClick);
  return node;
}

// Puts a file into a chooser as if a person had chosen it.
export function choose(input, file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}
