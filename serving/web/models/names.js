// Names as the server makes them.

// A valid id out of a file's name: "My Model (2).onnx" becomes my-model-2.
export function idFrom(filename) {
  const stem = filename.replace(/\.[^.]*$/, "").toLowerCase();
  const edges = /^[-._]+|[-._]+$/g;
  return stem.replace(/[^a-z0-9._]+/g, "-").replace(edges, "").slice(0, 63).replace(edges, "") || "model";
}

// The version that comes after those there are.
export function nextVersion(models, id) {
  const numbers = models.filter((model) => model.id === id).map(({ version }) => Number(/^v(\d+)$/.exec(version)?.[1] ?? 0));
  return `v${Math.max(0, ...numbers) + 1}`;
}
