// The data behind the page: base64 of a deflate stream, a JSON head and typed arrays.

const ARRAYS = {
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, int32: Int32Array,
  float32: Float32Array,
};

async function loadRuns() {
  const text = atob(document.getElementById("data").textContent);
  const packed = Uint8Array.from(text, (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const size = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  const start = Math.ceil((4 + size) / 8) * 8;
  return head.runs.map((run) => unpack(run, buffer, start));
}

// Replaces every {array, at, count} by the array it stands for.
function unpack(value, buffer, start) {
  if (!value || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((part) => unpack(part, buffer, start));
  if (value.array) return new ARRAYS[value.array](buffer, start + value.at, value.count);
  for (const key of Object.keys(value)) value[key] = unpack(value[key], buffer, start);
  return value;
}
